"""Which stream classes and projections a stream can be shown with.

The log does not say which class wrote a stream. Those are offered whose projections interpret the names of its events;
the one that fits best comes first, and `fl.EventStream`, which judges nothing, is always the last.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from funes_lab import registry
from funes_lab.event import Event
from funes_lab.projection import Projection, latest
from funes_lab.stream import EventStream
from funes_lab.stream_classes import subclasses

#: A projection and the tier that it has in a stream class; one that no class names is virtual.
Tier = tuple[str, type[Projection[Any]]]


class Catalogue:
    """The stream classes and the projections that are defined now.

    Examples
    --------
    >>> [cls.__name__ for cls in Catalogue().stream_classes(["Example::NeverDefined"])]
    ['EventStream']
    """

    def __init__(self) -> None:
        self._streams = {cls: interpreted(cls) for cls in subclasses(EventStream)}
        self._projections = subclasses(Projection)

    def stream_classes(self, names: Collection[str], hint: str = "") -> list[type[EventStream]]:
        """The stream classes whose projections interpret any of these events.

        Parameters
        ----------
        names : collection of str
            The names of the events of a stream.
        hint : str, default ""
            The name of the class that refused an attempt on the stream: of those that fit alike it is the one.

        Returns
        -------
        list of EventStream classes
            The one first that interprets most of the names and least beside them; of those the one that was defined
            last. `fl.EventStream` is the last.
        """
        wanted, ranked = set(names), []
        for place, (cls, known) in enumerate(self._streams.items()):
            if known & wanted:
                ranked.append(((-len(known & wanted), cls.__name__ != hint, len(known - wanted), -place), cls))
        return [*(cls for _, cls in sorted(ranked, key=lambda rank: rank[0])), EventStream]

    def projections(self, cls: type[EventStream], names: Collection[str]) -> list[Tier]:
        """The projections of a stream class by their tiers, then those that interpret any of the events as well."""
        listed, wanted = of_class(cls), set(names)
        there = {projection for _, projection in listed}
        others = [one for one in self._projections if one not in there and wanted & set(one._fold.blocks)]
        return [*listed, *(("virtual", one) for one in reversed(others))]


def of_class(cls: type[EventStream]) -> list[Tier]:
    """The projections that a stream class names, each once, as their modules have them now."""
    found: dict[type[Projection[Any]], str] = {}
    if cls.consistency_projection is not None:
        found[latest(cls.consistency_projection)] = "consistency"
    for one in cls.transactional_projections:
        found.setdefault(latest(one), "transactional")
    for waiting in cls.async_projections:
        found.setdefault(latest(waiting.projection), "async")
    return [(tier, projection) for projection, tier in found.items()]


def interpreted(cls: type[EventStream]) -> set[str]:
    """The names of the events that the projections of a stream class interpret."""
    return {name for _, projection in of_class(cls) for name in projection._fold.blocks}


def event_types(cls: type[EventStream], names: Collection[str]) -> list[type[Event]]:
    """The event classes that can be appended: those that are interpreted, then those that the stream has."""
    listed = [name for _, projection in of_class(cls) for name in projection._fold.blocks]
    classes = (registry.find(name) for name in dict.fromkeys([*listed, *names]))
    return list(dict.fromkeys(one for one in classes if one is not None and issubclass(one, Event)))


def called(cls: type, among: Collection[type]) -> str:
    """The name of a class, with its module where another one is called alike."""
    alike = sum(other.__name__ == cls.__name__ for other in among) > 1
    return f"{cls.__module__}.{cls.__name__}" if alike else cls.__name__
