"""The replay scrubber without a browser: its data, its what-if, its sentences and its static picture."""

from __future__ import annotations

import gc
import json
from decimal import Decimal
from typing import Any, ClassVar
from xml.etree import ElementTree

import pytest
import traitlets
from pydantic import BaseModel

import funes_lab as fl
from funes_lab.widgets.scrubber import words
from funes_lab.widgets.scrubber.plot import staircase
from funes_lab.widgets.twin import LARGEST
from tests.domain import START, day


class Issued(fl.Event, name="Scrub::Issued"):
    amount: Decimal


class Paid(fl.Event, name="Scrub::Paid"):
    amount: Decimal


class Renamed(fl.Event, name="Scrub::Renamed"):
    text: str
    pin: str = "1234"
    filter_attributes: ClassVar = ["pin"]


class Debt(BaseModel):
    balance: Decimal = Decimal(0)
    paid: list[str] = []
    label: str | None = None
    pin: str = ""
    payments: int = 0
    filter_attributes: ClassVar = ["pin"]


class Balance(fl.Projection[Debt]):
    @fl.interpretation_for(Issued)
    def issued(state, event):
        state.balance = event.amount

    @fl.interpretation_for(Paid)
    def received(state, event):
        if not state.balance:
            raise ZeroDivisionError("nothing was issued")
        state.balance -= event.amount
        state.payments += 1
        state.paid.append(str(event.amount))

    @fl.interpretation_for(Renamed)
    def renamed(state, event):
        state.label, state.pin = event.text, event.pin


@pytest.fixture
def debt(lab: fl.Lab) -> fl.EventStream:
    """Issued, paid three times, renamed; the second payment was recorded last."""
    stream = fl.EventStream.for_("debt-1", lab=lab)
    for event, at in [
        (Issued(amount="100.00"), 0), (Paid(amount="10.00"), 10), (Paid(amount="30.00"), 30),
        (Renamed(text="a < b"), 40), (Paid(amount="20.00"), 20),
    ]:  # fmt: skip
        stream.append(event, at=day(at))
    return stream


def states(scrubber: Any, name: str) -> list[str]:
    """A field after each event, as it is drawn."""
    places = range(1, len(scrubber.data["versions"]) + 1)
    return [
        next((line.after for line in words.lines(scrubber.data, scrubber.whatif, place) if line.name == name), "")
        for place in places
    ]


def said(scrubber: Any, version: int) -> str:
    place = scrubber.data["versions"].index(version) + 1
    return "".join(text for text, _ in words.sentence(scrubber.data, scrubber.whatif, place, "balance"))


# --- as recorded


def test_it_stands_at_the_end_and_steps_in_replay_order(debt):
    scrubber = debt.scrub(Balance)
    assert scrubber.data["versions"] == [1, 2, 5, 3, 4]
    assert scrubber.value == 4
    assert states(scrubber, "balance") == ["100.00", "90.00", "70.00", "40.00", "40.00"]


def test_what_it_shows_is_what_replay_gives_row_for_row(debt):
    frame = debt.replay(Balance)
    scrubber = debt.scrub(Balance)
    for name in ("balance", "payments", "paid"):
        assert states(scrubber, name) == [fl.formats.value(value) for value in frame[name]]


def test_a_sentence_names_the_event_and_what_it_changed(debt):
    scrubber = debt.scrub(Balance)
    assert said(scrubber, 1) == "Version 1, Scrub::Issued amount 100.00 on 1 Jan 2026: balance 0 → 100.00."
    assert said(scrubber, 4).startswith("Version 4, Scrub::Renamed text a < b, pin [FILTERED] on 10 Feb 2026: label")


def test_a_value_that_moved_behind_the_cut_is_said_to_have_moved(lab):
    stream = fl.EventStream.for_("long", lab=lab)
    stream.append_all([Issued(amount=100), *(Paid(amount=1) for _ in range(40))])
    scrubber = stream.scrub(Balance)
    line = words.lines(scrubber.data, {}, 41)[1]
    assert line.before == line.after
    assert line.changed


