"""What was changed on a branch, in words."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from funes_lab import formats
from funes_lab.event import Event

_NAME: Final = 40
_PAYLOAD: Final = 60


def ends(version: int) -> str:
    """The branch has the events up to a version."""
    return f"it goes on from version {formats.value(version)}" if version else "it begins with no event"


def left_out(event: Event) -> str:
    """An event was skipped."""
    return f"{numbered(event)} left out"


def replaced(event: Event, by: Event) -> str:
    """Another event is in the place of one."""
    other = in_words(by)
    if by.event_name == event.event_name:  # the name stands there already
        other = other.removeprefix(formats.middle(by.event_name, _NAME)).strip() or other
    return f"{numbered(event)} replaced by {other}"


def moved(event: Event, at: datetime) -> str:
    """An event happened at another time."""
    return f"{numbered(event)} moved to {when(at)}"


def inserted(event: Event, at: datetime) -> str:
    """An event was appended as if it had happened at another time."""
    return f"{numbered(event)} inserted at {when(at)}"


def appended(event: Event) -> str:
    """An event was appended."""
    return f"{numbered(event)} appended"


def numbered(event: Event) -> str:
    """An event of the branch with its version."""
    return f"#{formats.value(event.version)} {in_words(event)}"


def in_words(event: Event) -> str:
    """An event in words, secrets masked; the field that only says when it happened is left out."""
    masked = formats.mask(event.payload(), event.filter_attributes)
    payload = {
        name: value
        for name, value in masked.items()
        if not (isinstance(value, datetime) and value == event.occurred_at)
    }
    return f"{formats.middle(event.event_name, _NAME)} {formats.pairs(payload, limit=_PAYLOAD)}".rstrip()


def when(moment: datetime) -> str:
    """A day, and the time of day where it is told."""
    return f"{formats.day(moment)} {formats.clock(moment)}".rstrip()
