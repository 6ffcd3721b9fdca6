"""Which lab is current, so that a stream need not know what a lab is.

Opening a lab makes it the current one of the process: a plain global, which threads, tasks and the next cell see
too. `with lab:` is a scope of its own, a context variable. Before any lab is opened there is one in memory.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar, Token
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

from funes_lab.errors import ClosedError
from funes_lab.seen import Memory
from funes_lab.store import Head, Row, Store, Unit

if TYPE_CHECKING:
    from funes_lab.causation import Cause
    from funes_lab.event import Event
    from funes_lab.jobs import Job
    from funes_lab.seen import Seen


class Transaction(Protocol):
    """What an append needs of the transaction it takes part in."""

    unit: Unit
    memory: Memory
    jobs: list[Job]

    def wrote(self, event: Event, row: Row, stood: Head, deny: Callable[[], None]) -> None:
        """Remember an event: to undo what it says of itself at a rollback, to deny it if the commit fails."""
        ...

    def doom(self) -> None:
        """Nothing of it can last."""
        ...

    def moved(self, seen: Seen) -> None:
        """Remember a reading that moves on inside the transaction, to move it back at a rollback."""
        ...


class Workspace(Protocol):
    """What a stream asks of the lab it is bound to."""

    memory: Memory

    @property
    def store(self) -> Store:
        """The open store."""
        ...

    @property
    def transaction_now(self) -> Transaction | None:
        """The transaction that is open here, if one is."""
        ...

    @property
    def unit(self) -> Unit | None:
        """The store's side of that transaction."""
        ...

    @property
    def closed(self) -> bool:
        """Whether it was closed."""
        ...

    @property
    def path(self) -> str:
        """The file, or ":memory:"."""
        ...

    @property
    def read_only(self) -> bool:
        """Whether writes are refused."""
        ...

    def metainformation_now(self, cause: Cause | None = None) -> dict[str, Any]:
        """The context that is bound now, as it is stored with an event, and what that carries on of its cause."""
        ...

    def row(self, idx: str, version: int) -> Row | None:
        """One event of the log."""
        ...

    def queue(self, jobs: Sequence[Job]) -> None:
        """Let jobs run once the outermost transaction is committed."""
        ...

    def check_writable(self) -> None:
        """Raise ReadOnlyError or ClosedError if nothing can be written."""
        ...

    def now(self) -> datetime:
        """The lab's clock, in UTC."""
        ...


_scoped: ContextVar[Workspace | None] = ContextVar("funes_lab_current", default=None)
#: The current lab of the process, and those that were before it, as long as somebody else holds them.
_process: list[Workspace] = []
_before: list[weakref.ref[Workspace]] = []
_opener: list[Callable[[], Workspace]] = []


def current() -> Workspace:
    """The current lab; one in memory is opened if there is none.

    Raises
    ------
    ClosedError
        If the current lab was closed.
    """
    lab = _scoped.get() or (_process[0] if _process else None)
    if lab is None:
        lab = _opener[0]()
    if lab.closed:
        raise ClosedError(f"the current lab ({lab.path}) is closed; open one with fl.Lab(...)")
    return lab


def make_current(lab: Workspace) -> None:
    """Let this lab be the one of the process."""
    _before.extend(weakref.ref(known) for known in _process)
    _process[:] = [lab]


def forget(lab: Workspace) -> None:
    """Let the lab that was current before this one be the one of the process again."""
    _before[:] = [ref for ref in _before if ref() not in (None, lab)]
    if lab in _process:
        _process[:] = [known for ref in _before[-1:] if (known := ref()) is not None]
        del _before[-1:]


def enter(lab: Workspace) -> Token[Workspace | None]:
    """Begin a scope in which this lab is current."""
    return _scoped.set(lab)


@contextmanager
def scope(lab: Workspace) -> Iterator[None]:
    """A block in which this lab is current."""
    token = enter(lab)
    try:
        yield
    finally:
        leave(token)


@contextmanager
def aside() -> Iterator[None]:
    """A block that opens labs of its own: the one that was current stays it, and those before it."""
    process, before = list(_process), list(_before)
    try:
        yield
    finally:
        _process[:], _before[:] = process, before


def leave(token: Token[Workspace | None]) -> None:
    """End the scope."""
    _scoped.reset(token)


def opens_by_default(opener: Callable[[], Workspace]) -> None:
    """Say how the lab is opened that is there before any is opened."""
    _opener[:] = [opener]
