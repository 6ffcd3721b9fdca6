"""Lab: its clock, its log, SQL over it, what it refuses when it is closed or read-only."""

from __future__ import annotations

import contextlib
import threading
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

import funes_lab as fl
from tests.domain import (
    DebtEventStream,
    Noted,
    NoteStream,
    Trail,
    VirtualOutstandingBalance,
    day,
    issued,
    noted,
    paid,
    rows_of,
)


def test_rule_1_the_table_has_the_columns_and_the_meaning_of_funes(any_lab):
    DebtEventStream.for_("debts-1", lab=any_lab).append(issued("100.10", on=3))
    row = any_lab.sql("SELECT * FROM event_entries").iloc[0].to_dict()
    assert list(row) == ["klass", "idx", "props", "meta_info", "version", "created_at", "occurred_at"]
    assert (row["klass"], row["idx"], row["version"]) == ("Debts::Issued", "debts-1", 1)
    assert row["props"] == '{"amount":"100.10","interest_rate":"0.05","at":"2026-01-04T00:00:00Z"}'
    assert row["meta_info"] in ("{}", None)
    assert (row["created_at"], row["occurred_at"]) == (datetime(2026, 6, 1, 9, tzinfo=UTC), day(3))
    kinds = any_lab.sql("SELECT column_type FROM (DESCRIBE event_entries)").column_type
    assert list(kinds) == ["VARCHAR", "VARCHAR", "JSON", "JSON", "BIGINT", *["TIMESTAMP WITH TIME ZONE"] * 2]
    with any_lab.store.opened(), any_lab.store.cursor() as cursor, pytest.raises(duckdb.ConstraintException):
        cursor.execute("INSERT INTO event_entries SELECT * FROM event_entries")


def test_rule_12_decimals_travel_as_strings_and_times_as_iso_8601_in_utc(lab):
    there = datetime(2026, 1, 4, 5, 0, 0, 123456, tzinfo=timezone(timedelta(hours=5)))
    event = issued("1E+3").model_copy(update={"at": there})
    DebtEventStream.for_("d", lab=lab).append(event)
    props = lab.sql("SELECT props->>'amount' AS amount, props->>'at' AS at FROM event_entries").iloc[0]
    assert (props.amount, props["at"]) == ("1E+3", "2026-01-04T00:00:00.123456Z")


# The clock


@pytest.mark.parametrize(
    "moment", [datetime(2026, 6, 1, 9), datetime(2026, 6, 1, 11, tzinfo=timezone(timedelta(hours=2)))]
)
def test_the_clock_gives_the_record_time_and_a_naive_one_counts_as_utc(moment):
    lab = fl.Lab(clock=lambda: moment)
    event = NoteStream.for_("n").append(noted())
    assert event.created_at == lab.now() == datetime(2026, 6, 1, 9, tzinfo=UTC)
    assert NoteStream.for_("n").events[0].created_at == event.created_at


def test_a_clock_that_is_none_is_refused():
    with pytest.raises(TypeError, match="clock must be a function that gives a datetime, got 5"):
        fl.Lab(clock=5)
    lab = fl.Lab(clock=lambda: "noon")
    with pytest.raises(TypeError, match="clock must give a datetime, got 'noon'"):
        NoteStream.for_("n", lab=lab).append(noted())
    assert rows_of(lab) == 0


def test_without_a_clock_it_is_now():
    before = datetime.now(UTC)
    event = NoteStream.for_("n", lab=fl.Lab()).append(noted())
    assert before <= event.created_at <= datetime.now(UTC)


# The log


