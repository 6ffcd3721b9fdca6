"""Lesson 06, two times: what is asked, and how a right answer is known."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from funes_lab import registry
from funes_lab.event import Event
from funes_lab.projection import Projection, fold_of
from funes_lab.stream import EventStream
from funes_lab.teaching.exercise import Wrong, exercise, expect, kind, practice_lab

_BELIEVED = {
    "3550": "that is what the log knows today; on 5 May it had not yet learned of the counter-entry",
    "3650": "that is what the log knows today, with the raise of July in it",
    "3350": "that is what the log believed before 4 May, when the raise of May was recorded",
    "5200": "the letter about February was recorded in April, so it was known on 5 May",
}


@exercise(
    "06.1",
    "What did we believe on 5 May?",
    "Two times: what had happened by 31 May, and what the log knew by 5 May.",
    "projected_with takes both at once: at= the day that is asked about, as_of= the day on which it was believed.",
)
def believed_in_may(answer: Any) -> str:
    """Take the pay of 31 May, as it was believed on 5 May."""
    pay = getattr(answer, "monthly", answer)
    expect(
        isinstance(pay, Decimal | int | float) and not isinstance(pay, bool) and pay == pay,
        f"this wants an amount, and got {type(answer).__name__}",
    )
    pay = Decimal(str(pay)).normalize()
    for amount, said in _BELIEVED.items():
        expect(pay != Decimal(amount), said)
    expect(pay == Decimal(5350), f"on 5 May nobody believed that he earns {pay:f}")
    return "It was wrong, and it stays on record that it was believed: whoever paid on 5 May paid that."


_TIMES = {
    "a": ("at", "what did she earn on a day, as far as is known today: that names one time, a day in her life"),
    "b": ("as_of", "the auditor wants to know what the log held on a day, whatever it was about"),
    "c": ("both", "there are two days in the question: the one that was thought about, and the one of the thinking"),
    "d": ("none", "no day is named in the question"),
}


@exercise(
    "06.2",
    "Which time is it?",
    "Look for the days in each question. Is it a day on which something was so, or a day on which we knew something?",
    "at= belongs to the world, as_of= to the log. One question names a day of each kind, one names none.",
)
def which_time(answer: Any) -> str:
    """Take the arguments that each question needs."""
    expect(isinstance(answer, Mapping) and answer, 'this wants a dict, as {"a": "at", "b": …}')
    given = {str(letter).strip().lower(): _argument(said) for letter, said in answer.items()}
    unknown = sorted(given.keys() - _TIMES.keys())
    expect(not unknown, f"there is no question {', '.join(unknown)}")
    for letter, (right, why) in _TIMES.items():
        if letter in given and given[letter] != right:
            raise Wrong(f"question {letter} is not {given[letter]!r}: {why}")
    missing = sorted(_TIMES.keys() - given.keys())
    expect(not missing, f"still missing: {', '.join(missing)}")
    return "In your own system, ask it of each date that a table has: a day of the world, or a day of the log?"


def _argument(said: Any) -> str:
    text = str(said).strip().strip("=").lower()
    expect(text in ("at", "as_of", "both", "none"), f"{said!r:.40} is none of 'at', 'as_of', 'both', 'none'")
    return text


@exercise(
    "06.3",
    "A counter-entry",
    "The wrong fact stays. Which further fact leads to the right pay, and from which day on?",
    "A correction is recorded today, and it holds from the day from which the wrong fact held: that day is its at.",
)
def counter_entry(answer: Any) -> str:
    """Take the events that put Lea's pay right on every day."""
    events = list(answer) if isinstance(answer, list | tuple) else [answer]
    expect(events, "this list is empty")
    for event in events:
        kind(event, Event, "an event, or a list of events")
        expect(isinstance(event, Event), "this wants an event with its values, as Changed(by=…, at=…)")
        expect(not event.own_errors, f"an event has errors of its own: {'; '.join(event.own_errors.full_messages)}")
        expect(
            hasattr(event, "at") and (hasattr(event, "by") or hasattr(event, "amount")),
            f"this wants events of the lesson, Agreed or Changed, and got {event.event_name}",
        )
    for day in (date(1, 1), date(5, 31), date(6, 1), date(6, 5), date(6, 9), date(12, 31)):
        due = 2800 if day < date(6, 1) else 2920
        pay = _leas_pay(events, day)
        expect(pay == due, f"with that, Lea’s pay on {day:%-d %B} is {pay:,f}")
    return "The old fact, the correction and both days of recording: all of it can still be asked for."


