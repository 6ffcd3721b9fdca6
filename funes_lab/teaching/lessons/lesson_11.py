"""Lesson 11, the capstone: what is asked, and how a right answer is known."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, Final, cast

from funes_lab import datasets, registry
from funes_lab.current import aside
from funes_lab.event import Event
from funes_lab.projection import Projection
from funes_lab.stream import EventStream
from funes_lab.teaching.exercise import Wrong, exercise, expect, kind, practice_lab

_BEGINNING: Final = datetime(2025, 1, 7, 10, tzinfo=UTC)

#: What may and must be: the steps of a copy, the last one is asked about; the member of a loan or a reservation.
_ACQUIRED, _ANA, _BEN = "Acquired", "Borrowed m-001", "Borrowed m-002"
_ALLOWED: Final = [
    ([_ACQUIRED, _ANA], "the first loan of a copy"),
    ([_ACQUIRED, _ANA, "Returned", _BEN], "a loan after the copy came back"),
    ([_ACQUIRED, _ANA, "Renewed", "Renewed"], "a second renewal"),
    ([_ACQUIRED, _ANA, "Renewed", "Renewed", "Returned", _BEN, "Renewed"], "a renewal in the next loan"),
    ([_ACQUIRED, "Reserved m-001", _ANA], "a loan to the one who reserved the copy"),
    (
        [_ACQUIRED, _ANA, "Reserved m-002", "Returned", _BEN, "Renewed"],
        "a renewal when the reservation has been served",
    ),
    ([_ACQUIRED, _ANA, "Lost", "Returned", _BEN], "a loan of a copy that was lost and came back"),
    ([_ACQUIRED, "Lost", "Returned"], "the return of a copy that was lost"),
]
_REFUSED: Final = [
    ([_ACQUIRED, _ACQUIRED], "to acquire a copy twice"),
    ([_ANA], "to lend a copy that was never acquired"),
    ([_ACQUIRED, _ANA, _BEN], "to lend a copy that is on loan"),
    ([_ACQUIRED, "Lost", _ANA], "to lend a copy that is lost"),
    ([_ACQUIRED, "Reserved m-001", _BEN], "to lend a copy to another member than the one who reserved it"),
    ([_ACQUIRED, "Renewed"], "to renew what is not on loan"),
    ([_ACQUIRED, _ANA, "Renewed", "Renewed", "Renewed"], "to renew a third time"),
    ([_ACQUIRED, _ANA, "Reserved m-002", "Renewed"], "to renew while somebody has reserved the copy"),
    ([_ACQUIRED, "Returned"], "to return what is not on loan"),
    ([_ACQUIRED, _ANA, "Returned", "Returned"], "to return a copy twice"),
    ([_ACQUIRED, _ANA, "Reserved m-002", "Reserved m-003"], "to reserve a copy that is reserved already"),
    ([_ACQUIRED, _ANA, "Reserved m-001"], "to reserve a copy that one has at home"),
]


@exercise(
    "11.1",
    "The facts that are missing",
    'Begin like the others: class Renewed(fl.Event, name="Copy::Renewed"), and the fields below it.',
    "The number of a member is checked in Borrowed: the same Field(pattern=…) does it here.",
)
def missing_facts(answer: Any) -> str:
    """Take the three event classes."""
    expect(
        isinstance(answer, Iterable) and not isinstance(answer, str | type),
        "this wants a list of three classes: [Renewed, Reserved, Lost]",
    )
    given = {}
    for one in answer:
        kind(one, Event, "event classes")
        expect(isinstance(one, type), "this wants the classes themselves, without brackets after their names")
        given[one.event_name] = one
    for name, good, bad in _MISSING:
        expect(name in given, f"there is no class with the name {name!r} among them; the name is what the log says")
        event = given[name](**good)
        told = "; ".join([*event.own_errors.full_messages, *(f"no field {one}" for one in event.kept_aside)])
        expect(not told, f"{name} should take {good}, but: {told}")
        for field, value in bad.items():
            wrong = given[name](**{**good, field: value})
            expect(wrong.own_errors, f"{name} takes {value!r} as {field}; say what a {field} looks like")
    return "A log knows names. Classes with these names read what is in it, and check what is to come."


_AT: Final = "2025-01-07T10:00:00Z"
_MISSING: Final[list[tuple[str, dict[str, str], dict[str, str]]]] = [
    ("Copy::Renewed", {"due_on": "2025-02-01", "at": _AT}, {"due_on": "in three weeks"}),
    ("Copy::Reserved", {"member": "m-044", "at": _AT}, {"member": "44", "at": "noon"}),
    ("Copy::Lost", {"at": _AT}, {"at": "noon"}),
]


@exercise(
    "11.2",
    "The rules",
    "Put into the state what the rules ask about: who has it, how often it was renewed, who reserved it, is it lost.",
    "In each block ask first what the state says, object with event.errors.add, and only then change the state.",
    "A loan begins anew: no renewals, the reservation is served. A return ends the loan, and what was lost is found.",
)
def rules(answer: Any) -> str:
    """Take a projection that lets in what may be, refuses what may not, and refuses no fact of the two years."""
    expect(isinstance(answer, type), "this wants the class itself: CopyNow, without brackets")
    kind(answer, Projection, "a projection class")
    for steps, what in _ALLOWED:
        expect(not _refused(answer, steps), f"your rules refuse {what}")
    for steps, what in _REFUSED:
        expect(len(steps) in _refused(answer, steps), f"your rules let somebody do this: {what}")
    with aside(), datasets.load("loans") as lab:
        found = lab.audit(answer, progress=False)
        if len(found):
            first = found.iloc[0]
            raise Wrong(
                f"your rules would have refused {len(found)} facts of the two years, for instance version "
                f"{first['version']} of {first['idx']}: {first['errors']}"
            )
    return "Rules that the facts of two years have lived by, and that refuse what they must."


@exercise(
    "11.3",
    "The desk",
    "A stream class names its consistency_projection.",
    "Which attribute says when an event happened? The stream class is told by actual_time_attribute.",
)
def desk(answer: Any) -> str:
    """Take a stream class that judges by the rules, at the time that the events say."""
    expect(isinstance(answer, type), "this wants the class itself: CopyStream, without brackets")
    kind(answer, EventStream, "a stream class")
    expect(answer.consistency_projection is not None, "it has no consistency_projection, so it refuses nothing")
    acquired, borrowed = registry.find("Copy::Acquired"), registry.find("Copy::Borrowed")
    expect(
        acquired and borrowed, "the classes of Copy::Acquired and Copy::Borrowed are not defined; run their cells first"
    )
    with practice_lab("2025-03-01 09:00") as lab:
        copy = answer.for_("copy", lab)
        first, *loans = [copy.append(_made(step, number)) for number, step in enumerate([_ACQUIRED, _ANA, _BEN])]
        expect(first.persisted, f"it refuses to acquire a copy: {'; '.join(first.errors.full_messages)}")
        expect(
            first.occurred_at == _BEGINNING,
            "an event happens when it was recorded, not at the time that it says itself",
        )
        expect(loans[0].persisted, f"it refuses the first loan: {'; '.join(loans[0].errors.full_messages)}")
        expect(not loans[1].persisted, "it lends a copy that is on loan; are these your rules of 11.2?")
    return "The only door to the log, with your rules at it."


@exercise(
    "11.4",
    "The nine letters",
    "What had happened by eight is lab.replay(…, at=…). What was known at eight is asked with as_of= as well.",
    "Overdue in what was known, and not overdue in what had happened: the difference of two sets.",
)
def letters(answer: Any) -> str:
    """Take the copies whose letter was sent in error."""
    found = _names(answer, "copies-")
    wanted = {"copies-032", "copies-033", "copies-038"}
    expect(len(found) != 9 or not wanted < found, "those are all nine; six of them were late indeed")
    expect(
        len(found) != 6 or found & wanted, "those are the six that were late indeed; the question is about the others"
    )
    wrong = sorted(found - wanted)
    expect(not wrong, f"the loan of {', '.join(wrong[:3])} is not one of them")
    expect(found == wanted, f"{len(found)} of them found, and there are more")
    return "They were in the box. At eight nobody could know, and today the log can say both."


@exercise(
    "11.5",
    "The rule that no copy can see",
    "Each loan is one book more for its member, each return one less. Sort them by the time when they happened.",
    "A return does not say whose loan it ends; the loan before it in the same stream does (groupby and ffill).",
)
def more_than_three(answer: Any) -> str:
    """Take the members who had more than three books at a time."""
    found = _names(answer, "m-")
    wanted = {"m-001", "m-020"}
    wrong = sorted(found - wanted)
    expect(
        not wrong, f"{', '.join(wrong[:3])} never had more than three; did you count a return for the one who had it?"
    )
    expect(found == wanted, f"{len(found)} of them found, and there are more")
    return "No stream of a copy could have refused it. A replay over all of them can tell."


# --- how --------------------------------------------------------------------------------------------------------------


def _names(answer: Any, prefix: str) -> set[str]:
    if isinstance(answer, str):
        answer = answer.replace(",", " ").split()
    expect(isinstance(answer, Collection), f"this wants names, as {{'{prefix}007', …}}")
    found = {str(name).strip() for name in answer}
    expect(found, "there are some")
    odd = sorted(name for name in found if not name.startswith(prefix))
    expect(not odd, f"this wants names that begin with {prefix}, and {odd[:1]} does not")
    return found


def _step(step: str, number: int) -> tuple[str, dict[str, Any], datetime]:
    """The name and the payload of a step, each a day after the one before."""
    name, _, member = step.partition(" ")
    at = _BEGINNING + timedelta(days=number)
    due_on = (at + timedelta(days=21)).date().isoformat()
    payload: dict[str, Any] = {
        "Acquired": {"title": "Bestiario", "author": "Julio Cortázar", "price": "10.40"},
        "Borrowed": {"member": member, "due_on": due_on},
        "Renewed": {"due_on": due_on},
        "Reserved": {"member": member},
    }.get(name, {})
    return f"Copy::{name}", {**payload, "at": at.isoformat()}, at


def _made(step: str, number: int) -> Event:
    name, payload, _ = _step(step, number)
    cls = cast(type[Event], registry.find(name))
    return cls(**payload)


def _refused(projection: type[Projection[Any]], steps: list[str]) -> set[int]:
    """Which versions of a copy with these steps a rule would refuse, if it kept them."""
    rows = []
    for version, step in enumerate(steps, 1):
        name, payload, at = _step(step, version)
        times = {"created_at": at, "occurred_at": at}
        rows.append({"klass": name, "idx": "copy", "version": version, "props": payload, **times})
    with practice_lab() as lab:
        lab.load(rows)
        return {int(version) for version in lab.audit(projection, then="keep", progress=False)["version"]}
