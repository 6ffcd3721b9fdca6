"""The events that led to an attempt: those that its writer had seen, and its own place among them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from funes_lab import formats
from funes_lab.errors import UpcastError
from funes_lab.rejection import Rejection
from funes_lab.seen import read_events
from funes_lab.store import Row
from funes_lab.widgets import sentences

#: So many events are told before the attempt, so many more with each press, and so many after it.
BEFORE, MORE, AFTER = 8, 50, 2
_NAME: Final = 12


class Told(NamedTuple):
    """An event in words: its version, its name, the first field of its payload, and all of it."""

    version: str
    event: str
    first: str
    payload: str


@dataclass(frozen=True)
class Led:
    """Events around an attempt, in replay order.

    Attributes
    ----------
    before, after : sequence of Told
        A backdated attempt has events after its place.
    earlier, later : int
        How many more there are.
    undone : bool
        Whether some of what it was judged on never became a fact.
    """

    before: Sequence[Told]
    after: Sequence[Told]
    earlier: int
    later: int
    undone: bool


def led(rows: Sequence[Row], rejection: Rejection, most: int = BEFORE) -> Led:
    """Tell of the last events before an attempt and the first ones after its place.

    Parameters
    ----------
    rows : sequence of Row
        Those of the stream, in replay order.
    rejection : Rejection
    most : int
        So many before it.
    """
    seen = [row for row in rows if row.version <= rejection.version_read]
    cut = len(seen)
    if rejection.place is not None:
        cut = next((n + 1 for n, row in enumerate(seen) if row.version == rejection.place), 0)
    before, after = seen[:cut], seen[cut:]
    return Led(
        [_told(row) for row in before[-most:]],
        [_told(row) for row in after[:AFTER]],
        max(0, len(before) - most),
        max(0, len(after) - AFTER),
        _is_undone(seen, rejection),
    )


def _is_undone(seen: Sequence[Row], rejection: Rejection) -> bool:
    last = rejection.last
    if last is not None and all((row.version, row.created_at) != (last.version, last.created_at) for row in seen):
        return True
    return len(seen) < rejection.version_read


def _told(row: Row) -> Told:
    version = formats.value(row.version)
    try:
        event = read_events(row)[0]
    except UpcastError as failure:
        return Told(version, formats.middle(row.klass, 40), "not readable", formats.shorten(str(failure), 300))
    payload = sentences.beside(formats.mask(event.payload(), event.filter_attributes), row.occurred_at)
    first = "".join(
        f"{formats.middle(name, _NAME)} {formats.value(v, limit=20)}" for name, v in list(payload.items())[:1]
    )
    more = "\N{NO-BREAK SPACE}…" if len(payload) > 1 else ""
    return Told(version, formats.middle(event.event_name, 40), f"{first}{more}", formats.pairs(payload, limit=300))