def date(month: int, day: int) -> datetime:
    """Tell a day of the year of the story."""
    return datetime(2026, month, day, tzinfo=UTC)


def _leas_pay(events: Iterable[Any], day: datetime) -> Decimal:
    """What Lea earns on a day, if these events are appended to hers."""
    facts: list[tuple[datetime, str, Decimal]] = [
        (date(1, 1), "amount", Decimal(2800)),
        (date(6, 1), "by", Decimal(210)),
        *((e.at, name, getattr(e, name)) for e in events for name in ("amount", "by") if hasattr(e, name)),
    ]
    pay = Decimal(0)
    for at, name, value in sorted(facts, key=lambda fact: fact[0]):
        if at <= day:
            pay = value if name == "amount" else pay + value
    return pay


@exercise(
    "06.4",
    "For how long?",
    "Remember in the state since when the salary is as it is: each block gets the time of its event.",
    "In the block below @fl.final_state the time of the question is at: (at - since).days.",
)
def for_how_long(answer: Any) -> str:
    """Take a projection that tells for how many days the salary has been the same."""
    expect(isinstance(answer, type), "this wants the class of the projection itself")
    kind(answer, Projection, "a subclass of fl.Projection")
    agreed, changed = _blocks(answer, "amount", "Agreed"), _blocks(answer, "by", "Changed")
    late = changed(by=150, at="2026-02-01")
    asked = [
        ("11 January", 10, [], "nothing but Agreed happened, on 1 January"),
        ("11 March", 10, [], "the last change was of 1 March"),
        ("1 March", 0, [], "the change of 1 March has only begun to hold"),
        ("11 February", 41, [], "the last that had happened was Agreed, on 1 January"),
        ("11 February", 10, [late], "a change of 1 February was recorded last"),
        ("21 March", 20, [late], "a change of 1 February was recorded last, and one of 1 March before it"),
    ]
    for day, days, more, story in asked:
        found = _days(answer, [agreed(amount=3000, at="2026-01-01"), changed(by=200, at="2026-03-01"), *more], day)
        expect(found == days, f"asked about {day} it says {found} days, where {story}")
    return "A state may depend on the time of the question, and the facts need not be touched for it."


def _blocks(projection: type[Projection[Any]], field: str, name: str) -> Any:
    """The learner's class of events that has this field."""
    classes = [cls for known in fold_of(projection).blocks if (cls := registry.find(known)) is not None]
    found = next((cls for cls in classes if {field, "at"} <= cls.model_fields.keys()), None)
    if found is None:
        raise Wrong(f"{projection.__name__} has no block for {name}")
    return found


def _days(projection: type[Projection[Any]], events: list[Event], day: str) -> Any:
    """The days by the learner's projection, asked about a day of 2026."""
    at = datetime.strptime(f"{day} 2026", "%d %B %Y").replace(tzinfo=UTC)
    with practice_lab():
        stream = _Dated.for_("salary")
        for event in events:
            stream.append_or_raise(event.model_copy())
        state = stream.projected_with(projection, at=at)
    days = getattr(state, "days", ...)
    expect(days is not ..., f"its state {type(state).__name__} has no field days")
    return getattr(days, "days", days)


class _Dated(EventStream):
    actual_time_attribute = "at"
