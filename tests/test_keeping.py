"""Checkpoints and backups: what was acknowledged stands in the file, and a copy is whole while the lab is in use."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import threading
from pathlib import Path

import duckdb
import pytest

import funes_lab as fl
from tests.domain import DebtEventStream, Noted, NoteStream, balance, day, issued, noted, paid, rows_of


def in_the_wal(path: Path) -> int:
    """How many bytes stand in the write-ahead log beside the file only."""
    wal = path.with_name(path.name + ".wal")
    return wal.stat().st_size if wal.exists() else 0


def a_row(version: int) -> dict[str, object]:
    return {
        "klass": "Debts::Noted", "idx": "loaded", "props": {"text": str(version)}, "version": version,
        "created_at": day(version), "occurred_at": day(version),
    }  # fmt: skip


def opens_elsewhere(path: Path) -> str:
    """What another process is told that opens the file."""
    code = "import sys, duckdb; duckdb.connect(sys.argv[1]); print('opened')"
    done = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True, check=False)
    return done.stdout.strip() or done.stderr.strip().splitlines()[-1]


# --- checkpoint ------------------------------------------------------------------------------------------------


def test_a_checkpoint_writes_everything_into_the_file(path, clock):
    lab = fl.Lab(path, clock=clock)
    NoteStream.for_("a").append(noted())
    NoteStream.for_("a").append(Noted())
    assert in_the_wal(path) > 0
    lab.checkpoint()
    assert in_the_wal(path) == 0
    assert (rows_of(lab), len(lab.rejections)) == (1, 1)


def test_there_is_one_by_itself_after_a_large_batch_and_after_a_load(path, clock):
    lab = fl.Lab(path, clock=clock)
    NoteStream.for_("a").append_all([noted() for _ in range(999)])
    assert in_the_wal(path) > 0
    NoteStream.for_("b").append_all([noted() for _ in range(1000)])
    assert in_the_wal(path) == 0
    NoteStream.for_("b").append(noted())
    assert in_the_wal(path) > 0
    lab.load([a_row(1)])
    assert in_the_wal(path) == 0
    NoteStream.for_("c").read().append_all([noted() for _ in range(1000)])
    assert in_the_wal(path) == 0


def test_a_batch_inside_a_transaction_waits_for_the_next_one(path, clock):
    lab = fl.Lab(path, clock=clock)
    with lab.transaction():
        NoteStream.for_("a").append_all([noted() for _ in range(1000)])
        assert rows_of(lab) == 1000
    assert rows_of(lab) == 1000
    lab.checkpoint()
    assert in_the_wal(path) == 0


@pytest.mark.parametrize("end", ["commit", "rollback"])
def test_a_checkpoint_inside_a_transaction_harms_nothing(path, clock, end):
    lab = fl.Lab(path, clock=clock)
    NoteStream.for_("before").append(noted())
    with lab.transaction():
        NoteStream.for_("a").append(noted())
        # DuckDB 2.0 does it, and leaves what is not committed out; 1.5 says that it cannot
        with contextlib.suppress(fl.StoreError):
            lab.checkpoint()
        NoteStream.for_("a").append(noted())
        if end == "rollback":
            raise fl.Rollback
    lab.close()
    with fl.Lab(path) as again:
        assert [NoteStream.for_(idx, lab=again).version for idx in ("before", "a")] == [1, 2 if end == "commit" else 0]


def test_a_large_batch_beside_an_open_transaction_does_without(path, clock):
    """Two labs on one file: a checkpoint cannot be made while the other's transaction is open."""
    lab, other = fl.Lab(path, clock=clock), fl.Lab(path, clock=clock)
    with other.transaction():
        NoteStream.for_("a", lab=other).append(noted())
        assert NoteStream.for_("b", lab=lab).append_all([noted() for _ in range(1000)])[-1].version == 1000
        assert lab.load([a_row(1), a_row(2)]) == 2
    assert rows_of(lab) == 1003


