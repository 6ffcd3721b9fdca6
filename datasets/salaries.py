"""Writes salaries.parquet: what a firm paid its employees from 2020 to 2024, and what it believed that it had to pay.

    python datasets/salaries.py

The firm is invented, with a fixed seed. Everything is appended through `EmployeeStream`, under a clock that stands at
the moment when the personnel office recorded it: so every fact in the file was accepted, and every attempt in it
(column `attempt`: the gate that must refuse it) was refused. Much of it is recorded long after the day from which it
holds, and some before.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from itertools import count
from pathlib import Path
from typing import Any

from pydantic import BaseModel, Field

import funes_lab as fl
from funes_lab.datasets.recording import Entry, Recorder

__all__ = ["EmployeeStream", "Hired", "Left", "Promoted", "Raised", "Salary", "SalaryCorrected", "SalaryInForce"]

SEED = 1986
EMPLOYEES = 120
FIRST_DAY = date(2020, 1, 2)
LAST_HIRE = date(2024, 3, 1)
LAST_DAY = date(2024, 12, 13)

RAISES = [
    (date(2021, 1, 1), "1.5", date(2021, 3, 11)),
    (date(2022, 1, 1), "2.0", date(2022, 2, 24)),
    (date(2023, 1, 1), "4.2", date(2023, 4, 18)),
    (date(2024, 1, 1), "3.1", date(2024, 3, 7)),
]
"""The general raises: the day from which they hold, percent, and the day on which they were agreed and recorded."""

DUPLICATED = (16, 68)
"""The general raise of 2023 was recorded by two clerks."""
CORRECTED_TWICE = (12, 59, 97)
"""The correction was wrong too."""
LEFT_TOO_EARLY = (43, 83)
"""Left before a general raise that was recorded for them nevertheless: the log refuses to hear of it."""

ABOUT = "the salaries of 120 employees, raised in arrears and corrected later, and what the office got wrong"
SOURCE = f"invented by datasets/salaries.py, seed {SEED}"


# --- the rules --------------------------------------------------------------------------------------------


class Hired(fl.Event, name="Employee::Hired"):
    """Somebody begins, with a role and a monthly salary before taxes."""

    name: str = Field(min_length=1)
    role: str
    salary: Decimal = Field(gt=0)
    effective_on: date


class Raised(fl.Event, name="Employee::Raised"):
    """From that day on the salary is higher by so many percent."""

    percent: Decimal = Field(gt=0, le=25)
    reason: str
    effective_on: date


class Promoted(fl.Event, name="Employee::Promoted"):
    """From that day on the role and the salary are others."""

    role: str
    salary: Decimal = Field(gt=0)
    effective_on: date


class SalaryCorrected(fl.Event, name="Employee::SalaryCorrected"):
    """What was recorded for that day was wrong: this was the salary from then on."""

    salary: Decimal = Field(gt=0)
    reason: str
    effective_on: date


class Left(fl.Event, name="Employee::Left"):
    """The first day on which somebody does not work here any more."""

    effective_on: date


class Salary(BaseModel):
    """What somebody earns a month, in EUR, and since when."""

    name: str | None = None
    role: str | None = None
    salary: Decimal | None = Field(default=None, ge=820, le=12_000)
    since: date | None = None
    employed: bool = False


class SalaryInForce(fl.Projection[Salary]):
    """The salary in force: raises build on what was in force before them, whenever that was recorded."""

    @fl.interpretation_for(Hired)
    def hired(state, event):
        """Nobody begins twice."""
        if state.employed:
            event.errors.add("base", "Employee works here already")
        state.name, state.role, state.employed = event.name, event.role, True
        state.salary, state.since = event.salary, event.effective_on

    @fl.interpretation_for(Raised)
    def raised(state, event):
        """A raise is for who works here on that day, to the cent, half to even."""
        if not state.employed:
            event.errors.add("effective_on", "is no day on which the employee worked here")
            return
        state.salary = (state.salary * (100 + event.percent) / 100).quantize(Decimal("0.01"), ROUND_HALF_EVEN)
        state.since = event.effective_on

    @fl.interpretation_for(Promoted)
    def promoted(state, event):
        """So is a promotion."""
        if not state.employed:
            event.errors.add("effective_on", "is no day on which the employee worked here")
        state.role, state.salary, state.since = event.role, event.salary, event.effective_on

    @fl.interpretation_for(SalaryCorrected)
    def corrected(state, event):
        """Only what took effect that day can be corrected."""
        if state.since != event.effective_on:
            event.errors.add("effective_on", "is no day on which a salary took effect")
        state.salary, state.since = event.salary, event.effective_on

    @fl.interpretation_for(Left)
    def left(state, event):
        """Nobody leaves twice."""
        if not state.employed:
            event.errors.add("base", "Employee does not work here")
        state.employed = False


class EmployeeStream(fl.EventStream):
    """The events of one employee."""

    consistency_projection = SalaryInForce
    actual_time_attribute = "effective_on"


STREAM = EmployeeStream

HIRED, RAISED, PROMOTED, CORRECTED, LEFT = (
    event.event_name for event in (Hired, Raised, Promoted, SalaryCorrected, Left)
)


# --- the firm ---------------------------------------------------------------------------------------------

ROLES = [
    ("clerk", 1150),
    ("driver", 1280),
    ("technician", 1650),
    ("designer", 1900),
    ("engineer", 2350),
    ("lead", 3100),
]
FIRST = (
    "Ana Bruno Carla Duarte Elsa Filipe Graça Hugo Inês Jorge Laura Miguel Nadia Otto Petra Rui Sofia Tomás Uma Vera"
)
LAST = "Almeida Borges Costa Dias Esteves Faria Gomes Horta Leal Matos Nunes Pires Reis Serra Teles Vaz"


def entries() -> list[Entry]:
    """List everything that was typed in, facts and attempts, in the order in which it was recorded."""
    rng = random.Random(SEED)
    found: list[Entry] = []
    for number in range(1, EMPLOYEES + 1):
        facts = spoiled(number, [*life(rng, f"employees-{number:03}")])
        listed = sorted(facts, key=lambda entry: entry.recorded_at)
        # dice of their own: another mistake is not to make another life
        found += [*listed, *attempts(random.Random(SEED + number), number, listed)]
    return sorted(found, key=lambda entry: (entry.recorded_at, entry.idx))


def lives(rng: random.Random, width: int) -> Iterator[list[Entry]]:
    """Yield employee after employee without end, the facts of each in the order in which they were recorded."""
    for number in count(1):
        yield sorted(life(rng, f"employees-{number:0{width}}"), key=lambda entry: entry.recorded_at)


def life(rng: random.Random, idx: str) -> Iterator[Entry]:
    """Yield the facts of one employee, by the day from which they hold."""
    days = 0 if rng.random() < 0.35 else rng.random() * (LAST_HIRE - FIRST_DAY).days
    begins = workday(FIRST_DAY + timedelta(days=days))
    ends = begins + timedelta(days=int(200 + 2400 * rng.random()))
    name = f"{rng.choice(FIRST.split())} {rng.choice(LAST.split())}"
    level = int(5 * rng.random())
    told = {"name": name, "role": ROLES[level][0], "salary": amount(rng, level)}
    yield from typed(rng, idx, HIRED, begins, told, office(rng, begins, -9, 3), min(ends, LAST_DAY))
    for holds_from, percent, agreed in RAISES:
        if begins < holds_from and agreed < ends:
            # for one in ten it was forgotten at first
            recorded = office(rng, agreed, 20, 140) if rng.random() < 0.1 else office(rng, agreed, 0, 1)
            yield entry(idx, RAISED, holds_from, {"percent": percent, "reason": "general raise"}, recorded)
    promoted = begins
    while rng.random() < 0.55 and level < 5:
        promoted = first_of_month(promoted + timedelta(days=int(300 + 500 * rng.random())))
        level += 1
        told = {"role": ROLES[level][0], "salary": amount(rng, level)}
        if promoted < min(ends, LAST_DAY):
            yield from typed(rng, idx, PROMOTED, promoted, told, office(rng, promoted, -40, 60), min(ends, LAST_DAY))
    if ends < LAST_DAY:
        recorded = office(rng, ends, -20, -5) if rng.random() < 0.7 else office(rng, ends, 1, 25)
        yield entry(idx, LEFT, ends, {}, recorded)


def typed(
    rng: random.Random, idx: str, event: str, day: date, told: dict[str, str], recorded: datetime, until: date
) -> Iterator[Entry]:
    """Record a salary; one in four has two digits the wrong way round, and is corrected months later."""
    salary = told["salary"]
    swapped = salary[0] + salary[2] + salary[1] + salary[3:]
    noticed = office(rng, max(day, recorded.date()), 35, 260)
    wrong = rng.random() < 1 / 4 and swapped != salary and noticed.date() < until
    yield entry(idx, event, day, {**told, "salary": swapped if wrong else salary}, recorded)
    if wrong:
        yield entry(idx, CORRECTED, day, {"salary": salary, "reason": "typing error"}, noticed)


def entry(
    idx: str, event: str, day: date, payload: dict[str, Any], recorded: datetime, attempt: str | None = None
) -> Entry:
    """Record what holds from a day on."""
    return Entry(recorded, idx, event, {**payload, "effective_on": str(day)}, midnight(day), attempt)


def amount(rng: random.Random, level: int) -> str:
    """Agree on a monthly salary for a role, in steps of 10 EUR."""
    return str(10 * round(ROLES[level][1] * (0.95 + 0.15 * rng.random()) / 10))


def office(rng: random.Random, day: date, first: int, last: int) -> datetime:
    """Pick a moment in the hours of the office, so many days after (or before) a day, or on the next weekday."""
    found = workday(day + timedelta(days=first + int((last - first) * rng.random())))
    return midnight(found) + timedelta(hours=9, seconds=int(8 * 3600 * rng.random()))


def workday(day: date) -> date:
    """Go on to Monday from a Saturday or a Sunday."""
    return day + timedelta(days=max(0, 7 - day.weekday()) if day.weekday() > 4 else 0)


def first_of_month(day: date) -> date:
    """Go on to the first of the next month, but not to the New Year, when everybody is raised."""
    year, month = (day.year, day.month + 1) if day.month < 12 else (day.year + 1, 2)
    return date(year, month, 1)


def midnight(day: date) -> datetime:
    """Give the time at which a day begins, in UTC: the actual time of what holds from that day."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


