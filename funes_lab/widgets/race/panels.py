"""What stands beside the diagram after each step: the readings, the log, and what came of the step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final, NamedTuple

from pydantic import BaseModel

from funes_lab import formats
from funes_lab.projection import fold_of
from funes_lab.races.race import Race
from funes_lab.races.result import Fact, RaceResult
from funes_lab.widgets.race import words
from funes_lab.widgets.race.play import Play, state_of
from funes_lab.widgets.race.words import Names

#: Events of the log that are shown from before the race, and of each stream at most.
_BEFORE: Final = 2
_EVENTS: Final = 8
_VALUE: Final = 24
_IDX: Final = 12  # characters of a stream beside a reading, cut in the middle: ends of names tell


class _Held(NamedTuple):
    """A reading: the version, the figure of the state, and whether a commit is still to come."""

    version: int
    figure: str
    waits: bool = False


def frames(race: Race, play: Play) -> list[dict[str, Any]]:
    """What is shown after each step of a play, from none of them on.

    Returns
    -------
    list of dict
        `readings`, `log`, `note`, and `next`: for each writer its actions, and whether it can take them.
    """
    last = play.results[-1]
    names, field = words.names_of(last), field_of(race, play)
    held: dict[tuple[str, str], _Held] = {}
    found = []
    for number, result in enumerate(play.results):
        _move(held, result, number, field)
        found.append(
            {
                "readings": _readings(result, held),
                "log": [row for idx in result.streams for row in _log(result, last, idx, names)],
                "note": words.note(result, number, names) if number else _beginning(result),
                "next": [_buttons(program, play.open[number][name]) for name, program in race.programs.items()],
                "outcome": words.outcome(result),
            }
        )
    return found


def field_of(race: Race, play: Play) -> str:
    """The first numeric field of the state, else its first field; "" without a consistency projection."""
    projection = race.stream_class.consistency_projection
    if projection is None:
        return ""
    fold = fold_of(projection)
    names = list(fold.state.model_fields)
    states = [state_of(result, idx) for result in play.results for idx in result.streams]
    for name in names:
        if name not in fold.secret and any(is_number(getattr(state, name, None)) for state in states):
            return name
    return next((name for name in names if name not in fold.secret), "")


def figure(state: BaseModel | None, field: str) -> str:
    """One field of a state."""
    if state is None or not field:
        return formats.NONE
    return formats.value(getattr(state, field, None), limit=_VALUE)


def heads(result: RaceResult) -> dict[str, int]:
    """The version of each stream."""
    return {idx: max((fact.version for fact in result.facts if fact.idx == idx), default=0) for idx in result.streams}


def is_number(value: object) -> bool:
    """Whether a value is a number."""
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)


def _move(held: dict[tuple[str, str], _Held], result: RaceResult, number: int, field: str) -> None:
    """What the writers hold after a step: what they read, and what they appended to it."""
    for entry in result.entries:
        if entry.number != number:
            continue
        key, told = (entry.writer, entry.idx), figure(state_of(result, entry.idx), field)
        if entry.outcome == "accepted" and words.pending(result, entry):
            before = held.get(key, _Held(0, formats.NONE))
            held[key] = _Held(before.version, before.figure, waits=True)
        elif entry.outcome == "accepted" and entry.tried is not None:
            held[key] = _Held(entry.tried, told)
        elif entry.outcome == "read" or (entry.action == "retry" and entry.seen is not None):
            held[key] = _Held(entry.seen or 0, told)
        if entry.outcome == "committed":
            _store(held, result, entry.writer, field)
        elif entry.outcome == "denied":
            for (name, idx), reading in list(held.items()):
                held[name, idx] = reading._replace(waits=False) if name == entry.writer else reading


def _store(held: dict[tuple[str, str], _Held], result: RaceResult, writer: str, field: str) -> None:
    for (name, idx), reading in list(held.items()):
        if name == writer and reading.waits:
            own = [fact.version for fact in result.facts if (fact.idx, fact.writer) == (idx, writer)]
            held[name, idx] = _Held(max(own, default=reading.version), figure(state_of(result, idx), field))


def _readings(result: RaceResult, held: Mapping[tuple[str, str], _Held]) -> list[dict[str, Any]]:
    there, rows = heads(result), []
    for name in result.writers:
        for idx in result.streams:
            row = {"writer": words.writer(name), "stream": formats.middle(idx, _IDX)}
            reading = held.get((name, idx))
            if reading is None:
                rows.append({**row, "saw": formats.NONE, "figure": formats.NONE, "now": ["", "not read"]})
                continue
            behind = there[idx] - reading.version
            now = ["conflict", f"{formats.value(behind)} behind"] if behind > 0 else ["accepted", "current"]
            if reading.waits:
                now = [now[0] if behind > 0 else "", f"{now[1]}, 1 to commit" if behind > 0 else "1 to commit"]
            rows.append({**row, "saw": formats.value(reading.version), "figure": reading.figure, "now": now})
    return rows


def _log(result: RaceResult, last: RaceResult, idx: str, names: Names) -> list[dict[str, Any]]:
    """The last events of a stream; so many that the race has room for its own."""
    facts: Sequence[Fact] = [fact for fact in result.facts if fact.idx == idx]
    own = sum(fact.writer is not None for fact in facts)
    shown = facts[-min(_EVENTS, _BEFORE + own) :] if facts else []
    begun = sum(fact.idx == idx and fact.writer is None for fact in last.facts)
    new = sum(fact.idx == idx and fact.writer is not None for fact in last.facts)
    room = min(_EVENTS, min(_BEFORE, begun) + new)
    rows = [
        {
            "stream": formats.middle(idx, words.NAME),
            "version": formats.value(fact.version),
            "event": names(fact.event),
            "type": names.number(fact.event),
            "told": words.gist(fact.payload),
            "whole": f"{formats.middle(fact.event, 60)} {formats.pairs(fact.payload, limit=200)}",
            "writer": words.writer(fact.writer) if fact.writer else "",
        }
        for fact in shown
    ]
    # the rows that come are kept free, so that nothing moves
    left = len(facts) - len(shown)
    if not rows:
        rows = [{"stream": formats.middle(idx, words.NAME), "empty": "no events yet"}]
    return [
        {**rows[0], "left": formats.value(left) if left else ""},
        *rows[1:],
        *([{"free": True}] * (room - len(rows))),
    ]


def _beginning(result: RaceResult) -> dict[str, Any]:
    told = [
        f"{formats.middle(idx, words.NAME)} is at version {formats.value(head)}" for idx, head in heads(result).items()
    ]
    return {"tone": "", "headline": f"Nothing has happened yet: {', '.join(told)}.", "reasons": []}


def _buttons(program: Sequence[str], can: Sequence[str]) -> list[list[Any]]:
    """The actions of a writer and whether it can take them now; it tries again only after a denial."""
    actions = [*dict.fromkeys(program), *(["retry"] if "retry" in can else [])]
    return [[action, action in can] for action in actions]
