"""Lab: opens a store, is the current one, and answers for the whole log."""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar, Token
from datetime import UTC, datetime
from typing import Any, Literal, Self

from pydantic import BaseModel

from funes_lab import current
from funes_lab.asking import Asking
from funes_lab.causation import Cause
from funes_lab.errors import ClosedError, ReadOnlyError, TransactionError
from funes_lab.exploring import Exploring
from funes_lab.jobs import Job, Jobs
from funes_lab.keeping import Keeping
from funes_lab.metainformation import Metainformation
from funes_lab.rejections import Rejections
from funes_lab.replaying import Replaying
from funes_lab.seen import ComparedMemory, Memory
from funes_lab.storable import utc
from funes_lab.store import Row, Store, Unit
from funes_lab.store.doors import open_store
from funes_lab.transaction import Rollback, Transaction

Clock = Callable[[], datetime]


class Lab(Asking, Replaying, Exploring, Keeping):
    """An event log, its journal of refused attempts and your own tables, in one DuckDB database.

    Opening a lab makes it the current one: streams that are made without `lab=` are bound to it. `with lab:` is a
    scope in which it is current; at the end of the block a lab on a file is closed.

    Parameters
    ----------
    path : str or path
        A file, made if it is missing; default in memory. The same path opened again in one process shares the
        store.
    clock : callable, optional
        Gives the time of recording, a datetime (one without a zone is taken as UTC); default the system's.
    read_only : bool
        Open an existing file without the right to write.
    metainformation_model : pydantic model class, optional
        The context that `with lab.metainformation(…):` can bind to events.
    jobs : {"background", "manual"}
        Whether a thread runs the async projections, or `lab.jobs.run_pending()` does.
    shared : bool
        Whether several processes take turns in the file, two notebooks for example, each with `shared=True`. Then
        nobody holds it between two operations: each opens it and closes it again, which costs a few milliseconds
        (`with lab.batch():` opens it once for many), and sees what the others wrote. A transaction, a scan of the log
        as in `replay` and a backup hold it until they are done. Not on Windows.
    lock_timeout : float
        Seconds to wait for a file that another process works in. A file that another process has open without
        `shared=True` is waited for with it only.

    Raises
    ------
    StoreLockedError
        If another process holds the file, or works in it for longer than `lock_timeout`; it names that process. With
        `shared=True` every operation may raise it. Nothing was stored then.
    CorruptLogError
        If the file is damaged, or no event log.

    Examples
    --------
    >>> import funes_lab as fl
    >>> lab = fl.Lab()
    >>> class Noted(fl.Event, name="Example::Noted"):
    ...     text: str
    >>> fl.EventStream.for_("notes").append(Noted(text="hello")).version
    1
    >>> lab.log.df()[["idx", "version", "text"]].to_dict("records")
    [{'idx': 'notes', 'version': 1, 'text': 'hello'}]
    """

    def __init__(
        self,
        path: str | os.PathLike[str] = ":memory:",
        *,
        clock: Clock | None = None,
        read_only: bool = False,
        metainformation_model: type[BaseModel] | None = None,
        jobs: Literal["background", "manual"] = "background",
        shared: bool = False,
        lock_timeout: float = 10,
    ) -> None:
        if clock is not None and not callable(clock):
            raise TypeError(f"clock must be a function that gives a datetime, got {clock!r}")
        if jobs not in ("background", "manual"):
            raise ValueError(f"jobs must be 'background' or 'manual', got {jobs!r}")
        self._metainformation = Metainformation(metainformation_model)
        self._store: Store = open_store(path, read_only=read_only, shared=shared, lock_timeout=lock_timeout)
        self._clock = clock
        self._read_only = read_only or self._store.read_only
        self._shared = shared
        self._closed = False
        self._transaction: ContextVar[Transaction | None] = ContextVar("funes_lab_transaction", default=None)
        self._scopes: list[Token[Any]] = []
        self.memory = ComparedMemory(self._store) if shared else Memory()
        #: Lets go of the store: at close(), or when nobody holds the lab any more.
        self._release = weakref.finalize(self, self._store.close)
        self._jobs = Jobs(self, manual=jobs == "manual")
        current.make_current(self)

    # --- what it is ------------------------------------------------------------------------------------------

    @property
    def path(self) -> str:
        """The file, or ":memory:"."""
        return self._store.path

    @property
    def store(self) -> Store:
        """The open store.

        Raises
        ------
        ClosedError
            After `close()`.
        """
        if self._closed:
            raise ClosedError(f"the lab on {self.path} is closed; open it again with fl.Lab({self.path!r})")
        return self._store

    def check_writable(self) -> None:
        """Raise ReadOnlyError or ClosedError if nothing can be written."""
        if self._read_only:
            raise ReadOnlyError(f"the lab on {self.path} is open for reading only; open it without read_only=True")
        _ = self.store

    @property
    def read_only(self) -> bool:
        """Whether writes are refused."""
        return self._read_only

    @property
    def shared(self) -> bool:
        """Whether other processes take turns in its file."""
        return self._shared

    @property
    def closed(self) -> bool:
        """Whether it was closed."""
        return self._closed

    @property
    def rejections(self) -> Rejections:
        """The journal of refused attempts."""
        return Rejections(self.store, read_only=self._read_only, asked=self)

    @property
    def jobs(self) -> Jobs:
        """The async projections that wait, are done or have failed."""
        return self._jobs

    def now(self) -> datetime:
        """The time by the lab's clock, in UTC."""
        if self._clock is None:
            return datetime.now(UTC)
        moment = self._clock()
        if not isinstance(moment, datetime):
            raise TypeError(f"clock must give a datetime, got {moment!r}")
        return utc(moment)

    # --- context ---------------------------------------------------------------------------------------------

    def metainformation(self, **values: Any) -> AbstractContextManager[None]:
        """Bind metainformation to the events that are appended in a block.

        Parameters
        ----------
        **values
            Fields of the lab's `metainformation_model`; a block inside another one adds to it.

        Returns
        -------
        context manager

        Raises
        ------
        TypeError
            For a name that the model does not have.

        Examples
        --------
        >>> import funes_lab as fl
        >>> from pydantic import BaseModel
        >>> class Context(BaseModel):
        ...     user_id: int
        >>> class Touched(fl.Event, name="Example::Touched"):
        ...     pass
        >>> lab = fl.Lab(metainformation_model=Context)
        >>> with lab.metainformation(user_id=7):
        ...     event = fl.EventStream.for_("thing").append(Touched())
        >>> event.meta_info
        {'user_id': 7}
        """
        return self._metainformation.bind(values)

    def metainformation_now(self, cause: Cause | None = None) -> dict[str, Any]:
        """The context that is bound now, as it is stored with an event, and what that carries on of its cause."""
        return self._metainformation.now(cause)

    def row(self, idx: str, version: int) -> Row | None:
        """One event as the log has it; None if there is none."""
        return self.store.event(idx, version, self.unit)

    def queue(self, jobs: Sequence[Job]) -> None:
        """Let jobs run once the outermost transaction is committed."""
        transaction = self.transaction_now
        if not jobs:
            return
        if transaction is None:
            self._jobs.add(jobs)
        else:
            transaction.jobs.extend(jobs)

    # --- writing together ------------------------------------------------------------------------------------

    @property
    def transaction_now(self) -> Transaction | None:
        """The transaction that is open here, if one is."""
        transaction = self._transaction.get()
        if transaction is None or transaction.over:
            return None
        transaction.check_inside()
        return transaction

    @property
    def unit(self) -> Unit | None:
        """The store's side of the transaction that is open here."""
        transaction = self.transaction_now
        return None if transaction is None else transaction.unit

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """Open a transaction over streams and your own tables.

        Yields
        ------
        Transaction
            `tx.execute(sql, params)` for your own tables.

        Raises
        ------
        TransactionError
            Inside another one: DuckDB has no savepoints. And at the end of the block if something in it awaited;
            nothing was stored.
        ConflictError
            At the end of the block, if another writer was faster; nothing was stored.

        Examples
        --------
        >>> import funes_lab as fl
        >>> class Moved(fl.Event, name="Example::Moved"):
        ...     amount: int
        >>> lab = fl.Lab()
        >>> with lab.transaction():
        ...     out = fl.EventStream.for_("a").append_or_raise(Moved(amount=-5))
        ...     into = fl.EventStream.for_("b").append_or_raise(Moved(amount=5))
        >>> len(lab.log)
        2
        """
        if self.transaction_now is not None:
            raise TransactionError(
                "a transaction is open already, and DuckDB has no savepoints; put the appends into the outer block"
            )
        self.check_writable()
        with self.store.writing:
            transaction = Transaction(self.store)
            token = self._transaction.set(transaction)
            try:
                yield transaction
            except Rollback:
                transaction.rollback()
                transaction.check_inside()
            except BaseException:
                transaction.rollback()
                raise
            else:
                transaction.commit()
                self.memory.absorb(transaction.memory)
                self._jobs.add(transaction.jobs)
            finally:
                transaction.over = True
                self._transaction.reset(token)
                transaction.end()

    # --- the life of a lab -----------------------------------------------------------------------------------

    def close(self) -> None:
        """Let go of the file. Closing twice does nothing."""
        if not self._closed:
            if self.transaction_now is not None:
                raise TransactionError("a transaction is open; close the lab after its block")
            self._jobs.finish()
            self._closed = True
            current.forget(self)
            self._release()

    def __enter__(self) -> Self:
        self._scopes.append(current.enter(self))
        return self

    def __exit__(self, *exc: object) -> None:
        current.leave(self._scopes.pop())
        if not self._scopes and self.path != ":memory:":
            self.close()

    def __repr__(self) -> str:
        from funes_lab.widgets import reprs, telling

        return reprs.lab_text(telling.lab_card(self))

    def _repr_html_(self) -> str:
        from funes_lab.widgets import reprs, telling

        return reprs.lab_html(telling.lab_card(self))


def current_lab() -> Lab:
    """The current lab: the one opened last, the one of the `with` block, or one in memory.

    Returns
    -------
    Lab

    Examples
    --------
    >>> import funes_lab as fl
    >>> lab = fl.Lab()
    >>> fl.current_lab() is lab
    True
    """
    lab = current.current()
    assert isinstance(lab, Lab)
    return lab


current.opens_by_default(Lab)
