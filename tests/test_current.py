"""Which lab is current: the one opened last, the one of the block, or one in memory."""

from __future__ import annotations

import asyncio
import gc
import threading
from typing import Any

import duckdb
import pytest

import funes_lab as fl
from funes_lab import current
from tests.domain import NoteStream, noted, rows_of


@pytest.fixture(autouse=True)
def _nothing_open(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(current, "_process", [])
    monkeypatch.setattr(current, "_before", [])


def test_before_any_lab_is_opened_there_is_one_in_memory():
    stream = NoteStream.for_("n")
    assert stream.append(noted()).version == 1
    assert fl.current_lab().path == ":memory:"
    assert fl.current_lab() is fl.current_lab() is stream.lab
    fl.current_lab().close()


def test_opening_a_lab_makes_it_the_current_one_of_the_process(path):
    first = fl.Lab()
    assert fl.current_lab() is first
    second = fl.Lab(path)
    assert fl.current_lab() is second
    assert NoteStream.for_("n").lab is second
    second.close()
    assert fl.current_lab() is first


def test_a_lab_that_nobody_holds_lets_go_of_its_file(path):
    fl.Lab(path)
    kept = fl.Lab()
    gc.collect()
    duckdb.connect(str(path), read_only=True).close()
    stream = NoteStream.for_("n", lab=fl.Lab(path))
    fl.Lab()
    gc.collect()
    assert stream.append(noted()).version == 1
    with pytest.raises(duckdb.ConnectionException):
        duckdb.connect(str(path), read_only=True)
    kept.close()


def test_threads_and_tasks_see_the_lab_that_was_opened():
    lab = fl.Lab()
    seen: list[Any] = []
    thread = threading.Thread(target=lambda: seen.append(fl.current_lab()))
    thread.start()
    thread.join()

    async def task() -> Any:
        await asyncio.sleep(0)
        return fl.current_lab()

    assert [*seen, asyncio.run(task())] == [lab, lab]


def test_a_lab_opened_in_a_task_is_seen_after_it():
    async def cell() -> fl.Lab:
        return fl.Lab()

    lab = asyncio.run(cell())
    assert fl.current_lab() is lab


def test_with_is_a_scope_of_its_own():
    outer, inner = fl.Lab(), fl.Lab()
    with outer:
        assert fl.current_lab() is outer
        with inner:
            assert fl.current_lab() is inner
            NoteStream.for_("n").append(noted())
        assert fl.current_lab() is outer
        opened = fl.Lab()
        assert fl.current_lab() is outer
    assert fl.current_lab() is opened
    assert (rows_of(inner), rows_of(outer)) == (1, 0)


def test_the_scope_ends_with_an_exception_too():
    outer, inner = fl.Lab(), fl.Lab()
    with pytest.raises(ZeroDivisionError), outer:
        raise ZeroDivisionError
    assert fl.current_lab() is inner


def test_the_scope_of_a_task_is_that_tasks():
    labs = [fl.Lab() for _ in range(3)]

    async def work(lab: fl.Lab) -> bool:
        with lab:
            await asyncio.sleep(0.01)
            return fl.current_lab() is lab

    async def all_of_them() -> list[bool]:
        return await asyncio.gather(*map(work, labs))

    assert asyncio.run(all_of_them()) == [True] * 3


def test_at_the_end_of_the_block_a_lab_on_a_file_is_closed_and_one_in_memory_is_not(path):
    with fl.Lab(path) as on_file:
        with on_file:
            pass
        assert not on_file.closed
    assert on_file.closed
    with fl.Lab() as in_memory:
        NoteStream.for_("n").append(noted())
    assert not in_memory.closed
    assert rows_of(in_memory) == 1


def test_a_closed_lab_is_refused_as_the_current_one():
    lab = fl.Lab()
    with lab:
        lab.close()
        with pytest.raises(fl.ClosedError, match=r"the current lab .* is closed; open one with fl\.Lab"):
            NoteStream.for_("n")


def test_what_is_no_lab_is_refused_as_the_lab_of_a_stream():
    for wrong in ("ledger.duckdb", 5):
        with pytest.raises(TypeError, match=r"lab must be"):
            NoteStream.for_("n", lab=wrong)
