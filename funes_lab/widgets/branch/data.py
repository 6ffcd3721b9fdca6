"""The data that the picture of a branch draws: every value written out, a field told once for each time it moved.

A place is where a step stands: 1 is the first one, 0 is before it. The what-if line is told from the fork on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, localcontext
from typing import Any, Final

from funes_lab import formats
from funes_lab.explore.comparison import Sides, Step, differing
from funes_lab.explore.edits import when
from funes_lab.fold import WIDE
from funes_lab.replay.states import moved
from funes_lab.widgets.branch import marks
from funes_lab.widgets.scale import axis
from funes_lab.widgets.scrubber.data import (
    Told,
    exact,
    moves,
    number_of,
    payloads,
    runs,
    times,
    told,
    without_namespace,
)
from funes_lab.widgets.sentences import stage_word

_NUMBERS: Final = ("Int64", "float64", "decimal")
_CHANGES: Final = 3  # changes that are named in the head
_OTHERS: Final = 3  # fields that are named in the sentence about the end
_PROBLEM: Final = 240
_FIGURE, _FLOAT = 24, 15  # characters of a figure
_DIGITS, _SMALL = 12, 3  # digits where it has more, and zeros after the point
_NOTED: Final = 3  # problems that are told in the note


@dataclass(frozen=True, slots=True)
class Tale:
    """Both lines, and their events written out: all that is drawn."""

    sides: Sides
    #: By step: the event in the log and the one in the branch, None where there is none.
    events: Sequence[tuple[Told | None, Told | None]]
    fork: int | None

    @property
    def length(self) -> int:
        """How many steps there are."""
        return len(self.sides.steps)


def tale_of(sides: Sides) -> Tale:
    """Write out what is compared."""
    events: list[tuple[Told | None, Told | None]] = []
    for step in sides.steps:
        log = None if step.recorded is None else told(step.recorded)
        events.append((log, log if step.is_same else None if step.branched is None else told(step.branched)))
    names = list(sides.kinds)
    parted = (n for n, step in enumerate(sides.steps) if differing(names, step.log, step.what_if))
    return Tale(sides, events, next(parted, None))


def first_field(sides: Sides) -> str:
    """The field that is drawn if nobody names one."""
    names = list(sides.kinds)
    ends = sides.steps[-1:]
    at_the_end = {name for step in ends for name in differing(names, step.log, step.what_if)}
    ever = {name for step in sides.steps for name in differing(names, step.log, step.what_if)}
    numbers = [name for name in names if is_number(sides, name)]
    wishes = ([n for n in numbers if n in at_the_end], [n for n in names if n in ever], numbers, names)
    return next((name for wish in wishes for name in wish), "")


def is_number(sides: Sides, name: str) -> bool:
    """Whether a line can be drawn of a field."""
    return sides.kinds[name] in _NUMBERS


def written(tale: Tale, low: int = 0, high: int | None = None) -> dict[str, Any]:
    """Write out what is drawn.

    Parameters
    ----------
    tale : Tale
    low, high : int
        The places that are told: those after `low`, up to `high`. Default: all.

    Returns
    -------
    dict
        Places in it begin at `low`.
    """
    sides = tale.sides
    high = tale.length if high is None else high
    head = {
        "idx": formats.middle(sides.idx, 60),
        "projection": formats.middle(sides.projection, 60),
        "changes": named(sides.changes),
        "whole": formats.shorten("; ".join(sides.changes), 1_000),
        "steps": formats.count(tale.length, "step"),
    }
    if not tale.length:
        return {**head, "sentence": "No events yet, neither in the log nor in the branch.", "way": "branch.append(…)"}
    steps = sides.steps[low:high]
    shown = [event for pair in tale.events[low:high] for event in [pair[0] or pair[1]] if event is not None]
    types = list(dict.fromkeys(event.name for event in shown))
    every = [event for pair in tale.events for event in pair if event is not None]
    common = payloads(every, shown)["column"]
    known = {name: place for place, name in enumerate(types)}
    base = min(max((tale.length if tale.fork is None else tale.fork) - low, 0), high - low)
    return {
        **head,
        "left": _left_out(tale, low, high),
        "types": [formats.middle(name, 40) for name in types],
        "short": [formats.middle(name, 30) for name in without_namespace(types)],
        "type": [known[event.name] for event in shown],
        "payloads": [marks.brief(event, common) for event in shown],
        "versions": [step.version for step in steps],
        "named": [formats.value(step.version) for step in steps] if any(step.version > 999 for step in steps) else [],
        **times([event.at for event in shown]),
        "changed": marks.changed(sides, tale.events, low, high, common),
        "problems": _problems(sides, steps),
        "note": _note(sides),
        "base": base,
        "first": 0 if tale.fork == 0 and low == 0 else 1,
        "ends": high == tale.length,
        "forked": _forked(tale),
        "fields": [_field(tale, name, low, high, base) for name in sides.kinds],
    }


def named(changes: Sequence[str]) -> str:
    """What was changed, in the head of the picture."""
    if not changes:
        return "nothing is changed"
    more = len(changes) - _CHANGES
    shown = [formats.visible(change) for change in changes[: _CHANGES if more > 0 else None]]
    return "; ".join([*shown, *([formats.count(more, "more change")] if more > 0 else [])])


def _left_out(tale: Tale, low: int, high: int) -> str:
    """Say which steps are not among those that are told."""
    if low == 0 and high == tale.length:
        return ""
    steps, (kept, count) = tale.sides.steps, (formats.value(high - low), formats.count(tale.length, "step"))
    first, last = formats.value(steps[low].version), formats.value(steps[high - 1].version)
    return f"This page holds {kept} of {count}, from version {first} to {last}."


def _forked(tale: Tale) -> str:
    if tale.fork is None:
        return ""
    if tale.fork == 0:
        return "fork at the beginning"
    return f"fork after {formats.value(tale.sides.steps[tale.fork - 1].version)}"


# --- what the rules would not have let in -----------------------------------------------------------------------


def _problems(sides: Sides, steps: Sequence[Step]) -> dict[str, dict[str, str]]:
    """By place, the events of the branch that its rules would not have let in."""
    found = {}
    for place, step in enumerate(steps, 1):
        if step.branched is not None and step.version in sides.problems:
            stage, words = sides.problems[step.version]
            told = f"{stage_word(stage)}: {formats.visible(formats.shorten(words, _PROBLEM))}"
            found[str(place)] = {"stage": stage, "text": told}
    return found


def _note(sides: Sides) -> dict[str, Any]:
    """The first of them, and how many there are; {} if the rules hold."""
    if not sides.problems:
        return {}
    count, more = len(sides.problems), len(sides.problems) - _NOTED
    listed = [
        [stage, f"#{formats.value(version)}", formats.visible(formats.shorten(words, _PROBLEM))]
        for version, (stage, words) in list(sides.problems.items())[:_NOTED]
    ]
    head = f"{formats.count(count, 'event')} of the branch would be refused"
    return {
        "head": head,
        "lines": listed,
        "more": f"… {formats.value(more)} more: branch.problems()" if more > 0 else "",
    }


# --- a field ----------------------------------------------------------------------------------------------------


def _field(tale: Tale, name: str, low: int, high: int, base: int) -> dict[str, Any]:
    """A field in both lines: the places at which it moved and what it was from there on; how far they are apart."""
    sides = tale.sides
    steps = sides.steps[low:high]
    before = sides.steps[low - 1].log if low else sides.start
    log = [state.get(name) for state in (before, *(step.log for step in steps))]
    what_if = [*log[: base + 1], *(step.what_if.get(name) for step in steps[base:])]
    number = is_number(sides, name)
    gaps = [gap(a, b, number=number) for a, b in zip(log[base:], what_if[base:], strict=True)]
    at, text = moves([short for short, _ in gaps])
    said_at, said = moves([words for _, words in gaps])
    made = {
        "name": name,
        "number": number,
        "log": _line(name, log),
        "branch": _line(name, what_if[base:]),
        "gap": {"at": at, "text": text},
        "said": {"at": said_at, "text": said},
        "end": _end(tale, name),
    }
    return {**made, "axis": axis(map(number_of, (*log, *what_if)))} if number else made


def _line(name: str, values: Sequence[Any]) -> dict[str, Any]:
    """A line; a figure that is too long for every column stands there as a power of ten."""
    line = runs(name, values)
    for n, number in enumerate(line.get("number", ())):
        if number is not None and len(line["text"][n]) > _FLOAT:
            line["text"][n] = _figure(values[line["at"][n]])
    return line


def _figure(value: Any) -> str:
    """A number in as many digits as there is room for; those of a float are mostly noise."""
    whole = formats.value(value)
    if len(whole) <= (_FLOAT if isinstance(value, float) else _FIGURE):
        return whole
    number = exact(value)
    power = number.adjusted()
    with localcontext(prec=_DIGITS):
        lead = (+number.scaleb(-power)).normalize()
    about = "" if lead.scaleb(power) == number else "≈ "
    if -_SMALL <= power <= _DIGITS:
        return f"{about}{formats.value(lead.scaleb(power))}"
    return f"{about}{formats.value(lead)} × 10^{formats.value(power)}"


def gap(log: Any, what_if: Any, *, number: bool) -> tuple[str, str]:
    """How far the branch is from the log at a step: as a figure, and in words."""
    same = not moved(log, what_if)
    words = f"{_shown(log)}, the same in both" if same else f"{_shown(what_if)} instead of {_shown(log)}"
    if not number or number_of(log) is None or number_of(what_if) is None:
        return "same" if same else "differs", words
    apart = _apart(log, what_if)
    if not apart:
        return formats.value(abs(apart)), words
    how = f"{_figure(abs(apart))} {'more' if apart > 0 else 'less'}"
    return f"{'+' if apart > 0 else ''}{_figure(apart)}", f"{words}, {how}"


def _apart(log: Any, what_if: Any) -> Decimal:
    """The exact difference; of floats with no more digits than a float has."""
    with localcontext(WIDE):
        apart = exact(what_if) - exact(log)
    if isinstance(log, float) or isinstance(what_if, float):
        seen = number_of(apart)
        return apart if seen is None else exact(seen)
    return apart


def _shown(value: Any) -> str:
    if number_of(value) is not None:
        return _figure(value)
    return when(value) if isinstance(value, datetime) and value == value else formats.value(value, limit=60)


def _end(tale: Tale, name: str) -> list[str]:
    """What came of it, and what became of the other fields."""
    last, kinds = tale.sides.steps[-1], tale.sides.kinds
    _, words = gap(last.log.get(name), last.what_if.get(name), number=is_number(tale.sides, name))
    others = [other for other in kinds if other != name]
    apart = set(differing(others, last.log, last.what_if))
    told = [
        f"{other} {'differs' if other in apart else 'same'}" for other in sorted(others, key=lambda o: o not in apart)
    ]
    if len(told) > _OTHERS:
        told = [*told[:_OTHERS], f"{formats.count(len(told) - _OTHERS, 'more field')}"]
    return [f"At the end {name} is {words}.", f"Other fields: {', '.join(told)}." if told else ""]
