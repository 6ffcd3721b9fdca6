"""Desk: a lab as one writer of a race uses it, with a transaction of its own.

`with lab.transaction():` keeps everybody else out until its block ends. Writers who race must be able to meet in the
middle, so each has a transaction of the store, and a lock covers a statement, not a writer.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from funes_lab.causation import Cause
from funes_lab.current import Workspace
from funes_lab.seen import Memory
from funes_lab.store import Row, Store, Unit
from funes_lab.transaction import Transaction

if TYPE_CHECKING:
    from funes_lab.jobs import Job


class Desk:
    """A workspace that is another one, but for the transaction that is open here.

    Parameters
    ----------
    lab : Lab or Scratch
    """

    def __init__(self, lab: Workspace) -> None:
        self._lab = lab
        #: What the lab remembers of streams.
        self.memory: Memory = lab.memory
        self._transaction: Transaction | None = None

    def begin(self) -> None:
        """Open a transaction; one that is open is undone."""
        self.leave()
        with self.store.writing:
            self._transaction = Transaction(self.store, watched=False)

    def commit(self) -> None:
        """Make it last; raises ConflictError when another writer was faster, and then nothing of it did."""
        transaction, self._transaction = self._transaction, None
        assert transaction is not None
        with self.store.writing:
            transaction.commit()
        self._lab.queue(transaction.jobs)

    def leave(self) -> None:
        """Undo the transaction that is open, if one is."""
        transaction, self._transaction = self._transaction, None
        if transaction is not None:
            with self.store.writing:
                transaction.rollback()

    # --- what a stream asks of a workspace -------------------------------------------------------------------

    @property
    def transaction_now(self) -> Transaction | None:
        """The transaction of this writer."""
        return self._transaction

    @property
    def unit(self) -> Unit | None:
        """The store's side of it."""
        return None if self._transaction is None else self._transaction.unit

    @property
    def store(self) -> Store:
        """The open store."""
        return self._lab.store

    @property
    def closed(self) -> bool:
        """Whether the lab was closed."""
        return self._lab.closed

    @property
    def path(self) -> str:
        """The file, or ":memory:"."""
        return self._lab.path

    @property
    def read_only(self) -> bool:
        """Whether writes are refused."""
        return self._lab.read_only

    def metainformation_now(self, cause: Cause | None = None) -> dict[str, Any]:
        """The context that is bound now."""
        return self._lab.metainformation_now(cause)

    def row(self, idx: str, version: int) -> Row | None:
        """One event as this writer sees the log."""
        return self.store.event(idx, version, self.unit)

    def queue(self, jobs: Sequence[Job]) -> None:
        """Let jobs run once the transaction is committed."""
        if self._transaction is None:
            self._lab.queue(jobs)
        else:
            self._transaction.jobs.extend(jobs)

    def check_writable(self) -> None:
        """Raise ReadOnlyError or ClosedError if nothing can be written."""
        self._lab.check_writable()

    def now(self) -> datetime:
        """The lab's clock."""
        return self._lab.now()
