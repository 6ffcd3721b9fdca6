"""One file, several processes that take turns in it: what each sees, who waits, what is left behind."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
from pydantic import BaseModel

import funes_lab as fl
from tests.domain import (
    DebtEventStream,
    Noted,
    NoteStream,
    ShortNoteStream,
    Trail,
    VirtualOutstandingBalance,
    balance,
    issued,
    noted,
    paid,
)
from tests.other_process import ROOT, OtherProcess, Raised
from tests.test_store_processes import in_a_fork

LOCKS = pytest.mark.skipif(sys.platform == "win32", reason="processes cannot take turns on Windows")
pytestmark = LOCKS


@pytest.fixture(scope="module")
def process() -> Iterator[OtherProcess]:
    """Another process for all tests of this file: to start one takes a second."""
    running = OtherProcess()
    yield running
    running.end()


@pytest.fixture
def other(process, path) -> Iterator[OtherProcess]:
    """The same with a shared lab of its own on the path, called `lab`."""
    process.run("lab = fl.Lab(path, shared=True, lock_timeout=0.3)", path=str(path))
    yield process
    process.run("lab.close()")


@pytest.fixture
def lab(path, clock) -> fl.Lab:
    return fl.Lab(path, shared=True, clock=clock)


def lock_of(path: Path) -> Path:
    return path.with_name(f"{path.name}.lock")


# Taking turns


def test_nobody_holds_the_file_between_two_operations(lab, other, path):
    stream = NoteStream.for_("n", lab=lab)
    for number in range(3):
        assert stream.append(noted(str(number))).persisted
        assert other.run("duckdb.connect(path).execute('SELECT count(*) FROM event_entries').fetchone()") == [
            number + 1
        ]
        stream.df()
        lab.rejections.df()
        stream.check(noted())
        assert len(stream.read().events) == number + 1
        assert other.run("duckdb.connect(path).close()") is None
    assert not path.with_name("ledger.duckdb.wal").exists()


def test_each_sees_what_the_others_wrote(lab, other):
    stream = DebtEventStream.for_("d", lab=lab)
    assert stream.version == 0
    stream.append_or_raise(issued(100))
    other.run("debt = DebtEventStream.for_('d', lab=lab)")
    assert other.run("[debt.version, len(lab.log), str(balance(debt))]") == [1, 1, "100"]
    other.run("debt.append_or_raise(paid(30)); refused = debt.append(paid(500))")
    assert (stream.version, balance(stream), [event.version for event in stream.events]) == (2, 70, [1, 2])
    assert lab.replay(VirtualOutstandingBalance).outstanding_balance.tolist() == [70]
    assert lab.log.df().version.tolist() == [1, 2]
    assert lab.rejections.df().stage.tolist() == lab.log.streams().refused.tolist() * 0 + ["state"]
    assert lab.sql('SELECT count(*) AS n FROM "Debts::PaymentReceived"').n[0] == 1
    assert other.run("debt.append_or_raise(paid(1)).version") == 3
    assert lab.sql('SELECT count(*) AS n FROM "Debts::PaymentReceived"').n[0] == 2
    lab.rejections.clear()
    assert other.run("len(lab.rejections)") == 0


def test_of_two_readings_in_two_processes_one_loses_and_is_told_who_won(lab, other):
    NoteStream.for_("n", lab=lab).append(noted("before"))
    mine = NoteStream.for_("n", lab=lab).read()
    other.run("theirs = NoteStream.for_('n', lab=lab).read()")
    assert other.run("theirs.append(noted('theirs')).version") == 2
    late = mine.append(noted("mine"))
    assert (late.persisted, late.rejection.stage, late.rejection.winner.payload) == (
        False,
        "conflict",
        {"text": "theirs"},
    )
    assert other.run("[len(NoteStream.for_('n', lab=lab)), len(lab.rejections)]") == [2, 1]
    with pytest.raises(fl.ConflictError, match="version 2 was taken by Debts::Noted"):
        mine.append_or_raise(noted("again"))


def test_what_is_remembered_of_a_stream_is_not_what_it_is_judged_on(lab, other):
    """Two people pay out of one debt: neither is judged on what only they knew."""
    stream = DebtEventStream.for_("d", lab=lab)
    stream.append_or_raise(issued(100))
    stream.append_or_raise(paid(10))
    other.run("DebtEventStream.for_('d', lab=lab).append_or_raise(paid(80))")
    refused = stream.append(paid(11))
    assert (refused.rejection.stage, refused.rejection.version_read) == ("state", 3)
    assert stream.append(paid(10)).version == 4
    # what was full is not full any more
    other.run("DebtEventStream.for_('d', lab=lab).append_or_raise(issued(50, on=2))")
    assert stream.append(paid(50, on=3)).version == 6


def test_a_state_that_is_changed_in_place_follows_too(lab, other):
    notes = ShortNoteStream.for_("n", lab=lab)
    notes.append_or_raise(noted("1"))
    assert other.run("[ShortNoteStream.for_('n', lab=lab).append(noted(t)).version for t in '23']") == [2, 3]
    assert notes.append(noted("4")).rejection.stage == "state"
    assert other.run("ShortNoteStream.for_('n', lab=lab).append(noted('4')).persisted") is False


READ_MODEL = """
from pydantic import BaseModel

