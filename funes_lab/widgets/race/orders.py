"""Every order of a race: how each one goes, and what it leads to with the guard on and off."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from typing import Any, Final

from funes_lab import formats, registry
from funes_lab.event import Event
from funes_lab.races import schedule
from funes_lab.races.course import Entry
from funes_lab.races.interleavings import Ending, Scene
from funes_lab.races.schedule import Programs, Step
from funes_lab.widgets.race import words
from funes_lab.widgets.race.panels import figure
from funes_lab.widgets.race.words import Names

#: So many orders are listed; `race.interleavings()` runs more.
MOST: Final = 100
_TONES: Final = {"accepted": "accepted", "committed": "accepted", "denied": "conflict"}


def every(scene: Scene, programs: Programs, field: str) -> dict[str, Any]:
    """Run a race in every order, with the guard and without it, each time on a scratch database.

    Parameters
    ----------
    scene : Scene
    programs : mapping
        The steps of each writer.
    field : str
        The field of the state that is told; "" for none.

    Returns
    -------
    dict
        `rows`, `heads`, `filters` and `sentence`; or `too_many` and `way`, if there are more orders than are listed.
    """
    return listed(scene, programs, field, [] if is_too_much(programs) else list(one_by_one(scene, programs, field)))


def one_by_one(scene: Scene, programs: Programs, field: str) -> Iterator[dict[str, Any]]:
    """Run the orders one after the other: the rows of the list."""
    names = _names(scene)
    for number, order in enumerate(schedule.every(programs), 1):
        on, off = (replace(scene, guard=guard).tried(order) for guard in (True, False))
        yield _row(number, order, on, off, field, names)


def listed(scene: Scene, programs: Programs, field: str, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The list of these rows; without them, if there are too many."""
    found = schedule.count(programs)
    if is_too_much(programs):
        told = f"There are {formats.value(found)} orders, and up to {MOST} are listed here. To run many of them:"
        return {"too_many": told, "way": "race.interleavings(sample=1000)"}
    names, after = _names(scene), f"{formats.middle(field, words.NAME)} after" if field else "held"
    return {
        "title": f"{formats.count(found, 'order')} of {_programs(programs)}, each run on a scratch database",
        "heads": [*(_head(scene, name, names) for name in programs), after, "with the guard off"],
        "rows": list(rows),
        "filters": [f"all {formats.value(found)}", f"with a denial {formats.value(_denied(rows))}"],
        "sentence": _sentence(rows),
    }


def is_too_much(programs: Programs) -> bool:
    """Whether there are more orders than are listed."""
    return schedule.count(programs) > MOST


def _row(number: int, order: Sequence[Step], on: Ending, off: Ending, field: str, names: Names) -> dict[str, Any]:
    return {
        "n": formats.value(number),
        "order": schedule.written(order),
        "lanes": [_lane(name, on.course.entries, names) for name in on.course.writers],
        "both": _overlaps(on),
        "steps": len(order),
        "fates": [[_TONES.get(fate, _stage(on, name)), fate] for name, fate in on.fates().items()],
        "after": _after(on, field),
        "held": on.held,
        "off": _without(on, off, field),
        "denied": on.count("denied"),
    }


def _lane(name: str, entries: Sequence[Entry], names: Names) -> dict[str, Any]:
    """One writer in time: where it read, from where to where it held a reading, and what its attempts came to."""
    own = [entry for entry in entries if entry.writer == name]
    marks = [
        [entry.number, _mark(entry, own), words.version(entry.tried), names.number(entry.event or "")]
        for entry in own
        if entry.outcome not in ("read", "skipped", "declined")
    ]
    reads = list(dict.fromkeys(entry.number for entry in own if entry.outcome == "read"))
    return {"name": formats.middle(name, 10), "reads": reads, "holds": _held(name, entries), "marks": marks}