def test_a_checkpoint_waits_for_the_transaction_of_another_thread(path, clock):
    lab = fl.Lab(path, clock=clock)
    began, done = threading.Event(), []

    def work() -> None:
        began.wait(10)
        lab.checkpoint()
        done.append(in_the_wal(path))

    thread = threading.Thread(target=work)
    thread.start()
    with lab.transaction():
        NoteStream.for_("a", lab=lab).append(noted())
        began.set()
        thread.join(0.2)
        assert not done
    thread.join(30)
    assert done == [0]


def test_a_checkpoint_in_memory_is_nothing(lab):
    NoteStream.for_("a").append_all([noted() for _ in range(1000)])
    lab.checkpoint()
    assert rows_of(lab) == 1000


@pytest.mark.parametrize("make", ["closed", "read only"])
def test_a_lab_that_cannot_write_cannot_checkpoint(path, make):
    lab = fl.Lab(path)
    lab.close()
    if make == "read only":
        lab = fl.Lab(path, read_only=True)
    with pytest.raises((fl.ClosedError, fl.ReadOnlyError)):
        lab.checkpoint()


# --- backup ----------------------------------------------------------------------------------------------------


@pytest.fixture
def full(any_lab: fl.Lab) -> fl.Lab:
    """A lab with everything in it."""
    debt = DebtEventStream.for_("d")
    debt.append(issued(100))
    debt.append(paid(30))
    debt.append(paid(80))
    NoteStream.for_("'; DROP TABLE event_entries; -- 🦋").append(noted("\u0001 é"))
    with any_lab.transaction() as tx:
        tx.execute("CREATE TABLE mine (n INTEGER PRIMARY KEY, t TIMESTAMPTZ)")
        tx.execute("INSERT INTO mine VALUES (1, '2026-01-01T00:00:00Z')")
        tx.execute("CREATE VIEW ours AS SELECT n + 1 AS m FROM mine")
    return any_lab


def test_a_backup_is_a_lab_with_everything_in_it(full, tmp_path):
    full.backup(tmp_path / "copy.duckdb")
    with fl.Lab(tmp_path / "copy.duckdb") as copy:
        assert copy.log.df().equals(full.log.df())
        assert copy.log.streams().equals(full.log.streams())
        assert [r.id for r in copy.rejections] == [r.id for r in full.rejections]
        assert repr(copy.rejections[0].explain()) == repr(full.rejections[0].explain())
        assert balance(DebtEventStream.for_("d", lab=copy)) == 70
        assert copy.table("mine").equals(full.table("mine"))
        assert list(copy.sql("SELECT m FROM ours").m) == [2]


def test_a_backup_keeps_the_promises_of_the_log(full, tmp_path):
    full.backup(tmp_path / "copy.duckdb")
    with fl.Lab(tmp_path / "copy.duckdb") as copy:
        debt = DebtEventStream.for_("d", lab=copy)
        first, second = debt.read(), debt.read()
        assert first.append(paid(1)).version == 3
        assert second.append(paid(1)).rejection.stage == "conflict"
        assert not debt.append(paid(70)).persisted
        indexes = set(copy.sql("SELECT index_name AS name FROM duckdb_indexes()").name)
        assert "event_entries_idx" in indexes
        with pytest.raises(duckdb.ConstraintException), copy.transaction() as tx:
            tx.execute("INSERT INTO mine VALUES (1, NULL)")
    assert DebtEventStream.for_("d", lab=full).version == 2


def test_the_lab_goes_on_after_a_backup_and_the_copy_stays(full, tmp_path):
    full.backup(tmp_path / "one.duckdb")
    NoteStream.for_("n").append(noted())
    full.backup(tmp_path / "two.duckdb")
    sizes = []
    for name in ("one", "two"):
        with fl.Lab(tmp_path / f"{name}.duckdb") as copy:
            sizes.append(rows_of(copy))
    assert sizes == [3, 4]


def test_a_backup_does_not_let_go_of_the_lock(path, clock, tmp_path):
    """Copying the file by other means does, on Linux and macOS: then another process can write too."""
    lab = fl.Lab(path, clock=clock)
    NoteStream.for_("a").append(noted())
    assert "Could not set lock" in opens_elsewhere(path)
    lab.backup(tmp_path / "copy.duckdb")
    assert "Could not set lock" in opens_elsewhere(path)
    assert opens_elsewhere(tmp_path / "copy.duckdb") == "opened"
    lab.close()
    assert opens_elsewhere(path) == "opened"


