"""Why not: what stands in the way of a refused event, and where the line is drawn."""

from __future__ import annotations

import gc
import pickle
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from itertools import combinations, count
from random import Random
from typing import Any

import pytest
from pydantic import BaseModel, Field

import funes_lab as fl
from funes_lab.explore.case import Case
from tests.domain import DebtEventStream, NoteStream, day, debts_script, issued, noted, paid, rows_of


class Moved(fl.Event, name="Why::Moved"):
    tons: int = 0
    price: Decimal | None = Field(default=None, gt=0, le=1000, decimal_places=2)
    share: float = 0.0
    lot: int = Field(default=0, multiple_of=5)
    secret: int = 0
    filter_attributes = ("secret",)


class Yard(BaseModel):
    tons: int = Field(default=0, ge=-3, le=10)
    spent: Decimal = Field(default=Decimal(0), le=100)
    shares: float = Field(default=0.0, le=1)
    lots: int = Field(default=0, le=12)


class Stock(fl.Projection[Yard]):
    @fl.interpretation_for(Moved)
    def moved(state, event):
        state.tons += event.tons
        state.spent += event.price or 0
        state.shares += event.share
        state.lots += event.lot
        if event.tons == 7:
            event.errors.add("tons", "must not be seven")


class YardStream(fl.EventStream):
    consistency_projection = Stock


def refused(stream: fl.EventStream, event: fl.Event, **how: Any) -> Any:
    rejection = stream.append(event, **how).rejection
    assert rejection is not None
    return rejection


def yard(*tons: int) -> YardStream:
    stream = YardStream.for_("yard", lab=fl.Lab(clock=fl.testing.Clock("2026-05-01")))
    for number in tons:
        stream.append_or_raise(Moved(tons=number))
    return stream


# Why not


def test_the_one_event_that_stands_in_the_way_is_named():
    found = refused(yard(2, 6, 1), Moved(tons=5)).why()
    assert found.version.tolist() == [2]
    assert found.sentence == "Why::Moved would be accepted without #2 Why::Moved 6."
    assert list(found.columns) == ["version", "event", "occurred_at", "created_at", "payload"]
    assert found.payload[0]["secret"] == "[FILTERED]"


def test_several_events_that_stand_in_the_way_together_are_all_named():
    found = refused(yard(3, 3, 3), Moved(tons=6)).why()
    assert len(found) == 2
    assert found.sentence == "Why::Moved would be accepted without #2 Why::Moved 3 and #3 Why::Moved 3."


def test_where_no_earlier_event_is_to_blame_the_plain_word_is_said():
    found = refused(yard(1, 2), Moved(tons=7)).why()
    assert (len(found), found.probes) == (0, 4)
    assert found.sentence == (
        "No set of earlier events stands in the way of Why::Moved: it is refused without any of them too."
    )
    assert refused(yard(), Moved(tons=99)).why().sentence.startswith("No set of earlier events stands in the way")


def test_an_event_that_breaks_its_own_rules_does_so_whatever_came_before():
    found = refused(yard(1), Moved(price=-1)).why()
    assert found.sentence == "Why::Moved breaks its own rules, whatever came before it."


def test_a_lost_race_has_nobody_in_its_way_but_the_winner():
    stream = yard(1)
    late = stream.read()
    stream.append_or_raise(Moved(tons=1))
    found = late.append(Moved(tons=1)).rejection.why()
    assert "lost a race" in found.sentence


def test_rules_that_have_changed_since_are_said_to_have_changed():
    rejection = refused(yard(8), Moved(tons=5))

    assert "would be accepted now" in rejection.why(stream_class=NoteStream).sentence


def test_many_events_that_stand_in_the_way_together_are_found_by_delta_debugging():
    stream = yard(*[1] * 10)
    rejection = refused(stream, Moved(tons=6))
    found = rejection.why(limit=400)
    assert len(found) == 6
    assert found.probes <= 400
    few = rejection.why(limit=40)
    assert len(few) >= 6
    assert "Perhaps without fewer: after 40 tries" in few.sentence or len(few) == 6
    assert "larger sets were not all tried (limit=2)" in rejection.why(limit=2).sentence


def test_a_backdated_event_is_judged_again_at_its_true_place():
    stream = DebtEventStream.for_("d", lab=fl.Lab())
    for event in (issued(100), paid(60, on=5), paid(30, on=9)):
        stream.append_or_raise(event)
    rejection = refused(stream, paid(20, on=2))
    assert rejection.why().version.tolist() in ([2], [3])
    assert rejection.boundary("principal_amount").accepted.tolist() == [10]