def test_secrets_are_in_no_part_of_the_data_and_the_picture(debt):
    scrubber = debt.scrub(Balance, skip=[2])
    assert "1234" not in json.dumps([scrubber.data, scrubber.whatif])
    assert "1234" not in scrubber.static().html
    assert "[FILTERED]" in json.dumps(scrubber.data)


def test_the_first_numeric_field_is_drawn_unless_others_are_named(debt):
    assert debt.scrub(Balance).fields == ["balance"]
    assert debt.scrub(Balance, fields="payments").fields == ["payments"]
    with pytest.raises(ValueError, match=r"fields must name numeric fields of Debt \(balance, payments\); got 'paid'"):
        debt.scrub(Balance, fields=["paid"])


# --- without some events


def test_without_an_event_every_later_state_is_folded_anew_and_the_log_is_as_it_was(debt):
    before = debt.df()
    scrubber = debt.scrub(Balance, skip=5)
    assert states(scrubber, "balance") == ["100.00", "90.00", "90.00", "60.00", "60.00"]
    assert said(scrubber, 3).endswith("Without 5 balance is 20.00 more than recorded.")
    assert "skipped, the state stays as it was" in said(scrubber, 5)
    assert "Without" not in said(scrubber, 2)
    assert debt.df().equals(before)


def test_several_events_are_skipped_and_taken_back(debt):
    scrubber = debt.scrub(Balance)
    scrubber.skipped = [5, 2]
    assert scrubber.skipped == [2, 5]
    assert states(scrubber, "balance")[-1] == "70.00"
    assert scrubber.whatif["without"] == "2 and 5"
    scrubber.skipped = []
    assert scrubber.whatif == {}


def test_a_what_if_is_the_replay_of_the_rows_that_are_left(debt):
    scrubber = debt.scrub(Balance, skip=2)
    kept = fl.EventStream.for_("kept", lab=fl.Lab())
    for event in debt.events:
        if event.version != 2:
            kept.append(type(event)(**event.payload()), at=event.occurred_at)
    expected = [fl.formats.value(value) for value in kept.replay(Balance)["paid"]]
    assert [state for place, state in enumerate(states(scrubber, "paid")) if place != 1] == expected


def test_a_block_that_breaks_without_the_event_is_told_there_and_the_states_before_it_stand(debt):
    scrubber = debt.scrub(Balance, skip=[1])
    assert states(scrubber, "balance") == ["0", "0", "", "", ""]
    assert said(scrubber, 2).endswith(": the replay failed here. The states before it stand.")
    assert said(scrubber, 3).endswith(": no state, the replay failed at version 2.")
    assert "nothing was issued" in scrubber.whatif["broke"]
    assert "nothing was issued" in "".join(ElementTree.fromstring(scrubber.static().svg).itertext())
    assert states(debt.scrub(Balance), "balance")[-1] == "40.00"


def test_every_event_can_be_skipped(debt):
    scrubber = debt.scrub(Balance, skip=range(1, 6))
    assert states(scrubber, "balance") == ["0"] * 5
    assert scrubber.whatif["without"] == "1, 2 and 3 more"


@pytest.mark.parametrize("skip", [0, 6, [1, 99], -1])
def test_a_version_that_is_not_there_cannot_be_skipped(debt, skip):
    with pytest.raises(ValueError, match=r"skip must name a version of the stream, 1…5; got"):
        debt.scrub(Balance, skip=skip)


@pytest.mark.parametrize("skip", ["3", [True], [1.5]])
def test_what_is_no_version_cannot_be_skipped(debt, skip):
    with pytest.raises(TypeError, match="skip must be a version or a list of versions"):
        debt.scrub(Balance, skip=skip)


# --- following the log


def test_a_cursor_at_the_end_goes_along_with_the_log_and_another_stays(debt):
    scrubber = debt.scrub(Balance, skip=2)
    debt.append(Paid(amount="1.00"), at=day(50))
    assert scrubber.value == 6
    scrubber.value = 2
    debt.append(Paid(amount="2.00"), at=day(5))
    assert scrubber.value == 2
    assert scrubber.data["versions"] == [1, 7, 2, 5, 3, 4, 6]
    assert scrubber.skipped == [2]
    assert states(scrubber, "balance")[-1] == "47.00"


