"""Scratch: some streams of a lab copied into memory, to try something that nobody will ever find in a log.

It is a workspace like a lab, and nobody's current one. What is appended there is judged by the same rules and written
to a real database. It reaches no log, no read model, no destination of the user's and no clock.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar

from funes_lab.causation import Cause
from funes_lab.current import Transaction, Workspace
from funes_lab.metainformation import Metainformation
from funes_lab.seen import Memory
from funes_lab.store import Row, Store, Unit
from funes_lab.store.scratch import ScratchStore

if TYPE_CHECKING:
    from funes_lab.jobs import Job

S = TypeVar("S")

#: Marks a class that stands in for another one of its name, so that nobody finds it by that name.
STANDS_IN: Final = "_funes_lab_stands_in"

#: So many rows are written faster one by one than together.
_FEW: Final = 3

_TICK: Final = timedelta(milliseconds=1)


class Scratch:
    """A copy of streams in memory.

    Parameters
    ----------
    origin : Lab or None
        Whose context is bound to what is appended; None for none.
    rows : iterable of Row
        What is there at the beginning.
    begins : datetime
        The time of the first thing that is tried; each next one is a millisecond later.
    """

    def __init__(self, origin: Workspace | None, rows: Iterable[Row], begins: datetime) -> None:
        self._origin = origin
        self._context = Metainformation(None).now if origin is None else origin.metainformation_now
        self._store = ScratchStore()
        self._next = begins
        self.memory = Memory()
        self.closed = self.read_only = False
        self.path = ":memory:"
        known = list(rows)
        if len(known) > _FEW:
            self._store.insert_many(known)
        else:
            for row in known:
                self._store.insert(row)

    @property
    def store(self) -> Store:
        """The database in memory."""
        return self._store

    @property
    def transaction_now(self) -> Transaction | None:
        """None is opened here."""
        return None

    @property
    def unit(self) -> Unit | None:
        """None is opened here."""
        return None

    def metainformation_now(self, cause: Cause | None = None) -> dict[str, Any]:
        """The context that is bound in the lab it was made of."""
        return self._context(cause)

    def row(self, idx: str, version: int) -> Row | None:
        """One event of the copy, or of a stream that was not copied."""
        if self._origin is None or self._store.head(idx).version:
            return self._store.event(idx, version)
        return self._origin.row(idx, version)

    def queue(self, jobs: Sequence[Job]) -> None:
        """Forget jobs: read models are not of this world."""

    def check_writable(self) -> None:
        """Anything may be tried."""

    def now(self) -> datetime:
        """A millisecond later than the last time it was asked."""
        moment, self._next = self._next, self._next + _TICK
        return moment

    def go_to(self, moment: datetime) -> None:
        """Let it be this time."""
        self._next = moment

    def close(self) -> None:
        """Throw it away."""
        self.closed = True
        self._store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


def rows_of(lab: Workspace, streams: Iterable[str]) -> list[Row]:
    """The rows of some streams, to copy them."""
    return [row for idx in streams for row in lab.store.stream(idx, lab.unit)]


def judging_only(stream_class: type[S]) -> type[S]:
    """The class of a stream with its rules and without its read models: what is tried writes none."""
    like: Any = stream_class
    if not like.transactional_projections and not like.async_projections:
        return stream_class
    without = {name: getattr(like, name) for name in ("__module__", "__qualname__", "__doc__")}
    made: type[S] = type(like)(
        like.__name__, (like,), {**without, "transactional_projections": (), "async_projections": (), STANDS_IN: True}
    )
    return made
