"""Lesson 07, read models: what is asked, and how a right answer is known."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from funes_lab import registry
from funes_lab.event import Event
from funes_lab.lab import Lab
from funes_lab.projection import Projection, fold_of
from funes_lab.stream import EventStream
from funes_lab.teaching.exercise import Wrong, exercise, expect, kind, practice_lab
from funes_lab.transaction import Rollback

_TIERS = {
    "a": (
        "consistency",
        "it has to say no before the event is there, on facts that nobody is about to change",
    ),
    "b": (
        "async",
        "an e-mail that was sent cannot be taken back, and nobody at the jar wants to wait until it is sent",
    ),
    "c": (
        "transactional",
        "whoever pays in looks at the list a moment later, so it may not be late; and it has nothing to forbid",
    ),
    "d": ("async", "should everybody wait for a minute who puts a coin into the jar?"),
}


@exercise(
    "07.1",
    "Which tier?",
    "Ask of each: does it say no to an event? May it be late? Can it be rolled back?",
    "Rules are for consistency. What must agree with the log at every moment is transactional. The rest may be late.",
)
def which_tier(answer: Any) -> str:
    """Take the tier for each of four needs."""
    expect(isinstance(answer, Mapping) and answer, 'this wants a dict, as {"a": "…", "b": …}')
    given = {str(letter).strip().lower(): str(tier).strip().lower() for letter, tier in answer.items()}
    unknown = sorted(given.keys() - _TIERS.keys())
    expect(not unknown, f"there is no {', '.join(unknown)} in the list")
    for letter, tier in given.items():
        expect(
            tier in ("consistency", "transactional", "async"),
            f"{tier!r:.40} is none of 'consistency', 'transactional', 'async'",
        )
        right, why = _TIERS[letter]
        expect(tier == right, f"need {letter} is not for {tier!r}: {why}")
    missing = sorted(_TIERS.keys() - given.keys())
    expect(not missing, f"still missing: {', '.join(missing)}")
    return "Late is no fault, as long as everybody knows what is late."


@exercise(
    "07.2",
    "What does it show?",
    "Go through it for the table first: it is written with the event, and rolled back with it.",
    "The screen hears of nothing before a job has run.",
)
def what_it_shows(answer: Any) -> str:
    """Take the amounts that table and screen show."""
    pair = list(answer) if isinstance(answer, list | tuple) else []
    expect(len(pair) == 2, "this wants two amounts, as (table, screen)")
    table, screen = (_amount(given) for given in pair)
    for name, found in (("table", table), ("screen", screen)):
        expect(found not in (14, 19), f"the 10.00 were rolled back, so the {name} never keeps them")
    expect([table, screen] != [4, 9], "the other way round: one of the two is written with the event, the other later")
    expect(table == 9, f"the table is written with the event, and the event of 5.00 is there: not {table}")
    expect(screen == 4, f"the screen is told by a job, and no job has run yet: not {screen}")
    return "And once the jobs have run, both say 9.00. Of the 10.00 nobody ever hears."


def _amount(given: Any) -> Decimal:
    try:
        return Decimal(str(given)).quantize(Decimal("0.01"))
    except InvalidOperation:
        raise Wrong(f"{given!r:.40} is no amount") from None


@exercise(
    "07.3",
    "A table of your own",
    'Its columns are the fields of the state: spent and purchases. The projection says table = "spending".',
    "There is one row a stream and it is folded for you: a block for TakenOut adds to both fields, and that is all.",
)
def table_of_spending(answer: Any) -> str:
    """Take a projection that keeps a table of what was spent."""
    expect(isinstance(answer, type), "this wants the class of the projection itself")
    kind(answer, Projection, "a subclass of fl.Projection")
    expect(answer.table is not None, f"{answer.__name__} keeps no table: it needs a line table = …")
    expect(answer.table == "spending", f"its table is called {answer.table!r}, and not 'spending'")
    paid, took = _makers([answer])
    rows = _rows(answer, {"kitchen": [paid("8"), took("4.50"), took("2")], "library": [took("1.25")]})
    for idx, spent, purchases in (("kitchen", Decimal("6.50"), 2), ("library", Decimal("1.25"), 1)):
        row = rows.get(idx, {})
        for name in ("spent", "purchases"):
            expect(name in row, f"the table has no column {name}; it has {', '.join(map(str, row)) or 'no row at all'}")
        expect(
            row["spent"] == spent,
            f"from one jar {spent} were taken out and its row says that {row['spent']} were spent",
        )
        found = int(row["purchases"])
        expect(found == purchases, f"{_times(purchases)} something was taken out of a jar, and its row says {found}")
    return "No line of it says when to write or how to update a row: that is what the tier is for."


def _times(number: int) -> str:
    return "once" if number == 1 else "twice"


def _rows(projection: type[Projection[Any]], appended: Mapping[str, Iterable[Event]]) -> dict[str, dict[str, Any]]:
    """The rows of the learner's table after these appends."""

    class Kept(EventStream):
        transactional_projections = (projection,)

    with practice_lab() as lab:
        for idx, events in appended.items():
            for event in events:
                Kept.for_(idx).append_or_raise(event)
        table = lab.table(str(projection.table)).set_index("idx")
        return {str(idx): {str(name): value for name, value in row.items()} for idx, row in table.iterrows()}


