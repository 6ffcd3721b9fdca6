"""Read models: projections that are kept up to date with the log.

A transactional projection runs in the transaction of the append: its row and the event are written together, or
neither is. A projection with a `table` keeps a row a stream in DuckDB; a state with `persist_with` writes itself
to wherever it likes; any other projection is virtual and writes nothing.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, Literal
from weakref import WeakKeyDictionary

from pydantic import BaseModel

from funes_lab.errors import DefinitionError, Errors, InvalidReadModelError
from funes_lab.event import Event
from funes_lab.fold import Fold
from funes_lab.projection import Projection, fold_of
from funes_lab.storable import utc
from funes_lab.store import Store, Unit
from funes_lab.store.tables import Table, table_for

_OWN: Final = ("event_entries", "funes_lab_")


@dataclass(frozen=True, slots=True)
class ReadModel:
    """A projection of a tier and where its state goes.

    Attributes
    ----------
    fold : Fold
    table : Table or None
        The DuckDB table it keeps.
    persist_with : str or None
        The method of the state that writes it.
    """

    fold: Fold
    table: Table | None
    persist_with: str | None

    @property
    def virtual(self) -> bool:
        """Whether it writes nothing."""
        return self.table is None and self.persist_with is None

    def entry(self, idx: str, state: BaseModel) -> Entry:
        """What is written for a stream: checked before anything is.

        Raises
        ------
        InvalidReadModelError
            If the state does not hold, or its table cannot hold it exactly.
        """
        if self.virtual:
            return Entry(self, idx, state, None)
        valid, errors = self.fold.verdict(state)
        if errors:
            raise InvalidReadModelError(
                f"{self.fold.name} led to a {self.fold.state.__name__} that does not hold: "
                f"{'; '.join(error.full_message for error in errors)}. Nothing was stored",
                projection=self.fold.name, state=valid, errors=Errors(errors),
            )  # fmt: skip
        try:
            row = None if self.table is None else self.table.row(idx, valid.__dict__)
        except ValueError as failure:
            raise InvalidReadModelError(
                f"{self.fold.name}: {failure}. Nothing was stored", projection=self.fold.name, state=valid
            ) from None
        return Entry(self, idx, valid, row)


@dataclass(frozen=True, slots=True)
class Entry:
    """The state of one stream in a read model, ready to be written."""

    model: ReadModel
    idx: str
    state: BaseModel
    row: list[Any] | None

    def write(self, store: Store, unit: Unit) -> None:
        """Replace the row of the stream in the table, if there is one."""
        if self.model.table is not None and self.row is not None:
            store.write_read_model(self.model.table, self.row, unit)

    def persist(self) -> None:
        """Let the state write itself, if it does."""
        if self.model.persist_with is not None:
            method = getattr(self.state, self.model.persist_with)
            method(self.idx) if len(inspect.signature(method).parameters) else method()


def read_model(projection: type[Projection[Any]]) -> ReadModel:
    """Where the state of a projection goes.

    Raises
    ------
    DefinitionError
        If its table or the state's `persist_with` cannot work.
    """
    fold = fold_of(projection)
    known = _known.get(projection)
    if known is None:
        known = _known[projection] = ReadModel(fold, _table(projection, fold), _method(fold))
    return known


_known: WeakKeyDictionary[type[Projection[Any]], ReadModel] = WeakKeyDictionary()


def _table(projection: type[Projection[Any]], fold: Fold) -> Table | None:
    name, constraints = projection.table, projection.constraints
    if name is None:
        return None
    if not isinstance(name, str) or not name or "\x00" in name:
        raise DefinitionError(f"table of {fold.name} must be the name of a table, got {name!r}")
    if name.lower().startswith(_OWN):
        raise DefinitionError(f"table of {fold.name} cannot be {name!r}: that one belongs to the lab")
    if isinstance(constraints, str) or not isinstance(constraints, (Mapping, Sequence)):
        raise DefinitionError(
            f"constraints of {fold.name} must be a dict of fields or a list of texts, got {constraints!r}"
        )
    try:
        return table_for(name, fold.state, constraints)
    except ValueError as failure:
        raise DefinitionError(f"{fold.name}: {failure}") from None


def _method(fold: Fold) -> str | None:
    name = getattr(fold.state, "persist_with", None)
    if name is not None and not callable(getattr(fold.state, str(name), None)):
        raise DefinitionError(
            f"persist_with of {fold.state.__name__} must name one of its methods, got {name!r}; it gets the idx"
        )
    return name


TemporalContext = Literal["last_event_time", "job_time"] | Callable[[Event], datetime]


@dataclass(frozen=True)
class Async:
    """A projection that runs after the commit, in the background.

    Parameters
    ----------
    projection : Projection class
        With a `table`, or with a state that has `persist_with`.
    temporal_context : {"last_event_time", "job_time"} or function
        The time that `initial_state` and `final_state` get: the `created_at` of the event that queued the job
        (default), the time at which the job runs, or what a function of that event returns (a datetime).
    queue : str
        A name to tell jobs apart.
    delay : timedelta, optional
        How long to wait before the job may run.

    Raises
    ------
    DefinitionError
        For an argument that cannot work.

    Examples
    --------
    >>> import funes_lab as fl
    >>> from pydantic import BaseModel
    >>> class Sent(fl.Event, name="Example::Sent"):
    ...     pass
    >>> class Outbox(BaseModel):
    ...     letters: int = 0
    >>> class Letters(fl.Projection[Outbox]):
    ...     table = "letters"
    ...     @fl.interpretation_for(Sent)
    ...     def sent(state, event):
    ...         state.letters += 1
    >>> class PostStream(fl.EventStream):
    ...     async_projections = [fl.Async(Letters)]
    >>> lab = fl.Lab(jobs="manual")
    >>> sent = PostStream.for_("post").append(Sent())
    >>> lab.jobs.run_pending()
    1
    >>> lab.table("letters").to_dict("records")
    [{'idx': 'post', 'letters': 1}]
    """

    projection: type[Projection[Any]]
    temporal_context: TemporalContext = field(default="last_event_time", kw_only=True)
    queue: str = field(default="default", kw_only=True)
    delay: timedelta | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        try:
            fold_of(self.projection)
        except TypeError as failure:
            raise DefinitionError(str(failure)) from None
        if self.temporal_context not in ("last_event_time", "job_time") and not callable(self.temporal_context):
            raise DefinitionError(
                f"temporal_context must be 'last_event_time', 'job_time' or a function of the event, got "
                f"{self.temporal_context!r}"
            )
        if not isinstance(self.queue, str) or not self.queue:
            raise DefinitionError(f"queue must be a text that is not empty, got {self.queue!r}")
        if self.delay is not None and not (isinstance(self.delay, timedelta) and self.delay >= timedelta(0)):
            raise DefinitionError(f"delay must be a timedelta from zero on, got {self.delay!r}")

    def time_for(self, event: Event) -> datetime | None:
        """The time of a job that this event queues; None for the time at which it runs.

        Raises
        ------
        TypeError
            If the function returns no datetime; this is found out before the event is committed.
        """
        if self.temporal_context == "job_time":
            return None
        if not callable(self.temporal_context):
            return event.created_at
        found: object = self.temporal_context(event)
        if not isinstance(found, datetime):
            raise TypeError(
                f"temporal_context of fl.Async({self.projection.__name__}) must return a datetime, got {found!r}; "
                "nothing was stored. For the time at which the job runs say temporal_context='job_time'"
            )
        return utc(found)