def test_a_version_that_is_not_there_is_refused_as_a_value(debt):
    scrubber = debt.scrub(Balance)
    with pytest.raises(traitlets.TraitError, match="value must be a version of the stream, 1…5; got 6"):
        scrubber.value = 6
    assert scrubber.value == 4


def test_a_reading_stays_at_the_version_it_saw(debt):
    scrubber = debt.read().scrub(Balance)
    debt.append(Paid(amount="1.00"), at=day(50))
    assert scrubber.data["versions"] == [1, 2, 5, 3, 4]


def test_a_stream_without_events_says_so_and_wakes_up_with_the_first(lab):
    stream = fl.EventStream.for_("new", lab=lab)
    scrubber = stream.scrub(Balance)
    assert scrubber.value == 0
    assert repr(scrubber) == "Replay of new with Balance. No events yet"
    assert "stream.append(…)" in scrubber.static().svg
    stream.append(Issued(amount=1), at=START)
    assert (scrubber.value, scrubber.fields) == (1, ["balance"])
    with pytest.raises(ValueError, match="has no events yet"):
        fl.EventStream.for_("other", lab=lab).scrub(Balance, skip=1)


def test_after_a_hundred_runs_of_one_line_one_of_them_follows_the_log(debt):
    for _ in range(100):
        scrubber = debt.scrub(Balance)
    gc.collect()
    assert len(debt.lab.store.watchers) == 1
    assert scrubber.value == 4


# --- the picture


def test_the_picture_tells_the_story_of_the_current_version(debt):
    scrubber = debt.scrub(Balance, skip=5)
    scrubber.value = 3
    told = [text for text in ElementTree.fromstring(scrubber.static().svg).itertext() if text.strip()]
    for part in ("debt-1", "1 event skipped, what-if", "skipped", "State after version 3", "→ 60.00", "as recorded"):
        assert part in told
    assert "60.00 without 5" in told
    assert "40.00 as recorded" in told
    assert "Without 5 balance is 20.00 more than recorded." in "".join(told)


def test_the_same_stream_gives_the_same_bytes(debt):
    assert debt.scrub(Balance, skip=5).static().html == debt.scrub(Balance, skip=5).static().html


@pytest.mark.parametrize("events", [1, 12, 300, 10_000])
def test_a_picture_of_any_length_is_small_and_says_what_it_left_out(lab, events):
    stream = fl.EventStream.for_("many", lab=lab)
    stream.append_all([Issued(amount=900_000), *(Paid(amount=n % 97) for n in range(1, events))])
    scrubber = stream.scrub(Sums, skip=[1])
    scrubber.value = max(1, events // 2)
    picture = scrubber.static()
    assert len(picture.html) <= LARGEST
    assert ("before and" in picture.svg) is (events > 12)
    assert ("This page holds" in picture.html) is (events == 10_000)
    assert len(json.dumps(scrubber.data)) < 120 * events + 5_000


class Sum(BaseModel):
    total: float | None = None
    count: int = 0


class Sums(fl.Projection[Sum]):
    @fl.interpretation_for(Issued, Paid)
    def added(state, event):
        state.total = (state.total or 0) + float(event.amount)
        state.count += 1


def test_numbers_beyond_every_scale_leave_a_gap_in_the_line(lab):
    stream = fl.EventStream.for_("vast", lab=lab)
    stream.append_all([Issued(amount=1), Issued(amount="1e400"), Issued(amount=-3)])
    scrubber = stream.scrub(Balance)
    assert scrubber.data["fields"][0]["number"] == [0.0, 1.0, None, -3.0]
    assert [figure for _, figure in scrubber.data["axes"]["balance"]["ticks"]] == ["−3", "−2", "−1", "0", "1"]
    ElementTree.fromstring(scrubber.static().svg)


def test_many_steps_within_a_pixel_are_drawn_as_their_range():
    steps = [(1 + n / 1_000, float(n % 50)) for n in range(900)]
    assert staircase(steps, 9) == "M1 0V0V49V49H9"
