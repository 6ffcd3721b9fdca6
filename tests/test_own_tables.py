"""tx.execute is for one's own tables: it reaches neither the log nor around the transaction (rule 5)."""

from __future__ import annotations

import contextlib

import duckdb
import pytest

import funes_lab as fl
from tests.domain import Noted, NoteStream, noted, rows_of

OWN = [
    "event_entries",
    "EVENT_ENTRIES",
    '"event_entries"',
    '"Event_Entries"',
    "main.event_entries",
    "memory.main.event_entries",
    "funes_lab_rejections",
    "funes_lab_schema",
    "event_entries/* x */",
    "--\nevent_entries",
]


WRITES = [
    "DELETE FROM {}",
    "INSERT INTO {} SELECT 1",
    "UPDATE {} SET idx = 'x'",
    "DROP TABLE {}",
    "TRUNCATE {}",
    "ALTER TABLE {} ADD COLUMN x INT",
    "COPY {} FROM 'x.csv'",
    "CREATE INDEX i ON {} (idx)",
    "CREATE OR REPLACE TABLE {} (a INT)",
    "CREATE VIEW v AS SELECT * FROM {}",
    "WITH x AS (DELETE FROM {} RETURNING 1) SELECT * FROM x",
    "SELECT 1; DELETE FROM {}",
]


@pytest.mark.parametrize("table", OWN)
def test_rule_5_the_log_and_the_journal_are_refused(lab, table):
    NoteStream.for_("n").append(noted())
    with lab.transaction() as tx:
        for sql in WRITES:
            with pytest.raises(fl.StoreError, match="your own tables"):
                tx.execute(sql.format(table))
        assert NoteStream.for_("n").append(noted()).version == 2
    assert rows_of(lab) == 2


@pytest.mark.parametrize(
    "sql",
    [
        "BEGIN",
        "COMMIT",
        "ROLLBACK",
        "INSERT INTO mine VALUES ('a', 1); COMMIT",
        "CREATE VIEW v AS SELECT 1; COMMIT; BEGIN",
        "ATTACH ':memory:' AS other",
        "USE temp",
        "DETACH memory",
        "PREPARE p AS COMMIT",
        "PREPARE p AS DELETE FROM event_entries",
        "CHECKPOINT",
        "SET TimeZone = 'Asia/Tokyo'",
        "SET GLOBAL TimeZone = 'Asia/Tokyo'",
        "PRAGMA disable_optimizer",
        "EXPORT DATABASE 'x'",
        "COPY (SELECT 1) TO 'x.csv'",
        "DELETE FROM query_table('event' || '_entries')",
        "DROP SCHEMA main CASCADE",
        "CREATE TEMP TABLE idx (a INT)",
    ],
)
@pytest.mark.parametrize("end", ["rollback", "commit"])
def test_rule_5_the_transaction_stays_whole_and_the_log_what_it_was(lab, sql, end, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    NoteStream.for_("n").append(noted("kept"))
    with lab.transaction() as tx:
        tx.execute("CREATE TABLE mine (idx VARCHAR, n INTEGER)")
    event = noted("inside")
    with contextlib.suppress(fl.FunesLabError), lab.transaction() as tx:
        NoteStream.for_("n").append(event)
        tx.execute("INSERT INTO mine VALUES ('x', 1)")
        with contextlib.suppress(duckdb.Error, fl.StoreError):
            tx.execute(sql)
        if end == "rollback":
            raise fl.Rollback
    assert event.persisted <= (end == "commit")
    assert [e.text for e in NoteStream.for_("n").events] == ["kept", *["inside"] * event.persisted]
    assert len(lab.sql("SELECT * FROM mine")) >= event.persisted
    after = NoteStream.for_("n").append(noted())
    assert after.version == 2 + event.persisted
    times = [e.created_at for e in NoteStream.for_("n").events]
    assert list(lab.log.df().created_at) == times
    assert {time.tzname() for time in times} == {"UTC"}
    assert not NoteStream.for_("n").append(Noted()).persisted
    assert len(lab.rejections) == 1
