"""The file under a log: opening, closing, sharing, locks, damage, forks, tables from elsewhere."""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

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
        lambda: lab.log.df(),
        lambda: lab.replay(Trail),
        lambda: len(lab.rejections),
        lambda: lab.transaction().__enter__(),
    ):
        with pytest.raises(fl.ClosedError, match="is closed; open it again with fl.Lab"):
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
        lambda: lab.rejections.clear(),
        lambda: stream.rejections.clear(),
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


# Another process


@pytest.fixture
def holder(path: Path) -> Iterator[Callable[..., Any]]:
    """Starts another process that holds the file until the end of the test."""
    started: list[subprocess.Popen[str]] = []

    def start(how: str = "") -> int:
        code = (
            f"import duckdb, sys; c = duckdb.connect({str(path)!r}{how}); print('held', flush=True); sys.stdin.read()"
        )
        child = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        started.append(child)
        assert child.stdout is not None
        assert child.stdout.readline() == "held\n"
        return child.pid

    yield start
    for child in started:
        child.communicate("")


@pytest.mark.parametrize("options", [{}, {"read_only": True}])
def test_a_file_that_another_process_holds_is_told_with_that_process(path, holder, options):
    written(path)
    pid = holder()
    with pytest.raises(
        fl.StoreLockedError, match=rf"is held by .*\(process {pid}\).*one process at a time.*lab.close"
    ) as c:
        fl.Lab(path, **options)
    assert (c.value.pid, c.value.path) == (pid, str(path.resolve()))
    assert "python" in c.value.process


def test_two_processes_may_read_one_file(path, holder):
    written(path)
    holder(", read_only=True")
    with fl.Lab(path, read_only=True) as lab:
        assert NoteStream.for_("n", lab=lab).version == 3
    with pytest.raises(fl.StoreLockedError):
        fl.Lab(path)


# Damage


def flip(path: Path, start: int, stop: int, seed: int = 1) -> None:
    data = bytearray(path.read_bytes())
    for place in random.Random(seed).sample(range(start, min(stop, len(data))), 64):
        data[place] ^= 0xFF
    path.write_bytes(data)


DAMAGE: dict[str, Callable[[Path], Any]] = {
    "cut after the headers": lambda path: os.truncate(path, 12_288),
    "cut in the headers": lambda path: os.truncate(path, 5_000),
    "a few bytes": lambda path: os.truncate(path, 10),
    "magic bytes": lambda path: flip(path, 8, 200),
    "all headers": lambda path: flip(path, 0, 12_288),
    "database headers": lambda path: flip(path, 4_096, 4_200) or flip(path, 8_192, 8_300),
    "random bytes": lambda path: path.write_bytes(random.Random(1).randbytes(50_000)),
    "text": lambda path: path.write_text("klass,idx\nNoted,n\n" * 5_000),
    "short text": lambda path: path.write_text("hello"),
    "zeros": lambda path: path.write_bytes(bytes(50_000)),
}


@pytest.mark.parametrize("options", [{}, {"read_only": True}], ids=["", "read_only"])
@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_file_is_told_as_damaged(path, damage, options):
    written(path, 2000)
    DAMAGE[damage](path)
    before = path.read_bytes()
    with pytest.raises(fl.CorruptLogError, match="ledger.duckdb is damaged, or is no DuckDB file"):
        fl.Lab(path, **options)
    assert path.read_bytes() == before


def test_damage_further_on_is_told_or_harmless_and_never_wrong_data(path):
    events = written(path, 3000)
    copy = path.with_name("whole.duckdb")
    shutil.copy(path, copy)
    told = 0
    for seed in range(8):
        shutil.copy(copy, path)
        size = path.stat().st_size
        start = random.Random(seed).randrange(12_288, size - 4_096)
        flip(path, start, start + 4_096, seed)
        try:
            with fl.Lab(path) as lab:
                assert NoteStream.for_("n", lab=lab).events == events
                lab.log.df()
        except fl.CorruptLogError:
            told += 1
    assert told > 0