class Counted(BaseModel):
    notes: int = 0

class Counts(fl.Projection[Counted]):
    table = "counts"
    @fl.interpretation_for(Noted)
    def noted(state, event):
        state.notes += 1

class CountedStream(fl.EventStream):
    transactional_projections = [Counts]

class PromptStream(fl.EventStream):
    async_projections = [fl.Async(Counts)]
"""


class Counted(BaseModel):
    notes: int = 0


class Counts(fl.Projection[Counted]):
    table = "counts"

    @fl.interpretation_for(Noted)
    def noted(state, event):
        state.notes += 1


class CountedStream(fl.EventStream):
    transactional_projections = [Counts]


class PromptStream(fl.EventStream):
    async_projections = [fl.Async(Counts)]


def test_tables_of_read_models_may_be_made_dropped_and_written_by_any_of_them(lab, other):
    other.run(READ_MODEL)
    stream = CountedStream.for_("n", lab=lab)
    stream.append_or_raise(noted())
    other.run("CountedStream.for_('n', lab=lab).append_or_raise(noted())")
    assert lab.table("counts").to_dict("records") == [{"idx": "n", "notes": 2}]
    other.run("with lab.transaction() as tx:\n    tx.execute('DROP TABLE counts')")
    stream.append_or_raise(noted())
    assert other.run("lab.table('counts').to_dict('records')") == [{"idx": "n", "notes": 3}]
    assert other.run("lab.rebuild(Counts, progress=False)") == 1
    assert stream.append_or_raise(noted()).version == 4
    PromptStream.for_("p", lab=lab).append_or_raise(noted())
    other.run("PromptStream.for_('p', lab=lab).append_or_raise(noted()); lab.jobs.wait(10)")
    lab.jobs.wait(10)
    assert lab.table("counts").to_dict("records") == [{"idx": "n", "notes": 4}, {"idx": "p", "notes": 2}]


def test_everything_that_is_done_to_a_lab_as_a_whole_works(lab, other, tmp_path):
    facts = [{"klass": "Debts::Noted", "idx": "n", "props": {"text": "x"}, "occurred_at": "2026-01-01T00:00:00Z"}] * 3
    assert lab.load(facts) == 3
    other.run("NoteStream.for_('n', lab=lab).append_or_raise(noted('y'))")
    assert lab.load(facts) == 3
    assert NoteStream.for_("n", lab=lab).version == 7
    lab.checkpoint()
    lab.backup(tmp_path / "copy.duckdb")
    assert lab.bitemporal(Trail, "n", "texts").shape[0] >= 1
    assert lab.log.shapes().events.tolist() == [7]
    with fl.Lab(tmp_path / "copy.duckdb", read_only=True) as copy:
        assert len(copy.log) == 7
    assert "7 events" in repr(lab)
    assert "7 events" in lab._repr_html_()


def test_a_file_called_memory_is_a_file(tmp_path):
    for name in ("memory.duckdb", "temp.db", "a b.c.duckdb", 'it\'s "odd".duckdb'):
        with fl.Lab(tmp_path / name, shared=True) as lab:
            NoteStream.for_("n", lab=lab).append_or_raise(noted())
        with fl.Lab(tmp_path / name) as lab:
            assert len(lab.log) == 1


def test_threads_of_one_process_share_an_opening_and_append_beside_another_process(lab, other):
    other.begin("with lab.batch():\n    [NoteStream.for_('n', lab=lab).append_or_raise(noted('o')) for _ in range(20)]")
    failures: list[BaseException] = []

    def work(thread: int) -> None:
        try:
            for number in range(5):
                NoteStream.for_("n", lab=lab).append_or_raise(noted(f"{thread}/{number}"))
                assert len(NoteStream.for_("n", lab=lab).events) > number
        except BaseException as failure:  # noqa: BLE001  (raised again below)
            failures.append(failure)

    threads = [threading.Thread(target=work, args=[number]) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    other.hear()
    assert failures == []
    assert sorted(event.version for event in NoteStream.for_("n", lab=lab).events) == list(range(1, 41))


# Waiting


def test_a_batch_and_a_transaction_keep_the_file_and_the_one_who_waits_is_told_whose_it_is(lab, other, path):
    append = "NoteStream.for_('n', lab=lab).append_or_raise(noted('other'))"
    with lab.batch():
        for number in range(3):
            NoteStream.for_("n", lab=lab).append_or_raise(noted(str(number)))
        with pytest.raises(Raised, match=rf"ledger.duckdb is held by .*\(process {os.getpid()}\) for a batch, since"):
            other.run(append)
        with lab.batch():  # one in another is the same one
            pass
        with pytest.raises(Raised, match=r"StoreLockedError.*wait longer: lock_timeout= of fl.Lab is in seconds"):
            other.run("lab.log.df()")
    other.run(append)
    with lab.transaction() as tx:
        NoteStream.for_("n", lab=lab).append_or_raise(noted("mine"))
        tx.execute("CREATE TABLE mine (a INTEGER)")
        with pytest.raises(Raised, match="for a transaction, since"):
            other.run("lab.transaction().__enter__()")
    other.run("with lab.batch():\n    " + append)
    written = sorted(NoteStream.for_("n", lab=lab).events, key=lambda event: event.version)
    assert [event.text for event in written] == ["0", "1", "2", "other", "mine", "other"]


def test_an_error_names_the_holder_for_programs_too(lab, other, path):
    other.begin("with lab.batch():\n    time.sleep(1)")
    time.sleep(0.2)
    lab.store.lock_timeout = 0.1
    with pytest.raises(fl.StoreLockedError) as told:
        len(lab.log)
    assert (told.value.pid, told.value.path) == (other.pid, str(path.resolve()))
    assert told.value.process
    other.hear()


def test_who_waits_gets_the_file_and_says_for_whom_it_waits(lab, other, caplog):
    stream = NoteStream.for_("n", lab=lab)
    other.begin("with lab.batch():\n    NoteStream.for_('n', lab=lab).append(noted()); time.sleep(1.6)")
    time.sleep(0.2)
    with caplog.at_level(logging.WARNING, "funes_lab"):
        assert stream.append(noted()).version == 2
    (said,) = [record.getMessage() for record in caplog.records]
    assert f"(process {other.pid}) for a batch, since" in said
    assert said.endswith("waiting for it, up to 10 s")
    other.hear()


def test_a_lab_that_is_not_shared_and_shared_ones_keep_out_of_each_others_way(path, process):
    keeps = rf"is held by .*\(process {process.pid}\) for an open lab, since .*close the lab there.*shared=True"
    process.run("kept = fl.Lab(path)", path=str(path))
    for options in ({"shared": True}, {"shared": True, "read_only": True}, {}, {"read_only": True}):
        with pytest.raises(fl.StoreLockedError, match=keeps):
            fl.Lab(path, lock_timeout=0.2, **options)
    began = time.monotonic()
    with pytest.raises(fl.StoreLockedError, match=keeps):
        fl.Lab(path)  # it would wait in vain
    assert time.monotonic() - began < 5
    process.run("kept.close()")
    with fl.Lab(path, shared=True) as lab:
        NoteStream.for_("n", lab=lab).append(noted())
        assert process.run("fl.Lab(path).close()") is None
        with lab.batch(), pytest.raises(Raised, match=rf"\(process {os.getpid()}\) for a batch"):
            process.run("fl.Lab(path, lock_timeout=0.2)")


def test_a_lab_that_is_not_shared_waits_for_an_operation_of_one_that_is(path, other):
    other.begin("with lab.batch():\n    time.sleep(0.5)")
    time.sleep(0.1)
    with fl.Lab(path) as lab:
        assert len(lab.log) == 0
    other.hear()


def test_a_process_that_knows_nothing_of_the_lock_is_waited_for_and_named_too(lab, process, path):
    process.run("con = duckdb.connect(path)", path=str(path))
    lab.store.lock_timeout = 0.2
    with pytest.raises(fl.StoreLockedError, match=rf"is held by .*\(process {process.pid}\)") as told:
        NoteStream.for_("n", lab=lab).append(noted())
    assert told.value.pid == process.pid
    lab.store.lock_timeout = 10
    process.begin("time.sleep(0.3), con.close()")
    assert NoteStream.for_("n", lab=lab).append(noted()).version == 1
    process.hear()


def test_a_database_that_this_process_has_open_by_other_means_is_told(lab, path):
    with (
        duckdb.connect(str(path)),
        pytest.raises(fl.StoreError, match=r"open in this process already.*duckdb\.connect"),
    ):
        len(lab.log)
    assert len(lab.log) == 0


# The hole in DuckDB's own lock


@pytest.mark.parametrize("shared", [False, True], ids=["a lab alone", "a batch"])
def test_a_process_that_opens_and_closes_its_own_database_file_keeps_it(path, process, shared):
    """DuckDB's lock is gone then: another program's DuckDB gets in, another lab does not."""
    with fl.Lab(path, shared=shared) as lab, lab.batch():
        NoteStream.for_("n", lab=lab).append(noted())
        path.open("rb").close()
        assert process.run("duckdb.connect(path, read_only=True).close()", path=str(path)) is None
        for options in ("", ", shared=True", ", read_only=True", ", shared=True, read_only=True"):
            with pytest.raises(Raised, match="StoreLockedError"):
                process.run(f"fl.Lab(path, lock_timeout=0.1{options})")
        assert NoteStream.for_("n", lab=lab).append(noted()).version == 2


# Processes that come and go


def test_a_killed_process_holds_nothing_and_what_it_acknowledged_is_there(path):
    doomed = OtherProcess()
    doomed.run("lab = fl.Lab(path, shared=True); stream = NoteStream.for_('n', lab=lab)", path=str(path))
    doomed.run("batch = lab.batch(); batch.__enter__()")
    assert doomed.run("[stream.append(noted(str(n))).version for n in range(5)]") == [1, 2, 3, 4, 5]
    doomed.kill()
    assert lock_of(path).exists()
    with fl.Lab(path, shared=True, lock_timeout=1) as lab:
        assert NoteStream.for_("n", lab=lab).append(noted()).version == 6
    assert not lock_of(path).exists()


@pytest.mark.parametrize("options", [{}, {"shared": True}, {"read_only": True}], ids=["alone", "shared", "read only"])
def test_what_a_killed_process_wrote_is_found_by_idx_whoever_opened_the_file_since(path, options):
    """DuckDB 1.5 forgets it in its indexes if nothing is written between the opening and the closing."""
    doomed = OtherProcess()
    doomed.run("lab = fl.Lab(path); stream = NoteStream.for_('n', lab=lab)", path=str(path))
    doomed.run(READ_MODEL)
    doomed.run("[CountedStream.for_('n', lab=lab).append_or_raise(noted(text)) for text in 'abc']")
    doomed.kill()
    assert path.with_name(f"{path.name}.wal").exists()
    for _ in range(2):
        with fl.Lab(path, **options) as lab:
            assert len(lab.rejections) == 0
    for further in (options, {}):
        with fl.Lab(path, **further) as lab:
            assert [event.text for event in NoteStream.for_("n", lab=lab).events] == ["a", "b", "c"]
            assert lab.sql("SELECT notes FROM counts WHERE idx = 'n'").notes.tolist() == [3]
    with fl.Lab(path) as lab:
        assert CountedStream.for_("n", lab=lab).append(noted()).version == 4
        assert lab.table("counts").notes.tolist() == [4]


@pytest.mark.parametrize("shared", [True, False])
def test_no_child_process_inherits_the_lock(path, process, shared):
    with fl.Lab(path, shared=shared) as lab, lab.batch():
        child = subprocess.Popen(["sleep", "60"], close_fds=False)
    try:
        assert process.run("fl.Lab(path, lock_timeout=0.5).close()", path=str(path)) is None
    finally:
        child.kill()
        child.wait()


FORKS = """
import os, sys, time
import funes_lab as fl

