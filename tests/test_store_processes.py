"""One process at a time writes a file: what a second one, and a forked child, are told."""

from __future__ import annotations

import os
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import funes_lab as fl
from tests.domain import NoteStream, noted


def written(path: Path, count: int = 3) -> list[fl.Event]:
    with fl.Lab(path) as lab:
        return NoteStream.for_("n", lab=lab).append_all([noted(str(number)) for number in range(count)])


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
def test_a_forked_child_cannot_open_the_file_that_its_parent_holds(path):
    """DuckDB would give it the parent's own database, past the lock, and both would write version 2."""
    lab = fl.Lab(path)
    NoteStream.for_("n", lab=lab).append(noted())
    for options in ({}, {"read_only": True}):
        said = in_a_fork(lambda options=options: str(fl.Lab(path, **options)))
        assert said.partition(":")[0] in ("StoreLockedError", "ForkedProcessError")
    assert NoteStream.for_("n", lab=lab).append(noted()).version == 2


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_forked_child_may_open_labs_of_its_own(path):
    lab = fl.Lab(path)
    NoteStream.for_("n", lab=lab).append(noted())
    assert in_a_fork(lambda: str(NoteStream.for_("n", lab=fl.Lab()).append(noted()).version)) == "1"
    lab.close()
    assert in_a_fork(lambda: str(NoteStream.for_("n", lab=fl.Lab(path)).version)) == "1"


COLLECTED = """
import gc, sys
import funes_lab as fl
from funes_lab.store import duckdb as store

class Holder:
    pass

def lab_in_a_cycle(name):
    holder = Holder()
    holder.me, holder.lab = holder, fl.Lab(name)

connect = store.connect
def collecting(*args, **options):
    gc.collect()
    return connect(*args, **options)
store.connect = collecting
gc.disable()
for name in ("a", "b", "a", "c"):
    lab_in_a_cycle(name)
    other = fl.Lab("other" + name)
print(len(fl.Lab("a").log), len(other.log))
"""


def test_a_lab_that_is_collected_while_another_is_opened_stops_nobody(tmp_path):
    """The collector may let go of a lab at any moment, in the middle of opening the next one too."""
    done = subprocess.run(
        [sys.executable, "-c", COLLECTED], cwd=tmp_path, timeout=20, capture_output=True, text=True, check=False
    )
    assert done.stdout == "0 0\n", done.stderr
