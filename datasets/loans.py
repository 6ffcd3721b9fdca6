"""Writes loans.parquet: what happened to each copy of a book in a small town's library, 2023 and 2024.

    python datasets/loans.py

The library, its members and its years are invented, with a fixed seed. Everything is appended through `CopyStream`,
under a clock that stands at the moment when a librarian recorded it: so every fact in the file was accepted, and every
attempt in it (column `attempt`: the gate that must refuse it) was refused.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import count, pairwise
from pathlib import Path
from typing import Any

from pydantic import BaseModel, Field

import funes_lab as fl
from funes_lab.datasets.recording import Entry, Recorder

__all__ = ["Acquired", "Borrowed", "Copy", "CopyNow", "CopyStream", "Lost", "Renewed", "Reserved", "Returned"]

SEED = 1899
COPIES = 100
MEMBERS = 80
"""So many for each hundred copies."""
BOOKS_AT_HOME = 3
"""A member may have so many at a time: a rule of the house that no copy can see to."""
OPENING_DAY = datetime(2023, 1, 10, tzinfo=UTC)
LAST_DAY = datetime(2024, 12, 20, tzinfo=UTC)

TURNED = (8, 41, 77)
"""The author's last name comes first."""
MISTYPED = (23, 66)
"""The year of a due date has its last two digits the wrong way round."""
FORGOTTEN = (12, 49)
"""Lent once and never asked for again."""
BEHIND_THE_SHELF = range(30, 40)
"""If the last that happened was a return, it was recorded five weeks late."""

ABOUT = "the loans of 100 copies of books in a library, 2023 and 2024, and what the desk refused"
SOURCE = f"invented by datasets/loans.py, seed {SEED}"


# --- the rules --------------------------------------------------------------------------------------------


class Acquired(fl.Event, name="Copy::Acquired"):
    """The library bought a copy of a book."""

    title: str = Field(min_length=1)
    author: str
    price: Decimal = Field(gt=0)
    at: datetime


class Borrowed(fl.Event, name="Copy::Borrowed"):
    """A member took it home."""

    member: str = Field(pattern=r"^m-\d{3,}$")
    due_on: date
    at: datetime


class Renewed(fl.Event, name="Copy::Renewed"):
    """The loan goes on."""

    due_on: date
    at: datetime


class Returned(fl.Event, name="Copy::Returned"):
    """It is back, over the desk or in the box at the door."""

    at: datetime


class Reserved(fl.Event, name="Copy::Reserved"):
    """A member wants to have it next."""

    member: str = Field(pattern=r"^m-\d{3,}$")
    at: datetime


class Lost(fl.Event, name="Copy::Lost"):
    """Nobody knows where it is."""

    at: datetime


class Copy(BaseModel):
    """A copy of a book, as the desk sees it."""

    title: str | None = None
    borrowed_by: str | None = None
    due_on: date | None = None
    renewals: int = Field(default=0, le=2)
    reserved_by: str | None = None
    lost: bool = False


class CopyNow(fl.Projection[Copy]):
    """Where a copy is, and what may become of it."""

    @fl.interpretation_for(Acquired)
    def acquired(state, event):
        """A copy comes into the library once."""
        if state.title is not None:
            event.errors.add("base", "Copy was acquired already")
        state.title = event.title

    @fl.interpretation_for(Borrowed)
    def borrowed(state, event, at):
        """It is lent to one member at a time, and to the one who reserved it before others."""
        if state.title is None:
            event.errors.add("base", "Copy is not in the library")
        if state.borrowed_by is not None:
            event.errors.add("base", f"Copy is on loan to {state.borrowed_by}")
        if state.reserved_by not in (None, event.member):
            event.errors.add("member", f"is not {state.reserved_by}, who reserved it")
        if state.lost:
            event.errors.add("base", "Copy is lost")
        if event.due_on <= at.date():
            event.errors.add("due_on", "must be after the day of the loan")
        state.borrowed_by, state.due_on, state.renewals, state.reserved_by = event.member, event.due_on, 0, None

    @fl.interpretation_for(Renewed)
    def renewed(state, event):
        """Who has it may keep it twice more, unless somebody waits for it."""
        if state.borrowed_by is None:
            event.errors.add("base", "Copy is not on loan")
        elif event.due_on <= state.due_on:
            event.errors.add("due_on", f"must be after {state.due_on}")
        if state.reserved_by is not None:
            event.errors.add("base", f"Copy is reserved for {state.reserved_by}")
        state.due_on = event.due_on
        state.renewals += 1

    @fl.interpretation_for(Returned)
    def returned(state, event):
        """What is lent comes back, and at times what was given up for lost."""
        if state.borrowed_by is None and not state.lost:
            event.errors.add("base", "Copy is not on loan")
        state.borrowed_by, state.due_on, state.renewals, state.lost = None, None, 0, False

    @fl.interpretation_for(Reserved)
    def reserved(state, event):
        """One member can wait for it."""
        if state.title is None:
            event.errors.add("base", "Copy is not in the library")
        if state.reserved_by is not None:
            event.errors.add("base", f"Copy is reserved for {state.reserved_by} already")
        if state.borrowed_by == event.member:
            event.errors.add("member", "has it at home")
        if state.lost:
            event.errors.add("base", "Copy is lost")
        state.reserved_by = event.member

    @fl.interpretation_for(Lost)
    def lost(state, event):
        """Who had it last stays written beside it."""
        if state.title is None:
            event.errors.add("base", "Copy is not in the library")
        if state.lost:
            event.errors.add("base", "Copy was lost already")
        state.lost = True