lab = fl.Lab(sys.argv[1], shared=sys.argv[2] == "True")
batch = lab.batch()
batch.__enter__()
if os.fork() == 0:
    sys.stdout.close()
    time.sleep(60)
print(os.getpid(), flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize("shared", [True, False])
def test_a_forked_child_that_outlives_its_parent_holds_nothing(path, shared):
    parent = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", FORKS, str(path), str(shared)], cwd=ROOT,
        stdout=subprocess.PIPE, start_new_session=True,
    )  # fmt: skip
    assert parent.stdout is not None
    assert int(parent.stdout.readline()) == parent.pid
    try:
        with pytest.raises(fl.StoreLockedError):
            fl.Lab(path, lock_timeout=0.1)
        parent.kill()
        parent.wait()
        fl.Lab(path, lock_timeout=1).close()
    finally:
        os.killpg(parent.pid, 9)
        parent.stdout.close()


def test_a_shared_lab_is_refused_in_a_forked_child_and_goes_on_in_the_parent(lab, path):
    stream = NoteStream.for_("n", lab=lab)
    stream.append(noted())
    for work in (
        lambda: str(stream.append(noted()).version),
        lambda: str(stream.version),
        lambda: lab.batch().__enter__(),
    ):
        assert in_a_fork(work).startswith("ForkedProcessError: this lab was opened in process")
    assert in_a_fork(lambda: str(fl.Lab(path, shared=True))).startswith("ForkedProcessError: process")
    assert in_a_fork(lambda: repr(lab.close())) == "None"
    assert stream.append(noted()).version == 2
    with lab.batch():
        assert in_a_fork(lambda: repr(lab.close())) == "None"
        assert stream.append(noted()).version == 3


