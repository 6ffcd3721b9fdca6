"""A scenario as code: what was recorded, or refused, written as a test that can be kept."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, cast

from funes_lab import formats, registry, stream_classes
from funes_lab.codec import UnknownEvent
from funes_lab.current import Workspace, current
from funes_lab.errors import Error, FunesLabError
from funes_lab.event import Event
from funes_lab.explore.literals import Group, Imports, Node, call, lines, moment, plain, quoted, written
from funes_lab.explore.outcome import read_as, reasons_of
from funes_lab.explore.scenario import Scenario
from funes_lab.fold import Fold, fields_of
from funes_lab.interchange.classes import Source
from funes_lab.projection import Projection, latest
from funes_lab.reading_side import ReadingSide
from funes_lab.rejection import Rejection
from funes_lab.seen import read_events
from funes_lab.store import Row
from funes_lab.stream import EventStream

_LONGEST_NAME: Final = 60


def of_stream(stream: ReadingSide) -> Source:
    """The events of a stream as a test."""
    if not isinstance(stream, ReadingSide):
        raise TypeError(f"stream must be a stream, a reading or a branch, got {stream!r}")
    if not (rows := stream.rows()):
        raise ValueError(f"{stream.idx!r} has no event to write a scenario of")
    test = _Test(_original(stream.stream_class), f"test_{_slug(stream.idx)}")
    events = test.readable(rows)
    if not events:
        raise ValueError(f"{stream.idx!r} has no event of a class that is here; define or import the classes first")
    *before, last = events
    test.given(before)
    test.when(*last)
    test.step(call("scenario.then_accepted"))
    projection = stream.stream_class.consistency_projection
    if test.played(refused=False) and projection is not None:
        test.state(latest(projection))
    return test.source()


def of_rejection(rejection: Rejection, lab: Workspace | None) -> Source:
    """A refused attempt as a test."""
    if not isinstance(rejection, Rejection):
        raise TypeError(f"rejection must be an fl.Rejection, such as event.rejection, got {rejection!r}")
    cls = registry.find(rejection.event)
    if cls is None or not issubclass(cls, Event):
        raise ValueError(f"no event class here is called {rejection.event!r}; define or import it first")
    slug = f"{_slug(cls.__name__)}_is_refused_on_{_slug(rejection.idx)}"
    test = _Test(_stream_class(rejection), f"test_{slug}", rejection.secret)
    if rejection.stage != "own":  # its own rules look at nothing else
        test.given(test.readable(_history(rejection, lab)))
    conflict = rejection.stage == "conflict"
    event = _tried(cls, rejection)
    at = None if rejection.at is None else test.time_of(event, rejection.at)
    test.when(event, at, expected_version=rejection.version_read if conflict else None)
    reasons = reasons_of(rejection)
    foremost = next((error for error in reasons if error.source == rejection.stage), reasons[0])
    told = {"stage": rejection.stage} if conflict else _named(rejection.stage, foremost)
    test.step(call("scenario.then_rejected", **{name: quoted(text) for name, text in told.items()}))
    test.played(refused=True, **told)
    return test.source()


class _Test:
    """A test function that is being written."""

    def __init__(self, stream_class: type[EventStream], name: str, secret: Sequence[str] = ()) -> None:
        self._class, self._name, self._secret = stream_class, name, secret
        self._imports = Imports()
        self._notes: list[str] = []
        self._steps: list[Node] = []
        self._given: list[tuple[Event, str | None]] = []
        self._tried: tuple[Event, str | None, int | None] | None = None
        self._scenario: Scenario | None = None
        self._steps.append(call("fl.testing.scenario", self._stream_name()))

    def readable(self, rows: Iterable[Row]) -> list[tuple[Event, str | None]]:
        """The events of rows in the order in which they were recorded, each with its time if that must be said."""
        found: list[tuple[Event, str | None]] = []
        for row in sorted(rows, key=lambda row: row.version):
            for event in read_events(row):
                if isinstance(event, UnknownEvent):
                    self._note(f"#{row.version} {event.event_name} is left out: no event class here has that name.")
                else:
                    found.append((event, self.time_of(event, row.occurred_at)))
        return found

    def time_of(self, event: Event, occurred_at: Any) -> str | None:
        """When it happened, unless it says so itself."""
        name = self._class.actual_time_attribute
        return None if name is not None and getattr(event, name, None) is not None else moment(occurred_at)

    def given(self, events: Sequence[tuple[Event, str | None]]) -> None:
        """Write what happened before."""
        self._given = list(events)
        if events:
            self.step(call("scenario.given", *(self._pair(*one) for one in events)))

    def when(self, event: Event, at: str | None, expected_version: int | None = None) -> None:
        """Write what is tried."""
        self._tried = event, at, expected_version
        named: dict[str, Node] = {} if at is None else {"at": quoted(at)}
        if expected_version is not None:
            named["expected_version"] = str(expected_version)
        self.step(call("scenario.when", self._event(event), **named))

    def step(self, node: Node) -> None:
        """Write one more line."""
        self._steps.append(node)

    def played(self, *, refused: bool, **told: str) -> bool:
        """Whether the rules of today have it as it is written; a comment says so if not."""
        assert self._tried is not None
        event, at, expected_version = self._tried
        try:
            scenario = Scenario(self._class).given(*((e, t) if t else e for e, t in self._given))
            scenario.when(event, at=at, expected_version=expected_version)
            scenario.then_rejected(**told) if refused else scenario.then_accepted()
        except (AssertionError, FunesLabError, ValueError) as failure:
            self._note(f"The rules of today have it otherwise: {str(failure).splitlines()[0]}.")
            return False
        self._scenario = scenario
        return True

    def state(self, projection: type[Projection[Any]]) -> None:
        """Write the state that it leads to, without what is secret."""
        assert self._scenario is not None
        fold, fields = projection._fold, fields_of(self._scenario.state(projection))
        masked = formats.mask(fields, [*fold.secret, *self._all_secrets()])
        shown = {name: self._state_field(fold, name, value) for name, value in fields.items() if masked[name] is value}
        shown = {name: node for name, node in shown.items() if name.isidentifier()}
        if shown:
            self.step(call("scenario.then_state", self._imports.name(projection), **shown))

    def source(self) -> Source:
        """The whole of it."""
        body = [line for number, step in enumerate(self._steps) for line in self._statement(number, step)]
        head = [f"def {self._name}():", *(f"    # {note}" for note in self._notes)]
        return Source("\n".join([*self._imports.lines(), "", "", *head, *body, ""]))

    # --- below ---------------------------------------------------------------------------------------------------

    def _statement(self, number: int, step: Node) -> Iterable[str]:
        return lines(step, "    ", "scenario = " if number == 0 else "")

    def _note(self, text: str) -> None:
        self._notes.append(formats.shorten(text, 200))

    def _stream_name(self) -> str:
        return "fl.EventStream" if self._class is EventStream else self._imports.name(self._class)

    def _all_secrets(self) -> list[str]:
        events = [event for event, _ in self._given] + ([self._tried[0]] if self._tried else [])
        return [*self._secret, *(name for event in events for name in event.filter_attributes)]

    def _pair(self, event: Event, at: str | None) -> Node:
        node = self._event(event)
        return node if at is None else Group("(", (("", node), ("", quoted(at))), ")")

    def _event(self, event: Event) -> Node:
        """The call that builds an event, with what makes it equal."""
        cls, values = type(event), {**event.payload(), **event.kept_aside} if not event.persisted else event.payload()
        masked = formats.mask(values, [*self._secret, *event.filter_attributes])
        secret = [name for name in values if masked[name] is not values[name]]
        if secret:
            self._note(
                f'"{formats.FILTERED}" stands for secrets of {cls.__name__} ({", ".join(secret)}): write your own.'
            )
        given = _sufficient(event, values)
        nodes = {
            name: written(plain(masked[name]), self._imports) if name in secret else self._attribute(cls, given, name)
            for name in given
        }
        if all(name.isidentifier() for name in nodes):
            return call(self._imports.name(cls), **nodes)
        items = tuple((f"{quoted(name)}: ", node) for name, node in nodes.items())
        return Group(f"{self._imports.name(cls)}(", (("**", Group("{", items, "}")),), ")")

    def _attribute(self, cls: type[Event], given: Mapping[str, Any], name: str) -> Node:
        """The simplest thing that becomes the value when the event is built."""
        value = given[name]
        for candidate in (plain(value), plain(value, by_alias=True)):
            made = cls(**{**given, name: candidate})
            if _same({**made.payload(), **made.kept_aside}.get(name), value):
                return written(candidate, self._imports)
        return written(value, self._imports)

    def _state_field(self, fold: Fold, name: str, value: Any) -> Node:
        fits = _same(read_as(fold.state, name, plain(value)), value)
        return written(plain(value) if fits else value, self._imports)


def _sufficient(event: Event, values: Mapping[str, Any]) -> Mapping[str, Any]:
    """The attributes to write: those that were missing are empty in an event that was refused for it."""
    if event.persisted or not event.own_errors:
        return values
    left = {name: value for name, value in values.items() if value is not None}
    return left if type(event)(**left).own_errors == event.own_errors else values


def _same(a: Any, b: Any) -> bool:
    if type(a) is not type(b):
        return False
    try:
        return repr(a) == repr(b)
    except ValueError:  # Python refuses to write an absurd number out
        return bool(a == b)


def _tried(cls: type[Event], rejection: Rejection) -> Event:
    """The event as it was tried; an attribute that it never had was kept as empty."""
    event = cls(**rejection.payload)
    if rejection.stage != "own":
        return event
    without = cls(**{name: value for name, value in rejection.payload.items() if value is not None})
    return without if without.own_errors == rejection.errors else event


def _named(stage: str, error: Error) -> dict[str, str]:
    return {"stage": stage, "on": error.attribute, "message": error.message}


def _history(rejection: Rejection, lab: Workspace | None) -> list[Row]:
    """What the writer had seen; for a lost race also what took its version."""
    where = current() if lab is None else lab
    upto = rejection.version_read + (rejection.stage == "conflict")
    rows = [row for row in where.store.stream(rejection.idx, where.unit) if row.version <= upto]
    if rejection.stage != "conflict" and len(rows) < rejection.version_read:
        raise ValueError(
            f"the lab on {where.path} has {rejection.idx!r} up to version {len(rows)}, and the event was refused on "
            f"top of version {rejection.version_read}; give lab= the lab that it was refused in"
        )
    return rows


def _stream_class(rejection: Rejection) -> type[EventStream]:
    """The class of streams that refused, as its module has it now."""
    name = rejection.stream_class
    found = stream_classes.named(name, rejection.origin.stream_class)
    if len(found) == 1:
        return _original(found[0])
    if not found:
        raise ValueError(f"no stream class here is called {name!r}; define or import it first")
    told = ", ".join(stream_classes.labels(found))
    raise ValueError(f"several stream classes are called {name!r}: {told}")


def _original(cls: type[EventStream]) -> type[EventStream]:
    """Not the copy without read models that is judged in a branch."""
    base = cls.__base__
    same = base is not None and (base.__module__, base.__qualname__) == (cls.__module__, cls.__qualname__)
    return _original(cast(type[EventStream], base)) if same else cls


def _slug(text: str) -> str:
    """A text as a part of a name."""
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", text)
    return re.sub(r"[^a-z0-9]+", "_", words.lower())[:_LONGEST_NAME].strip("_") or "stream"
