"""Reading: what a writer saw stays what it is, and only one of two writers gets the next version (rules 2 and 13)."""

from __future__ import annotations

import pytest

import funes_lab as fl
from tests.domain import (
    DebtEventStream,
    NoteStream,
    ShortNoteStream,
    ShortTrail,
    Trail,
    VirtualOutstandingBalance,
    balance,
    day,
    issued,
    noted,
    paid,
)


def test_a_reading_stays_at_the_version_it_saw(any_lab):
    debt = DebtEventStream.for_("d", lab=any_lab)
    debt.append(issued(100))
    reading = debt.read()
    debt.append(paid(60))
    assert (reading.version, len(reading), len(reading.events), len(reading.df())) == (1, 1, 1, 1)
    assert balance(reading) == 100
    assert len(reading.replay(VirtualOutstandingBalance)) == 1
    assert (reading.idx, reading.lab, bool(debt.read())) == ("d", any_lab, True)
    assert balance(debt.read()) == 40


def test_an_empty_reading_has_nothing_to_project(lab):
    reading = NoteStream.for_("n", lab=lab).read()
    NoteStream.for_("n", lab=lab).append(noted())
    assert (reading.version, reading.events, bool(reading)) == (0, [], True)
    with pytest.raises(fl.StreamNotFound):
        reading.projected_with(Trail)


def test_rule_2_of_two_readings_one_is_denied_and_nothing_of_it_is_written(any_lab):
    debt = DebtEventStream.for_("d", lab=any_lab)
    debt.append(issued(100))
    first, second = debt.read(), debt.read()
    assert first.append(paid(60)).version == 2
    late = second.append(paid(60))
    assert not late.persisted
    assert late.rejection.stage == "conflict"
    assert [error.source for error in late.errors] == ["conflict"]
    assert late.own_errors == late.errors
    assert not late.state_errors
    assert not late.valid
    assert (first.version, second.version, len(debt)) == (2, 1, 2)
    assert balance(debt) == 40


def test_rule_13_a_conflict_names_the_winner_its_version_name_payload_and_time(lab, clock):
    stream = NoteStream.for_("n", lab=lab)
    first, second = stream.read(), stream.read()
    clock.set("2026-10-10T14:02:11Z")
    won = first.append(noted("mine"))
    late = second.append(noted("too late"))
    winner = late.rejection.winner
    assert (winner.version, winner.event, winner.payload) == (1, "Debts::Noted", {"text": "mine"})
    assert (winner.created_at, winner.occurred_at) == (won.created_at, won.occurred_at)
    assert late.errors.full_messages == [
        "version 1 was taken by Debts::Noted (text mine), recorded 10 Oct 2026 14:02:11 UTC; read again and retry"
    ]
    assert (late.rejection.version_read, late.rejection.version_tried) == (0, 1)
    for shown in (repr(late.rejection.explain()), late.rejection.explain()._repr_html_()):
        assert "Debts::Noted" in shown
        assert "mine" in shown
    assert late.rejection.idx == "n"


def test_a_conflict_after_judging_tells_what_was_judged(lab):
    debt = DebtEventStream.for_("d", lab=lab)
    debt.append(issued(100))
    first, second = debt.read(), debt.read()
    first.append(paid(60, on=2))
    rejection = second.append(paid(30, on=3)).rejection
    assert rejection.at == day(3)
    assert rejection.projection == "VirtualOutstandingBalance"
    assert "no consistency projection" not in repr(rejection.explain())


def test_reading_again_and_retrying_is_how_a_loser_goes_on(lab):
    debt = DebtEventStream.for_("d", lab=lab)
    debt.append(issued(100))
    first, second = debt.read(), debt.read()
    first.append(paid(60))
    late = second.append(paid(60))
    again = debt.read().append(late)
    assert again is late
    assert [error.source for error in late.errors] == ["state"]
    assert debt.read().append(paid(40)).version == 3


def test_rule_2_a_reading_never_retries_by_itself(lab):
    stream = NoteStream.for_("n", lab=lab)
    reading = stream.read()
    stream.append(noted())
    for number in range(1, 4):
        assert not reading.append(noted()).persisted
        assert reading.version == 0
        assert len(lab.rejections) == number
    assert [r.stage for r in lab.rejections] == ["conflict"] * 3


def test_a_reading_moves_on_with_its_own_accepted_appends_only(lab):
    debt = DebtEventStream.for_("d", lab=lab)
    reading = debt.read()
    assert reading.append(issued(100)).version == 1
    assert not reading.append(paid(101)).persisted
    assert not reading.append(issued(-1)).persisted
    assert reading.version == 1
    assert reading.append(paid(60)).version == 2
    assert (reading.version, len(reading), balance(reading)) == (2, 2, 40)
    assert [event.version for event in reading.append_all([paid(10, on=2), paid(20, on=3)])] == [3, 4]
    assert (reading.version, balance(reading)) == (4, 10)


def test_rule_2_a_reading_judges_on_what_it_saw_and_not_on_the_latest(lab):
    """The refusal is by what was seen; only an event that would be let in can lose the race."""
    debt = DebtEventStream.for_("d", lab=lab)
    debt.append(issued(100))
    reading = debt.read()
    debt.append(issued(500, on=1))
    assert reading.append(paid(200, on=2)).rejection.stage == "state"
    assert reading.append(paid(50, on=2)).rejection.stage == "conflict"
    assert debt.append(paid(200, on=2)).persisted


def test_check_and_append_or_raise_of_a_reading(lab):
    stream = NoteStream.for_("n", lab=lab)
    reading, late = stream.read(), stream.read()
    assert reading.check(noted()).version == 1
    assert reading.append_or_raise(noted(), at="2026-01-01").occurred_at == day(0)
    with pytest.raises(fl.ConflictError):
        late.append_or_raise(noted())
    with pytest.raises(fl.EventRejected):
        reading.append_or_raise(type(noted())())


def test_rule_10_a_reading_forgets_what_a_refused_event_did(lab):
    reading = ShortNoteStream.for_("n", lab=lab).read()
    for text in ("a", "b", "c"):
        assert reading.append(noted(text)).persisted
        with pytest.raises(fl.ProjectionError):
            reading.append(noted("broken"))
        assert not reading.append(type(noted())(text=5)).persisted
    assert not reading.append(noted("d")).persisted
    assert not reading.append(noted("e")).persisted
    assert reading.projected_with(ShortTrail).texts == ["a", "b", "c"]


def test_changing_what_a_reading_gave_changes_nothing(lab):
    stream = NoteStream.for_("n", lab=lab)
    stream.append(noted("a"))
    reading = stream.read()
    reading.events.clear()
    reading.events[0].payload()["text"] = "changed"
    reading.projected_with(Trail).texts.append("changed")
    assert [event.text for event in reading.events] == ["a"]
    assert reading.projected_with(Trail).texts == ["a"]


def test_rejections_of_a_reading_are_those_of_the_stream(lab):
    stream = NoteStream.for_("n", lab=lab)
    reading = stream.read()
    reading.append(type(noted())())
    NoteStream.for_("other", lab=lab).append(type(noted())())
    assert len(reading.rejections) == len(stream.rejections) == 1
    assert len(lab.rejections) == 2
