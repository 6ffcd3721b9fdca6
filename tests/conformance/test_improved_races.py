"""What is improved about races and about clocks that stand still or go back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

import funes_lab as fl
from tests.conformance.domains.debt import (
    DebtEventStream,
    Issued,
    Noted,
    PaymentReceived,
    PlainDebtEventStream,
    TrailProjection,
    VirtualOutstandingBalanceProjection,
)

DAY = datetime(2025, 1, 1, tzinfo=UTC)


def issued(amount="100"):
    return Issued(amount=amount, interest_rate="0.05", at=DAY)


def payment(amount):
    return PaymentReceived(principal_amount=amount, interest_amount="1", at=DAY)


def balance(side):
    return side.projected_with(VirtualOutstandingBalanceProjection).outstanding_balance


@pytest.fixture
def frozen():
    """A lab whose clock stands still."""
    with fl.Lab(clock=fl.testing.Clock(DAY)) as lab:
        yield lab


def test_041_while_the_conflict_stands_the_loser_is_not_valid(lab):
    """041_race_loser_is_valid_afterwards: as Funes (the loser is accepted by a fresh reading), but errors
    and valid agree: while the conflict stands the event is not valid
    """
    stream = DebtEventStream.for_("s1", lab=lab)
    stream.append(issued())
    a, b = stream.read(), stream.read()
    winner = a.append(payment("10"))
    loser = b.append(payment("20"))
    assert winner.version == 2
    assert not loser.persisted
    assert [error.source for error in loser.errors] == ["conflict"]
    assert [error.source for error in loser.own_errors] == ["conflict"]
    assert not loser.state_errors
    assert not loser.valid
    assert stream.read().append(loser) is loser
    assert loser.persisted
    assert loser.version == 3
    assert loser.valid
    assert not loser.errors
    assert balance(stream) == 70


def test_048_what_is_judged_and_what_is_written_belong_to_the_same_read(lab):
    """048_optimistic_lock_hole_late_commit: the state that is judged and the version that is written
    belong to the same read: the second payment is refused as a conflict
    """
    stream = DebtEventStream.for_("s1", lab=lab)
    first = stream.append(issued())
    reading = stream.read()
    assert [event.version for event in reading.events] == [1]
    late = first.created_at + timedelta(milliseconds=1)
    props = {"principal_amount": "80.0", "interest_amount": "0.0", "at": "2025-02-01T00:00:00.000Z"}
    row = {"klass": "Debt::PaymentReceived", "idx": "s1", "version": 2, "props": props}
    fl.testing.raw_insert(lab, {**row, "created_at": late, "occurred_at": late})
    event = reading.append(payment("80"))
    assert not event.persisted
    assert [error.source for error in event.errors] == ["conflict"]
    assert event.rejection.stage == "conflict"
    assert balance(stream) == 20
    retried = stream.append(event)
    assert retried.state_errors.on("outstanding_balance") == ["must be greater than or equal to 0"]
    assert [event.version for event in stream.events] == [1, 2]


def test_050_what_a_stream_contains_never_depends_on_the_clock(lab, clock):
    """050_clock_goes_backwards: what a stream contains never depends on the clock"""
    stream = DebtEventStream.for_("s1", lab=lab)
    stream.append(issued("100"))
    clock.set(clock.now - timedelta(hours=1))
    assert [event.version for event in DebtEventStream.for_("s1", lab=lab).events] == [1]
    assert balance(stream) == 100
    refused = stream.append(payment("100.01"))
    assert refused.state_errors.on("outstanding_balance") == ["must be greater than or equal to 0"]
    again = stream.append(issued("5"))
    assert again.persisted
    assert again.version == 2
    assert sorted(event.version for event in stream.events) == [1, 2]
    assert stream.version == 2


def test_061_no_event_is_ever_counted_twice(frozen):
    """061_frozen_clock_consistency_handle: no event is ever listed, replayed or counted twice, whatever
    the clock does
    """
    reading = DebtEventStream.for_("s1", lab=frozen).read()
    reading.append(issued())
    reading.append(payment("10"))
    for side in (reading, DebtEventStream.for_("s1", lab=frozen)):
        assert [event.version for event in side.events] == [1, 2]
        assert len(side) == 2
        assert len(side.df()) == 2
        assert len(side.replay(VirtualOutstandingBalanceProjection)) == 2
        assert balance(side) == 90


def test_061_no_event_is_ever_counted_twice_that_an_unread_handle_appended(frozen):
    """061_frozen_clock_consistency_handle: no event is ever listed, replayed or counted twice, whatever
    the clock does
    """
    reading = PlainDebtEventStream.for_("s1", lab=frozen).read()
    for text in ("a", "b"):
        reading.append(Noted(text=text))
    assert [event.text for event in reading.events] == ["a", "b"]
    assert [entry[1] for entry in reading.projected_with(TrailProjection).trail] == ["a", "b"]
    assert reading.append(Noted(text="c")).version == 3