class CopyStream(fl.EventStream):
    """The events of one copy."""

    consistency_projection = CopyNow
    actual_time_attribute = "at"


STREAM = CopyStream

ACQUIRED, BORROWED, RENEWED, RETURNED, RESERVED, LOST = (
    event.event_name for event in (Acquired, Borrowed, Renewed, Returned, Reserved, Lost)
)


# --- the library ------------------------------------------------------------------------------------------

BOOKS = [
    ("Ficciones", "Jorge Luis Borges", "13.50"), ("El Aleph", "Jorge Luis Borges", "12.90"),
    ("Artificios", "Jorge Luis Borges", "9.95"), ("El libro de arena", "Jorge Luis Borges", "11.00"),
    ("Rayuela", "Julio Cortázar", "16.50"), ("Bestiario", "Julio Cortázar", "10.40"),
    ("Pedro Páramo", "Juan Rulfo", "9.90"), ("El llano en llamas", "Juan Rulfo", "10.80"),
    ("La invención de Morel", "Adolfo Bioy Casares", "9.50"), ("El túnel", "Ernesto Sabato", "9.99"),
    ("Memorial do Convento", "José Saramago", "17.70"), ("Ensaio sobre a Cegueira", "José Saramago", "17.70"),
    ("Livro do Desassossego", "Fernando Pessoa", "19.90"), ("Mensagem", "Fernando Pessoa", "8.80"),
    ("Dom Casmurro", "Machado de Assis", "9.90"), ("O Alienista", "Machado de Assis", "7.50"),
    ("A Hora da Estrela", "Clarice Lispector", "11.10"), ("Os Maias", "Eça de Queirós", "14.40"),
    ("Frankenstein", "Mary Shelley", "8.99"), ("Middlemarch", "George Eliot", "12.99"),
    ("Emma", "Jane Austen", "8.50"), ("Persuasion", "Jane Austen", "8.50"),
    ("Jane Eyre", "Charlotte Brontë", "9.80"), ("Wuthering Heights", "Emily Brontë", "9.20"),
    ("Moby-Dick", "Herman Melville", "13.90"), ("The Time Machine", "H. G. Wells", "7.90"),
    ("The Invisible Man", "H. G. Wells", "7.90"), ("Dubliners", "James Joyce", "8.90"),
    ("To the Lighthouse", "Virginia Woolf", "9.90"), ("Orlando", "Virginia Woolf", "9.90"),
    ("Der Process", "Franz Kafka", "8.60"), ("Das Schloss", "Franz Kafka", "9.60"),
    ("Le Rouge et le Noir", "Stendhal", "9.10"), ("Candide", "Voltaire", "5.90"),
    ("Madame Bovary", "Gustave Flaubert", "8.40"), ("Les Misérables", "Victor Hugo", "21.00"),
    ("Anna Karenina", "Leo Tolstoy", "14.90"), ("The Overcoat", "Nikolai Gogol", "6.40"),
    ("The Idiot", "Fyodor Dostoevsky", "13.30"), ("Kokoro", "Natsume Sōseki", "10.90"),
]  # fmt: skip


