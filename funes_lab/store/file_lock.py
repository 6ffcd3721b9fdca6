"""The lock beside a database: whoever works in the file has it, and says who it is.

DuckDB locks its file with a lock of POSIX, which a process loses when any part of it opens and closes that file once
more. This one is a `flock` on a file of its own, `ledger.duckdb.lock`: nobody opens that by accident, a kill frees it,
and no child process inherits it. The file holds one line about its holder, for those who wait.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import sys
import time
import weakref
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from funes_lab.errors import StoreError, StoreLockedError

try:
    import fcntl
except ImportError:  # on Windows, where DuckDB's own lock cannot be lost
    fcntl = None  # type: ignore[assignment]

_log = logging.getLogger("funes_lab")

#: Seconds until those who wait are told for whom.
TOLD_AFTER: Final = 1.0
#: Seconds between two tries: of the one who is next, and of those behind.
_NEXT_PAUSE, _PAUSE = 0.0005, 0.002
#: The byte of the lock file whose lock makes one of those who wait the next. Who comes back within so many seconds goes
#: past them: to wake another process for each operation takes longer than the operation.
_TURNSTILE: Final = 1 << 20
_SLICE: Final = 0.05
#: A holder that stays is refused to those who stay too, once it was seen so many times.
_LOOKS: Final = 5

_MOST: Final = 4096


@dataclass(frozen=True, slots=True)
class Holder:
    """Who has the lock.

    Attributes
    ----------
    pid : int
    program : str
        A notebook or a script.
    purpose : str
        What it has the file open for.
    since : str
        In UTC.
    stays : bool
        Whether it keeps the file until its lab is closed.
    turn : int
        How often it had the lock.
    """

    pid: int
    program: str
    purpose: str
    since: str
    stays: bool
    turn: int

    def __str__(self) -> str:
        return f"{self.program} (process {self.pid}) for {self.purpose}, since {self.since}"


class FileLock:
    """The lock of one database, for one store of this process.

    Parameters
    ----------
    path : str
        Of the database.
    reading : bool
        Whether others may read meanwhile.
    stays : bool
        Whether it is kept until the lab is closed.
    """

    def __init__(self, path: str, *, reading: bool, stays: bool) -> None:
        self._database, self._path = path, f"{path}.lock"
        self._reading, self._stays = reading, stays
        self._fd: int | None = None
        self._turn = 0
        self._is_next = False
        #: Until when it goes past the turnstile, by the monotonic clock.
        self._slice_ends = 0.0
        #: What is in the file as long as nobody else had the lock since.
        self._mine = b""
        self.held = False
        _locks.add(self)

    def take(self, timeout: float, purpose: str) -> bool:
        """Wait for it; tells whether anybody else may have had it since the last time.

        Raises
        ------
        StoreLockedError
            When the time is over; it names the holder.
        StoreError
            If there can be no such lock, and nothing else would do.
        """
        begun, looks, told = time.monotonic(), 0, False
        try:
            while not self._try():
                waited, holder = time.monotonic() - begun, self._holder()
                looks = looks + 1 if self._stays and holder is not None and holder.stays else 0
                if waited >= timeout or looks >= _LOOKS:
                    raise locked(self._database, holder, waited)
                if waited >= TOLD_AFTER and not told:
                    told = True
                    who = holder or "another process"
                    _log.warning("%s is held by %s; waiting for it, up to %g s", self._database, who, timeout)
                time.sleep(min(_NEXT_PAUSE if self._is_next else _PAUSE, timeout - waited))
            self.held = True
            return self._sign(purpose)
        except BaseException:
            self.let_go()
            raise
        finally:
            self._leave_turnstile()

    def let_go(self) -> None:
        """Give it back."""
        if fcntl is not None and self._fd is not None:
            fcntl.flock(self._fd, fcntl.LOCK_UN)
        self.held = False

    def remove(self) -> None:
        """Leave no file behind, unless somebody else has the lock just now: then it is theirs to remove."""
        if fcntl is None or self._fd is None:
            return
        with contextlib.suppress(OSError):
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # whoever waits for a file that is gone sees that it is, and makes a new one
            if self._is_there():
                Path(self._path).unlink()
        self._close()

    def forget(self) -> None:
        """In a forked child: the lock is the parent's, which loses nothing when this descriptor is closed."""
        self.held = False
        self._close()

    # --- below -----------------------------------------------------------------------------------------------

    def _try(self) -> bool:
        """Get it at once, or not at all; without any, where a reader cannot have one."""
        if fcntl is None:
            return True
        if self._fd is None and not self._open():
            return True
        assert self._fd is not None
        if time.monotonic() >= self._slice_ends and not self._is_next and not self._enter_turnstile(self._fd):
            return False
        try:
            fcntl.flock(self._fd, (fcntl.LOCK_SH if self._reading else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError as failure:
            self._close()
            if self._can_do_without:
                return True
            raise StoreError(
                f"{self._path} cannot be locked: {failure.strerror}. Some network drives know no locks; put the file "
                "on a drive of this machine"
            ) from failure
        if not self._is_there():
            self._close()
            return self._try()
        if self._is_next:
            self._slice_ends = time.monotonic() + _SLICE
        return True

    def _enter_turnstile(self, descriptor: int) -> bool:
        """Be the next, unless somebody else is."""
        try:
            fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, _TURNSTILE)
        except (BlockingIOError, PermissionError):
            return False
        except OSError:  # one that is open for reading only: it goes past those who wait
            return True
        self._is_next = True
        return True

    def _leave_turnstile(self) -> None:
        if self._is_next and self._fd is not None:
            with contextlib.suppress(OSError):
                fcntl.lockf(self._fd, fcntl.LOCK_UN, 1, _TURNSTILE)
        self._is_next = False

    def _open(self) -> bool:
        """Open the lock file; False where there is none, and none can be made."""
        flags = os.O_CLOEXEC  # no program that this process starts inherits it
        try:
            self._fd = os.open(self._path, os.O_RDWR | os.O_CREAT | flags, 0o666)
        except OSError as failure:
            if self._reading:
                with contextlib.suppress(OSError):
                    self._fd = os.open(self._path, os.O_RDONLY | flags)
            elif not self._can_do_without:
                raise StoreError(
                    f"{self._path} cannot be written: {failure.strerror}. shared=True needs it to take turns; give a "
                    "file in a folder that you may write to, or open it with read_only=True"
                ) from failure
        return self._fd is not None

    @property
    def _can_do_without(self) -> bool:
        """Whether DuckDB's own lock is enough: it is as good as this one unless somebody trips over it."""
        return self._reading or self._stays

    def _is_there(self) -> bool:
        """Whether the lock file is still the one that has this name."""
        assert self._fd is not None
        ours = os.fstat(self._fd)
        try:
            there = os.stat(self._path)  # noqa: PTH116  (the pair of fstat)
        except FileNotFoundError:
            return False
        return (ours.st_dev, ours.st_ino) == (there.st_dev, there.st_ino)

    def _sign(self, purpose: str) -> bool:
        """Write down who has it; tells whether somebody else signed since."""
        if self._fd is None:
            return True
        others = self._reading or not self._mine or os.pread(self._fd, _MOST, 0) != self._mine
        self._turn += 1
        since = datetime.now(UTC).strftime("%H:%M:%S UTC")
        holder = Holder(os.getpid(), program(), purpose, since, self._stays, self._turn)
        self._mine = json.dumps(asdict(holder)).encode()
        with contextlib.suppress(OSError):  # one that is open for reading only, a full disk
            os.pwrite(self._fd, self._mine, 0)
            os.ftruncate(self._fd, len(self._mine))
        return others

    def _holder(self) -> Holder | None:
        """Who has it, as far as it says so."""
        if self._fd is None:
            return None
        try:
            told = json.loads(os.pread(self._fd, _MOST, 0))
            return Holder(
                int(told["pid"]), _text(told["program"]), _text(told["purpose"]), _text(told["since"]),
                bool(told["stays"]), int(told["turn"]),
            )  # fmt: skip
        except (OSError, ValueError, TypeError, KeyError):
            return None

    def _close(self) -> None:
        if self._fd is not None:
            descriptor, self._fd = self._fd, None
            self._is_next = False
            os.close(descriptor)
        self._mine = b""


_locks: weakref.WeakSet[FileLock] = weakref.WeakSet()


def _forget_all() -> None:
    for lock in list(_locks):
        lock.forget()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_all)