def test_a_backup_while_another_thread_appends_is_a_moment_of_the_log(path, clock, tmp_path):
    lab = fl.Lab(path, clock=clock)
    stop = threading.Event()

    def work() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            with lab.transaction():
                NoteStream.for_("a", lab=lab).append_or_raise(noted(str(number)))
                NoteStream.for_("b", lab=lab).append_or_raise(noted(str(number)))

    thread = threading.Thread(target=work)
    thread.start()
    try:
        for number in range(5):
            least = NoteStream.for_("a", lab=lab).version
            lab.backup(tmp_path / f"{number}.duckdb")
            with fl.Lab(tmp_path / f"{number}.duckdb", read_only=True) as copy:
                a, b = (NoteStream.for_(idx, lab=copy).events for idx in "ab")
                assert [event.text for event in a] == [event.text for event in b]
                assert [event.version for event in a] == list(range(1, len(a) + 1))
                assert len(a) >= least
    finally:
        stop.set()
        thread.join(30)
    assert "Could not set lock" in opens_elsewhere(path)


def test_a_backup_inside_a_transaction_has_what_is_committed(full, tmp_path):
    before = rows_of(full)
    with full.transaction():
        NoteStream.for_("n").append(noted())
        full.backup(tmp_path / "copy.duckdb")
        NoteStream.for_("n").append(noted())
    with fl.Lab(tmp_path / "copy.duckdb") as copy:
        assert rows_of(copy) == before
    assert rows_of(full) == before + 2


def test_backups_at_the_same_time_do_not_meet(full, tmp_path):
    failures: list[Exception] = []

    def work(number: int) -> None:
        try:
            full.backup(tmp_path / f"copy-{number}.duckdb")
        except Exception as failure:  # noqa: BLE001  (told below)
            failures.append(failure)

    threads = [threading.Thread(target=work, args=[number]) for number in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not failures
    assert len(list(tmp_path.glob("copy-*.duckdb"))) == 5


@pytest.mark.parametrize("name", ["a 'quoted' name.duckdb", "é🦋.duckdb", "x; DROP TABLE event_entries.duckdb"])
def test_a_backup_may_have_any_name(full, tmp_path, name):
    full.backup(tmp_path / name)
    with fl.Lab(tmp_path / name) as copy:
        assert rows_of(copy) == 3
    assert sorted(p.name for p in tmp_path.iterdir() if not p.name.startswith("ledger")) == [name]


@pytest.mark.parametrize("where", ["exists", "itself", "no folder", "a folder"])
def test_a_backup_overwrites_nothing(path, clock, tmp_path, where):
    lab = fl.Lab(path, clock=clock)
    (tmp_path / "there").write_text("mine")
    target = {
        "exists": tmp_path / "there", "itself": path, "no folder": tmp_path / "no" / "copy", "a folder": tmp_path,
    }[where]  # fmt: skip
    with pytest.raises(fl.StoreError, match=r"give the name of a new file"):
        lab.backup(target)
    assert (tmp_path / "there").read_text() == "mine"
    assert NoteStream.for_("a").append(noted()).persisted


@pytest.mark.parametrize("target", [None, 5, ""])
def test_a_backup_wants_a_path(lab, target):
    with pytest.raises((TypeError, ValueError, fl.StoreError)):
        lab.backup(target)


def test_a_backup_of_a_lab_that_is_only_read_says_how_to_copy_it(path, tmp_path):
    with fl.Lab(path):
        NoteStream.for_("a").append(noted())
    with fl.Lab(path, read_only=True) as lab, pytest.raises(fl.StoreError, match="read"):
        lab.backup(tmp_path / "copy.duckdb")
    assert not (tmp_path / "copy.duckdb").exists()


def test_a_backup_of_a_closed_lab_is_refused(path, tmp_path):
    lab = fl.Lab(path)
    lab.close()
    with pytest.raises(fl.ClosedError):
        lab.backup(tmp_path / "copy.duckdb")
