"""The writers of a storm as processes of their own, on one file with `shared=True`.

Each is started anew ("spawn"): a fork would copy a DuckDB that is open, with its threads left behind. So what a writer
needs must be found by its name in a module; what a notebook's cells define is not, and is refused at the door. A
pipe a writer carries everything: that it is ready, the moment to begin, its attempts as they are made, the sign to
stop. When the pipe breaks the writer ends, so that none outlives the storm.
"""

from __future__ import annotations

import io
import logging
import multiprocessing
import pickle
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from typing import Any, Final

from funes_lab.errors import FunesLabError
from funes_lab.lab import Lab
from funes_lab.races.writers import LOOK, Attempt, Ran, Task, Tick, ended, plan, refuse_twins, write

_READY, _ATTEMPTS, _FAILED, _DONE = "ready", "attempts", "failed", "done"
#: Seconds a writer gathers attempts before it sends them, and those it has to end by itself.
_GATHER: Final = 0.1
_PATIENCE: Final = 10.0
#: Seconds a writer waits for the file: the lock is not fair, and there may be hundreds of them.
_LONG: Final = 120.0


# --- what can be taken along --------------------------------------------------------------------------------------


def packed(task: Task) -> bytes:
    """The task as bytes that another process can read.

    Raises
    ------
    TypeError
        If a class or a function of it is not in a module; it says which, and what to do.
    """
    there = io.BytesIO()
    try:
        _Packer(there, pickle.HIGHEST_PROTOCOL).dump(task)
    except (pickle.PicklingError, AttributeError, TypeError) as failure:
        if isinstance(failure, _Unreachable):
            raise TypeError(str(failure)) from None
        raise TypeError(f"processes=True: {failure}. {_WAY_OUT}") from failure
    return there.getvalue()


_WAY_OUT: Final = (
    "A process of its own imports what it needs: put the events, projections, streams and functions into a module "
    "beside the notebook (a cell that begins with `%%writefile domain.py`) and import them, or let threads write: "
    "processes=False"
)


class _Unreachable(TypeError):
    """Something that no module has."""


class _Packer(pickle.Pickler):
    def reducer_override(self, thing: Any) -> Any:
        if isinstance(thing, type) or (callable(thing) and hasattr(thing, "__qualname__")):
            module, name = getattr(thing, "__module__", None), thing.__qualname__
            if "<" in name or (module == "__main__" and not _main_is_a_file()):
                where = "no module has it by its name" if "<" in name else "this notebook or prompt defines it"
                raise _Unreachable(f"processes=True: {name} cannot be taken along, {where}. {_WAY_OUT}")
        return NotImplemented


def _main_is_a_file() -> bool:
    """Whether a new process can import what was run: a script, or `python -m`; not a notebook, nor a prompt."""
    main = sys.modules["__main__"]
    return getattr(main, "__file__", None) is not None or getattr(main, "__spec__", None) is not None


# --- in the writer's process --------------------------------------------------------------------------------------


class _Line:
    """The writer's end of the pipe: whatever comes on it after the beginning is the sign to stop."""

    def __init__(self, pipe: Connection) -> None:
        self.pipe = pipe
        self._gathered: list[Attempt] = []
        self._sent = time.perf_counter()

    def is_set(self) -> bool:
        return self.pipe.poll()

    def wait(self, timeout: float) -> bool:
        return self.pipe.poll(timeout)

    def tell(self, attempt: Attempt) -> None:
        self._gathered.append(attempt)
        if time.perf_counter() - self._sent > _GATHER:
            self.flush()

    def flush(self) -> None:
        self.pipe.send((_ATTEMPTS, self._gathered))
        self._gathered, self._sent = [], time.perf_counter()


