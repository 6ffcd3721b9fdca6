"""Lesson 02, streams and versions: what is asked, and how a right answer is known."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from numbers import Real
from typing import Any

import pandas as pd

from funes_lab.event import Event
from funes_lab.lab import Lab
from funes_lab.store.checks import check_idx
from funes_lab.teaching.exercise import Wrong, columns, exercise, expect, kind, practice_lab

#: The last version of each stream in Bruno's copy, and what he left out.
_COPIED = {"jar-kitchen": 5, "jar-workshop": 4, "jar-garage": 5}
_MISSING = {("jar-kitchen", 4), ("jar-garage", 1), ("jar-garage", 4)}


@exercise(
    "02.1",
    "The next number",
    "A version is a number in one stream. What others write into theirs does not move it.",
    "Count the events of the attic that were accepted. The next one comes after them.",
)
def next_number(answer: Any) -> str:
    """Take the version that the attic's next event gets."""
    expect(
        isinstance(answer, Real | Decimal) and not isinstance(answer, bool),
        f"this wants a number, and got {type(answer).__name__}",
    )
    expect(answer != 5, "that would be so if the refused and the denied event had used up a number")
    expect(answer != 4, "one of the two that did not become facts has been counted")
    expect(answer != 2, "that is the version of the last event; the question is for the next one")
    expect(answer not in (16, 17, 18, 20), "that counts the events of the other streams, too")
    expect(answer == 3, f"it does not get {answer}")
    return "Only what is accepted takes a number, so the numbers have no gap."


@exercise(
    "02.2",
    "A line is missing",
    "In a whole stream the versions are 1, 2, 3 and so on. Compare that with the last column of the table.",
    "Three addresses are missing, and every stream begins with 1.",
)
def missing_lines(answer: Any) -> str:
    """Take the addresses of the events that are missing."""
    found = _addresses(answer)
    for idx, version in sorted(found - _MISSING):
        last = _COPIED.get(idx, 0)
        expect(version <= last, f"nothing in the numbers tells that {idx} ever had a {version}")
        expect(version < 1, f"{idx} {version} is there")
        raise Wrong(f"{idx} {version} is no address: versions begin with 1")
    expect(found != _MISSING - {("jar-garage", 1)}, "look where each stream begins")
    missing = len(_MISSING - found)
    expect(not missing, f"{'one address is' if missing == 1 else f'{missing} addresses are'} still missing")
    return "What is left out at the end of a stream the numbers cannot tell; everything before it they do."


@exercise(
    "02.3",
    "Opened once",
    "An empty stream is at version 0. How does a writer say which version was seen?",
    "append takes expected_version, and the database decides who comes first. Give back what append gives you.",
)
def opened_once(answer: Any) -> str:
    """Take a function that opens a jar."""
    expect(
        callable(answer) and not isinstance(answer, type), "this wants the function itself: open_jar, without brackets"
    )
    with practice_lab() as lab:
        first = _opened(answer, "jar-attic", lab)
        expect(first.persisted, "a new jar could not be opened: its first event was not accepted")
        second = _opened(answer, "jar-attic", lab)
        expect(
            not second.persisted, f"the same jar could be opened twice: the second time wrote event {second.version}"
        )
        expect(
            second.rejection is not None and second.rejection.stage == "conflict",
            "the second time it was refused by a rule; it should be denied because the stream is not empty any more",
        )
        expect(_opened(answer, "jar-cellar", lab).persisted, "when one jar is open, another one cannot be opened")
    return "Two people may try at the same moment: only one of them opens the jar, and the other one is told."


@exercise(
    "02.4",
    "A boundary of your own",
    "Which two bookings can the rule not allow both? Their room and day are the same, and the stream must be, too.",
    "Whoever books does not matter to the rule. The room does.",
    'f"room-{room}" is enough. Can it be smaller, and the rule still sees all it needs?',
)
def boundary(answer: Any) -> str:
    """Take a function that names the stream of a booking."""
    expect(callable(answer), "this wants the function itself: stream_of, without brackets")
    idx = _named(answer, "Borges", "2026-03-12", "Ana")
    expect(
        idx == _named(answer, "Borges", "2026-03-12", "Bruno"),
        "Ana and Bruno book the same room on the same day, and their bookings go into two streams: no rule sees both",
    )
    expect(
        idx != _named(answer, "Lispector", "2026-03-12", "Ana"),
        "two rooms share a stream: whoever books one gets in the way of who books the other",
    )
    expect(
        idx == _named(answer, "Borges", "2026-03-12", "Ana"), "asked twice for the same booking, it names two streams"
    )
    if idx == _named(answer, "Borges", "2026-03-13", "Ana"):
        return "A stream a room. A stream a room and day would be enough for this rule, and shorter."
    return "A stream a room and day: as small as the rule allows. A rule over a whole week would want a stream a room."


def _addresses(answer: Any) -> set[tuple[str, int]]:
    """The (idx, version) pairs of an answer: of a DataFrame, a mapping of lists, or any collection of pairs."""
    if isinstance(answer, pd.DataFrame):
        answer = columns(answer, "idx", "version")[["idx", "version"]].itertuples(index=False)
    elif isinstance(answer, Mapping):
        answer = [(idx, one) for idx, some in answer.items() for one in (some if hasattr(some, "__iter__") else [some])]
    try:
        one_address = isinstance(answer, tuple) and len(answer) == 2 and isinstance(answer[0], str)
        return {(str(idx), int(version)) for idx, version in ([answer] if one_address else answer)}
    except (TypeError, ValueError):
        wanted = 'this wants addresses, each an idx and a version, as {("jar-attic", 7), ("jar-cellar", 7)}'
        raise Wrong(wanted) from None


def _opened(open_jar: Callable[[str], Any], idx: str, lab: Lab) -> Event:
    event: Event = kind(open_jar(idx), Event, "a function that gives back the event, also the one that was denied")
    expect(
        len(lab.log) or not event.persisted,
        "it wrote into a lab of its own; ask for the stream with JarStream.for_(idx), and the current lab is taken",
    )
    return event


def _named(stream_of: Callable[[str, str, str], Any], room: str, day: str, by: str) -> str:
    idx = kind(stream_of(room, day, by), str, "a function that gives the idx, a text")
    try:
        return check_idx(idx)
    except ValueError as error:
        raise Wrong(f"that cannot be the name of a stream: {error}") from None
