"""What a person asks the log for, looked at before the store gets it."""

from __future__ import annotations

from collections.abc import Iterable

from funes_lab import registry
from funes_lab.event import Event
from funes_lab.storable import Moment, instant
from funes_lab.store import Selection
from funes_lab.store.checks import check_idx

#: A name of an event, or its class.
Name = str | type[Event]


def selection(
    *,
    names: Name | Iterable[Name] | None = None,
    idx: str | Iterable[str] | None = None,
    at: Moment | None = None,
    as_of: Moment | None = None,
) -> Selection:
    """Which rows are asked for.

    Parameters
    ----------
    names : str, event class, or several of them, optional
        Names of events; that of a class stands for its aliases too.
    idx : str or iterable of str, optional
        A stream, a pattern (`*`, `?`, `[…]`), or several streams by their names.
    at, as_of : datetime, date or str, optional
        Actual time and record time.

    Returns
    -------
    Selection
    """
    return Selection(
        names=None if names is None else _stored(names),
        idx=None if idx is None else check_idx(idx) if isinstance(idx, str) else _listed(idx),
        at=None if at is None else instant(at, "at"),
        as_of=None if as_of is None else instant(as_of, "as_of"),
    )


def names_of(names: Name | Iterable[Name]) -> list[str]:
    """Names of events as texts."""
    listed = [names] if isinstance(names, str | type) else names
    if not isinstance(listed, Iterable):
        raise TypeError(f"names must be a name of an event, its class, or a list of them, got {names!r}")
    return [_name(name) for name in listed]


def _name(name: object) -> str:
    if isinstance(name, type) and issubclass(name, Event):
        return name.event_name
    if isinstance(name, str):
        return name
    raise TypeError(f"names must be names of events or their classes, got {name!r}")


def _stored(names: Name | Iterable[Name]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(stored for name in names_of(names) for stored in registry.names_of(name)))


def _listed(idx: object) -> tuple[str, ...]:
    if not isinstance(idx, Iterable) or isinstance(idx, bytes):
        raise TypeError(
            f"idx must be a str (a stream, or a pattern such as 'debts-*') or a list of streams, got {idx!r}"
        )
    return tuple(dict.fromkeys(check_idx(one) for one in idx))