def test_the_log_lists_every_event_and_every_stream(any_lab):
    debt = DebtEventStream.for_("a", lab=any_lab)
    debt.append(issued(100, on=2))
    debt.append(paid(1, on=5))
    debt.append(paid(2, on=3))
    debt.append(paid(1000, on=9))
    NoteStream.for_("b", lab=any_lab).append(noted(), at=day(0))
    NoteStream.for_("only refused", lab=any_lab).append(Noted())
    assert (len(any_lab.log), bool(any_lab.log)) == (4, True)
    assert "4 events" in repr(any_lab.log)
    frame = any_lab.log.df()
    assert list(zip(frame.idx, frame.version, strict=True)) == [("a", 1), ("a", 3), ("a", 2), ("b", 1)]
    streams = any_lab.log.streams()
    assert [type(name) for name in streams.last_event[:2]] == [str, str]
    assert streams.astype(object).where(streams.notna(), None).to_dict("list") == {
        "idx": ["a", "b", "only refused"],
        "events": [3, 1, 0],
        "version": [3, 1, 0],
        "first_at": [day(2), day(0), None],
        "last_at": [day(5), day(0), None],
        "last_event": ["Debts::PaymentReceived", "Debts::Noted", None],
        "refused": [1, 0, 1],
    }


def test_replay_of_a_lab_is_a_row_a_stream(any_lab):
    for idx, amount in (("a", 100), ("b", 200)):
        DebtEventStream.for_(idx, lab=any_lab).append(issued(amount))
    DebtEventStream.for_("a", lab=any_lab).append(paid(30, on=4))
    NoteStream.for_("c", lab=any_lab).append(noted())
    frame = any_lab.replay(VirtualOutstandingBalance)
    assert list(frame.idx) == ["a", "b"]
    assert list(frame.version) == [2, 1]
    assert list(frame.outstanding_balance) == [Decimal(70), Decimal(200)]
    assert list(frame.occurred_at) == [day(4), day(0)]
    assert list(any_lab.replay(Trail).idx) == ["c"]


# SQL


def test_sql_answers_with_a_frame_and_takes_parameters(any_lab):
    for amount in ("100.10", "5"):
        DebtEventStream.for_("d", lab=any_lab).append(issued(amount))
    query = "SELECT sum((props->>'amount')::DECIMAL(18, 2)) AS total, max(occurred_at) AS last FROM event_entries"
    frame = any_lab.sql(query)
    assert frame.total[0] == Decimal("105.10")
    assert isinstance(frame.total[0], Decimal)
    assert str(frame["last"].dtype) == "datetime64[us, UTC]"
    for where, params in (("version = ?", [2]), ("version = $v", {"v": 2})):
        found = any_lab.sql(f"SELECT idx, version FROM event_entries WHERE {where}", params)
        assert found.to_dict("records") == [{"idx": "d", "version": 2}]
    assert any_lab.sql("FROM event_entries WHERE false").empty
    assert list(any_lab.sql("VALUES (1), (2)").iloc[:, 0]) == [1, 2]
    assert len(any_lab.sql("WITH a AS (SELECT 1) SELECT * FROM a; ")) == 1


NO_SELECT = [
    "INSERT INTO event_entries SELECT * FROM event_entries",
    "DELETE FROM event_entries",
    "UPDATE event_entries SET idx = 'x'",
    "DROP TABLE event_entries",
    "CREATE TABLE t (a INT)",
    "CREATE TABLE t AS SELECT 1",
    "SELECT 1; SELECT 2",
    "SELECT 1; DELETE FROM event_entries",
    "PRAGMA disable_optimizer",
    "COPY event_entries TO 'x.csv'",
    "COPY (SELECT 1) TO 'x.csv'",
    "ATTACH 'x.duckdb'",
    "SET threads = 1",
    "BEGIN",
    "COMMIT",
    "CHECKPOINT",
    "EXPORT DATABASE 'x'",
    "EXPLAIN ANALYZE DELETE FROM event_entries",
    "PREPARE p AS SELECT 1",
    "",
    "  ",
    "-- nothing",
    ";",
]


