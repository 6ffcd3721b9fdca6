"""The gates an event passes: their order, the time of an event, and check (rules 3 and 4)."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import pytest

import funes_lab as fl
from tests.domain import (
    DebtEventStream,
    Issued,
    NoteStream,
    ShortNoteStream,
    ShortTrail,
    day,
    issued,
    noted,
    paid,
    rows_of,
)


class OnTop(DebtEventStream):
    consistency_order = "on_top"


@pytest.fixture
def debt(lab: fl.Lab) -> DebtEventStream:
    return DebtEventStream.for_("debts-1", lab=lab)


# The gates, in order (rule 3)


def test_rule_3_own_validation_comes_before_everything_else(debt):
    event = Issued(amount=-1, interest_rate=0)
    assert debt.append(event, at="2026-01-01", expected_version=7) is event
    assert event.rejection.stage == "own"
    assert not event.persisted


def test_rule_3_time_comes_before_consistency(debt):
    with pytest.raises(fl.MissingActualTimeAttributeError):
        debt.append(noted())
    with pytest.raises(fl.ConflictingActualTimeError):
        debt.append(paid(999, on=1), at=day(2))


@pytest.mark.parametrize("stream_class", [DebtEventStream, OnTop])
def test_rule_3_what_a_gate_refuses_is_in_the_journal_and_not_in_the_log(lab, stream_class):
    debt = stream_class.for_("debts-1", lab=lab)
    debt.append(issued(10))
    for number, (event, stage) in enumerate([(issued(-1), "own"), (paid(11), "state"), (paid(13), "state")], 1):
        assert debt.append(event) is event
        assert not event.persisted
        assert (event.version, event.created_at, event.occurred_at) == (None, None, None)
        assert event.rejection.stage == stage
        assert len(lab.rejections) == number
        assert lab.rejections[-1].id == event.rejection.id
    lucky = DebtEventStream.for_("debts-2", lab=lab)
    lucky.append(issued(100))
    assert lucky.append(paid(13)).rejection.stage == "interpretation"
    assert rows_of(lab) == 2


def test_rule_3_check_runs_the_gates_and_writes_nowhere(lab, debt):
    debt.append(issued(100))
    good, bad = paid(30), paid(300)
    yes, no = debt.check(good), debt.check(bad)
    assert (bool(yes), yes.accepted, yes.event, yes.version) == (True, True, good, 2)
    assert (yes.state_before.outstanding_balance, yes.state_after.outstanding_balance) == (100, 70)
    assert not yes.errors
    assert not no
    assert no.state_after.outstanding_balance == -200
    assert no.errors == bad.errors
    assert bad.state_errors.on("outstanding_balance") == ["must be greater than or equal to 0"]
    assert no.rejection.stage == "state"
    assert not good.persisted
    assert (len(debt), len(lab.rejections)) == (1, 0)
    for verdict, word in ((yes, "would be accepted as version 2"), (no, "would be refused")):
        assert word in repr(verdict)
        assert verdict._repr_html_()
    assert debt.append(good).version == 2
    with pytest.raises(fl.AlreadyPersistedError):
        debt.check(good)


def test_check_of_what_an_earlier_gate_refuses_knows_no_states(debt):
    verdict = debt.check(issued(-1))
    assert (bool(verdict), verdict.state_before, verdict.state_after) == (False, None, None)
    assert verdict.rejection.stage == "own"


def test_check_leaves_the_states_that_are_remembered_alone(lab):
    stream = ShortNoteStream.for_("n", lab=lab)
    stream.append(noted("a"))
    reading = stream.read()
    for side in (stream, reading):
        verdict = side.check(noted("b"))
        assert verdict.state_after.texts == ["a", "b"]
        verdict.state_after.texts.append("mine")
        verdict.state_before.texts.append("mine")
        assert side.check(noted("c")).state_after.texts == ["a", "c"]
    assert stream.append(noted("d")).persisted
    assert stream.projected_with(ShortTrail).texts == ["a", "d"]


def test_a_stream_without_a_projection_judges_nothing(lab):
    stream = NoteStream.for_("n", lab=lab)
    assert stream.append(paid(10**9)).persisted
    verdict = stream.check(noted())
    assert verdict
    assert (verdict.state_before, verdict.state_after) == (None, None)


# Actual time


@pytest.mark.parametrize(
    "at",
    [
        datetime(2026, 3, 1, tzinfo=UTC),
        datetime(2026, 3, 1),
        datetime(2026, 3, 1, 5, tzinfo=timezone(timedelta(hours=5))),
        date(2026, 3, 1),
        "2026-03-01",
        "2026-03-01T00:00:00Z",
        "2026-03-01T02:00:00+02:00",
        "2026-03-01 00:00",
    ],
)
def test_at_is_a_datetime_a_date_or_iso_8601(lab, at):
    stream = NoteStream.for_("n", lab=lab)
    event = stream.append(noted(), at=at)
    assert event.occurred_at == datetime(2026, 3, 1, tzinfo=UTC)
    assert event.occurred_at.tzinfo is UTC
    assert stream.events[0].occurred_at == event.occurred_at
    assert len(stream.replay(ShortTrail, at=at, as_of="2030-01-01")) == 1


NO_TIMES = [5, 5.0, b"2026", True, "soon", "2026-02-30", "", datetime.max.replace(tzinfo=timezone(timedelta(hours=-1)))]


@pytest.mark.parametrize("at", NO_TIMES)
def test_a_time_that_is_none_is_refused_by_name(lab, at):
    stream = NoteStream.for_("n", lab=lab)
    stream.append(noted())
    for call in (stream.append, stream.check, stream.append_or_raise, stream.read().append, stream.read().check):
        with pytest.raises((TypeError, ValueError), match=r"^at must"):
            call(noted(), at=at)
    for ask in (stream.projected_with, stream.replay, stream.state_errors, stream.read().replay):
        with pytest.raises((TypeError, ValueError), match=r"^at must"):
            ask(ShortTrail, at=at)
        with pytest.raises((TypeError, ValueError), match=r"^as_of must"):
            ask(ShortTrail, as_of=at)
    assert len(stream) == 1
    assert len(lab.rejections) == 0


def test_without_at_an_event_happened_when_it_was_recorded(lab, clock):
    now = clock.now
    event = NoteStream.for_("n", lab=lab).append(noted())
    assert event.created_at == event.occurred_at == now


def test_the_actual_time_attribute_says_when_and_at_may_say_the_same(debt, clock):
    now = clock.now
    event = debt.append(issued(1, on=3), at="2026-01-04")
    assert (event.occurred_at, event.created_at) == (day(3), now)
    with pytest.raises(fl.ConflictingActualTimeError, match=r"at=2026-01-05.* and .*Issued.at=2026-01-04.* differ"):
        debt.append(issued(1, on=3), at="2026-01-05")
    with pytest.raises(fl.MissingActualTimeAttributeError, match=r"Debts::Noted has no attribute 'at'.*add the field"):
        debt.append(noted(), at="2026-01-05")
    assert len(debt) == 1


def test_an_empty_actual_time_is_missing(lab):
    class Perhaps(fl.Event):
        at: datetime | None = None

    class Stream(fl.EventStream):
        actual_time_attribute = "at"

    with pytest.raises(fl.MissingActualTimeAttributeError, match=r"Perhaps.at is empty.*give the event its at"):
        Stream.for_("n", lab=lab).append(Perhaps())
    assert len(lab.rejections) == 0


def test_an_actual_time_that_cannot_be_read_speaks_against_the_event_there(lab):
    class Texted(fl.Event):
        at: str

    class Stream(fl.EventStream):
        actual_time_attribute = "at"

    event = Stream.for_("n", lab=lab).append(Texted(at="soon"))
    assert event.own_errors.full_messages == ["At “soon” is not a date and time (ISO 8601)"]
    assert NoteStream.for_("n", lab=lab).append(event).persisted
