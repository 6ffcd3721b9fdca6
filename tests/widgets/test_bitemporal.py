"""The bitemporal map: what each cell says, which tone it has, and the picture, without a browser."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any, ClassVar

import pytest
from pydantic import BaseModel

import funes_lab as fl
from funes_lab.widgets.bitemporal import BitemporalMap
from funes_lab.widgets.bitemporal.hatch import hatch
from funes_lab.widgets.twin import LARGEST
from tests.domain import DebtEventStream, Issued, OutstandingBalance, VirtualOutstandingBalance, day, issued, paid


class Status(BaseModel):
    filter_attributes: ClassVar[Sequence[str]] = ("pin",)
    word: str | None = None
    is_open: bool = True
    pin: str = "0000"
    counted: float | None = None


class Sum(fl.Projection[OutstandingBalance]):
    @fl.interpretation_for(Issued)
    def issued(state, event):
        state.outstanding_balance += event.amount


class Walk(fl.Projection[Status]):
    @fl.interpretation_for(Issued)
    def issued(state, event):
        state.word, state.pin = f"word {event.amount}", str(event.amount)
        state.is_open = event.amount < 3
        state.counted = float("nan") if event.amount == 2 else float(event.amount)


def recorded(*pairs: tuple[float, fl.Event], idx: str = "debts-207") -> fl.EventStream:
    """A stream whose events are recorded on these days."""
    clock = fl.testing.Clock(day(0))
    debt = DebtEventStream.for_(idx, lab=fl.Lab(clock=clock))
    for on, event in pairs:
        clock.set(day(on))
        assert debt.append(event).persisted, event.errors
    return debt


def corrected() -> fl.EventStream:
    """Issued on day 4, paid on days 32 and 46; that of day 46 was recorded on day 67."""
    return recorded((4, issued("600.00", 4)), (32, paid("50.00", 32)), (53, paid("10.00", 53)), (67, paid("50.00", 46)))


def told(shown: BitemporalMap) -> str:
    """The sentence of the cell that is shown."""
    return shown.static().label.partition("corrected later. ")[2]


def field(shown: BitemporalMap) -> dict[str, Any]:
    return next(sent for sent in shown.data["fields"] if sent["name"] == shown.field)


# --- what a cell says ---------------------------------------------------------------------------------------------


def test_the_map_opens_on_the_last_belief_that_was_corrected_and_says_what_and_why():
    shown = corrected().bitemporal(VirtualOutstandingBalance)
    assert shown.selection == (day(46), day(53))
    assert told(shown) == (
        "On 23 February we believed that on 16 February the outstanding balance was 550.00. "
        "Today we know that it was 500.00: PaymentReceived of 16 February was recorded only on 9 March."
    )


@pytest.mark.parametrize(
    ("at", "as_of", "second"),
    [
        (4, 53, "Today we know the same."),
        (46, 67, "Nothing was recorded since."),
        (53, 32, "By what the log knew, the outstanding balance was going to be 550.00."),
    ],
)
def test_every_kind_of_cell_has_its_sentence(at, as_of, second):
    shown = corrected().bitemporal(VirtualOutstandingBalance)
    shown.selection = day(at), day(as_of)
    assert told(shown).endswith(second)


def test_where_nothing_was_known_the_cell_says_so_and_what_is_known_today():
    debt = recorded((10, paid("-5.00", 10)), (20, issued("600.00", 1)), (30, paid("1.00", 30)))
    shown = debt.bitemporal(VirtualOutstandingBalance)
    shown.selection = day(1), day(10)
    assert told(shown).startswith("On 11 January the log knew nothing of 2 January. Today we know that")


def test_events_recorded_when_they_happened_make_a_diagonal_and_the_sentence_says_so():
    shown = recorded(*[(on, issued("600.00", on)) for on in (1, 5, 9)]).bitemporal(VirtualOutstandingBalance)
    assert "the map is a diagonal, and nothing was corrected later" in told(shown)
    assert shown.data["ends"] == [1, 2, 3]
    assert field(shown)["turns"] == ["paa", "ppa", "ppp"]


def test_events_recorded_late_but_before_the_next_one_correct_nothing():
    shown = recorded((5, issued("600.00", 1)), (9, paid("1.00", 6))).bitemporal(VirtualOutstandingBalance)
    assert told(shown).endswith("No event came so late that it corrected a belief.")


def test_an_event_that_came_late_and_changed_nothing_is_named_all_the_same():
    debt = recorded((4, issued("600.00", 4)), (32, paid("50.00", 32)), (40, paid("0.00", 20)))
    shown = debt.bitemporal(VirtualOutstandingBalance)
    shown.selection = day(20), day(32)
    assert told(shown).endswith("the same, although PaymentReceived of 21 January was recorded only on 10 February.")


# --- the numbers are those of lab.bitemporal ------------------------------------------------------------------------


class Timed(fl.Projection[Status]):
    @fl.initial_state
    def start(state, at):
        state.counted = float(at.toordinal())

    @fl.interpretation_for(Issued)
    def issued(state, event):
        state.word = str(event.amount)

    @fl.final_state
    def end(state, at):
        state.word = f"{state.word} at {at:%j}"


@pytest.mark.parametrize("projection", [VirtualOutstandingBalance, Walk, Timed])
def test_every_cell_is_what_projected_with_gives_for_its_times(projection):
    rng = random.Random(3)
    debt = recorded(*[(on, issued(rng.randint(1, 9), rng.randint(0, 12))) for on in range(3, 10)])
    name = next(iter(projection._fold.state.model_fields))
    shown = debt.bitemporal(projection, name)
    frame = debt.lab.bitemporal(projection, debt.idx, name)
    sent = field(shown)
    for row, as_of in enumerate(frame.index):
        for column, at in enumerate(frame.columns):
            try:
                expected = getattr(debt.projected_with(projection, at=at, as_of=as_of), name)
            except fl.StreamNotFound:
                assert sent["turns"][row][column] in "nle"
                continue
            assert frame.iloc[row, column] == expected
            assert sent["values"][sent["cells"][row][column]] == str(expected)


# --- tones ----------------------------------------------------------------------------------------------------------


def test_a_number_has_a_ramp_with_its_two_ends_in_figures():
    sent = field(corrected().bitemporal(VirtualOutstandingBalance))
    assert (sent["kind"], sent["ends"]) == ("ramp", ["490.00", "600.00"])
    assert [sent["tones"][sent["values"].index(text)] for text in ("600.00", "550.00", "490.00")] == [5, 3, 0]


def test_a_text_and_a_truth_have_hatches_and_letters_and_no_ramp():
    debt = recorded(*[(on, issued(on, on)) for on in (1, 2, 3)])
    for name in ("word", "is_open"):
        sent = field(debt.bitemporal(Walk, name))
        assert (sent["kind"], sent["ends"]) == ("kinds", [])
        assert sent["letters"][:2] == ["A", "B"]
        assert {value for *_, value in sent["marks"]} == set(sent["legend"])


def test_a_secret_is_filtered_has_no_ramp_and_does_not_tell_that_it_changed():
    debt = recorded((1, issued(1, 1)), (5, issued(2, 5)), (9, issued(3, 2)))
    shown = debt.bitemporal(Walk, "pin")
    sent = field(shown)
    assert (sent["kind"], sent["values"][0]) == ("secret", "[FILTERED]")
    assert "o" not in "".join(sent["turns"])
    assert '"3"' not in json.dumps(sent["values"])


def test_what_is_not_a_number_among_numbers_is_not_drawn_as_one_and_is_no_correction():
    debt = recorded((1, issued(2, 1)), (5, issued(2, 5)), (9, issued(2, 2)))
    sent = field(debt.bitemporal(Walk, "counted"))
    assert "o" not in "".join(sent["turns"])
    assert sent["kind"] == "kinds"


@pytest.mark.parametrize("kind", range(8))
def test_a_hatch_stays_within_its_box(kind):
    numbers = [float(n) for n in hatch(kind, 13, 7, 40, 22).translate(str.maketrans("MLhv", "    ")).split()]
    assert (kind == 0) == (numbers == [])
    assert all(0 <= n <= 53 for n in numbers)


# --- the widget -----------------------------------------------------------------------------------------------------


def test_the_selection_is_set_by_times_and_falls_into_a_cell():
    shown = corrected().bitemporal(VirtualOutstandingBalance)
    shown.selection = "2026-02-10", "2026-12-31"
    assert shown.selection == (day(32), day(67))
    assert shown.cell == [1, 3]
    with pytest.raises(TypeError, match=r"selection must be two times, \(at, as_of\), got '2026-02-10'"):
        shown.selection = "2026-02-10"


def test_a_cell_that_there_is_not_is_the_nearest_that_there_is():
    shown = corrected().bitemporal(VirtualOutstandingBalance)
    shown.cell = [99, -1]
    assert shown.selection == (day(53), day(4))


def test_an_empty_stream_says_so_and_the_map_follows_the_log():
    debt = DebtEventStream.for_("debts-1", lab=fl.Lab(clock=fl.testing.Clock(day(0), tick=timedelta(days=1))))
    shown = debt.bitemporal(VirtualOutstandingBalance)
    assert shown.selection is None
    assert "no events yet" in shown.static().label
    debt.append(issued("600.00", 0))
    assert shown.selection == (day(0), debt.events[0].created_at)
    assert shown.field == "outstanding_balance"


def test_a_selection_that_was_made_stays_where_it_is_when_the_log_grows():
    debt = corrected()
    shown = debt.bitemporal(VirtualOutstandingBalance)
    shown.selection = day(32), day(53)
    debt.append(paid("1.00", 20))
    assert shown.selection == (day(32), day(53))
    assert "at 21 Jan" not in told(shown)


def test_a_refused_attempt_draws_nothing_anew():
    debt = corrected()
    shown = debt.bitemporal(VirtualOutstandingBalance)
    before = shown.data
    assert not debt.append(paid("9999", 70)).persisted
    assert shown.data is before


def test_a_reading_shows_what_it_saw():
    debt = corrected()
    shown = debt.read().bitemporal(VirtualOutstandingBalance)
    debt.append(paid("1.00", 90))
    assert len(shown.data["at"]["short"]) == 4


def test_another_field_is_chosen_and_one_that_is_not_there_is_refused():
    shown = corrected().bitemporal(VirtualOutstandingBalance)
    shown.field = "last_payment_at"
    assert "the last payment at was 2026-02-02" in told(shown)
    with pytest.raises(ValueError, match="field must be one of outstanding_balance, last_payment_at"):
        shown.field = "nope"
    with pytest.raises(ValueError, match="field must be one of"):
        corrected().bitemporal(VirtualOutstandingBalance, "nope")


def test_a_block_that_breaks_later_is_told_in_the_widget_and_the_append_goes_on():
    class Breaking(fl.Projection[Status]):
        @fl.interpretation_for(Issued)
        def issued(state, event):
            state.word = {1: "one"}[int(event.amount)]

    debt = recorded((1, issued(1, 1)))
    shown = debt.bitemporal(Breaking)
    assert debt.append(issued(2, 2)).persisted
    assert "KeyError" in shown.fault
    assert "Not up to date" in shown.static().svg


# --- the picture ----------------------------------------------------------------------------------------------------


def large(n: int, *, late: float) -> fl.EventStream:
    """So many events, some of them recorded long after they happened."""
    lab, rng = fl.Lab(), random.Random(1)
    rows = [
        {
            "event": "Debts::Issued",
            "idx": "large",
            "props": {"amount": str(Decimal(rng.randint(1, 10**9)) / 100), "interest_rate": "0", "at": None},
            "occurred_at": day(rng.random() * k if rng.random() < late else k),
            "created_at": day(k),
        }
        for k in range(n)
    ]
    lab.load(rows)
    return fl.EventStream.for_("large", lab=lab)


def test_a_long_stream_is_thinned_out_and_says_so():
    shown = large(3_000, late=0).bitemporal(VirtualOutstandingBalance)
    assert shown.data["left_out"] == "60 of 3,000 actual times, 60 of 3,000 record times shown"
    assert shown.data["left_out"] in shown.static().svg


@pytest.mark.parametrize("late", [0, 0.1, 1])
@pytest.mark.parametrize(("projection", "name"), [(Sum, "outstanding_balance"), (Walk, "word")])
def test_the_page_of_a_map_stays_under_its_500_kb(late, projection, name):
    shown = large(1_000, late=late).bitemporal(projection, name)
    assert 100_000 < len(shown.static().html) < LARGEST


def test_the_same_map_has_the_same_bytes():
    assert corrected().bitemporal(VirtualOutstandingBalance).static().html == (
        corrected().bitemporal(VirtualOutstandingBalance).static().html
    )


def test_names_and_payloads_are_text_in_the_picture():
    bad = "</script><img src=x onerror=alert(1)>"
    debt = recorded((1, issued(1, 1)), idx=bad)
    made = debt.bitemporal(Walk, "word").static()
    assert "<img" not in made.svg
    assert "</script><img" not in made.html


def test_axes_that_are_given_are_those_of_the_map_and_none_is_refused():
    shown = corrected().bitemporal(VirtualOutstandingBalance, at=["2026-02-20"], as_of=["2026-03-02", "2026-02-10"])
    assert (shown.data["at"]["short"], shown.data["as_of"]["short"]) == (["20 Feb"], ["10 Feb", "2 Mar"])
    with pytest.raises(ValueError, match="at must have at least one time"):
        corrected().bitemporal(VirtualOutstandingBalance, at=[])
