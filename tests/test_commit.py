"""What happens when another writer is faster while a transaction is open: the COMMIT fails (rules 5 and 13)."""

from __future__ import annotations

import contextlib

import duckdb
import pytest

import funes_lab as fl
from tests.domain import NoteStream, noted, rows_of


@pytest.fixture
def two(path, clock) -> tuple[fl.Lab, fl.Lab]:
    """Two labs on one file: what the second does is not in the transaction of the first."""
    return fl.Lab(path, clock=clock), fl.Lab(path, clock=clock)


def test_rule_13_a_conflict_at_the_commit_raises_and_names_the_winner(two):
    mine, other = two
    event, second = noted("late"), noted("elsewhere")
    reading = NoteStream.for_("n", lab=mine).read()

    def work() -> None:
        with mine.transaction():
            reading.append(event)
            NoteStream.for_("m", lab=mine).append(second)
            assert NoteStream.for_("n", lab=other).append(noted("first")).persisted

    with pytest.raises(fl.ConflictError, match=r"version 1 was taken by Debts::Noted \(text first\)") as caught:
        work()
    assert caught.value.event is event
    assert not event.persisted
    assert not second.persisted
    assert [error.source for error in event.errors] == ["conflict"]
    assert event.rejection.stage == "conflict"
    assert event.rejection.winner.payload == {"text": "first"}
    assert [r.id for r in mine.rejections] == [event.rejection.id]
    assert reading.version == 0
    assert rows_of(mine) == 1
    assert [e.text for e in NoteStream.for_("n", lab=mine).events] == ["first"]
    assert NoteStream.for_("n", lab=mine).append(event).version == 2


def test_rule_13_a_duplicate_in_a_table_of_ones_own_is_no_conflict_of_streams(two):
    mine, other = two
    with mine.transaction() as tx:
        tx.execute("CREATE TABLE mine (idx VARCHAR, n INTEGER, PRIMARY KEY (idx, n))")
    event = noted()

    def work() -> None:
        with mine.transaction() as tx:
            NoteStream.for_("n", lab=mine).append(event)
            tx.execute("INSERT INTO mine VALUES ('n', 1)")
            with other.transaction() as theirs:
                theirs.execute("INSERT INTO mine VALUES ('n', 1)")

    with pytest.raises((fl.TransactionError, fl.StoreError)) as caught:
        work()
    assert not isinstance(caught.value, fl.ConflictError)
    assert not event.persisted
    assert event.valid
    assert rows_of(mine) == 0
    assert len(mine.rejections) == 0


def test_rule_13_a_duplicate_at_ones_own_insert_is_the_databases_word(two):
    mine, _ = two
    with mine.transaction() as tx:
        tx.execute("CREATE TABLE mine (idx VARCHAR, n INTEGER, PRIMARY KEY (idx, n))")
        tx.execute("INSERT INTO mine VALUES ('n', 1)")
    event = noted()

    def work() -> None:
        with mine.transaction() as tx:
            NoteStream.for_("n", lab=mine).append(event)
            tx.execute("INSERT INTO mine VALUES ('n', 1)")

    with pytest.raises((duckdb.ConstraintException, fl.StoreError), match=r"(?i)duplicate key"):
        work()
    assert not event.persisted
    assert rows_of(mine) == 0


def test_after_a_failed_statement_the_transaction_cannot_pretend_to_have_stored_anything(two):
    """COMMIT after a failed statement raises nothing in DuckDB and rolls back silently."""
    mine, _ = two
    event = noted()

    def work() -> None:
        with mine.transaction() as tx:
            NoteStream.for_("n", lab=mine).append(event)
            with contextlib.suppress(duckdb.Error):
                tx.execute("SELECT CAST('x' AS INTEGER)")
            NoteStream.for_("n", lab=mine).append(noted())

    with pytest.raises(fl.FunesLabError):
        work()
    assert not event.persisted
    assert rows_of(mine) == 0


def test_a_swallowed_failure_right_before_the_end_is_told_at_the_end(two):
    mine, _ = two
    event, stored = noted(), False
    try:
        with mine.transaction() as tx:
            NoteStream.for_("n", lab=mine).append(event)
            with contextlib.suppress(duckdb.Error):
                tx.execute("SELECT CAST('x' AS INTEGER)")
        stored = True
    except fl.FunesLabError:
        pass
    assert event.persisted == stored
    assert rows_of(mine) == int(stored)
