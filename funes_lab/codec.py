"""Between an event and its row: the payload as JSON text, and back.

Nothing that is stored is refused when it is read: what no class knows is shown as it is. A payload of an older shape
goes through the upcasters of its name first, which may make several events of it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, cast

from pydantic import BaseModel, ValidationError

from funes_lab import registry
from funes_lab.event import UNKNOWN, Event, Status, set_status, status
from funes_lab.shape import from_json, shape_of
from funes_lab.upcast import SHAPE_KEY, Place, current_shape, to_current


def encode(event: Event) -> str:
    """The payload as the JSON text of the log."""
    return shape_of(type(event)).encode(event)


def encode_context(bound: Mapping[str, Any], name: str) -> str:
    """The metainformation as the JSON text of the log, with the shape of the payload if that is not the first."""
    shape = current_shape(name)
    if shape > 1:
        bound = {**bound, SHAPE_KEY: shape}
    return json.dumps(bound) if bound else "{}"


def decode_context(meta_info: str | None) -> dict[str, Any]:
    """What was bound when the event was recorded: the metainformation without what the lab keeps there."""
    if meta_info is None or meta_info in ("{}", "null"):
        return {}
    bound = mapping(meta_info, "meta_info")
    bound.pop(SHAPE_KEY, None)
    return bound


def decode_all(name: str, props: str, shape: int, *, idx: str | None = None, version: int | None = None) -> list[Event]:
    """Read a payload of the log in the shape that is stored.

    Parameters
    ----------
    name : str
        The event's name, or an older name of its class.
    props : str
        The payload, JSON text of an object.
    shape : int
        The shape of the payload, see `upcast.stored_shape`.
    idx, version
        Where it stands, for the message if an upcaster breaks.

    Returns
    -------
    list of Event
        One, or the parts that the upcasters made of it, in their order.

    Raises
    ------
    UpcastError
        If an upcaster raises, or returns what is no payload.
    """
    parts = to_current(props, shape, Place(name, idx, version))
    return [_made(part) if isinstance(part, Event) else decode(name, part) for part in parts]


def _made(event: Event) -> Event:
    """An event that an upcaster built, as one of the log: it holds nothing that others hold, and has no errors."""
    part = BaseModel.model_copy(event, deep=True)
    set_status(part, Status(kept_aside=dict(event.kept_aside)))
    return part


def decode(name: str, props: str) -> Event:
    """Read a payload of the current shape; nothing in it is refused.

    Parameters
    ----------
    name : str
        The event's name, or an older name of its class.
    props : str
        The payload, JSON text of an object.

    Returns
    -------
    Event
        Of the class that reads the name, or `UnknownEvent`. A value that does not fit its type is kept as it is,
        an attribute the class does not have is kept aside.
    """
    cls = registry.find(name)
    if cls is None:
        return _unknown(name, props)
    shape = shape_of(cls)
    try:
        event = cast(Event, shape.validate(props))
        set_status(event, Status())
    except ValidationError:
        event = cast(Event, cls.__new__(cls))
        kept = shape.fill(event, mapping(props), from_json)
        set_status(event, Status(kept_aside=kept))
    shape.times_to_utc(event)
    return event


def _unknown(name: str, props: str) -> UnknownEvent:
    event = UnknownEvent.model_construct()
    object.__setattr__(event, "_name", name)
    set_status(event, Status(kept_aside=mapping(props)))
    return event


def mapping(text: str, name: str = "props") -> dict[str, Any]:
    """A JSON object; what another program wrote and is none stands under the name of its column."""
    try:
        data = json.loads(text)
    except ValueError:
        data = text
    return data if isinstance(data, dict) else {name: data}


class UnknownEvent(Event, name=UNKNOWN):
    """An event of the log whose name no class has; it shows its payload.

    Define a class with that name and the stream reads it as that class.

    Examples
    --------
    >>> import funes_lab as fl
    >>> lab = fl.Lab()
    >>> _ = lab.load([{"klass": "Old::Noted", "idx": "n", "props": {"text": "hi"}, "version": 1,
    ...                "created_at": "2020-01-01", "occurred_at": "2020-01-01"}])
    >>> event = fl.EventStream.for_("n").events[0]
    >>> type(event).__name__, event.event_name, event.payload()
    ('UnknownEvent', 'Old::Noted', {'text': 'hi'})
    """

    __slots__ = ("_name",)

    @property
    def event_name(self) -> str:  # type: ignore[override]
        """The name that the log has for it."""
        return str(getattr(self, "_name", UNKNOWN))

    def payload(self) -> dict[str, Any]:
        """The attributes as the log has them."""
        return dict(status(self).kept_aside)