def test_from_the_journal_as_well_as_from_the_event_also_in_another_lab(path):
    with fl.Lab(path) as lab:
        stream = YardStream.for_("yard", lab=lab)
        stream.append_or_raise(Moved(tons=8))
        told = refused(stream, Moved(tons=4)).why().sentence
    with fl.Lab(path) as lab:
        stream = YardStream.for_("yard", lab=lab)
        stream.append_or_raise(Moved(tons=1))  # what came later has no part in it
        assert lab.rejections[0].why().sentence == told
        assert next(iter(stream.rejections)).why().version.tolist() == [1]


def parts_of(versions: list[int], sizes: range) -> Iterator[tuple[int, ...]]:
    return (part for size in sizes for part in combinations(versions, size))


def test_of_200_random_refusals_every_set_lets_the_event_in_and_no_part_of_it_does():
    chance, lab, sizes = Random(7), fl.Lab(clock=fl.testing.Clock("2026-05-01")), Counter[int]()
    for number in count():
        stream = YardStream.for_(f"yard-{number}", lab=lab)
        for _ in range(chance.randint(1, 6)):
            stream.append(Moved(tons=chance.randint(-5, 5)), at=day(chance.randint(0, 5)))
        rejection = stream.append(Moved(tons=chance.randint(-8, 9)), at=day(chance.randint(0, 5))).rejection
        if rejection is None:
            continue
        case, versions = Case.of(rejection, lab.store, None), rejection.why().version.tolist()
        known = [row.version for row in case.rows]
        if versions:
            assert case.accepts(case.event(), versions)
        smaller = parts_of(versions, range(len(versions))) if versions else parts_of(known, range(len(known) + 1))
        assert not any(case.accepts(case.event(), part) for part in smaller)
        sizes[len(versions)] += 1
        if sizes.total() == 200:
            break
    assert sizes[0] > 5, sizes
    assert sizes[1] > 50
    assert sizes.total() - sizes[0] - sizes[1] > 5, sizes


def test_asking_why_writes_nothing():
    stream = yard(8)
    rejection = refused(stream, Moved(tons=4))
    before = stream.lab.log.df()
    rejection.why()
    rejection.boundary()
    assert stream.lab.log.df().equals(before)
    assert (rows_of(stream.lab), len(stream.rejections)) == (1, 1)


# The boundary


@pytest.mark.parametrize(
    ("field", "tried", "accepted", "bound", "sentence"),
    [
        ("tons", 50, 2, "at most", "Tons at most 2 (tried: 50)."),
        ("tons", -90, -11, "at least", "Tons at least −11 (tried: −90)."),
        ("price", Decimal(500), Decimal("100.00"), "at most", "Price at most 100.00 (tried: 500)."),
        ("share", 2.5, 1.0, "at most", "Share at most 1.0 (tried: 2.5)."),
        ("lot", 60, 10, "at most", "Lot at most 10 (tried: 60)."),
    ],
)
def test_the_boundary_is_the_nearest_accepted_value_to_the_fields_own_step(field, tried, accepted, bound, sentence):
    found = refused(yard(8), Moved(**{field: tried})).boundary(field)
    assert (found.field.tolist(), found.accepted.tolist(), found.bound.tolist()) == ([field], [accepted], [bound])
    assert type(found.accepted[0]) is type(accepted)
    assert found.sentence == sentence
    assert abs(Decimal(str(found.refused[0])) - Decimal(str(accepted))) in (1, 5, Decimal("0.01"))


def test_the_boundary_of_an_own_rule_is_found_too():
    stream = yard()
    assert refused(stream, Moved(price=-5)).boundary("price").accepted.tolist() == [Decimal("0.01")]
    assert refused(stream, Moved(price=Decimal("5.555"))).boundary("price").accepted.tolist() == [Decimal("5.55")]
    assert refused(stream, Moved(lot=7)).boundary("lot").accepted.tolist() == [5]


def test_a_narrow_window_far_away_is_found_by_the_numbers_that_the_rules_name():
    class Dialled(fl.Event, name="Why::Dialled"):
        number: int = Field(ge=123_456, le=123_457)

    found = refused(NoteStream.for_("n", lab=fl.Lab()), Dialled(number=3)).boundary()
    assert found.accepted.tolist() == [123_456]


def test_every_numeric_field_is_tried_by_itself_but_secret_ones():
    found = refused(yard(8), Moved(tons=5, secret=4, price=1)).boundary()
    assert found.field.tolist() == ["tons", "price", "share", "lot"]
    assert found.accepted.isna().tolist() == [False, True, True, True]
    assert "No price was found with which Why::Moved would be accepted (tried: 1)." in found.sentence


