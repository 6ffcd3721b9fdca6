"""A log in a file that several processes take turns in: nobody holds it between two operations.

Each operation takes the lock beside the file, attaches the file to a database in memory that is there all the time,
works, detaches the file, and gives the lock back. To attach costs a twentieth of what a connection of its own does.
What is done inside of an operation, in whatever thread, is done under the same opening; the last one out closes.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
import weakref
from typing import Final, Self

import duckdb

from funes_lab.errors import StoreError, StoreLockedError
from funes_lab.store.duckdb import DuckDBStore, Opened
from funes_lab.store.failures import damage_told, told
from funes_lab.store.file_lock import FileLock
from funes_lab.store.kinds import literal
from funes_lab.store.opening import attach, attached, bind_indexes, check_path, connect, prepare, was_not_closed
from funes_lab.store.polling import PollingWatchers, token
from funes_lab.store.tables import quoted

#: Seconds between two tries, where a process without this lock holds the file.
_PAUSE: Final = 0.01


class Visit(Opened):
    """One operation in the file. To leave twice does nothing."""

    def __init__(self, store: SharedFileStore, purpose: str) -> None:
        self._store, self._purpose = store, purpose

    def __enter__(self) -> Self:
        try:
            self._store.enter(self, self._purpose)
        except BaseException:
            self.leave()
            raise
        return self

    def __exit__(self, *exc: object) -> None:
        self.leave()

    def leave(self) -> None:
        """Close the file, unless somebody else of this process is in it."""
        try:
            self._store.leave(self)
        except BaseException:
            self._store.leave(self)  # an interrupted kernel must not keep the file
            raise


class SharedFileStore(DuckDBStore):
    """A log, its journal and the user's own tables in a file that other processes work in too.

    Parameters
    ----------
    path : str
        An absolute path.
    read_only : bool
    """

    def __init__(self, path: str, *, read_only: bool) -> None:
        super().__init__(path, read_only=read_only)
        #: Seconds to wait for other processes.
        self.lock_timeout = 0.0
        self.watchers: PollingWatchers = PollingWatchers(path)
        # a lab on it may be collected while somebody is at the door, and closes it there, in the same thread
        self._door = threading.RLock()
        #: Who is in the file; one that an interrupt let nobody leave is gone with its traceback.
        self._visits: weakref.WeakSet[Visit] = weakref.WeakSet()
        self._is_attached = False
        self._name = ""
        #: Which file it is, so that another one under its name is not taken for it.
        self._file: tuple[int, int] | None = None

    def open(self, lock_timeout: float) -> None:
        """See that the file is a log, or make it one."""
        check_path(self.path, read_only=self.read_only)
        self.lock_timeout = lock_timeout
        self._lock = FileLock(self.path, reading=self.read_only, stays=False)
        self._connection = self._in_memory()
        try:
            with self.opened("opening it"):
                pass
        except BaseException:
            self._let_go()
            raise

    def opened(self, purpose: str = "reading") -> Visit:
        """A block in which the file is open; `purpose` is told to whoever waits for it."""
        return Visit(self, purpose)

    def cursor(self) -> duckdb.DuckDBPyConnection:
        """A cursor of one's own, inside of a block of `opened()`."""
        cursor = super().cursor()
        try:
            cursor.execute(f"USE {quoted(self._name)}")
        except BaseException:
            cursor.close()
            raise
        return cursor

    # --- in and out ------------------------------------------------------------------------------------------

    def enter(self, visit: Visit, purpose: str) -> None:
        """Open the file, unless it is open."""
        self.check_process()
        with self._door:
            self.check_process()
            if not self._is_attached:
                self._attach(purpose)
            self._visits.add(visit)

    def leave(self, visit: Visit) -> None:
        """Close the file, unless there is another visit."""
        if self.pid == os.getpid():
            with self._door:
                self._visits.discard(visit)
                if not self._visits:
                    self._detach()

    def _attach(self, purpose: str) -> None:
        assert self._lock is not None
        assert self._connection is not None
        deadline = time.monotonic() + self.lock_timeout
        others = self._lock.take(self.lock_timeout, purpose)
        self._is_attached = True  # it is tried: whatever comes in between, it is detached
        try:
            self._check_file()
            before = token(self.path)
            was_left = not self.read_only and was_not_closed(self.path)
            with damage_told(self.path):
                self._attach_when_free(deadline)
                if not self._name:
                    self._name = attached(self._connection)
                if was_left:
                    with contextlib.closing(self.cursor()) as cursor:
                        bind_indexes(cursor)
                if self._file is None:
                    self._first_time()
                elif others or before != self.watchers.left:
                    self._after_others()
            self.watchers.found(before)
        except duckdb.Error as failure:
            self._detach()
            raise told(failure, self.path) from failure
        except BaseException:
            self._detach()
            raise

    def _attach_when_free(self, deadline: float) -> None:
        """A process that knows nothing of the lock may hold the file."""
        assert self._connection is not None
        while True:
            try:
                attach(self._connection, self.path, read_only=self.read_only)
            except StoreLockedError:
                if time.monotonic() >= deadline:
                    raise
                time.sleep(_PAUSE)
            else:
                return

    def _detach(self) -> None:
        """Close the file and give the lock back; where it was interrupted it goes on when it is called again."""
        assert self._lock is not None
        if self._is_attached:
            self._detach_or_start_anew()
            self._is_attached = False
        if self._lock.held:
            self.watchers.leave(token(self.path))
            self._lock.let_go()
        if self._connection is None:  # the lab was closed meanwhile
            self._lock.remove()

    def _detach_or_start_anew(self) -> None:
        """A database that cannot let go of the file is thrown away."""
        is_clean = False
        try:
            # whatever was acknowledged stands in the write-ahead log, if a full disk stops the checkpoint here
            with contextlib.suppress(duckdb.Error):
                if self._connection is not None:
                    self._connection.execute(f"DETACH {quoted(self._name)}")
                    is_clean = True
        finally:
            if not is_clean:
                self._start_anew()

    def _let_go(self) -> None:
        """Close the lab; whoever is in the file just now goes out later."""
        self.watchers.close()
        with self._door:
            if not self._visits:
                self._detach()
            connection, self._connection = self._connection, None
            self._start_anew()
            if connection is not None:
                connection.close()
            if not self._visits:
                self._detach()

    def _start_anew(self) -> None:
        """Take another database in memory, after an interrupt or a fault."""
        for cursor in (self._writer, *self._spare, self._connection):
            if cursor is not None:
                cursor.close()
        self._writer = None
        self._spare.clear()
        if self._connection is not None:
            self._connection = self._in_memory()

    # --- what is there ---------------------------------------------------------------------------------------

    def _in_memory(self) -> duckdb.DuckDBPyConnection:
        connection = connect(":memory:", read_only=False)
        # what does not fit into memory goes where it would go if the file was opened alone
        connection.execute(f"SET GLOBAL temp_directory = {literal(f'{self.path}.tmp')}")
        connection.execute("SET GLOBAL TimeZone = 'UTC'")
        return connection

    def _check_file(self) -> None:
        """Raise StoreError if the file was moved away, or another one was put there."""
        if self._file is None:
            return
        found = _identity(self.path)
        if found != self._file:
            what = "is not there any more" if found is None else "is another file than the one that was opened"
            raise StoreError(f"{self.path} {what}; close this lab, and open it again with fl.Lab(…, shared=True)")

    def _first_time(self) -> None:
        with contextlib.closing(self.cursor()) as cursor:
            self._has_journal = prepare(cursor, self.path, read_only=self.read_only)
        self._file = _identity(self.path)

    def _after_others(self) -> None:
        """Forget what another process may have changed."""
        self.turn += 1
        self.tables.clear()
        self._known.clear()
        if self.read_only and not self._has_journal:
            with contextlib.closing(self.cursor()) as cursor:
                self._has_journal = prepare(cursor, self.path, read_only=True)

    def _ready(self) -> duckdb.DuckDBPyConnection:
        self._check_writable()
        if self._writer is None:
            writer = self.cursor()
            writer.execute("PRAGMA disable_optimizer")
            self._writer = writer
        return self._writer


def _identity(path: str) -> tuple[int, int] | None:
    try:
        found = os.stat(path)  # noqa: PTH116  (a text, asked for at each operation)
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino
