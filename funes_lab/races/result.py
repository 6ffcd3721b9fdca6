"""What came of a race: its steps as a DataFrame, the final state, the diagram."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from pydantic import BaseModel

from funes_lab import formats
from funes_lab.event import Event
from funes_lab.fold import project
from funes_lab.projection import fold_of
from funes_lab.races.course import Course, Entry
from funes_lab.rejection import Rejection
from funes_lab.seen import events_of

if TYPE_CHECKING:
    import pandas as pd

    from funes_lab.widgets.twin import Static

#: What ends a line of a Mermaid diagram, or begins a comment in it.
_SPECIAL: Final = re.compile(r"[#;<>\n\r]")


@dataclass(frozen=True, slots=True)
class Fact:
    """One event of a raced stream as the race left it.

    Attributes
    ----------
    idx, version, event
    payload : dict
        Secret attributes are masked.
    writer : str or None
        Who appended it, if one of the race did.
    """

    idx: str
    version: int
    event: str
    payload: Mapping[str, Any]
    writer: str | None


@dataclass(frozen=True)
class RaceResult:
    """What came of a race; shows itself as a sequence diagram.

    Attributes
    ----------
    streams, writers : list of str
    order : str
        The steps that were taken.
    guard : bool
        Whether versions were guarded.
    entries : list of Entry
        What happened, line by line.
    final_state : BaseModel, dict of str to BaseModel, or None
        By the consistency projection; of several streams a dict by idx.
    held : bool
        Whether the final states keep their own rules.
    facts : list of Fact
        The raced streams, as the race left them.
    on_scratch : bool
        Whether it was run on a copy in memory.
    """

    streams: Sequence[str]
    writers: Sequence[str]
    order: str
    guard: bool
    entries: Sequence[Entry]
    final_state: Any
    held: bool
    facts: Sequence[Fact] = field(repr=False)
    on_scratch: bool = False

    def count(self, outcome: str) -> int:
        """How many events were "accepted", "denied" or "refused"."""
        return sum(entry.outcome == outcome for entry in self.entries)

    @property
    def accepted(self) -> int:
        """How many events became facts and stayed so."""
        return sum(fact.writer is not None for fact in self.facts)

    @property
    def denied(self) -> int:
        """How many races were lost: conflicts."""
        return self.count("denied")

    @property
    def refused(self) -> int:
        """How many events a rule refused."""
        return self.count("refused")

    @property
    def rejections(self) -> list[Rejection]:
        """The refused attempts, of both kinds, in their order."""
        return [entry.rejection for entry in self.entries if entry.rejection is not None]

    def df(self) -> pd.DataFrame:
        """The steps as a DataFrame.

        Returns
        -------
        DataFrame
            RangeIndex, a row a step (and stream, where a step touches several). Columns `step` (int64), `writer`,
            `action`, `stream`, `event` (str; missing for a step that appends nothing), `version_seen` and
            `version_tried` (Int64), `outcome` (str: read, accepted, denied, refused, declined, committed, skipped),
            `winner` (str: whose event took the version, and its name), `message` (str).
        """
        import pandas as pd

        rows = [
            (e.number, e.writer, e.action, e.idx, e.event, e.seen, e.tried, e.outcome, winner(e), e.message)
            for e in self.entries
        ]
        names = [
            "step",
            "writer",
            "action",
            "stream",
            "event",
            "version_seen",
            "version_tried",
            "outcome",
            "winner",
            "message",
        ]
        kinds = dict.fromkeys(names, "str") | {
            "step": "int64", "version_seen": "Int64", "version_tried": "Int64"
        }  # fmt: skip
        return pd.DataFrame(rows, columns=names).astype(kinds)

    def mermaid(self) -> str:
        """The diagram as Mermaid text, for documents.

        Returns
        -------
        str
            A `sequenceDiagram`; writers and streams are its participants.
        """
        streams = {idx: f"S{n}" for n, idx in enumerate(self.streams, 1)}
        names = {name: f"W{n}" for n, name in enumerate(self.writers, 1)}
        first, *others = names.items()
        between = [(streams[idx], idx) for idx in self.streams]
        actors = [(first[1], f"writer {first[0]}"), *between, *((id_, f"writer {name}") for name, id_ in others)]
        lines = ["sequenceDiagram", *(f"    participant {id_} as {_plain(told)}" for id_, told in actors)]
        for entry in self.entries:
            lines += _arrows(entry, names[entry.writer], streams[entry.idx])
        return "\n".join(lines) + "\n"

    def static(self) -> Static:
        """The diagram, for a page that nobody runs."""
        from funes_lab.widgets.race import picture

        return picture.of_result(self)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the diagram to a file: `.svg` or `.html`."""
        self.static().save(path)

    def _repr_html_(self) -> str:
        return self.static().html

    def __repr__(self) -> str:
        told = [f"{entry.number}. {entry.writer}.{entry.action}: {entry.message}" for entry in self.entries]
        return "\n".join([f"Race on {', '.join(self.streams)}: {self.order}", *told])


