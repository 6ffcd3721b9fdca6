"""What the static reprs show: plain data, one card a picture.

A card knows nothing of labs, streams and events; whoever has one of those fills a card in, with secret values
masked already. The pictures, text and HTML, are in `reprs.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class EventRow:
    """One event, in the log (`version`) or not yet (None)."""

    version: int | None
    event: str
    payload: Mapping[str, object]
    occurred_at: datetime | None
    created_at: datetime | None


@dataclass(frozen=True)
class StreamCard:
    """A stream: its first events, how many were left out, its last ones.

    `variable` is what the reader calls the stream, for the line of code. `types` are the names of all its
    events in order of first appearance, so that colours stay what they are when the middle is left out;
    without it the order is that of the rows.
    """

    idx: str
    stream_class: str
    version: int
    refused: int
    first: Sequence[EventRow]
    more: int
    last: Sequence[EventRow]
    variable: str = "stream"
    types: Sequence[str] = ()


@dataclass(frozen=True)
class ErrorRow:
    """One error: `source` is own, interpretation, state or conflict.

    `rule` is the class or the block whose rule it is; `value` what the field has (own) or would have (state),
    if `has_value`. `attribute` is "base" for an error of the whole.
    """

    source: str
    attribute: str
    message: str
    rule: str | None
    value: object = None
    has_value: bool = False


@dataclass(frozen=True)
class ErrorsCard:
    """The errors of an attempt; `where` is the `idx` of the stream that nothing was written to."""

    rows: Sequence[ErrorRow]
    where: str | None


@dataclass(frozen=True)
class EventCard:
    """One event and what became of it: `status` is new, accepted or refused."""

    row: EventRow
    status: str
    stream: str | None
    errors: Sequence[ErrorRow]
    kept_aside: Mapping[str, object]
    meta_info: Mapping[str, object]


@dataclass(frozen=True)
class StreamRow:
    """One stream of a lab."""

    idx: str
    events: int
    version: int
    first_at: datetime | None
    last_at: datetime | None
    last_event: str
    refused: int


@dataclass(frozen=True)
class LabCard:
    """A lab: what it holds, its first streams and how many more there are; `fault` is why it cannot be read."""

    path: str
    events: int
    streams: int
    refused: int
    rows: Sequence[StreamRow]
    more: int
    read_only: bool
    closed: bool
    fault: str = ""


@dataclass(frozen=True)
class StateLine:
    """One field of the state, before and after: `mark` is changed, added, removed, same or offending."""

    name: str
    before: object
    after: object
    mark: str


@dataclass(frozen=True)
class Winner:
    """The event that took the version."""

    version: int
    event: str
    created_at: datetime
    payload: Mapping[str, object]


@dataclass(frozen=True)
class RejectionCard:
    """A refused attempt: what was tried, what it was judged on, where it would have led.

    `stage` is the gate that refused: own, interpretation, state or conflict. `at` is when it happened, `time`
    when it was tried. `last` is the event it was judged right after. `place` is that event's version if later
    ones follow it (0: before the first), None for an event judged last.
    """

    idx: str
    stream_class: str
    event: str
    payload: Mapping[str, object]
    stage: str
    errors: Sequence[ErrorRow]
    at: datetime | None
    tried_version: int | None
    version_read: int
    last: EventRow | None
    before: Sequence[tuple[str, object]]
    after: Sequence[StateLine]
    projection: str | None
    place: int | None
    winner: Winner | None
    time: datetime


@dataclass(frozen=True)
class RejectionRow:
    """One refused attempt among others, with its first message."""

    time: datetime
    idx: str
    event: str
    stage: str
    message: str


@dataclass(frozen=True)
class RejectionsCard:
    """Refused attempts, in the order given, and how many more there are."""

    rows: Sequence[RejectionRow]
    more: int


@dataclass(frozen=True)
class ChangedCard:
    """What an event changed in one projection; `said` instead, where there is nothing to show."""

    projection: str
    tiers: Sequence[str]
    lines: Sequence[StateLine]
    said: str


@dataclass(frozen=True)
class AroundRow:
    """One attempt that was refused around an event: before it, lost to it, or after it."""

    around: str
    attempt: RejectionRow


@dataclass(frozen=True)
class LinkRow:
    """An event that led to another one, or that another one led to: its id, its name, when it was recorded."""

    id: str
    event: str
    created_at: datetime


@dataclass(frozen=True)
class ExplanationCard:
    """One event of the log with all that is known of it.

    `parts` has more than one row where an upcaster made several events of it. `place` is the version that a backdated
    event came right after (0: none), None for one that came last. `shared` counts the events of its correlation, itself
    included; `causes` begins with the nearest, `cause` is the id of it as it is stored, "" for none.
    """

    id: str
    idx: str
    stream_class: str
    parts: Sequence[EventRow]
    place: int | None
    meta_info: Mapping[str, object]
    correlation: str
    shared: int
    cause: str
    causes: Sequence[LinkRow]
    effects: Sequence[LinkRow]
    changed: Sequence[ChangedCard]
    refused: Sequence[AroundRow]
