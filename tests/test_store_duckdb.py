"""The file under a log: opening, closing, sharing, locks, damage, forks, tables from elsewhere."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

import funes_lab as fl
from tests.domain import DebtEventStream, Noted, NoteStream, Trail, balance, day, issued, noted, paid, rows_of


def written(path: Path, count: int = 3) -> list[fl.Event]:
    with fl.Lab(path) as lab:
        return NoteStream.for_("n", lab=lab).append_all([noted(str(number)) for number in range(count)])


def test_reopening_reads_back_what_was_written(path):
    with fl.Lab(path) as lab:
        debt = DebtEventStream.for_("d", lab=lab)
        before = [debt.append(issued(100)), debt.append(paid(1, on=9)), debt.append(paid(2, on=5))]
        debt.append(paid(1000, on=9))
    assert path.exists()
    for options in ({"read_only": True}, {}):
        with fl.Lab(path, **options) as lab:
            debt = DebtEventStream.for_("d", lab=lab)
            after = sorted(debt.events, key=lambda event: event.version)
            assert after == before
            for one, other in zip(before, after, strict=True):
                assert (one.version, one.created_at, one.occurred_at) == (
                    other.version,
                    other.created_at,
                    other.occurred_at,
                )
            assert (balance(debt), len(lab.rejections)) == (97, 1)
    with fl.Lab(path) as lab:
        assert DebtEventStream.for_("d", lab=lab).append(paid(3, on=9)).version == 4


def test_a_part_of_a_stream_or_of_the_journal_is_read_the_newest_first(lab):
    debt, notes = DebtEventStream.for_("d", lab=lab), NoteStream.for_("n", lab=lab)
    for event in (issued(100), paid(1, on=9), paid(2, on=5), paid(1000, on=9), paid(13, on=9)):
        debt.append(event)
    notes.append(noted("x"))
    store = lab.store
    assert [row.version for row in store.newest("d", 2)] == [2, 3]  # in replay order 3 comes before 2
    assert [row.version for row in store.newest("d", 2, 2)] == [1]
    assert store.newest("nobody", 2) == []
    assert store.names_in(["n", "d", "nobody"]) == [
        ("d", "Debts::Issued"),
        ("d", "Debts::PaymentReceived"),
        ("n", "Debts::Noted"),
    ]
    assert store.names_in([]) == []
    attempts = [(one.idx, one.stage, one.stream_class, one.event) for one in store.attempts(["d", "n"])]
    told = "DebtEventStream", "Debts::PaymentReceived"
    assert attempts == [("d", "state", *told), ("d", "interpretation", *told)]
    assert store.attempts(["n"]) == store.attempts([]) == []
    assert [one.stage for one in lab.rejections.newest(5)] == ["interpretation", "state"]
    assert [one.stage for one in debt.rejections.newest(1, 1)] == ["state"]
    assert notes.rejections.newest(5) == []


def test_the_same_path_opened_twice_shares_the_store(path, monkeypatch):
    first = fl.Lab(path)
    monkeypatch.chdir(path.parent)
    link = path.parent / "link.duckdb"
    link.symlink_to(path)
    for name in (
        path,
        str(path),
        path.name,
        f"./{path.name}",
        link,
        f"{path.parent}/../{path.parent.name}/{path.name}",
    ):
        second = fl.Lab(name)
        NoteStream.for_("n", lab=second).append(noted())
        second.close()
        assert not first.closed
    assert NoteStream.for_("n", lab=first).version == 6
    first.close()
    assert [rows_of(fl.Lab(path))] == [6]


def test_two_labs_in_memory_share_nothing():
    NoteStream.for_("n", lab=fl.Lab()).append(noted())
    assert rows_of(fl.Lab()) == 0


def test_closing_twice_does_nothing_and_a_closed_lab_is_refused(path):
    lab = fl.Lab(path)
    stream = NoteStream.for_("n", lab=lab)
    stream.append(noted())
    reading = stream.read()
    other = fl.Lab(path)
    lab.close()
    lab.close()
    assert lab.closed
    for work in (
        lambda: stream.append(noted()),
        lambda: stream.append_all([noted()]),
        lambda: stream.check(noted()),
        lambda: stream.events,
        lambda: stream.version,
        lambda: stream.projected_with(Trail),
        stream.read,
        lambda: reading.append(noted()),
        lambda: lab.sql("SELECT 1"),
        lambda: lab.load([]),
        lambda: lab.replay(Trail),
        lambda: len(lab.rejections),
        lambda: lab.transaction().__enter__(),
    ):
        with pytest.raises(fl.ClosedError, match=r"is closed; open it again with fl\.Lab"):
            work()
    assert NoteStream.for_("n", lab=other).append(noted()).version == 2


# Read-only


def test_a_read_only_lab_reads_and_refuses_to_write(path):
    written(path)
    with fl.Lab(path, read_only=True) as lab:
        refuses_to_write(lab)
    with fl.Lab(path) as writer, fl.Lab(path, read_only=True) as lab:
        refuses_to_write(lab)
        assert NoteStream.for_("n", lab=writer).append(noted()).version == 4
        assert NoteStream.for_("n", lab=lab).version == 4


def refuses_to_write(lab: fl.Lab) -> None:
    assert lab.read_only
    stream = NoteStream.for_("n", lab=lab)
    reading = stream.read()
    assert [event.text for event in stream.events] == ["0", "1", "2"]
    assert stream.projected_with(Trail).texts == ["0", "1", "2"]
    assert stream.check(noted())
    assert not stream.check(Noted())
    event = noted()
    for work in (
        lambda: stream.append(event),
        lambda: stream.append(Noted()),
        lambda: stream.append_all([event]),
        lambda: reading.append(event),
        lambda: stream.append(event, expected_version=0),
        lambda: lab.load([]),
        lab.rejections.clear,
        stream.rejections.clear,
        lambda: lab.transaction().__enter__(),
    ):
        with pytest.raises(fl.ReadOnlyError, match="open for reading only; open it without read_only=True"):
            work()
    assert not event.persisted
    assert (rows_of(lab), len(lab.rejections)) == (3, 0)


@pytest.mark.parametrize(
    ("make", "error", "said"),
    [
        (lambda path: fl.Lab(path, read_only=True), fl.StoreError, "ledger.duckdb' does not exist; there is nothing"),
        (lambda path: fl.Lab(path.parent), fl.StoreError, "is a folder; give the name of a file"),
        (lambda path: fl.Lab(path.parent / "no" / "x"), fl.StoreError, "which does not exist; give the name of a file"),
        (lambda path: fl.Lab(path / "x"), fl.StoreError, "lies in .*which does not exist"),
        (lambda path: fl.Lab(""), ValueError, "path must be the name of a file or ':memory:', got ''"),
        (lambda path: fl.Lab("a\x00b"), ValueError, "path must be the name of a file"),
        (lambda path: fl.Lab(5), TypeError, ""),
        (lambda path: fl.Lab(b"x"), (ValueError, TypeError), "path must be"),
        (lambda path: fl.Lab(read_only=True), ValueError, "read_only=True needs a file"),
    ],
)
def test_a_path_that_is_none_is_refused(path, make, error, said):
    with pytest.raises(error, match=said or None):
        make(path)
    assert not path.exists()


def test_times_written_in_another_zone_are_read_in_utc(path):
    written(path)
    with duckdb.connect(str(path)) as other:
        other.execute("SET TimeZone = 'Asia/Tokyo'")
        there = "klass, idx, props, meta_info, 9, created_at, '2026-01-01 09:00' FROM event_entries LIMIT 1"
        other.execute(f"INSERT INTO event_entries SELECT {there}")
    with fl.Lab(path) as lab:
        assert NoteStream.for_("n", lab=lab).events[0].occurred_at == day(0)
        assert lab.log.df().occurred_at[0] == day(0)