@pytest.mark.parametrize("inside", [False, True], ids=["outside", "in a transaction"])
def test_sql_is_exactly_one_select(lab, inside, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    NoteStream.for_("n").append(noted())
    with lab.transaction() if inside else contextlib.nullcontext():
        for query in NO_SELECT:
            with pytest.raises(ValueError, match="query must be exactly one SELECT"):
                lab.sql(query)
        assert NoteStream.for_("n").append(noted()).version == 2
    assert rows_of(lab) == 2
    assert list(Path().iterdir()) == []


@pytest.mark.parametrize("inside", [False, True], ids=["outside", "in a transaction"])
@pytest.mark.parametrize(
    "query",
    [
        "WITH x AS (DELETE FROM event_entries RETURNING idx) SELECT * FROM x",
        "SELECT nextval('numbers')",
        "SELECT * FROM query('DELETE FROM event_entries')",
        "SELECT * FROM checkpoint()",
        "SELECT * FROM force_checkpoint()",
        "SELECT * FROM pragma_table_info('event_entries')",
    ],
)
def test_a_select_with_side_effects_has_none(lab, query, inside):
    NoteStream.for_("n").append(noted())
    with lab.transaction() as tx:
        tx.execute("CREATE SEQUENCE numbers")

    def ask() -> Any:
        try:
            return lab.sql(query)
        except (ValueError, duckdb.Error, fl.FunesLabError) as refused:
            return refused

    if inside:
        with contextlib.suppress(fl.FunesLabError), lab.transaction():
            ask()
    else:
        ask()
    assert rows_of(lab) == 1
    assert NoteStream.for_("n").append(noted()).version == 2
    assert len(NoteStream.for_("n").events) == 2


def test_what_duckdb_says_of_a_query_is_said(lab):
    with pytest.raises(duckdb.Error, match="nowhere"):
        lab.sql("SELECT * FROM nowhere")
    with pytest.raises(duckdb.ParserException):
        lab.sql("SELEC 1")
    with pytest.raises(TypeError, match="query must be a str, got 5"):
        lab.sql(5)
    assert lab.sql("SELECT 1 AS a").a[0] == 1


# Threads


def test_eight_threads_append_through_one_lab_and_versions_stay_contiguous(any_lab):
    def work(name: int) -> None:
        for number in range(25):
            assert NoteStream.for_(f"s{number % 3}", lab=any_lab).append(noted(f"{name}-{number}")).persisted

    threads = [threading.Thread(target=work, args=(name,)) for name in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert rows_of(any_lab) == 200
    seen = []
    for idx in ("s0", "s1", "s2"):
        events = NoteStream.for_(idx, lab=any_lab).events
        assert sorted(event.version for event in events) == list(range(1, len(events) + 1))
        seen += [event.text for event in events]
    assert len(set(seen)) == 200


def test_threads_that_judge_never_let_two_spend_the_same_money(any_lab):
    DebtEventStream.for_("d", lab=any_lab).append(issued(10))
    results: list[bool] = []

    def work() -> None:
        results.extend(DebtEventStream.for_("d", lab=any_lab).append(paid(1)).persisted for _ in range(5))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(results) == 10
    assert len(any_lab.rejections) == 30


# Reprs


def test_the_reprs_of_a_lab_are_text_and_html_empty_full_and_closed(path):
    lab = fl.Lab(path)
    for count in (0, 1, 30):
        while len(lab.log.streams()) < count:
            NoteStream.for_(f"<i>{len(lab.log.streams())}", lab=lab).append(noted())
        for shown in (repr(lab), lab._repr_html_()):
            assert "ledger.duckdb" in shown
        assert "<i>" not in lab._repr_html_()
    stream = NoteStream.for_("n", lab=lab)
    lab.close()
    assert "closed" in repr(lab)
    assert "closed" in lab._repr_html_()
    for shown in (stream.__repr__, stream._repr_html_):
        assert shown()


def test_a_stream_of_a_great_many_events_and_huge_values_shows_itself_shortly(lab):
    stream = NoteStream.for_("x" * 1024, lab=lab)
    stream.append_all([noted("y" * 100_000) for _ in range(50)])
    for thing in (stream, lab, stream.events[0], stream.read()):
        assert len(repr(thing)) < 250_000
        assert len(thing._repr_html_()) < 300_000
    assert len(repr(stream)) < 5_000