def _be_a_writer(pipe: Connection, task_bytes: bytes, path: str, writer: int) -> None:
    """What runs in the process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a Ctrl-C of the terminal reaches all; who started the storm tells
    line = _Line(pipe)
    with suppress(BrokenPipeError, EOFError):
        try:
            task: Task = pickle.loads(task_bytes)
            planned = plan(task, writer)
            refuse_twins([planned])
            logging.getLogger("funes_lab").setLevel(logging.ERROR)  # that one waits for the other is no news here
            lab = Lab(path, shared=True, lock_timeout=_LONG)
            pipe.send((_READY, None))
            begin = pipe.recv()
            try:
                write(task, writer, planned, lab, line, begin, line.tell)
            finally:
                line.flush()
                lab.close()
            pipe.send((_DONE, None))
        except (BrokenPipeError, EOFError):
            raise
        except BaseException as failure:  # noqa: BLE001  (it is raised where the storm was asked for)
            pipe.send((_FAILED, _carried(failure)))


def _carried(failure: BaseException) -> tuple[bytes | None, str, str]:
    """An exception for another process: as it is, if it comes back from there; its words; its traceback."""
    words = "".join(traceback.format_exception(failure))
    whole = None
    with suppress(Exception):
        tried = pickle.dumps(failure)
        pickle.loads(tried)
        whole = tried
    return whole, f"{type(failure).__name__}: {failure}", words


# --- in the process that asked for the storm ----------------------------------------------------------------------


def by_processes(task: Task, path: str, tick: Tick) -> Ran:
    """Let processes of their own write into a file, until all are done or Ctrl-C.

    Raises
    ------
    TypeError
        If the task cannot be taken to another process.
    ChildProcessError
        If a process ended before it was done.
    Exception
        What a writer raised, with its traceback as a note; `FunesLabError` with the words of one that cannot be taken
        from process to process.
    """
    storm = _Processes(task, tick)
    try:
        storm.start(packed(task), path)
        storm.wait_for(storm.is_ready)
        if storm.stopped:  # before anything was written
            raise KeyboardInterrupt
        storm.begin()
        storm.wait_for(lambda: not storm.open)
    except BaseException:
        storm.end()
        raise
    storm.end()
    if storm.failure is not None:
        raise storm.failure
    return Ran(storm.attempts, interrupted=storm.stopped)


class _Processes:
    def __init__(self, task: Task, tick: Tick) -> None:
        self.task, self.tick = task, tick
        self.open: dict[Connection, int] = {}
        self.processes: list[Any] = []
        self.ready = 0
        self.began = 0.0
        self.attempts: list[Attempt] = []
        self.stopped = False
        self.failure: BaseException | None = None

    def start(self, task_bytes: bytes, path: str) -> None:
        context = multiprocessing.get_context("spawn")
        resource_tracker.ensure_running()  # it unblocks Ctrl-C when it starts
        with _no_ctrl_c():
            for writer in range(self.task.writers):
                ours, theirs = context.Pipe()
                arguments = (theirs, task_bytes, path, writer)
                process = context.Process(target=_be_a_writer, args=arguments, daemon=True)
                process.start()
                theirs.close()
                self.processes.append(process)
                self.open[ours] = writer

    def is_ready(self) -> bool:
        return self.ready == self.task.writers or self.stopped or self.failure is not None

    def begin(self) -> None:
        """Give all of them the same beginning; the clock is that of the machine."""
        if self.failure is not None:
            raise self.failure
        self.began = time.perf_counter()
        self._send(self.began)

    def wait_for(self, reached: Callable[[], bool]) -> None:
        """Listen to the writers; the first Ctrl-C lets them end, a second one is raised."""
        while not reached():
            try:
                for pipe in wait(list(self.open), LOOK):
                    assert isinstance(pipe, Connection)
                    self._listen(pipe)
            except KeyboardInterrupt:
                if self.stopped:
                    raise
                self._stop()
                self.stopped = True

    def _listen(self, pipe: Connection) -> None:
        writer = self.open[pipe]
        try:
            kind, what = pipe.recv()
        except (EOFError, ConnectionResetError):
            self._lost(pipe)
            return
        if kind == _READY:
            self.ready += 1
        elif kind == _ATTEMPTS:
            self.attempts += what
            self.tick(sum(map(ended, what)))
        elif kind == _FAILED:
            self._fail(_raised(what, writer, self.task.writers))
            del self.open[pipe]
        else:
            del self.open[pipe]

    def _lost(self, pipe: Connection) -> None:
        """A process ended without a word: killed, or it never came so far as to run what is above."""
        writer = self.open.pop(pipe)
        process = self.processes[writer]
        process.join(_PATIENCE)
        told = f"writer {writer} of the storm (process {process.pid}) ended with exit code {process.exitcode}"
        hint = "" if self.began else '; a script needs `if __name__ == "__main__":` around what starts it'
        self._fail(ChildProcessError(f"{told} before it was done{hint}"))

    def _fail(self, failure: BaseException) -> None:
        self.failure = self.failure or failure
        self._stop()

    def _stop(self) -> None:
        if self.began:
            self._send(None)

    def _send(self, what: float | None) -> None:
        for pipe in self.open:
            with suppress(BrokenPipeError):
                pipe.send(what)

    def end(self) -> None:
        """Leave no process behind: the pipe is closed, and what does not end then is ended."""
        for process in self.processes:
            if self.open:  # somebody was left in the middle
                process.terminate()
            process.join(_PATIENCE)
            if process.is_alive():
                process.kill()
                process.join()
            process.close()
        for pipe in self.open:
            pipe.close()


def _raised(carried: tuple[bytes | None, str, str], writer: int, writers: int) -> BaseException:
    whole, told, words = carried
    failure: BaseException = FunesLabError(told) if whole is None else pickle.loads(whole)
    failure.add_note(f"raised in writer {writer} of {writers} of the storm:\n{words}")
    return failure


@contextmanager
def _no_ctrl_c() -> Iterator[None]:
    """Hold Ctrl-C back: a process that is started meanwhile never gets it, this one gets it afterwards."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