def test_an_empty_file_is_a_new_log_or_told(path):
    path.touch()
    try:
        lab = fl.Lab(path)
    except fl.CorruptLogError:
        return
    assert NoteStream.for_("n", lab=lab).append(noted()).version == 1


def test_a_file_of_another_database_is_told(path):
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE event_entries (a)")
    other.close()
    before = path.read_bytes()
    with pytest.raises(fl.StoreError, match=r"ledger\.duckdb"):
        fl.Lab(path)
    assert path.read_bytes() == before


def test_a_database_that_is_no_log_is_told_when_it_is_only_read(path):
    duckdb.connect(str(path)).close()
    with pytest.raises(fl.CorruptLogError, match="is no event log: it has no table event_entries"):
        fl.Lab(path, read_only=True)


def test_a_newer_schema_is_told_and_left_alone(path):
    written(path)
    with duckdb.connect(str(path)) as other:
        other.execute("UPDATE funes_lab_schema SET version = 999")
    for options in ({}, {"read_only": True}):
        with pytest.raises(fl.SchemaVersionError, match=r"newer funes_lab \(its tables have version 999.*upgrade with"):
            fl.Lab(path, **options)
    with duckdb.connect(str(path)) as other:
        assert other.execute("SELECT count(*) FROM event_entries").fetchone() == (3,)


# Forks


def in_a_fork(work: Callable[[], str]) -> str:
    """What `work` says in a forked child."""
    read, write = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        try:
            said = work()
        except BaseException as failure:  # noqa: BLE001  (it is told to the parent)
            said = f"{type(failure).__name__}: {failure}"
        os.write(write, said.encode())
        os._exit(0)
    os.close(write)
    with os.fdopen(read) as pipe:
        said = pipe.read()
    assert os.waitpid(child, 0)[1] == 0
    return said


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_lab_that_a_child_inherited_by_a_fork_is_refused_there(any_lab):
    stream = NoteStream.for_("n", lab=any_lab)
    stream.append(noted("before"))
    reading = stream.read()
    for work in (
        lambda: str(stream.append(noted("twice")).version),
        lambda: str(reading.append(noted("twice")).version),
        lambda: str(stream.append_all([noted("twice")])),
        lambda: str(stream.events),
        lambda: str(any_lab.sql("SELECT 1")),
        lambda: str(any_lab.load([])),
        lambda: str(any_lab.log.df()),
        lambda: str(any_lab.rejections.df()),
        lambda: str(any_lab.transaction().__enter__()),
    ):
        assert in_a_fork(work).startswith("ForkedProcessError: this lab was opened in process")
    assert in_a_fork(lambda: repr(any_lab.close())) == "None"
    assert stream.append(noted("after")).version == 2
    assert [event.text for event in stream.events] == ["before", "after"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_child_may_open_labs_of_its_own(path):
    lab = fl.Lab(path)
    NoteStream.for_("n", lab=lab).append(noted())
    assert in_a_fork(lambda: str(fl.Lab(path))).startswith("StoreLockedError")
    assert in_a_fork(lambda: str(NoteStream.for_("n", lab=fl.Lab()).append(noted()).version)) == "1"
    assert NoteStream.for_("n", lab=lab).append(noted()).version == 2
    lab.close()
    assert in_a_fork(lambda: str(NoteStream.for_("n", lab=fl.Lab(path)).version)) == "2"


def test_times_written_in_another_zone_are_read_in_utc(path):
    written(path)
    with duckdb.connect(str(path)) as other:
        other.execute("SET TimeZone = 'Asia/Tokyo'")
        sql = "INSERT INTO event_entries SELECT klass, idx, props, meta_info, 9, created_at, '2026-01-01 09:00' FROM event_entries"
        other.execute(sql + " LIMIT 1")
    with fl.Lab(path) as lab:
        assert NoteStream.for_("n", lab=lab).events[0].occurred_at == day(0)
        assert lab.log.df().occurred_at[0] == day(0)