# One process


def test_one_process_has_a_file_shared_or_alone_and_not_both(path):
    with fl.Lab(path, shared=True) as lab:
        with pytest.raises(fl.StoreError, match="is open with shared=True in this process, and was asked for without"):
            fl.Lab(path)
        with fl.Lab(path, shared=True, lock_timeout=3) as same:
            assert same.store is lab.store
            assert same.store.lock_timeout == 3
            NoteStream.for_("n", lab=same).append(noted())
        assert NoteStream.for_("n", lab=lab).append(noted()).version == 2
    with fl.Lab(path), pytest.raises(fl.StoreError, match="is open without shared=True in this process"):
        fl.Lab(path, shared=True)


@pytest.mark.parametrize(
    ("path", "options", "error", "said"),
    [
        (":memory:", {"shared": True}, ValueError, r"shared=True needs a file that other processes can open too"),
        ("x.duckdb", {"shared": 1}, TypeError, "shared must be True or False, got 1"),
        ("x.duckdb", {"shared": "yes"}, TypeError, "shared must be True or False, got 'yes'"),
        ("x.duckdb", {"lock_timeout": "10"}, TypeError, "lock_timeout must be a number of seconds, got '10'"),
        ("x.duckdb", {"lock_timeout": True}, TypeError, "lock_timeout must be a number of seconds, got True"),
        ("x.duckdb", {"lock_timeout": None}, TypeError, "lock_timeout must be a number of seconds, got None"),
        ("x.duckdb", {"lock_timeout": -1}, ValueError, "lock_timeout must be a number of seconds from 0 on, got -1"),
        ("x.duckdb", {"lock_timeout": float("nan")}, ValueError, "lock_timeout must be .* got nan"),
        ("x.duckdb", {"lock_timeout": float("inf")}, ValueError, "lock_timeout must be .* got inf"),
        ("no/x.duckdb", {"shared": True}, fl.StoreError, "which does not exist; give the name of a file"),
        ("x.duckdb", {"shared": True, "read_only": True}, fl.StoreError, "does not exist; there is nothing to read"),
    ],
)
def test_what_cannot_be_shared_is_refused_at_the_door(monkeypatch, tmp_path, path, options, error, said):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(error, match=said):
        fl.Lab(path, **options)
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_log_is_told_and_left_alone(path):
    path.write_bytes(b"no database" * 500)
    for _ in range(2):
        with pytest.raises(fl.CorruptLogError, match="damaged, or is no DuckDB file"):
            fl.Lab(path, shared=True)
    assert list(path.parent.iterdir()) == [path]
    assert path.read_bytes() == b"no database" * 500


