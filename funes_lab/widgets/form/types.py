"""Which types of events a form offers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from funes_lab import registry
from funes_lab.event import Event
from funes_lab.projection import latest
from funes_lab.reading_side import ReadingSide


def checked_types(side: ReadingSide, types: Sequence[Any]) -> tuple[type[Event], ...]:
    """The event types of a form: the given ones, or those that the projections of the stream interpret."""
    for given in types:
        if not (isinstance(given, type) and issubclass(given, Event)):
            raise TypeError(f"form takes event classes, got {given!r}; write stream.form(Issued, PaymentReceived)")
    found = types or interpreted(side.stream_class)
    if not found:
        name = side.stream_class.__name__
        raise TypeError(f"{name} has no projection that says which events it takes; name them: stream.form(Issued)")
    return tuple(dict.fromkeys(found))


def interpreted(stream_class: Any) -> list[type[Event]]:
    """The event classes that the projections of a stream interpret."""
    listed = [stream_class.consistency_projection, *stream_class.transactional_projections]
    listed += [one.projection for one in stream_class.async_projections]
    names = [name for one in listed if one is not None for name in latest(one)._fold.blocks]
    classes = [registry.find(name) for name in dict.fromkeys(names)]
    return [cls for cls in classes if cls is not None and issubclass(cls, Event)]