# --- wrong on purpose -------------------------------------------------------------------------------------


def spoiled(number: int, facts: list[Entry]) -> Iterator[Entry]:
    """Make it as wrong as people do, and as the rules let in."""
    for fact in facts:
        if number in DUPLICATED and fact.event == RAISED and fact.payload["effective_on"] == "2023-01-01":
            yield replace(fact, recorded_at=fact.recorded_at + timedelta(days=1, minutes=37))
        if number in CORRECTED_TWICE and fact.event == CORRECTED:
            too_much = str(int(fact.payload["salary"]) + 90)
            early = fact.recorded_at - timedelta(days=21)
            yield replace(fact, recorded_at=early, payload={**fact.payload, "salary": too_much})
        yield fact


def attempts(rng: random.Random, number: int, facts: list[Entry]) -> Iterator[Entry]:
    """Make a mistake that the office made with one employee: another kind with each of them."""
    if number in LEFT_TOO_EARLY:
        raised = next(fact for fact in reversed(facts) if fact.event == RAISED)
        day, told = raised.occurred_at.date() - timedelta(days=31), office(rng, raised.recorded_at.date(), 12, 30)
        yield entry(facts[0].idx, LEFT, day, {}, told, "interpretation")
    if number % 3 == 0:
        kinds = [
            in_words,
            not_yet_hired,
            without_the_day,
            a_zero_too_many,
            nothing_to_correct,
            by_the_hour,
            hired_twice,
        ]
        yield kinds[number // 3 % len(kinds)](rng, facts)
    elif facts[-1].event == LEFT and number % 4 == 0:
        yield left_twice(rng, facts)


def in_words(rng: random.Random, facts: list[Entry]) -> Entry:
    wrong = {"salary": "two thousand", "role": "lead"}
    return entry(
        facts[0].idx, PROMOTED, facts[0].occurred_at.date() + timedelta(days=400), wrong, soon(rng, facts), "own"
    )


def not_yet_hired(rng: random.Random, facts: list[Entry]) -> Entry:
    wrong = {"percent": "2.5", "reason": "good work"}
    day = facts[0].occurred_at.date() - timedelta(days=90)
    return entry(facts[0].idx, RAISED, day, wrong, soon(rng, facts), "interpretation")


def without_the_day(rng: random.Random, facts: list[Entry]) -> Entry:
    wrong = {"percent": "0", "reason": "general raise"}
    return Entry(soon(rng, facts), facts[0].idx, RAISED, wrong, attempt="own")


def a_zero_too_many(rng: random.Random, facts: list[Entry]) -> Entry:
    day = facts[0].occurred_at.date() + timedelta(days=60)
    wrong = {"role": "lead", "salary": amount(rng, 5) + "0"}
    return entry(facts[0].idx, PROMOTED, day, wrong, soon(rng, facts), "state")


def nothing_to_correct(rng: random.Random, facts: list[Entry]) -> Entry:
    day = facts[0].occurred_at.date() + timedelta(days=1)
    wrong = {"salary": facts[0].payload["salary"], "reason": "typing error"}
    return entry(facts[0].idx, CORRECTED, day, wrong, soon(rng, facts), "interpretation")


def by_the_hour(rng: random.Random, facts: list[Entry]) -> Entry:
    wrong = {"salary": f"{int(facts[0].payload['salary']) / 173:.2f}", "reason": "as agreed"}
    return entry(facts[0].idx, CORRECTED, facts[0].occurred_at.date(), wrong, soon(rng, facts), "state")


def hired_twice(rng: random.Random, facts: list[Entry]) -> Entry:
    day = facts[0].occurred_at.date() + timedelta(days=14)
    wrong = {name: value for name, value in facts[0].payload.items() if name != "effective_on"}
    return entry(facts[0].idx, HIRED, day, wrong, soon(rng, facts), "interpretation")


def left_twice(rng: random.Random, facts: list[Entry]) -> Entry:
    last = facts[-1]
    told = office(rng, last.recorded_at.date(), 3, 30)
    return entry(last.idx, LEFT, last.occurred_at.date() + timedelta(days=30), {}, told, "interpretation")


def soon(rng: random.Random, facts: list[Entry]) -> datetime:
    """Pick a moment some days after the first fact was recorded."""
    return office(rng, facts[0].recorded_at.date(), 4, 30)


# --- the log ----------------------------------------------------------------------------------------------


def log_rows() -> list[dict[str, Any]]:
    """Append every entry at its time and give the rows of the log, with the attempts between the facts."""
    recorder = Recorder()
    recorder.record(entries(), EmployeeStream)
    return recorder.rows()


if __name__ == "__main__":
    fl.datasets.write(Path(__file__).with_suffix(".parquet"), log_rows(), about=ABOUT, source=SOURCE)
