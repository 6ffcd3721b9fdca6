"""A table event_entries that another program made is opened as it is (rules 1 and 12)."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

import funes_lab as fl
from tests.domain import NoteStream, Trail, balance, day, issued, noted, rows_of

RAILS = """
CREATE TABLE event_entries (
    id BIGINT{id}, klass VARCHAR NOT NULL, idx VARCHAR NOT NULL, props JSON NOT NULL, meta_info JSON,
    version INTEGER NOT NULL, created_at TIMESTAMP NOT NULL, occurred_at TIMESTAMP NOT NULL{unique}
);
INSERT INTO event_entries VALUES
    (1, 'Debts::Issued', 'debts-1', '{{"amount":"100.0","interest_rate":"0.05","at":"2026-01-01T00:00:00.000Z"}}', NULL,
     1, '2026-02-01 10:00:00.123456', '2026-01-01 00:00:00'),
    (2, 'Debts::PaymentReceived', 'debts-1',
     '{{"principal_amount":"30.0","interest_amount":"0.0","at":"2026-01-05T00:00:00.000Z","cents":null}}',
     '{{"user_id":7}}', 2, '2026-02-02 10:00:00', '2026-01-05 00:00:00'),
    (3, 'Old::Thing', 'things-1', '{{}}', '{{}}', 1, '2026-02-03 10:00:00', '2026-02-03 10:00:00');
"""


def made(path: Path, sql: str) -> Path:
    with duckdb.connect(str(path)) as other:
        other.execute(sql)
    return path


@pytest.fixture(params=["with its constraint", "with an index", "without"])
def rails(request: pytest.FixtureRequest, path: Path) -> Path:
    """A file as an export of a Rails application makes it."""
    made(path, RAILS.format(id="", unique=", UNIQUE (idx, version)" if "constraint" in request.param else ""))
    if "index" in request.param:
        made(path, "CREATE UNIQUE INDEX index_event_entries ON event_entries (idx, version)")
    return path


@pytest.mark.parametrize("read_only", [True, False])
def test_a_table_of_the_ruby_gem_is_read_as_it_is(rails, read_only):
    with fl.Lab(rails, read_only=read_only) as lab:
        stream = NoteStream.for_("debts-1", lab=lab)
        assert balance(stream) == 70
        first, second = stream.events
        assert first == issued("100.0")
        assert first.created_at.isoformat() == "2026-02-01T10:00:00.123456+00:00"
        assert (second.occurred_at, second.meta_info, second.kept_aside) == (day(4), {"user_id": 7}, {"cents": None})
        assert first.meta_info == {}
        assert [type(event) for event in NoteStream.for_("things-1", lab=lab).events] == [fl.UnknownEvent]
        assert list(lab.log.df().version) == [1, 2, 1]
        assert str(lab.log.df().occurred_at.dtype) == "datetime64[us, UTC]"
        assert list(lab.log.streams().refused) == [0, 0]
        assert (len(lab.rejections), list(lab.rejections), len(lab.rejections.df())) == (0, [], 0)
        assert balance(stream, as_of="2026-02-02") == 100
        for thing in (lab, stream, lab.rejections):
            assert repr(thing)
            assert thing._repr_html_()


def test_it_can_be_written_on_and_two_writers_never_get_one_version(rails):
    with fl.Lab(rails) as lab:
        stream = NoteStream.for_("debts-1", lab=lab)
        first, second = stream.read(), stream.read()
        assert first.append(noted("a")).version == 3
        assert second.append(noted("b")).rejection.stage == "conflict"
        assert [event.version for event in NoteStream.for_("new", lab=lab).append_all([noted(), noted()])] == [1, 2]
        assert len(lab.rejections) == 1
    with fl.Lab(rails) as lab:
        assert rows_of(lab) == 6
        assert NoteStream.for_("debts-1", lab=lab).projected_with(Trail).texts == ["a"]


def test_a_unique_index_on_something_else_is_not_taken_for_the_one_on_versions(path):
    made(path, RAILS.format(id=" PRIMARY KEY DEFAULT 0", unique=""))
    made(path, "CREATE UNIQUE INDEX by_id ON event_entries (id)")
    with fl.Lab(path) as lab:
        with pytest.raises(duckdb.ConstraintException):
            lab.store.cursor().execute("INSERT INTO event_entries SELECT 9, * EXCLUDE (id) FROM event_entries LIMIT 1")
        assert rows_of(lab) == 3


def test_a_table_that_holds_a_version_twice_is_told(path):
    made(path, RAILS.format(id="", unique=""))
    made(path, "INSERT INTO event_entries SELECT * FROM event_entries")
    with pytest.raises(fl.CorruptLogError, match="version of a stream twice"):
        fl.Lab(path)


@pytest.mark.parametrize("column", ["klass", "idx", "props", "version", "created_at", "occurred_at", "meta_info"])
def test_a_table_without_a_column_of_the_log_is_told_and_left_alone(path, column):
    made(path, RAILS.format(id="", unique=""))
    made(path, f"ALTER TABLE event_entries DROP COLUMN {column}")
    for read_only in (True, False):
        with pytest.raises(fl.CorruptLogError, match=f"event_entries in .*ledger.duckdb has no column {column}"):
            fl.Lab(path, read_only=read_only)
    with duckdb.connect(str(path)) as other:
        assert other.execute("SELECT table_name FROM duckdb_tables()").fetchall() == [("event_entries",)]


def test_ones_own_tables_in_the_file_are_left_alone(path):
    made(path, "CREATE TABLE mine AS SELECT 5 AS n")
    with fl.Lab(path) as lab:
        NoteStream.for_("n", lab=lab).append(noted())
        assert lab.sql("SELECT n FROM mine").n[0] == 5
