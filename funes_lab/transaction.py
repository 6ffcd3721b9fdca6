"""A transaction: several streams and the user's own tables, all or nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from funes_lab.errors import ConflictError, TransactionError
from funes_lab.event import Event, status
from funes_lab.jobs import Job
from funes_lab.seen import Memory, Seen
from funes_lab.store import Row, Store, Unit, VersionTaken


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

    def __init__(self, store: Store) -> None:
        self._store = store
        self.unit: Unit = store.begin()
        self.memory = Memory()
        #: Of the async projections; they are queued when it is committed.
        self.jobs: list[Job] = []
        self._written: list[tuple[Event, Row, Callable[[], None]]] = []
        self._readings: list[Seen] = []
        self._open = True

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
        if not self._open:
            raise TransactionError("this transaction has ended; open another one with lab.transaction()")
        return self.unit.execute(sql, params)

    def wrote(self, event: Event, row: Row, deny: Callable[[], None]) -> None:
        """Remember an event: to undo what it says of itself at a rollback, to deny it if the commit fails."""
        self._written.append((event, row, deny))

    def moved(self, seen: Seen) -> None:
        """Remember a reading that sees what is not committed, to move it back at a rollback."""
        if not any(known is seen for known in self._readings):
            self._readings.append(seen)

    def commit(self) -> None:
        """Make it last, or raise ConflictError: then nothing of it did."""
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
        self._open = False
        self.unit.rollback()
        self._undo()

    def _undo(self) -> None:
        for event, _, _ in self._written:
            status(event).forget_facts()
        for seen in self._readings:
            head = self._store.head(seen.idx)
            if seen.version > head.version:
                seen.stand_at(head)