WITHOUT_LOCKS = """
import sys
sys.modules["fcntl"] = None
import funes_lab as fl
with fl.Lab(sys.argv[1] + "/alone.duckdb") as lab:
    print(len(lab.log))
try:
    fl.Lab(sys.argv[1] + "/ledger.duckdb", shared=True)
except fl.StoreError as told:
    print(told)
"""


def test_where_there_are_no_such_locks_a_lab_is_alone_and_shared_is_told(tmp_path):
    command = [sys.executable, "-c", WITHOUT_LOCKS, str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, timeout=30, capture_output=True, text=True, check=False)
    assert done.stdout.splitlines()[0] == "0", done.stderr
    assert "shared=True takes turns by a lock that Windows does not have" in done.stdout
    assert [file.name for file in tmp_path.iterdir()] == ["alone.duckdb"]


# Reading only


def test_a_shared_lab_that_only_reads_reads_and_sees_more(path, other):
    other.run("stream = NoteStream.for_('n', lab=lab); stream.append_or_raise(noted('1'))")
    with fl.Lab(path, shared=True, read_only=True) as lab:
        stream = NoteStream.for_("n", lab=lab)
        assert [event.text for event in stream.events] == ["1"]
        other.run("stream.append_or_raise(noted('2'))")
        assert (stream.version, len(lab.log), lab.replay(Trail).texts.tolist()) == (2, 2, [["1", "2"]])
        for work in (lambda: stream.append(noted()), lambda: lab.load([]), lambda: lab.transaction().__enter__()):
            with pytest.raises(fl.ReadOnlyError, match="open for reading only"):
                work()
        other.run("lab.close(); reader = fl.Lab(path, shared=True, read_only=True, lock_timeout=0.3)", path=str(path))
        with lab.batch():  # those who only read need not wait for each other
            assert other.run("len(reader.log)") == stream.version == 2
        other.run("reader.close(); lab = fl.Lab(path, shared=True); stream = NoteStream.for_('n', lab=lab)")
    assert other.run("stream.append_or_raise(noted('3')).version") == 3


