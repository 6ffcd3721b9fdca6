"""A transaction: several streams and the user's own tables, all or nothing."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from funes_lab.errors import ConflictError, TransactionError
from funes_lab.event import Event, status
from funes_lab.jobs import Job
from funes_lab.seen import Memory, Seen
from funes_lab.store import Head, Row, Store, Unit, VersionTaken


class Rollback(Exception):
    """Raise it inside `with lab.transaction():` to undo everything silently.

    Examples
    --------
    >>> import funes_lab as fl
    >>> lab = fl.Lab()
    >>> with lab.transaction():
    ...     raise fl.Rollback
    >>> len(lab.log)
    0
    """


class Transaction:
    """An open transaction of a lab; get one with `with lab.transaction() as tx:`.

    Appends inside the block take part in it. An exception undoes everything and goes on, `fl.Rollback` undoes
    silently. A refused `append` leaves the rest alone.
    """

    def __init__(self, store: Store, *, watched: bool = True) -> None:
        self._store = store
        self.unit: Unit = store.begin()
        self._thread = threading.get_ident()
        self._open = True
        self._was_left = False
        #: Whether its block has ended; a task that was started inside it may still have it in its context.
        self.over = False
        self._sentinel = self._watch() if watched else None
        self.memory = Memory()
        #: Of the async projections; they are queued when it is committed.
        self.jobs: list[Job] = []
        self._written: list[tuple[Event, Row, Callable[[], None]]] = []
        self._readings: list[Seen] = []
        self._stood: dict[str, Head] = {}
        self._doomed = False

    def execute(self, sql: str, params: Sequence[Any] | Mapping[str, Any] | None = None) -> Any:
        """Run one statement on your own tables, inside the transaction.

        Parameters
        ----------
        sql : str
        params : sequence or mapping, optional
            Values for `?` or `$name`.

        Returns
        -------
        duckdb cursor
            `.fetchall()`, `.df()`.

        Raises
        ------
        StoreError
            For the tables of the lab: the log is written by appending events.
        TransactionError
            After the block has ended.
        """
        self.check_inside()
        if not self._open:
            raise TransactionError("this transaction has ended; open another one with lab.transaction()")
        return self.unit.execute(sql, params)

    def wrote(self, event: Event, row: Row, stood: Head, deny: Callable[[], None]) -> None:
        """Remember an event: to undo what it says of itself at a rollback, to deny it if the commit fails."""
        self._written.append((event, row, deny))
        self._stood.setdefault(row.idx, stood)

    def doom(self) -> None:
        """Nothing of it can last: a part of an append failed after another part was written."""
        self._doomed = True

    def moved(self, seen: Seen) -> None:
        """Remember a reading that sees what is not committed, to move it back at a rollback."""
        if not any(known is seen for known in self._readings):
            self._readings.append(seen)

    def check_inside(self) -> None:
        """Raise TransactionError where the block cannot go on: after an `await`, and in another thread."""
        if self._was_left:
            raise TransactionError(
                "an await inside `with lab.transaction():` let other code run in the middle of it, so all of it was "
                "rolled back. Await before or after the block, or put the whole block into a function and "
                "`await asyncio.to_thread(function)`"
            )
        if self._thread != threading.get_ident():
            raise TransactionError(
                "this transaction is open in another thread, and one transaction belongs to one thread; open it "
                "inside the function that the thread runs"
            )

    def _watch(self) -> asyncio.Handle | None:
        """Have the event loop call back: it can do so before the block ends only if something in it awaits."""
        try:
            return asyncio.get_running_loop().call_soon(self._on_left)
        except RuntimeError:
            return None

    def _on_left(self) -> None:
        """Other code runs now: undo everything, and do not let it wait for a lock that nobody gives back."""
        self._was_left = True
        self.rollback()
        self._store.writing.release()

    def end(self) -> None:
        """The block is over; it holds the lock again that its `with` will give back."""
        if self._sentinel is not None:
            self._sentinel.cancel()
        if self._was_left:
            self._store.writing.acquire()

    def commit(self) -> None:
        """Make it last, or raise ConflictError: then nothing of it did."""
        self.check_inside()
        if self._doomed:
            self.rollback()
            raise TransactionError(
                "an append of this transaction failed half way, after its event was written, and DuckDB cannot undo a "
                "part; nothing of the transaction was stored. Let the exception of that append leave the block"
            )
        self._open = False
        try:
            self.unit.commit()
        except VersionTaken as taken:
            self._undo()
            # the message of a failed COMMIT names no table: look whose version is there
            for event, row, deny in self._written:
                if self._store.event(row.idx, row.version) is not None:
                    deny()
                    raise ConflictError(event) from taken
            raise TransactionError(
                f"another writer was faster with a row of your own table; nothing was stored ({taken})"
            ) from taken
        except BaseException:
            self._undo()
            raise

    def rollback(self) -> None:
        """Undo everything: the log, the events and the readings."""
        if self._open:
            self._open = False
            self.unit.rollback()
            self._undo()

    def _undo(self) -> None:
        for event, _, _ in self._written:
            status(event).forget_facts()
        # what a reading saw beyond the head from before the first event of this transaction never became a fact
        for seen in self._readings:
            stood = self._stood.get(seen.idx)
            if stood is not None and seen.version > stood.version:
                seen.stand_at(stood)
