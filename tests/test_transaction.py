"""Transactions over streams and the user's own tables (rules 5 and 13)."""

from __future__ import annotations

import contextlib
import threading

import pytest

import funes_lab as fl
from tests.domain import (
    DebtEventStream,
    Issued,
    NoteStream,
    ShortNoteStream,
    ShortTrail,
    Trail,
    balance,
    day,
    issued,
    noted,
    paid,
    rows_of,
)


def count(lab: fl.Lab, table: str = "mine") -> int:
    return int(lab.sql(f'SELECT count(*) AS n FROM "{table}"').n[0])


@pytest.fixture
def own_table(any_lab: fl.Lab) -> fl.Lab:
    """A lab with a table of one's own."""
    with any_lab.transaction() as tx:
        tx.execute("CREATE TABLE mine (idx VARCHAR, n INTEGER, PRIMARY KEY (idx, n))")
    return any_lab


def test_rule_5_a_transaction_spans_streams_and_own_tables(own_table):
    with own_table.transaction() as tx:
        a = DebtEventStream.for_("a").append(issued(100))
        b = NoteStream.for_("b").append(noted())
        tx.execute("INSERT INTO mine VALUES (?, ?)", ["x", 1])
        tx.execute("INSERT INTO mine VALUES ($idx, $n)", {"idx": "x", "n": 2})
        assert tx.execute("SELECT n FROM mine ORDER BY n").fetchall() == [(1,), (2,)]
        assert DebtEventStream.for_("a").append(paid(60)).version == 2
        assert DebtEventStream.for_("a").append(paid(60)).state_errors
    assert (a.version, b.version, count(own_table), rows_of(own_table)) == (1, 1, 2, 3)
    assert balance(DebtEventStream.for_("a")) == 40
    assert DebtEventStream.for_("a").append(paid(41)).state_errors


class Boom(Exception):
    pass


@pytest.mark.parametrize("raised", [fl.Rollback, fl.Rollback(), Boom(), KeyboardInterrupt])
def test_rule_5_an_exception_rolls_everything_back_and_rollback_does_so_silently(own_table, raised):
    before = NoteStream.for_("b").append(noted())
    event, other = issued(100), noted()
    silent = raised is fl.Rollback or isinstance(raised, fl.Rollback)

    def work() -> None:
        with own_table.transaction() as tx:
            DebtEventStream.for_("a").append(event)
            NoteStream.for_("b").append_all([other, noted()])
            tx.execute("INSERT INTO mine VALUES ('x', 1)")
            assert event.persisted
            raise raised

    if silent:
        work()
    else:
        with pytest.raises((Boom, KeyboardInterrupt)):
            work()
    for one in (event, other):
        assert (one.persisted, one.version, one.created_at, one.occurred_at) == (False, None, None, None)
        assert one.valid
    assert before.persisted
    assert (rows_of(own_table), count(own_table)) == (1, 0)
    assert DebtEventStream.for_("a").append(event).version == 1
    assert NoteStream.for_("b").append(other).version == 2


def test_rule_5_a_rollback_moves_readings_back(any_lab):
    debt = DebtEventStream.for_("d")
    debt.append(issued(100))
    outside = debt.read()
    with any_lab.transaction():
        inside = debt.read()
        assert outside.append(paid(60)).version == 2
        assert balance(outside) == 40
        assert len(outside.events) == 2
        late = inside.append(paid(10))
        assert late.rejection.stage == "conflict"
        after = debt.read()
        assert after.version == 2
        raise fl.Rollback
    assert (outside.version, inside.version, after.version) == (1, 1, 1)
    for reading in (outside, after):
        assert (balance(reading), len(reading.events)) == (100, 1)
    assert outside.append(paid(100)).version == 2
    assert [event.payload()["principal_amount"] for event in outside.events[1:]] == [100]
    assert after.append(paid(1)).rejection.stage == "conflict"


def test_rule_5_a_rolled_back_event_is_in_no_reading(any_lab):
    reading = NoteStream.for_("n").read()
    with any_lab.transaction():
        reading.append(noted("gone"))
        assert [event.text for event in reading.events] == ["gone"]
        raise fl.Rollback
    reading.append(noted("stays"))
    assert [event.text for event in reading.events] == ["stays"]
    assert reading.projected_with(Trail).texts == ["stays"]


def test_rule_10_nor_in_a_state_that_is_remembered(any_lab):
    stream = ShortNoteStream.for_("n")
    stream.append(noted("a"))
    reading = stream.read()
    with any_lab.transaction():
        for side in (stream, reading):
            side.append(noted("gone"))
        stream.append(noted("gone too"))
        raise fl.Rollback
    for text in "bc":
        assert stream.append(noted(text)).persisted
    assert not stream.append(noted("d")).persisted
    assert stream.projected_with(ShortTrail).texts == ["a", "b", "c"]