# What is left behind


def test_the_lock_file_is_gone_when_the_last_lab_is_closed(path, other):
    lab = fl.Lab(path, shared=True)
    NoteStream.for_("n", lab=lab).append(noted())
    lab.close()
    assert other.run("NoteStream.for_('n', lab=lab).append(noted()).version") == 2
    other.run("lab.close()")
    assert [file.name for file in path.parent.iterdir()] == [path.name]
    with fl.Lab(path):
        assert lock_of(path).exists()
    with fl.Lab(path, read_only=True):
        pass
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_a_lock_file_that_somebody_removed_or_wrote_nonsense_into_is_no_obstacle(lab, other, path):
    stream = NoteStream.for_("n", lab=lab)
    for nonsense in (None, b"", b"\xff\x00{", b'{"pid": "x"}', b"[1]" * 5000):
        if nonsense is None:
            lock_of(path).unlink()
        else:
            lock_of(path).write_bytes(nonsense)
        assert stream.append(noted()).persisted
        assert other.run("NoteStream.for_('n', lab=lab).append(noted()).persisted")
    assert stream.version == 10
    other.begin("with lab.batch():\n    open(path + '.lock', 'w').write('nonsense'); time.sleep(0.5)", path=str(path))
    time.sleep(0.2)
    lab.store.lock_timeout = 0.1
    with pytest.raises(fl.StoreLockedError, match=r"is held by another process \(0\.\d s waited\)"):
        len(lab.log)
    other.hear()


