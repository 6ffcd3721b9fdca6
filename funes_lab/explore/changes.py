"""What single events changed in a projection: the state right before an event and right after it, both at its time."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from pydantic import BaseModel

from funes_lab import formats
from funes_lab.errors import Error, ProjectionError, UpcastError
from funes_lab.fold import Fold, folding
from funes_lab.replay.states import moved
from funes_lab.seen import read_events
from funes_lab.store import Row


class Change(NamedTuple):
    """One field that an event moved; secret values are masked. `mark` is changed, added or removed."""

    field: str
    before: Any
    after: Any
    mark: str


class Changed(NamedTuple):
    """What an event changed in one projection.

    Attributes
    ----------
    changes : tuple of Change
        In the order of the state's fields.
    interpreted : bool
        Whether the projection has a block for the event.
    fault : str
        Why nobody can tell, if the fold breaks before the event or at it; else empty.
    """

    changes: tuple[Change, ...] = ()
    interpreted: bool = False
    fault: str = ""


class _Silent:
    """What blocks hold against events is history here, and no longer counts."""

    def found(self) -> list[Error]:
        return []

    def add(self, attribute: str, message: str) -> None: ...


def changed_by(fold: Fold, rows: Sequence[Row], versions: Collection[int]) -> dict[int, Changed]:
    """What some events of a stream changed in a projection.

    Both states are those that a query at the time of the event gets, so that what passing time does to a state is
    nobody's change. It takes one fold up to the last of the events; where the initial state takes the time, one each.

    Parameters
    ----------
    fold : Fold
    rows : sequence of Row
        Those of the stream, in replay order.
    versions : collection of int
        Of the events that are asked for.

    Returns
    -------
    dict of int to Changed
        By version; a version that the rows do not have is not in it.
    """
    places = [n for n, row in enumerate(rows) if row.version in versions]
    if not places:
        return {}
    if fold.starts_with_time:
        return {rows[n].version: _walk(fold, rows[: n + 1], [n])[rows[n].version] for n in places}
    return _walk(fold, rows[: places[-1] + 1], places)


def _walk(fold: Fold, rows: Sequence[Row], places: Sequence[int]) -> dict[int, Changed]:
    found: dict[int, Changed] = {}
    asked = set(places)
    try:
        with folding(fold, _Silent()):
            state = fold.start(rows[-1].occurred_at)
            for n, row in enumerate(rows):
                parts = read_events(row)
                before = _fields(fold, state, row.occurred_at) if n in asked else None
                state = fold.run(state, parts)
                if before is not None:
                    interpreted = any(part.event_name in fold.blocks for part in parts)
                    secret = [*fold.secret, *(name for part in parts for name in part.filter_attributes)]
                    changes = _changes(before, _fields(fold, state, row.occurred_at), secret)
                    found[row.version] = Changed(changes, interpreted)
    except (ProjectionError, UpcastError) as failure:
        fault = formats.shorten(str(failure), 300)
        found |= {rows[n].version: Changed(fault=fault) for n in places if rows[n].version not in found}
    return found


def _fields(fold: Fold, state: BaseModel, at: datetime) -> Mapping[str, Any]:
    return fold.settled(fold.finish(fold.copy(state), at).__dict__)


def _changes(before: Mapping[str, Any], after: Mapping[str, Any], secret: Sequence[str]) -> tuple[Change, ...]:
    shown = formats.mask(before, secret), formats.mask(after, secret)
    changes = []
    for name in dict.fromkeys([*before, *after]):
        if name not in before or name not in after:
            mark = "removed" if name in before else "added"
        elif moved(before[name], after[name]):
            mark = "changed"
        else:
            continue
        changes.append(Change(name, shown[0].get(name), shown[1].get(name), mark))
    return tuple(changes)
