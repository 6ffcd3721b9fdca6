"""append_all: one unit of work, each event judged on top of the former, all written or none."""

from __future__ import annotations

import pytest

import funes_lab as fl
from tests.domain import (
    DebtEventStream,
    Forgiven,
    Issued,
    Noted,
    NoteStream,
    ShortNoteStream,
    ShortTrail,
    balance,
    day,
    issued,
    noted,
    paid,
    rows_of,
)


@pytest.fixture(params=["stream", "reading"])
def side(request: pytest.FixtureRequest, any_lab: fl.Lab) -> DebtEventStream | fl.Reading:
    """A stream, and a reading of one."""
    stream = DebtEventStream.for_("d", lab=any_lab)
    return stream if request.param == "stream" else stream.read()


def test_every_event_is_judged_on_top_of_the_former(side, any_lab):
    events = side.append_all(event for event in [issued(100), paid(60), paid(40, on=2)])
    assert [event.version for event in events] == [1, 2, 3]
    assert all(event.persisted for event in events)
    assert len({event.created_at for event in events}) == 1
    assert balance(side) == 0
    assert [event.occurred_at for event in side.events] == [day(0), day(1), day(2)]
    assert side.append(paid(1, on=3)).state_errors


def test_all_or_none_the_first_that_is_refused_says_why(side, any_lab):
    side.append(issued(100))
    batch = [paid(60), paid(60), paid(30)]
    assert side.append_all(batch) == batch
    assert [event.persisted for event in batch] == [False, False, False]
    assert [bool(event.errors) for event in batch] == [False, True, False]
    assert batch[1].rejection.stage == "state"
    assert batch[1].rejection.version_read == 2
    assert batch[1].rejection.last.payload["principal_amount"] == 60
    assert len(any_lab.rejections) == 1
    assert rows_of(any_lab) == 1
    assert (side.version, balance(side)) == (1, 100)
    assert [event.version for event in side.append_all([batch[0], batch[2]])] == [2, 3]


@pytest.mark.parametrize("bad", [Issued(amount=-1), paid(1000), paid(13)])
@pytest.mark.parametrize("place", [0, 1, 2])
def test_one_bad_event_anywhere_keeps_all_out(side, any_lab, bad, place):
    batch = [issued(100), paid(1), paid(2)]
    batch.insert(place, bad)
    side.append_all(batch)
    assert rows_of(any_lab) == 0
    assert not any(event.persisted for event in batch)
    assert bad.errors
    assert len(any_lab.rejections) == 1
    assert side.append(issued(5)).version == 1


def test_a_fault_half_way_leaves_nothing_behind(side, any_lab):
    """Neither in the log nor in what the writer takes for the state of the stream."""
    faults = [
        (noted(), fl.MissingActualTimeAttributeError),
        (Forgiven(reason="broken", at=day(1)), fl.ProjectionError),
    ]
    for fault, error in faults:
        batch = [issued(100), paid(60), fault]
        with pytest.raises(error):
            side.append_all(batch)
        assert not any(event.persisted for event in batch)
        assert (side.version, rows_of(any_lab), len(any_lab.rejections)) == (0, 0, 0)
        assert side.check(paid(1)).version == 1
    assert side.append(paid(1)).state_errors
    assert side.append(issued(10)).version == 1
    assert [event.version for event in side.events] == [1]


@pytest.mark.parametrize("reads", [False, True], ids=["stream", "reading"])
@pytest.mark.parametrize("batch", [False, True], ids=["append", "append_all"])
def test_the_stop_button_in_the_middle_of_a_block_leaves_nothing_behind(any_lab, reads, batch):
    class Stopped(ShortTrail):
        @fl.interpretation_for(Noted)
        def noted(state, event):
            state.texts.append(event.text)
            if event.text == "stop":
                raise KeyboardInterrupt

    class Stream(fl.EventStream):
        consistency_projection = Stopped

    stream = Stream.for_("n", lab=any_lab)
    stream.append(noted("a"))
    side = stream.read() if reads else stream
    events = [noted("b"), noted("stop")]
    if not batch:
        side.append(events[0])
    with pytest.raises(KeyboardInterrupt):
        side.append_all(events) if batch else side.append(events[1])
    written = 1 if batch else 2
    assert [event.persisted for event in events] == [not batch, False]
    assert (side.version, rows_of(any_lab), len(any_lab.rejections)) == (written, written, 0)
    for text in "xyz"[written - 1 : 2]:
        assert side.append(noted(text)).persisted
    assert [event.version for event in stream.events] == [1, 2, 3]
    assert not side.append(noted("too much")).persisted


def test_a_conflict_keeps_all_out_and_names_the_winner(any_lab):
    debt = DebtEventStream.for_("d", lab=any_lab)
    first, second = debt.read(), debt.read()
    first.append_all([issued(100), paid(5)])
    batch = second.append_all([issued(50), paid(50)])
    assert [event.persisted for event in batch] == [False, False]
    assert batch[0].rejection.stage == "conflict"
    assert (batch[0].rejection.winner.version, batch[0].rejection.winner.event) == (1, "Debts::Issued")
    assert (second.version, rows_of(any_lab), len(any_lab.rejections)) == (0, 2, 1)
    assert balance(debt) == 95
    assert second.append(issued(1)).rejection.stage == "conflict"