def result_of(course: Course, *, guard: bool, on_scratch: bool) -> RaceResult:
    """What came of a course so far; transactions that are still open have stored nothing."""
    states, held = final_states(course)
    return RaceResult(
        streams=list(course.streams),
        writers=list(course.writers),
        order=" ".join(map(str, course.steps)),
        guard=guard,
        entries=list(course.entries),
        final_state=alone_or_all(states),
        held=held,
        facts=[fact for idx in course.streams for fact in _facts(course, idx)],
        on_scratch=on_scratch,
    )


def final_states(course: Course) -> tuple[dict[str, BaseModel | None], bool]:
    """The state of each stream, and whether all keep their rules."""
    projection = course.stream_class.consistency_projection
    states: dict[str, BaseModel | None] = dict.fromkeys(course.streams)
    held = True
    for idx in course.streams:
        events = course.stream_class.for_(idx, lab=course.lab).events
        if projection is not None and events:
            fold = fold_of(projection)
            states[idx], broken = fold.verdict(project(fold, events, course.lab.now()))
            held = held and not broken
    return states, held


def alone_or_all(states: Mapping[str, BaseModel | None]) -> Any:
    """The state of the one stream; of several, all of them by idx."""
    return dict(states) if len(states) > 1 else next(iter(states.values()))


def winner(entry: Entry) -> str | None:
    """Whose event took the version."""
    if entry.winner is None:
        return None
    whose = f"{entry.winner}’s" if entry.winner != "another writer" else "another writer’s"
    return f"{whose} {entry.winning or 'event'}"


def _facts(course: Course, idx: str) -> list[Fact]:
    events: Sequence[Event] = events_of(course.lab.store.stream(idx, course.lab.unit))
    ordered = sorted(events, key=lambda event: event.version or 0)
    return [
        Fact(
            idx, event.version or 0, event.event_name, formats.mask(event.payload(), event.filter_attributes),
            course.written.get((idx, event.version or 0)),
        )
        for event in ordered
    ]  # fmt: skip


def _arrows(entry: Entry, writer: str, stream: str) -> list[str]:
    """One line of what happened, as Mermaid draws it."""
    asked = f"    {writer}->>{stream}: "
    if entry.outcome == "read":
        return [f"{asked}read", f"    {stream}-->>{writer}: version {entry.seen}"]
    if entry.outcome in ("skipped", "declined"):
        return [f"    Note over {writer}: {_plain(entry.message)}"]
    if entry.outcome == "committed":
        return [f"{asked}commit", f"    {stream}-->>{writer}: COMMITTED ✓ {_plain(entry.message)}"]
    again = "" if entry.action in ("append", "commit") else "retry: "
    lines = [f"{asked}{again}{_plain(_tried(entry))}"]
    if entry.outcome == "accepted":
        return [*lines, f"    {stream}-->>{writer}: ACCEPTED ✓ as {entry.tried}"]
    if entry.outcome == "denied":
        return [*lines, f"    {stream}--x{writer}: DENIED ✗ {entry.tried} is {_plain(winner(entry) or '')}"]
    return [*lines, f"    {stream}--x{writer}: REFUSED ✗ {_plain(entry.message)}"]


def _tried(entry: Entry) -> str:
    if entry.action == "commit":
        return "commit"
    payload = formats.pairs(entry.payload, limit=60)
    return f"append {entry.event}{f' ({payload})' if payload else ''} at {entry.tried}"


def _plain(text: str) -> str:
    """Text that a Mermaid diagram shows as it is."""
    return _SPECIAL.sub(lambda found: f"#{ord(found.group())};" if found.group() not in "\n\r" else " ", text)
