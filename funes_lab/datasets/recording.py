"""How the generators of data sets record what they make up: through real streams, under a clock of their own.

So every fact of a data set was accepted, and every attempt in it was refused by the gate that it names.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import chain
from typing import Any

from pydantic import BaseModel

from funes_lab import registry
from funes_lab.event import Event
from funes_lab.lab import Lab
from funes_lab.stream import EventStream, Reading
from funes_lab.upcast import SHAPE_KEY

#: json.dumps would make one for each payload.
_ENCODER = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False)
_FACTS = "SELECT klass, idx, props, meta_info, version, created_at, occurred_at FROM event_entries"


@dataclass(frozen=True, slots=True)
class Entry:
    """What somebody typed in, and when.

    Attributes
    ----------
    recorded_at : datetime
        When it was appended, in UTC; the record time of a fact.
    idx : str
        Of the stream.
    event : str
        The name of the event in the log.
    payload : dict
        As JSON values, spelled as the log spells them: Decimals and times as text.
    occurred_at : datetime, optional
        When it happened; default when it was recorded.
    attempt : str, optional
        The gate that must refuse it; None for a fact.
    read_at : datetime, optional
        When its writer read the stream; default when it was recorded.
    context : dict
        The metainformation.
    shape : int
        Of the payload; above 1 where upcasters lead to it.
    """

    recorded_at: datetime
    idx: str
    event: str
    payload: dict[str, Any]
    occurred_at: datetime | None = None
    attempt: str | None = None
    read_at: datetime | None = None
    context: Mapping[str, Any] = field(default_factory=dict)
    shape: int = 1

    def row(self, version: int | None) -> dict[str, Any]:
        """Give the row of the log that it is as this version of its stream."""
        told = {**self.context, **({SHAPE_KEY: self.shape} if self.shape > 1 else {})}
        return {
            "klass": self.event,
            "idx": self.idx,
            "props": as_json(self.payload),
            "meta_info": json.dumps(told) if told else None,
            "version": version,
            "created_at": self.recorded_at,
            "occurred_at": self.occurred_at or self.recorded_at,
        }


class Hands:
    """A clock whose hands are set; while they are not, it shows what another one does."""

    def __init__(self, other: Any = None) -> None:
        self.now: datetime | None = None
        self._other = other

    def __call__(self) -> datetime:
        if self.now is not None:
            return self.now
        now: datetime = datetime.now(UTC) if self._other is None else self._other()
        return now


class Recorder:
    """Appends entries at their times and gives the rows of a data set.

    Parameters
    ----------
    context : pydantic model class, optional
        The metainformation model of the lab.
    """

    def __init__(self, context: type[BaseModel] | None = None) -> None:
        self._clock = Hands()
        self._clock.now = datetime(2020, 1, 1, tzinfo=UTC)
        self._lab = Lab(clock=self._clock, metainformation_model=context)
        self._refused: list[dict[str, Any]] = []
        self._facts: dict[tuple[str, int], Entry] = {}

    def record(self, entries: Iterable[Entry], stream: type[EventStream]) -> None:
        """Append entries in the order of their times.

        Parameters
        ----------
        entries : iterable of Entry
        stream : EventStream class
            The events are found by their names.

        Raises
        ------
        AssertionError
            If a fact is refused, or an attempt is not refused at its gate.
        """
        found = [*entries]
        steps: chain[tuple[datetime, int, Entry]] = chain(
            ((entry.read_at, 0, entry) for entry in _overtaken(found) if entry.read_at is not None),
            ((entry.recorded_at, 1, entry) for entry in found),
        )
        readings: dict[int, Reading] = {}
        for moment, step, entry in sorted(steps, key=lambda step: (step[0], step[2].idx, step[1])):
            self._clock.now = moment
            if step == 0:
                readings[id(entry)] = stream.for_(entry.idx, self._lab).read()
            else:
                reading = readings.pop(id(entry), None)
                self._append(entry, stream.for_(entry.idx, self._lab) if reading is None else reading)

    def rows(self) -> list[dict[str, Any]]:
        """Close the lab, and give the columns of the log and `attempt`, in order of record time and idx.

        Raises
        ------
        AssertionError
            If the log has another row than its entry foretold.
        """
        facts: list[Any] = self._lab.sql(_FACTS).to_dict("records")
        self._lab.close()
        for fact in facts:
            foretold = self._facts[fact["idx"], fact["version"]].row(fact["version"])
            fact["meta_info"] = None if fact["meta_info"] == "{}" else fact["meta_info"]
            if fact != foretold:
                raise AssertionError(f"the log has {fact}, and the entry foretold {foretold}")
        return sorted([*facts, *self._refused], key=lambda row: (row["created_at"], row["idx"]))

    def _append(self, entry: Entry, door: EventStream | Reading) -> None:
        event = event_of(entry.event, entry.payload)
        with self._lab.metainformation(**entry.context) if entry.context else nullcontext():
            door.append(event)
        refusal = event.rejection
        if (refusal and refusal.stage) != entry.attempt:
            raise AssertionError(f"{entry} is to be refused as {entry.attempt!r}, not {refusal!r}")
        if refusal is None:
            assert event.version is not None
            self._facts[entry.idx, event.version] = entry
        else:
            at = entry.occurred_at or refusal.at
            self._refused.append(entry.row(refusal.version_read + 1) | {"occurred_at": at, "attempt": entry.attempt})


def _overtaken(entries: Iterable[Entry]) -> Iterator[Entry]:
    """Find those who read before somebody else wrote; what others read is what is there, and reading it costs more."""
    entries = [*entries]
    written: dict[str, list[datetime]] = {}
    for entry in entries:
        written.setdefault(entry.idx, []).append(entry.recorded_at)
    for entry in entries:
        since = entry.read_at
        if since is not None and any(since <= other < entry.recorded_at for other in written[entry.idx]):
            yield entry


def event_of(name: str, payload: Mapping[str, Any]) -> Event:
    """Build the event that a name stands for now."""
    found = registry.find(name)
    if found is None or not issubclass(found, Event):
        raise LookupError(f"no event class is named {name!r}")
    return found(**payload)


def as_json(value: Any) -> str:
    """Write JSON as the log does."""
    return _ENCODER.encode(value)