def test_rule_5_a_refused_append_leaves_the_rest_alone(own_table):
    stale = NoteStream.for_("n").read()
    NoteStream.for_("n").append(noted("first"))
    with own_table.transaction() as tx:
        tx.execute("INSERT INTO mine VALUES ('x', 1)")
        assert NoteStream.for_("m").append(noted()).persisted
        assert Issued().own_errors == DebtEventStream.for_("d").append(Issued()).errors
        assert DebtEventStream.for_("d").append(paid(1)).state_errors
        denied = stale.append(noted("late"))
        assert denied.rejection.stage == "conflict"
        assert denied.rejection.winner.payload == {"text": "first"}
        assert NoteStream.for_("n").append(noted(), expected_version=9).rejection.stage == "conflict"
        assert stale.append_all([noted(), noted()])[0].rejection.stage == "conflict"
        assert NoteStream.for_("n").append(noted("second")).version == 2
    assert (rows_of(own_table), count(own_table)) == (3, 1)
    assert [r.stage for r in own_table.rejections] == ["own", "state", "conflict", "conflict", "conflict"]


def test_rule_5_a_winner_in_the_same_transaction_is_named(any_lab):
    stream = NoteStream.for_("n")
    with any_lab.transaction():
        first, second = stream.read(), stream.read()
        first.append(noted("mine"))
        late = second.append(noted("late"))
        assert late.rejection.winner.payload == {"text": "mine"}
        assert stream.append(noted("third")).version == 2
    assert [event.text for event in stream.events] == ["mine", "third"]


def test_rule_5_the_journal_survives_a_rollback_and_holds_refusals_only(any_lab):
    debt = DebtEventStream.for_("d")
    with any_lab.transaction():
        debt.append(issued(10))
        refused = debt.append(paid(11))
        raise fl.Rollback
    (rejection,) = any_lab.rejections
    assert rejection.id == refused.rejection.id
    assert (rejection.stage, rejection.version_read) == ("state", 1)
    assert repr(rejection.explain()) == repr(refused.rejection.explain())
    assert refused.errors
    assert rows_of(any_lab) == 0


def test_rule_5_a_fault_inside_rolls_back_when_it_leaves_the_block(any_lab):
    event = issued(10)

    def work() -> None:
        with any_lab.transaction():
            DebtEventStream.for_("d").append(event)
            DebtEventStream.for_("d").append(noted())

    with pytest.raises(fl.MissingActualTimeAttributeError):
        work()
    assert not event.persisted
    assert rows_of(any_lab) == 0


def test_append_or_raise_inside_a_transaction_undoes_all_of_it(any_lab):
    event = issued(10)

    def work() -> None:
        with any_lab.transaction():
            DebtEventStream.for_("d").append_or_raise(event)
            DebtEventStream.for_("d").append_or_raise(paid(11))

    with pytest.raises(fl.EventRejected):
        work()
    assert not event.persisted
    assert (rows_of(any_lab), len(any_lab.rejections)) == (0, 1)


def test_a_nested_transaction_is_refused_and_the_outer_one_goes_on(any_lab):
    with any_lab.transaction():
        NoteStream.for_("n").append(noted())
        with pytest.raises(fl.TransactionError, match="a transaction is open already"), any_lab.transaction():
            pytest.fail("never reached")
    assert rows_of(any_lab) == 1


def test_a_transaction_that_has_ended_is_refused(any_lab):
    with any_lab.transaction() as tx:
        pass
    with pytest.raises(fl.TransactionError, match=r"this transaction has ended; open another one"):
        tx.execute("SELECT 1")


def test_everything_that_asks_inside_sees_what_was_written_inside(any_lab):
    stream = NoteStream.for_("n")
    with any_lab.transaction():
        stream.append(noted("x"))
        assert (len(stream), stream.version, len(stream.read()), len(any_lab.log)) == (1, 1, 1, 1)
        assert stream.projected_with(Trail).texts == ["x"]
        assert list(any_lab.log.df().text) == ["x"]
        assert len(any_lab.replay(Trail)) == 1
        assert rows_of(any_lab) == 1
        assert len(any_lab.log.streams()) == 1
        assert repr(stream)
        assert repr(any_lab)
        raise fl.Rollback
    assert len(stream) == 0


def test_load_takes_part_in_a_transaction_or_is_refused_in_it(lab):
    row = {"klass": "K", "idx": "a", "props": {}, "version": 1, "created_at": day(0), "occurred_at": day(0)}
    with lab.transaction():
        with contextlib.suppress(fl.TransactionError):
            lab.load([row])
        raise fl.Rollback
    assert rows_of(lab) == 0


def test_another_thread_waits_for_the_end_of_the_transaction(any_lab):
    stream, versions = NoteStream.for_("n"), []
    other = threading.Thread(target=lambda: versions.append(stream.append(noted("other")).version))
    with any_lab.transaction():
        stream.append(noted("mine"))
        other.start()
        other.join(0.05)
        assert versions == []
        stream.append(noted("mine"))
    other.join()
    assert versions == [3]
