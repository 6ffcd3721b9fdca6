"""A case: an attempt that was refused, taken up again so that it can be judged on another past."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from funes_lab import registry
from funes_lab.event import Event, status
from funes_lab.explore.judged import judged
from funes_lab.rejection import Rejection
from funes_lab.rules import Rules, rules_of
from funes_lab.seen import read_events
from funes_lab.store import Row, Store
from funes_lab.stream import EventStream
from funes_lab.stream_classes import named


@dataclass(frozen=True)
class Case:
    """An attempt that was refused, the rules that refused it, and what the writer had seen.

    Attributes
    ----------
    rejection : Rejection
    event_class : Event class
    rules : Rules
    rows : list of Row
        What the writer had seen, in replay order.
    at : datetime
        When the event would have happened.
    """

    rejection: Rejection
    event_class: type[Event]
    rules: Rules
    rows: Sequence[Row]
    at: datetime

    @classmethod
    def of(cls, rejection: Rejection, store: Store, stream_class: type[EventStream] | None) -> Case:
        """Take a rejection up again.

        Raises
        ------
        ValueError
            If the class of the event or of the stream is not defined here, or the log has not what was judged on.
        """
        event_class = registry.find(rejection.event)
        if event_class is None or not issubclass(event_class, Event):
            raise ValueError(
                f"no class is defined for the event {rejection.event!r} of this rejection; define it to judge it again"
            )
        rules = rules_of(_class_of(rejection, stream_class))
        rows = [
            row
            for row in store.stream(rejection.idx)
            if row.version <= rejection.version_read and row.created_at <= rejection.time
        ]
        if max((row.version for row in rows), default=0) != rejection.version_read:
            raise ValueError(
                f"this attempt was judged on version {rejection.version_read} of {rejection.idx!r}, which the log does "
                "not have: on events of its batch, or of a transaction, that were never stored"
            )
        return cls(rejection, event_class, rules, rows, _time_of(rejection, rules))

    def event(self, changed: Mapping[str, Any] | None = None) -> Event:
        """The event that was tried, as a new one; with other values if that is asked."""
        return self.event_class(**{**self.rejection.payload, **(changed or {})})

    def accepts(self, event: Event, without: Collection[int] = ()) -> bool:
        """Whether the rules would let an event in, had those versions never been written."""
        fold = self.rules.consistency
        if status(event).own:
            return False
        if fold is None:
            return True
        kept = [e for row in self.rows if row.version not in without for e in read_events(row)]
        last_at = max((cast(datetime, e.occurred_at) for e in kept), default=None)
        backdated = last_at is not None and self.at < last_at and self.rules.order == "true_place"
        return not judged(fold, kept, None, [event], self.at, backdated=backdated).refused


def _class_of(rejection: Rejection, asked: type[EventStream] | None) -> type[EventStream]:
    if asked is not None:
        if not (isinstance(asked, type) and issubclass(asked, EventStream)):
            raise TypeError(f"stream_class must be fl.EventStream or a subclass, got {asked!r}")
        return asked
    found = named(rejection.stream_class, rejection.origin.stream_class)
    if len(found) == 1:
        return found[0]
    what = "is not defined here" if not found else f"is defined {len(found)} times"
    raise ValueError(f"the class of the stream, {rejection.stream_class!r}, {what}; say which one with stream_class=")


def _time_of(rejection: Rejection, rules: Rules) -> datetime:
    """When the event would have happened; of one that was refused before that was known, what it says or the clock."""
    if rejection.at is not None:
        return rejection.at
    said = rejection.payload.get(rules.actual_time_attribute or "")
    return said if isinstance(said, datetime) else rejection.time
