"""Doors for test suites: blocks on their own, a clock that stands still, a registry of one's own."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import BaseModel

from funes_lab import registry as _registry
from funes_lab.event import Event
from funes_lab.fold import fields_of, folding
from funes_lab.lab import Lab
from funes_lab.projection import Projection, fold_of
from funes_lab.storable import Moment, instant
from funes_lab.store import Row


def interpret(projection: type[Projection[Any]], event: Event, given: BaseModel, at: Moment | None = None) -> Any:
    """Run one interpretation block.

    Parameters
    ----------
    projection : Projection class
    event : Event
    given : State
        The state before; it is not changed.
    at : datetime, date or str, optional
        The time of the event; default its `occurred_at`, else now.

    Returns
    -------
    State
        The state after, not validated.

    Examples
    --------
    >>> import funes_lab as fl
    >>> from pydantic import BaseModel
    >>> class Ticked(fl.Event, name="Example::Ticked"):
    ...     by: int
    >>> class Count(BaseModel):
    ...     n: int = 0
    >>> class Counter(fl.Projection[Count]):
    ...     @fl.interpretation_for(Ticked)
    ...     def ticked(state, event):
    ...         state.n += event.by
    >>> fl.testing.interpret(Counter, Ticked(by=2), given=Count(n=1)).n
    3
    """
    fold = fold_of(projection)
    when = _time(at) if at is not None else event.occurred_at or datetime.now(UTC)
    with folding(fold):
        return _as_it_is(fold.state, fold.step(fold.from_given(given), event, when))


def initial_state(projection: type[Projection[Any]], at: Moment | None = None) -> Any:
    """The state that a projection begins with, not validated; `at` is the time of the query, default now."""
    fold = fold_of(projection)
    with folding(fold):
        return _as_it_is(fold.state, fold.start(_time(at)))


def final_state(projection: type[Projection[Any]], given: BaseModel, at: Moment | None = None) -> Any:
    """What `final_state` makes of a state; `at` is the time of the query, default now."""
    fold = fold_of(projection)
    with folding(fold):
        return _as_it_is(fold.state, fold.finish(fold.from_given(given), _time(at)))


def registry() -> AbstractContextManager[None]:
    """A scope for event names: classes defined inside hide those outside and are forgotten at the end.

    Their aliases and upcasters too: a class defined inside has only the upcasters that are defined inside.

    Examples
    --------
    >>> import funes_lab as fl
    >>> with fl.testing.registry():
    ...     class Forgotten(fl.Event, name="Example::Forgotten"):
    ...         pass
    """
    return _registry.layer()


class Clock:
    """A clock that stands still, for tests and for notebooks that read the same each time.

    Parameters
    ----------
    start : datetime, date or str
    tick : timedelta
        How far it moves on after each look at it.

    Examples
    --------
    >>> import funes_lab as fl
    >>> from datetime import timedelta
    >>> clock = fl.testing.Clock("2026-01-01T09:00:00Z", tick=timedelta(minutes=1))
    >>> lab = fl.Lab(clock=clock)
    >>> lab.now().isoformat(), lab.now().isoformat()
    ('2026-01-01T09:00:00+00:00', '2026-01-01T09:01:00+00:00')
    """

    def __init__(self, start: Moment, tick: timedelta = timedelta(0)) -> None:
        self.now = instant(start, "start")
        self.tick = tick

    def __call__(self) -> datetime:
        now = self.now
        self.now = now + self.tick
        return now

    def advance(self, delta: timedelta) -> None:
        """Move on."""
        self.now += delta

    def set(self, to: Moment) -> None:
        """Go to a time."""
        self.now = instant(to, "to")


def raw_insert(lab: Lab, row: Mapping[str, Any]) -> None:
    """Write one row into the log past all gates, as another program would.

    Parameters
    ----------
    lab : Lab
    row : mapping
        klass, idx, version, props (a dict), created_at, occurred_at and optionally meta_info (a dict).
    """
    with lab.store.writing:
        lab.store.insert(
            Row(
                row["klass"], row["idx"], json.dumps(row["props"]), json.dumps(row.get("meta_info") or {}),
                row["version"], instant(row["created_at"], "created_at"), instant(row["occurred_at"], "occurred_at"),
            )
        )  # fmt: skip


def _time(at: Moment | None) -> datetime:
    return datetime.now(UTC) if at is None else instant(at, "at")


def _as_it_is(state_class: type[BaseModel], state: BaseModel) -> BaseModel:
    return state_class.model_construct(**fields_of(state))