def test_an_event_without_numbers_has_no_boundary():
    class Strict(BaseModel):
        n: int = Field(default=1, le=0)

    class Nothing(fl.Projection[Strict]):
        @fl.interpretation_for(type(noted()))
        def noted(state, event):
            state.n = 1

    class NothingStream(fl.EventStream):
        consistency_projection = Nothing

    found = refused(NothingStream.for_("n", lab=fl.Lab()), noted()).boundary()
    assert (len(found), found.sentence) == (0, "Debts::Noted has no numeric field.")


def verified(rejection: Any, store: Any, stream_class: Any) -> int:
    """Both sides of each boundary, tried again by themselves; where none was found, many values all around."""
    case, found = Case.of(rejection, store, stream_class), 0
    for row in rejection.boundary(stream_class=stream_class).itertuples():
        if row.accepted is None:
            around = (row.tried + sign * Decimal(f"1e{power}") for sign in (-1, 1) for power in range(-2, 8))
            assert not any(case.accepts(case.event({row.field: value})) for value in (0, *around))
            continue
        found += 1
        assert case.accepts(case.event({row.field: row.accepted}))
        assert not case.accepts(case.event({row.field: row.refused}))
        assert abs(row.refused - row.accepted) <= Decimal("0.01")
        assert (row.refused > row.accepted) == (row.bound == "at most")
    return found


def test_every_numeric_refusal_of_the_debts_has_a_boundary_that_is_verified_on_both_sides():
    lab, stream_class = fl.datasets.load("debts"), debts_script()["DebtEventStream"]
    overpaid, others = Counter[int](), Counter[str]()
    for rejection in lab.rejections:
        found = verified(rejection, lab.store, stream_class)
        if rejection.errors.full_messages == [
            "Led to invalid state: Outstanding balance must be greater than or equal to 0"
        ]:
            overpaid[found] += 1
        else:
            others[f"{rejection.stage} {found}"] += 1
    # what overpays has one boundary; a payment of nothing has two, and a debt that is issued twice has none
    assert overpaid == {1: 68}
    assert others == {"own 0": 31, "interpretation 2": 8, "interpretation 0": 8, "state 0": 8}


def test_every_refusal_of_the_debts_own_rules_has_its_boundary_where_nothing_else_is_in_the_way():
    lab, script = fl.datasets.load("debts"), debts_script()

    class Lenient(fl.EventStream):
        actual_time_attribute = "at"

    numeric = [r for r in lab.rejections if r.stage == "own" and r.errors[0].message.startswith("must be greater than")]
    assert len(numeric) == 15
    assert {r.event for r in numeric} == {script["Issued"].event_name}
    assert all(verified(rejection, lab.store, Lenient) == 1 for rejection in numeric)


# At the door


def test_what_cannot_be_judged_again_is_said_with_the_reason():
    stream = yard(8)
    rejection = refused(stream, Moved(tons=4))
    with pytest.raises(
        ValueError, match=r"field must be a numeric field of Why::Moved that is not secret: tons, .* got 'x'"
    ):
        rejection.boundary("x")
    with pytest.raises(ValueError, match=r"limit must be how many pasts to try, 1 or more, got 0"):
        rejection.why(limit=0)
    with pytest.raises(TypeError, match=r"stream_class must be fl.EventStream or a subclass, got 'YardStream'"):
        rejection.why(stream_class="YardStream")
    unknown = replace(rejection, event="Why::Nobody")
    with pytest.raises(ValueError, match="no class is defined for the event 'Why::Nobody'"):
        unknown.why()


def test_a_class_of_a_stream_that_is_not_defined_here_can_be_given():
    lab = fl.Lab()

    def somewhere_else() -> Any:
        class Gone(fl.EventStream):
            consistency_projection = Stock

        stream = Gone.for_("yard", lab=lab)
        stream.append_or_raise(Moved(tons=8))
        return refused(stream, Moved(tons=4))

    somewhere_else()
    gc.collect()
    (rejection,) = lab.rejections
    with pytest.raises(ValueError, match="the class of the stream, 'Gone', is not defined here; say which one with"):
        rejection.why()
    assert rejection.why(stream_class=YardStream).version.tolist() == [1]


def test_what_was_judged_on_events_that_were_never_stored_is_not_judged_again():
    stream = yard()
    _, _, last = stream.append_all([Moved(tons=6), Moved(tons=3), Moved(tons=5)])
    with pytest.raises(ValueError, match="judged on version 2 of 'yard', which the log does not have"):
        last.rejection.why()


def test_a_rejection_that_was_sent_elsewhere_has_left_its_log():
    rejection = refused(yard(8), Moved(tons=4))
    sent = pickle.loads(pickle.dumps(rejection.origin))
    assert (sent.store, sent.stream_class) == (None, None)
    with pytest.raises(ValueError, match="this rejection comes from no log"):
        replace(rejection, origin=sent).why()