def check_lockable() -> None:
    """Raise StoreError where processes cannot share a file."""
    if fcntl is None:
        raise StoreError(
            "shared=True takes turns by a lock that Windows does not have; open the lab without it there, in one "
            "process at a time"
        )


def program() -> str:
    """What this process is to a person: a notebook, a script, Python."""
    notebook = os.environ.get("JPY_SESSION_NAME")
    if notebook:
        return f"the notebook {Path(notebook).name}"
    return Path(sys.argv[0]).name or "python" if sys.argv else "python"


def locked(path: str, holder: Holder | None, waited: float) -> StoreLockedError:
    """The error for a file that somebody else has."""
    who = "another process" if holder is None else str(holder)
    after = f" ({waited:.1f} s waited)" if waited >= 0.1 else ""
    what = (
        "close the lab there (lab.close(), or shut that notebook's kernel down), or let both take turns with "
        "fl.Lab(…, shared=True)"
        if holder is None or holder.stays
        else "try again, or wait longer: lock_timeout= of fl.Lab is in seconds"
    )
    return StoreLockedError(
        f"{path} is held by {who}{after}: one process at a time works in a file; {what}",
        path=path, process=None if holder is None else holder.program, pid=None if holder is None else holder.pid,
    )  # fmt: skip


def _text(told: object) -> str:
    """A text from a file that anybody may have written."""
    return "".join(char if char.isprintable() else " " for char in str(told))[:80]