def _mark(entry: Entry, own: Sequence[Entry]) -> str:
    if entry.outcome == "accepted" and any(other.action == "commit" for other in own):
        return "waits"
    if entry.outcome == "refused" and entry.rejection:
        return entry.rejection.stage
    return _TONES.get(entry.outcome, "muted")


def _held(name: str, entries: Sequence[Entry]) -> list[int]:
    numbers = [entry.number for entry in entries if entry.writer == name]
    return [numbers[0], numbers[-1]] if numbers else [0, 0]


def _overlaps(ending: Ending) -> list[list[int]]:
    """Where two writers hold a reading at once until one of them appends: from, to, and their lanes."""
    names = list(ending.course.writers)
    spans = [_held(name, ending.course.entries) for name in names]
    found = []
    for one, other in combinations(range(len(names)), 2):
        begin, end = max(spans[one][0], spans[other][0]), min(spans[one][1], spans[other][1])
        if begin < end:
            found.append([begin, end, one, other])
    return found


def _stage(ending: Ending, name: str) -> str:
    stages = [e.rejection.stage for e in ending.course.entries if e.writer == name and e.rejection is not None]
    return stages[-1] if stages else ""


def _after(ending: Ending, field: str) -> str:
    if not field:
        return ""
    return ", ".join(figure(state, field) for state in ending.states.values())


def _without(on: Ending, off: Ending, field: str) -> list[str]:
    """What the same order comes to with the guard off: a tone and the word."""
    if not off.held:
        return ["state", f"lost update: {_after(off, field)}" if field else "lost update"]
    if on.kind() == off.kind():
        return ["", "same"]
    return ["changed", f"{formats.value(len(off.course.written))} accepted: {_after(off, field)}".rstrip(": ")]


def _head(scene: Scene, name: str, names: Names) -> str:
    given = [intent.what for intent in scene.plans[name] if isinstance(intent.what, Event)]
    if not given:
        return words.writer(name)
    first = given[0]
    payload = formats.mask(first.payload(), first.filter_attributes)
    more = f" + {len(scene.plans[name]) - 1}" if len(scene.plans[name]) > 1 else ""
    return formats.shorten(f"{words.writer(name)}: {names(first.event_name)} {words.gist(payload)}".rstrip() + more, 40)


def _names(scene: Scene) -> Names:
    planned = [i.what.event_name for plan in scene.plans.values() for i in plan if isinstance(i.what, Event)]
    return Names([*(registry.canonical(row.klass) for row in scene.rows), *planned])


def _programs(programs: Programs) -> str:
    kinds = {tuple(program) for program in programs.values()}
    writers = formats.count(len(programs), "writer")
    return f"{writers} × ({', '.join(next(iter(kinds)))})" if len(kinds) == 1 else writers


def _denied(rows: Sequence[Mapping[str, Any]]) -> int:
    return sum(row["denied"] > 0 for row in rows)


def _sentence(rows: Sequence[Mapping[str, Any]]) -> list[list[Any]]:
    """What all orders have in common, in pieces: the point is strong."""
    denied, total = _denied(rows), len(rows)
    once = denied and all(row["denied"] <= 1 for row in rows)
    end = "end with exactly one denial:" if once else "end with a denial:"
    if not denied:
        told: list[list[Any]] = [[f"None of {formats.count(total, 'order')} ends with a denial.", True]]
    else:
        told = [[f"{formats.value(denied)} of {formats.count(total, 'order')} {end}", True]]
        told.append([" two writers hold the same version at once, and who appends later has lost.", False])
        if total > denied:
            told.append([f" In the other {formats.value(total - denied)} nobody comes too late.", False])
    lost, broken = sum(row["off"][0] == "state" for row in rows), sum(not row["held"] for row in rows)
    if broken:
        told.append([f" {formats.value(broken)} break the rules of the state even so.", True])
    if lost:
        told.append([f" With the guard off {formats.value(lost)} break the rules of the state.", False])
    return told