@dataclass
class Members:
    """Who may borrow, and when each of them has how many books at home."""

    names: list[str]
    at_home: dict[str, list[tuple[datetime, datetime]]] = field(default_factory=dict)

    def pick(self, rng: random.Random, since: datetime, until: datetime, but: str | None = None) -> str:
        """Find a member who may have one more book at home from then till then, at the limit if nobody is free."""
        for _ in range(20):
            member = self.names[int(len(self.names) * rng.random() ** 1.3)]
            there = sum(first < until and since < last for first, last in self.at_home.get(member, ()))
            if there < BOOKS_AT_HOME and member != but:
                return member
        return next(member for member in self.names if member != but)

    def took(self, member: str, since: datetime, until: datetime) -> None:
        """Write down that a member had a book at home."""
        self.at_home.setdefault(member, []).append((since, until))


def entries() -> list[Entry]:
    """List everything that was typed in, facts and attempts, in the order in which it was recorded."""
    rng = random.Random(SEED)
    members = branch(0)
    found: list[Entry] = []
    for number in range(1, COPIES + 1):
        idx = f"copies-{number:03}"
        facts = sorted(life(rng, idx, members), key=lambda entry: entry.recorded_at)
        spoil(number, facts)
        found += facts
        if number % 2 == 0:
            found += attempts(rng, number // 2, facts)
    return sorted(found, key=lambda entry: (entry.recorded_at, entry.idx))


def lives(rng: random.Random, width: int) -> Iterator[list[Entry]]:
    """Yield copy after copy without end, the facts of each in the order in which they were recorded."""
    for number in count(1):
        if number % COPIES == 1:
            members = branch(number // COPIES)
        yield sorted(life(rng, f"copies-{number:0{width}}", members), key=lambda entry: entry.recorded_at)


def branch(number: int) -> Members:
    """Name the members of a branch of the library."""
    return Members([f"m-{MEMBERS * number + member:03}" for member in range(1, MEMBERS + 1)])


def life(rng: random.Random, idx: str, members: Members) -> Iterator[Entry]:
    """Yield the facts of one copy, in the order in which they happened."""
    title, author, price = rng.choice(BOOKS)
    bought = opening(rng, OPENING_DAY + timedelta(days=0 if rng.random() < 0.6 else 500 * rng.random()))
    yield entry(idx, ACQUIRED, {"title": title, "author": author, "price": price, "at": iso(bought)}, rng)
    wait, free, waiting = 6 + 50 * rng.random(), bought, None
    while True:
        pause = 1 + 3 * rng.random() if waiting else 1 + rng.expovariate(1 / wait)
        lent = opening(rng, free + timedelta(days=pause))
        if lent > LAST_DAY:
            return
        loan = Loan(rng, lent)
        member = waiting or members.pick(rng, lent, loan.back or LAST_DAY)
        yield entry(idx, BORROWED, {"member": member, "due_on": str(loan.dues[0]), "at": iso(lent)}, rng)
        for due, day in zip(loan.dues[1:], loan.renewed, strict=True):
            yield entry(idx, RENEWED, {"due_on": str(due), "at": iso(day)}, rng)
        members.took(member, lent, loan.back or LAST_DAY)
        if loan.lost:
            yield entry(idx, LOST, {"at": iso(loan.lost)}, rng)
        if loan.back is None or loan.back > LAST_DAY:
            return
        waiting = None
        if loan.wanted is not None:
            waiting = members.pick(rng, loan.wanted, loan.back + timedelta(days=30), but=member)
            yield entry(idx, RESERVED, {"member": waiting, "at": iso(loan.wanted)}, rng)
        back = entry(idx, RETURNED, {"at": iso(loan.back)}, rng, boxed=loan.boxed)
        yield back
        free = back.recorded_at


class Loan:
    """How one loan goes: until when, how often renewed, and whether and when the copy comes back."""

    def __init__(self, rng: random.Random, lent: datetime) -> None:
        self.dues = [lent.date() + timedelta(days=21)]
        self.renewed: list[datetime] = []
        keep = 4 + 20 * rng.random() if rng.random() < 0.72 else 22 + 26 * rng.random()
        while keep > 21 + 14 * len(self.renewed) and len(self.renewed) < 2 and rng.random() < 0.75:
            day = datetime.combine(self.dues[-1], datetime.min.time(), UTC) - timedelta(days=1 + 3 * rng.random())
            self.renewed.append(opening(rng, day, latest=self.dues[-1]))
            self.dues.append(self.dues[-1] + timedelta(days=14))
        self.boxed = rng.random() < 0.3
        day = max([lent, *self.renewed]) + timedelta(days=1)
        day = max(day, lent + timedelta(days=keep))
        self.back: datetime | None = whole(day) if self.boxed else opening(rng, day)
        self.lost: datetime | None = None
        self.wanted: datetime | None = None
        fate = rng.random()
        if fate < 0.008:
            self.lost = opening(rng, datetime.combine(self.dues[-1], datetime.min.time(), UTC) + timedelta(days=60))
            self.back = opening(rng, self.lost + timedelta(days=5 + 60 * rng.random())) if fate < 0.002 else None
            if self.lost > LAST_DAY:
                self.lost = self.back = None
        elif fate < 0.16:
            # reserved after the last renewal: who renews has nobody waiting
            since = max([lent, *self.renewed])
            self.wanted = whole(since + (self.back - since) * rng.random())


def entry(idx: str, event: str, payload: dict[str, Any], rng: random.Random, *, boxed: bool = False) -> Entry:
    """Record what happened: at the desk within minutes, from the box when the library opens, or later."""
    at = datetime.fromisoformat(payload["at"])
    recorded = at + timedelta(seconds=int(240 * rng.random()))
    if boxed:
        recorded = opening(rng, at + timedelta(days=1), hours=(9.0, 9.9))
        if rng.random() < 0.05:
            recorded = opening(rng, recorded + timedelta(days=2 + 5 * rng.random()))
    return Entry(recorded, idx, event, payload, at)


def opening(
    rng: random.Random, day: datetime, *, hours: tuple[float, float] = (10.0, 18.0), latest: date | None = None
) -> datetime:
    """Pick a moment of the day when the library is open, Tuesday to Saturday, or of the next such day."""
    found = day.replace(hour=0, minute=0, second=0, microsecond=0)
    step = timedelta(days=1)
    if latest is not None and found.weekday() in (6, 0):
        step = -step
    while found.weekday() in (6, 0):
        found += step
    first, last = hours
    return found + timedelta(seconds=int(3600 * (first + (last - first) * rng.random())))


def whole(moment: datetime) -> datetime:
    """Cut a moment to the second."""
    return moment.replace(microsecond=0)


def iso(moment: datetime) -> str:
    """Write a moment as the log does."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


# --- wrong on purpose -------------------------------------------------------------------------------------


def spoil(number: int, facts: list[Entry]) -> None:
    """Make it as wrong as people do, and as no rule of a copy can see."""
    if number in TURNED:
        payload = facts[0].payload
        first, _, last = payload["author"].rpartition(" ")
        payload["author"] = f"{last}, {first}"
    if number in MISTYPED:
        # a loan that is not renewed: who renews looks at the date
        names = [fact.event for fact in facts] + [""]
        loan = next(fact for n, fact in enumerate(facts) if fact.event == BORROWED and names[n + 1] != RENEWED)
        year, rest = loan.payload["due_on"][:4], loan.payload["due_on"][4:]
        loan.payload["due_on"] = year[:2] + year[3] + year[2] + rest
    if number in FORGOTTEN:
        loan = next(n for n, fact in enumerate(facts) if fact.event == BORROWED and fact.recorded_at.month > 5)
        del facts[loan + 1 :]
    if facts[-1].event == RETURNED and number in BEHIND_THE_SHELF:
        facts[-1] = replace(facts[-1], recorded_at=facts[-1].recorded_at + timedelta(days=35))


def attempts(rng: random.Random, turn: int, facts: list[Entry]) -> Iterator[Entry]:
    """Make a mistake that the desk made with one copy: another kind at each turn, if its life has a place for it."""
    kinds = [
        lent_twice, third_renewal, at_home, mistyped_member, returned_twice, renewed_though_reserved,
        given_to_another, due_in_words, back_before_lent, due_before_lent, acquired_twice,
    ]  # fmt: skip
    for number in range(len(kinds)):
        found = [*kinds[(turn + number) % len(kinds)](facts)]
        if found:
            yield found[int(len(found) * rng.random())]
            return


def mistake(
    after: Entry, event: str, payload: dict[str, Any], stage: str, *, hours: float = 2, at: datetime | None = None
) -> Entry:
    """Type something in some hours after a fact was recorded; it happened then, unless it is told when."""
    recorded = after.recorded_at + timedelta(hours=hours)
    at = at or recorded
    return Entry(recorded, after.idx, event, {**payload, "at": iso(at)}, at, stage)


def lent(facts: list[Entry]) -> Iterator[Entry]:
    """Give the loans; all of them last for more than a day."""
    return (fact for fact in facts if fact.event == BORROWED)


def lent_twice(facts: list[Entry]) -> Iterator[Entry]:
    for loan in lent(facts):
        due = str(loan.recorded_at.date() + timedelta(days=21))
        other = {"member": "m-001" if loan.payload["member"] != "m-001" else "m-002", "due_on": due}
        yield mistake(loan, BORROWED, other, "interpretation", hours=3)


def third_renewal(facts: list[Entry]) -> Iterator[Entry]:
    for first, second in pairwise(facts):
        if first.event == second.event == RENEWED:
            due = date.fromisoformat(second.payload["due_on"]) + timedelta(days=14)
            yield mistake(second, RENEWED, {"due_on": str(due)}, "state")


def at_home(facts: list[Entry]) -> Iterator[Entry]:
    for loan in lent(facts):
        yield mistake(loan, RESERVED, {"member": loan.payload["member"]}, "interpretation")


def mistyped_member(facts: list[Entry]) -> Iterator[Entry]:
    for loan in lent(facts):
        wrong = {**loan.payload, "member": loan.payload["member"].removeprefix("m-0")}
        yield mistake(loan, BORROWED, wrong, "own", hours=-0.05, at=loan.occurred_at)


def returned_twice(facts: list[Entry]) -> Iterator[Entry]:
    for fact in facts:
        if fact.event == RETURNED:
            yield mistake(fact, RETURNED, {}, "interpretation", hours=0.3)


def renewed_though_reserved(facts: list[Entry]) -> Iterator[Entry]:
    for first, second in pairwise(facts):
        if first.event == RESERVED and second.occurred_at - first.occurred_at > timedelta(days=1):
            due = str(first.recorded_at.date() + timedelta(days=90))
            yield mistake(first, RENEWED, {"due_on": due}, "interpretation")


def given_to_another(facts: list[Entry]) -> Iterator[Entry]:
    for reserved, back in pairwise(facts):
        if reserved.event == RESERVED and back.event == RETURNED:
            other = "m-003" if reserved.payload["member"] != "m-003" else "m-004"
            due = str(back.recorded_at.date() + timedelta(days=21))
            yield mistake(back, BORROWED, {"member": other, "due_on": due}, "interpretation", hours=0.5)


def due_in_words(facts: list[Entry]) -> Iterator[Entry]:
    for loan in lent(facts):
        wrong = {**loan.payload, "due_on": "in three weeks"}
        yield mistake(loan, BORROWED, wrong, "own", hours=-0.04, at=loan.occurred_at)


def back_before_lent(facts: list[Entry]) -> Iterator[Entry]:
    for before, loan in pairwise(facts):
        if loan.event == BORROWED and loan.occurred_at - before.occurred_at > timedelta(days=5):
            yield mistake(loan, RETURNED, {}, "interpretation", hours=20, at=loan.occurred_at - timedelta(days=2))


def due_before_lent(facts: list[Entry]) -> Iterator[Entry]:
    for loan in lent(facts):
        wrong = {**loan.payload, "due_on": str(loan.occurred_at.date() - timedelta(days=344))}
        yield mistake(loan, BORROWED, wrong, "interpretation", hours=-0.06, at=loan.occurred_at)


def acquired_twice(facts: list[Entry]) -> Iterator[Entry]:
    yield mistake(facts[0], ACQUIRED, facts[0].payload, "interpretation", hours=1)


# --- the log ----------------------------------------------------------------------------------------------


def log_rows() -> list[dict[str, Any]]:
    """Append every entry at its time and give the rows of the log, with the attempts between the facts."""
    recorder = Recorder()
    recorder.record(entries(), CopyStream)
    return recorder.rows()


if __name__ == "__main__":
    fl.datasets.write(Path(__file__).with_suffix(".parquet"), log_rows(), about=ABOUT, source=SOURCE)