@exercise(
    "07.4",
    "A note for Carla",
    "A note in a list is outside the database. Which tier may write there, so that nothing has to be taken back?",
    "A state with persist_with and a method that gets the idx, a projection of it, and fl.Async of that in the stream.",
    "The method is called after each commit: let it look at the content of the state before it writes a note.",
)
def note_for_carla(answer: Any) -> str:
    """Take a class of streams that writes a note where a jar is nearly empty, and the list."""
    pair: list[Any] = [*answer] if isinstance(answer, list | tuple) else []
    stream_class, notes = pair if len(pair) == 2 else (None, None)
    if not (isinstance(stream_class, type) and isinstance(notes, list)):
        raise Wrong("this wants a pair: (the stream class, notes)")
    kind(stream_class, EventStream, "a subclass of fl.EventStream")
    before = [*notes]
    try:
        with practice_lab() as lab:
            _noted(stream_class, notes, lab)
    finally:
        notes[:] = before
    return "Somebody who was told cannot be untold. After the commit there is nothing left to take back."


def _noted(stream_class: Any, notes: list[Any], lab: Lab) -> None:
    """Try the learner's streams: what is noted, and what must not be."""
    paid, took = _makers([*_projections(stream_class)])

    def after(idx: str, *events: Event) -> int:
        """How many notes there are of a jar once the jobs have run."""
        for event in events:
            stream_class.for_(idx).append(event)
        lab.jobs.wait(30)
        failed = lab.jobs.df().query("status == 'failed'")
        expect(failed.empty, f"a job failed: {failed['error'].iloc[0] if len(failed) else ''}")
        return sum(idx in str(note) for note in notes)

    expect(after("kitchen", paid("8")) == 0, "there is a note about a jar with 8.00 in it")
    expect(after("kitchen", took("4")) >= 1, "a jar went from 8.00 to 4.00, and no note has its idx")
    count = after("kitchen")
    expect(after("kitchen", paid("10")) == count, "a jar went from 4.00 to 14.00, and there is a note about it")
    expect(
        after("attic", paid("5")) == 0, "there is a note about a jar with 5.00 in it, and that is not less than 5.00"
    )
    much = took("7")
    count = after("cellar", paid("6"), much)
    expect(not much.persisted, "in these streams somebody can take out more than there is in the jar")
    expect(count == 0, "there is a note about an event that was refused")
    after("library", paid("8"))
    with lab.transaction():
        stream_class.for_("library").append(took("4"))
        raise Rollback
    expect(after("library") == 0, "there is a note about an event that was rolled back")


def _projections(stream_class: type[EventStream]) -> Iterable[type[Projection[Any]]]:
    """All that the streams of a class have."""
    if stream_class.consistency_projection is not None:
        yield stream_class.consistency_projection
    yield from stream_class.transactional_projections
    yield from (background.projection for background in stream_class.async_projections)


def _makers(projections: Iterable[type[Projection[Any]]]) -> tuple[Any, Any]:
    """Makers of the learner's PaidIn and TakenOut, of an amount; a fact of ours where nobody reads PaidIn."""
    named = [name for projection in projections for name in fold_of(projection).blocks]
    classes = [cls for name in named if (cls := registry.find(name)) is not None and "amount" in cls.model_fields]
    took = next((cls for cls in classes if "bought" in cls.model_fields), None)
    paid = next((cls for cls in classes if "bought" not in cls.model_fields), _PaidIn)
    expect(took is not None, "there is no block for TakenOut, with its fields amount and bought")
    return _maker(paid), _maker(took)


def _maker(cls: Any) -> Any:
    others = {name: "Ana" for name in cls.model_fields if name != "amount"}
    return lambda amount: cls(amount=amount, **others)


class _PaidIn(Event, name="funes_lab::PracticePaidIn"):
    amount: Decimal