def test_a_stream_that_remembers_an_older_version_tries_the_whole_batch_again(lab):
    debt = DebtEventStream.for_("d", lab=lab)
    debt.append(issued(100))
    row = {"klass": "Debts::Issued", "idx": "d", "version": 2, "created_at": day(9), "occurred_at": day(0.5)}
    props = {"amount": "200", "interest_rate": "0", "at": "2026-01-01T12:00:00Z"}
    fl.testing.raw_insert(lab, {**row, "props": props})
    assert [event.version for event in debt.append_all([paid(150), paid(50)])] == [3, 4]
    assert balance(debt) == 0


def test_the_first_that_is_refused_is_the_same_whether_the_stream_was_remembered_or_read(lab):
    """Found by random histories: what a batch let in on an old memory, an own error behind it must not hide."""
    debt = DebtEventStream.for_("d", lab=lab)
    debt.append(issued(100))
    row = {"klass": "Debts::PaymentReceived", "idx": "d", "version": 2, "created_at": day(9), "occurred_at": day(0.5)}
    props = {"principal_amount": "100", "interest_amount": "0", "at": "2026-01-01T12:00:00Z"}
    fl.testing.raw_insert(lab, {**row, "props": props})
    batch = debt.append_all([paid(60), Issued(amount=-1)])
    assert [event.rejection is not None for event in batch] == [True, False]
    assert batch[0].rejection.stage == "state"
    assert len(lab.rejections) == 1


def test_backdated_events_in_a_batch_are_judged_at_their_true_place(lab):
    debt = DebtEventStream.for_("d", lab=lab)
    batch = debt.append_all([issued(100, on=0), paid(90, on=10), paid(20, on=5)])
    assert not any(event.persisted for event in batch)
    assert batch[2].rejection.place == 1
    assert batch[2].rejection.last.payload["amount"] == 100
    batch = debt.append_all([issued(100, on=0), paid(90, on=10), paid(10, on=5)])
    assert [event.version for event in batch] == [1, 2, 3]
    assert [event.version for event in debt.events] == [1, 3, 2]


def test_a_state_changed_in_place_is_thrown_away_with_the_batch(lab):
    stream = ShortNoteStream.for_("n", lab=lab)
    stream.append(noted("a"))
    assert not any(event.persisted for event in stream.append_all([noted(t) for t in "bcd"]))
    with pytest.raises(fl.ProjectionError):
        stream.append_all([noted("b"), noted("broken")])
    assert all(event.persisted for event in stream.append_all([noted("b"), noted("c")]))
    assert stream.projected_with(ShortTrail).texts == ["a", "b", "c"]


def test_nothing_to_append_is_nothing(side, any_lab):
    assert side.append_all([]) == []
    assert rows_of(any_lab) == 0


@pytest.mark.parametrize(
    ("events", "error", "said"),
    [
        (noted(), TypeError, r"events must be a list of events, got one; use append\(event\)"),
        ([noted(), "x"], TypeError, r"event must be an instance of an fl\.Event subclass, got 'x'"),
        (5, TypeError, "events"),
        (None, TypeError, "events"),
        ([[noted()]], TypeError, "event must be"),
    ],
)
def test_what_is_no_list_of_events_is_refused_by_name(lab, events, error, said):
    for side in (NoteStream.for_("n", lab=lab), NoteStream.for_("n", lab=lab).read()):
        with pytest.raises(error, match=said):
            side.append_all(events)
    assert rows_of(lab) == 0


def test_the_same_object_twice_or_a_fact_is_refused(lab):
    stream = NoteStream.for_("n", lab=lab)
    event = noted()
    with pytest.raises(ValueError, match="events holds the same event object twice"):
        stream.append_all([event, event])
    stream.append(event)
    fresh = noted()
    with pytest.raises(fl.AlreadyPersistedError):
        stream.append_all([fresh, event])
    assert not fresh.persisted
    assert stream.append_all([fresh, noted()])[1].version == 3


def test_many_events_at_once(any_lab):
    stream = ShortNoteStream.for_("other", lab=any_lab)
    plain = NoteStream.for_("n", lab=any_lab)
    events = plain.append_all([noted(str(number)) for number in range(5000)])
    assert [event.version for event in events] == list(range(1, 5001))
    assert [event.text for event in plain.events] == [str(number) for number in range(5000)]
    assert plain.version == 5000
    assert stream.version == 0


def test_an_event_that_was_changed_after_it_was_built_is_looked_at_again(lab):
    class Tagged(fl.Event):
        tags: list[str]

    event = Tagged(tags=["a"])
    event.tags.append("\x00")
    assert not NoteStream.for_("n", lab=lab).append_all([noted(), event])[0].persisted
    assert event.own_errors
