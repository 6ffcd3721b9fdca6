"""A lost race is tried again where that is asked for: read again, judge again, append again."""

from __future__ import annotations

import pytest
from pydantic import BaseModel, Field

import funes_lab as fl

#: How often somebody else is faster: their event is written while ours is judged.
rivals: list[int] = []


class Taken(fl.Event, name="Retry::Taken"):
    seats: int


class Hall(BaseModel):
    taken: int = Field(default=0, le=10)


class Seats(fl.Projection[Hall]):
    @fl.interpretation_for(Taken)
    def taken(state, event):
        state.taken += event.seats
        if event.seats == 2 and not event.persisted and rivals:
            fl.EventStream.for_("hall").append_or_raise(Taken(seats=rivals.pop()))


class HallStream(fl.EventStream):
    consistency_projection = Seats


@pytest.fixture
def hall(lab: fl.Lab) -> HallStream:
    rivals.clear()
    return HallStream.for_("hall", lab=lab)


def journal(stream: fl.EventStream) -> list[tuple[str, int, int | None]]:
    return [(lost.stage, lost.version_tried, lost.winner and lost.winner.version) for lost in stream.rejections]


def test_without_retry_a_lost_race_is_a_refusal(hall):
    rivals[:] = [1]
    event = hall.append(Taken(seats=2))
    assert not event.persisted
    assert journal(hall) == [("conflict", 1, 1)]


def test_a_lost_race_is_tried_again_as_often_as_asked_and_every_loss_is_in_the_journal(hall):
    rivals[:] = [1, 1, 1]
    event = hall.append(Taken(seats=2), retry=3)
    assert (event.persisted, event.version, event.errors.full_messages) == (True, 4, [])
    tried = journal(hall)
    assert tried
    assert all(stage == "conflict" and version == winner for stage, version, winner in tried)
    assert [stored.seats for stored in hall.events] == [1, 1, 1, 2]


def test_when_all_tries_are_lost_the_last_one_says_why(hall):
    rivals[:] = [1] * 9
    event = hall.append(Taken(seats=2), retry=1)
    assert (event.persisted, event.rejection.stage) == (False, "conflict")
    assert len(hall.rejections) == 2


def test_what_a_rule_refuses_is_never_tried_again(hall):
    rivals[:] = [9]
    event = hall.append(Taken(seats=2), retry=5)
    assert event.rejection.stage == "state"
    assert [stage for stage, *_ in journal(hall)] == ["conflict", "state"]


def test_a_retry_judges_on_what_the_winner_left(hall):
    hall.append_or_raise(Taken(seats=5))
    rivals[:] = [3]
    assert hall.append(Taken(seats=2), retry=1).rejection is None
    assert hall.projected_with(Seats).taken == 10


def test_a_batch_is_tried_again_as_a_whole(hall):
    rivals[:] = [1]
    events = hall.append_all([Taken(seats=2), Taken(seats=2)], retry=2)
    assert [event.version for event in events] == [2, 3]
    assert journal(hall) == [("conflict", 1, 1)]


def test_append_or_raise_retries_too(hall):
    rivals[:] = [1]
    assert hall.append_or_raise(Taken(seats=2), retry=1).version == 2
    rivals[:] = [1] * 5
    with pytest.raises(fl.ConflictError):
        hall.append_or_raise(Taken(seats=2), retry=1)


@pytest.mark.parametrize("retry", [-1, 1.5, "3", None, True])
def test_a_retry_is_a_number_of_times(hall, retry):
    with pytest.raises(ValueError, match="retry must be how often to try again, 0 or more, got"):
        hall.append(Taken(seats=1), retry=retry)
    assert hall.version == 0


def test_a_retry_at_an_expected_version_is_refused_since_it_would_lose_again(hall):
    with pytest.raises(ValueError, match="retry=2 with expected_version=0 would lose again"):
        hall.append(Taken(seats=1), retry=2, expected_version=0)


def test_a_retry_inside_a_transaction_is_refused_since_it_would_lose_again(hall, lab):
    with lab.transaction(), pytest.raises(fl.TransactionError, match="a transaction sees one moment of the log"):
        hall.append(Taken(seats=1), retry=2)