@pytest.mark.parametrize("how", ["moved away", "replaced", "deleted"])
def test_another_file_under_the_same_name_is_not_taken_for_the_log(lab, path, tmp_path, how):
    stream = NoteStream.for_("n", lab=lab)
    stream.append_or_raise(noted())
    reading = stream.read()
    if how == "replaced":
        with fl.Lab(tmp_path / "new.duckdb"):
            pass
        (tmp_path / "new.duckdb").replace(path)
    elif how == "deleted":
        path.unlink()
    else:
        path.rename(tmp_path / "elsewhere.duckdb")
    for work in (lambda: stream.append(noted()), lambda: reading.append(noted()), lab.log.df):
        with pytest.raises(fl.StoreError, match=r"(is another file than|is not there any more).*open it again with"):
            work()
    lab.close()
    with fl.Lab(path, shared=True) as again:
        assert len(again.log) == 0


# Whoever watches


class Screen:
    """Waits to be told that something has changed."""

    def __init__(self, lab: fl.Lab) -> None:
        self.told = threading.Event()
        self.times = 0
        lab.store.watchers.add(self.changed)

    def changed(self) -> None:
        self.times += 1
        self.told.set()


def watching() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "funes_lab watch"]


def test_what_another_process_writes_is_told_to_whoever_watches(lab, other):
    screen, second = Screen(lab), Screen(lab)
    assert len(watching()) == 1
    time.sleep(0.7)
    assert screen.times == 0
    other.run("NoteStream.for_('n', lab=lab).append(noted())")
    assert screen.told.wait(5)
    assert second.told.wait(5)
    before = screen.times
    lab.log.df()
    other.run("len(lab.log)")
    time.sleep(0.7)
    assert screen.times == before  # to ask changes nothing
    NoteStream.for_("n", lab=lab).append(noted())
    assert screen.times == before + 1
    time.sleep(0.7)
    assert screen.times == before + 1  # it was told already


def test_a_read_does_not_hide_what_is_not_told_yet(lab, other):
    screen = Screen(lab)
    other.run("NoteStream.for_('n', lab=lab).append(noted())")
    assert len(lab.log) == 1
    assert screen.told.wait(5)


def test_those_who_watch_are_told_of_a_batch_when_it_is_over(lab, other):
    screen = Screen(lab)
    append = "NoteStream.for_('n', lab=lab).append(noted())"
    other.begin(f"with lab.batch():\n    {append}; time.sleep(1.2); {append}; time.sleep(0.6)")
    assert not screen.told.wait(1.6)
    other.hear()
    assert screen.told.wait(5)
    assert NoteStream.for_("n", lab=lab).version == 2


def test_nobody_looks_when_nobody_watches_or_the_lab_is_closed(lab):
    def gone() -> bool:
        deadline = time.monotonic() + 5
        while watching() and time.monotonic() < deadline:
            time.sleep(0.05)
        return not watching()

    assert watching() == []
    screen: Any = Screen(lab)
    assert len(watching()) == 1
    del screen
    assert gone()
    second = Screen(lab)
    assert len(watching()) == 1
    lab.close()
    assert gone()
    assert second.times == 0
