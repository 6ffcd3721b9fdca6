"""What is told of each stream: its class, its state in a line, its last event, and what was refused."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from funes_lab import formats, registry
from funes_lab.current import Workspace
from funes_lab.projection import Projection
from funes_lab.store import Attempt, Row, Selection
from funes_lab.stream import EventStream
from funes_lab.widgets import sentences
from funes_lab.widgets.browser import spark
from funes_lab.widgets.browser.catalogue import Catalogue, Tier, called, event_types

#: So many events are replayed to show a page: short streams first, a longer one is only counted.
REPLAYED: Final = 5_000
_NAME: Final = 40
_IDX: Final = 24
_NOT_REPLAYED: Final = "not replayed"


@dataclass
class Choice:
    """What a reader wants a stream to be shown with; "" for what fits best."""

    stream_class: str = ""
    projection: str = ""


@dataclass(frozen=True)
class Shown:
    """A stream, and what it can be shown with; the class and the projection that are chosen come by their places."""

    idx: str
    events: int
    refused: int
    names: Sequence[str]
    classes: Sequence[type[EventStream]]
    stream_class: type[EventStream]
    tiers: Sequence[Tier]
    projection: type[Projection[Any]] | None


@dataclass
class Found:
    """What was read of a page of streams.

    Attributes
    ----------
    rows : dict of str to list of Row
        All events of the streams that are short enough to be replayed, in replay order.
    names : dict of str to list of str
        The names of the events of every stream, as their classes have them now.
    attempts : dict of str to list of Attempt
        What was refused.
    """

    rows: dict[str, list[Row]] = field(default_factory=dict)
    names: dict[str, list[str]] = field(default_factory=dict)
    attempts: dict[str, list[Attempt]] = field(default_factory=dict)
    catalogue: Catalogue = field(default_factory=Catalogue)


@dataclass
class Teller:
    """Tells streams, a page at a time; what is chosen of them stays."""

    lab: Workspace
    choices: dict[str, Choice] = field(default_factory=dict)

    def tell(self, streams: Sequence[Mapping[str, Any]], types: Sequence[str]) -> list[dict[str, Any]]:
        """Write streams out.

        Parameters
        ----------
        streams : sequence of mapping
            Rows of the listing.
        types : sequence of str
            The names of events in the order of their colours.
        """
        found, colours = self._found(streams, replayed=True), {name: n + 1 for n, name in enumerate(types)}
        return [self._told(self._shown(one, found), one, found, colours) for one in streams]

    def one(self, stream: Mapping[str, Any]) -> Shown:
        """What a stream can be shown with."""
        return self._shown(stream, self._found([stream], replayed=False))

    def _shown(self, stream: Mapping[str, Any], found: Found) -> Shown:
        idx = stream["idx"]
        tried = found.attempts.get(idx, [])
        names = found.names.get(idx) or list(dict.fromkeys(registry.canonical(one.event) for one in tried))
        classes = found.catalogue.stream_classes(names, tried[-1].stream_class if tried else "")
        choice = self.choices.get(idx, Choice())
        chosen = next((cls for cls in classes if called(cls, classes) == choice.stream_class), classes[0])
        tiers = found.catalogue.projections(chosen, names)
        among = [projection for _, projection in tiers]
        named = (one for one in among if called(one, among) == choice.projection)
        projection = next(named, among[0] if among else None)
        return Shown(idx, stream["events"], stream["refused"], names, classes, chosen, tiers, projection)

    # --- what is read ----------------------------------------------------------------------------------------------

    def _found(self, streams: Sequence[Mapping[str, Any]], *, replayed: bool) -> Found:
        listed, found = [one["idx"] for one in streams], Found()
        for attempt in self.lab.store.attempts(listed):
            found.attempts.setdefault(attempt.idx, []).append(attempt)
        for idx, klass in self.lab.store.names_in(listed, self.lab.unit):
            names = found.names.setdefault(idx, [])
            if (name := registry.canonical(klass)) not in names:
                names.append(name)
        for row in self._rows(streams) if replayed else ():
            found.rows.setdefault(row.idx, []).append(row)
        return found

    def _rows(self, streams: Sequence[Mapping[str, Any]]) -> Iterator[Row]:
        """The events of the shorter streams, as long as they are few enough."""
        whole, left = [], REPLAYED
        for one in sorted(streams, key=lambda one: one["events"]):
            left -= one["events"]
            if left >= 0 and one["events"]:
                whole.append(one["idx"])
        if whole:
            with self.lab.store.scan(Selection(idx=tuple(whole)), self.lab.unit) as scan:
                for table in scan:
                    yield from map(Row, *(column.to_pylist() for column in table.columns))

    # --- what is told -----------------------------------------------------------------------------------------------

    def _told(
        self, shown: Shown, stream: Mapping[str, Any], found: Found, colours: Mapping[str, int]
    ) -> dict[str, Any]:
        rows, attempts = found.rows.get(shown.idx, []), found.attempts.get(shown.idx, [])
        whole = len(rows) == shown.events
        drawn = self._drawn(shown, rows) if whole else spark.NOTHING
        last = stream["last_event"] or ""
        return {
            "idx": shown.idx,
            "shown": formats.middle(shown.idx, _IDX),
            "events": formats.value(shown.events),
            "line": drawn.line,
            "end": list(drawn.end) if drawn.end else [],
            "zero": drawn.zero,
            "ticks": [list(tick) for tick in spark.ticks(rows, attempts)] if whole else [],
            "unseen": "" if whole else _NOT_REPLAYED,
            "now": drawn.now,
            "last": formats.middle(last, 30) or formats.NONE,
            "colour": colour(colours.get(last, 0)),
            "at": "",
            "refused": gates(attempts),
            "say": _say(shown, stream, drawn, whole=whole),
            **self._choices(shown),
            "actions": actions(shown, read_only=self.lab.read_only),
            "code": code(shown),
        }

    def _drawn(self, shown: Shown, rows: Sequence[Row]) -> spark.Spark:
        if shown.projection is None or not rows:
            return spark.NOTHING
        try:
            return spark.spark(shown.projection._fold, rows)
        except Exception as failure:  # noqa: BLE001  (one broken stream must not hide the others)
            return spark.NOTHING._replace(fault=formats.shorten(f"{type(failure).__name__}: {failure}", 120))

    def _choices(self, shown: Shown) -> dict[str, Any]:
        among = [projection for _, projection in shown.tiers]
        return {
            "classes": [called(cls, shown.classes) for cls in shown.classes],
            "cls": shown.classes.index(shown.stream_class),
            "projections": [[called(one, among), tier] for tier, one in shown.tiers],
            "projection": among.index(shown.projection) if shown.projection in among else -1,
        }


def gates(attempts: Sequence[Attempt]) -> list[list[str]]:
    """How many attempts each gate refused: the gate, its word, the count; in the order of the gates."""
    counts = Counter(attempt.stage for attempt in attempts)
    order = [*reversed(sentences.STAGES), *(stage for stage in counts if stage not in sentences.STAGES)]
    return [[gate, sentences.stage_word(gate), formats.value(counts[gate])] for gate in order if counts[gate]]


def actions(shown: Shown, *, read_only: bool) -> list[list[str]]:
    """What can be opened of a stream: its kind, its name, and why it cannot be opened, if so."""
    writes = "this lab is read only" if read_only else ""
    if not writes and not event_types(shown.stream_class, shown.names):
        writes = "no class is defined for these events; lab.log.to_classes() writes them"
    replays = "" if shown.events else "there are no events yet"
    if not replays and shown.projection is None:
        replays = "no projection interprets these events"
    return [
        ["form", "Append", writes],
        ["timeline", "Timeline", ""],
        ["scrub", "Scrub", replays],
        ["bitemporal", "Bitemporal", replays],
        _inspection(shown.refused),
    ]


def whole_actions(events: int, refused: int) -> list[list[str]]:
    """What can be opened of a whole lab."""
    return [["timeline", "Timeline of the lab", "" if events else "there are no events yet"], _inspection(refused)]


def _inspection(refused: int) -> list[str]:
    return ["inspect", f"{formats.value(refused)} refused", "" if refused else "nothing was refused"]


def code(shown: Shown) -> str:
    """The line of code that gives the stream.

    Examples
    --------
    >>> code(Shown("debts-123", 0, 0, [], [], EventStream, [], None))
    'fl.EventStream.for_("debts-123")'
    """
    plain = shown.idx.isprintable() and not set(shown.idx) & set('"\\')
    name = "fl.EventStream" if shown.stream_class is EventStream else shown.stream_class.__name__
    return f"{name}.for_({f'{chr(34)}{shown.idx}{chr(34)}' if plain else json.dumps(shown.idx)})"


def colour(number: int) -> str:
    """The colour of an event type by its place; the ninth and later are muted."""
    return f"c{number}" if 0 < number <= 8 else "muted"


def _say(shown: Shown, stream: Mapping[str, Any], drawn: spark.Spark, *, whole: bool) -> str:
    """The sentence of a stream, for the foot of the picture."""
    told = [formats.count(shown.events, "event") if shown.events else "no events yet"]
    if stream["first_at"] is not None:
        first, last = (formats.time(stream[name]) for name in ("first_at", "last_at"))
        told[0] += f" from {first} to {last} UTC" if first != last else f" on {first} UTC"
    if shown.refused:
        told.append(f"{formats.value(shown.refused)} refused")
    if drawn.name:
        told.append(f"{formats.middle(drawn.name, _NAME)} is {drawn.now}")
    if drawn.fault:
        told.append(f"the replay failed: {drawn.fault}")
    if not whole:
        told.append("too long to be replayed here: Scrub does")
    return f"{formats.middle(shown.idx, 60)}: {', '.join(told)}."
