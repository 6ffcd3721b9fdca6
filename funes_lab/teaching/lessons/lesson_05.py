"""Lesson 05, two writers, one stream: what is asked, and how a right answer is known."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from pydantic import BaseModel, Field

from funes_lab import registry
from funes_lab.event import Event
from funes_lab.projection import Projection, fold_of, interpretation_for
from funes_lab.races.race import Race
from funes_lab.races.result import RaceResult
from funes_lab.stream import EventStream
from funes_lab.teaching.exercise import Wrong, exercise, expect, kind, practice_lab

_AGAIN = {"a", "d"}
_NOT_AGAIN = {
    "b": "event b was refused by a rule, and as long as the facts are the same the rule says the same",
    "c": "event c says what Emil saw before Dora wrote; tried again, it is accepted, and Dora’s parcel forgotten",
    "e": "event e is refused by the event’s own rule, which no fresh reading can change",
}


@exercise(
    "05.1",
    "Which version?",
    "What does Emil’s reading know of Dora’s events?",
    "A reading writes the version after the one that it saw, whatever others have done since.",
)
def which_version(answer: Any) -> str:
    """Take the version that the reading tries."""
    expect(
        isinstance(answer, int) and not isinstance(answer, bool),
        f"this wants a version, a whole number, and got {answer!r:.60}",
    )
    expect(answer != 7, "that is the version after Dora’s two events, and Emil’s reading does not know of them")
    expect(answer != 4, "that version was there already when he read")
    expect(answer != 6, "that version is Dora’s second event, which Emil has not seen")
    expect(answer == 5, f"nobody in this story writes version {answer}")
    return "And version 5 is Dora’s first event: he is denied."


@exercise(
    "05.2",
    "First to look, last to write",
    "Who reads first does not win. Who writes first does.",
    "Both must hold a reading of the same version when the first of them appends. Begin with Dora.read Emil.read.",
)
def first_to_look(answer: Any) -> str:
    """Take an order in which Dora reads first and is denied."""
    expect(
        isinstance(answer, str | list | tuple) and answer,
        'this wants an order as a text, such as "Emil.read Emil.append Dora.read"',
    )
    result = _raced(answer)
    first = result.entries[0].writer
    expect(first == "Dora", f"here {first} reads first")
    denied = {entry.writer for entry in result.entries if entry.outcome == "denied"}
    expect(denied != {"Emil"}, "here it is Emil who is denied")
    appended = {entry.writer for entry in result.entries if entry.action == "append"}
    for name in ("Emil", "Dora"):
        expect(name in appended, f"in this order {name} never appends")
    expect(denied, "here nobody is denied: the second one read what the first one had written")
    return "Looking first is worth nothing. Only the version counts, and it is taken by writing."


def _raced(order: Any) -> RaceResult:
    """The race of the lesson, in an order that the learner wrote."""
    with registry.layer(), practice_lab():

        class Shipped(Event, name="Practice::Shipped"):
            quantity: int

        class Shelf(BaseModel):
            on_hand: int = Field(default=10, ge=0)

        class Level(Projection[Shelf]):
            @interpretation_for(Shipped)
            def shipped(state: Shelf, event: Shipped) -> None:
                state.on_hand -= event.quantity

        class StockStream(EventStream):
            consistency_projection = Level

        race = Race(StockStream, "kettles", {"Dora": Shipped(quantity=8), "Emil": Shipped(quantity=5)})
        try:
            return race.run(order)
        except ValueError as impossible:
            raise Wrong(str(impossible)) from None


@exercise(
    "05.3",
    "Try again?",
    "Ask of each: would the writer still say the same, now that somebody else has written?",
    "What a rule refused is refused again. Of those that were denied, one was worked out from what its writer saw.",
)
def try_again(answer: Any) -> str:
    """Take the letters of the events that may be tried again as they are."""
    expect(isinstance(answer, Collection), 'this wants letters, as {"a", "b"}')
    letters = {str(letter).strip().lower() for letter in answer if str(letter).strip(" ,")}
    unknown = letters - _AGAIN - set(_NOT_AGAIN)
    expect(not unknown, f"there is no {', '.join(sorted(unknown))} in the list")
    for letter in sorted(letters & set(_NOT_AGAIN)):
        raise Wrong(_NOT_AGAIN[letter])
    missing = len(_AGAIN - letters)
    expect(not missing, "one is still missing" if missing == 1 else "none of these; two of them may be tried again")
    return "A wish is still a wish, and a lorry has still arrived. A number that was read off the shelf is old."


@exercise(
    "05.4",
    "One stream for one rule",
    "Both writers must want the same next version: then only one of them gets it, and the other one reads again.",
    "Let the state hold what each shop has, and let the block of Lent object where the last one would go.",
)
def one_stream(answer: Any) -> str:
    """Take a class of streams that keeps one grinder on show, however two writers race."""
    expect(isinstance(answer, type), "this wants the class itself, not a stream of it")
    kind(answer, EventStream, "a subclass of fl.EventStream")
    lent = _lent(answer)
    with practice_lab():
        for shop in ("north", "south"):
            event = answer.for_(f"one-{shop}").append(lent(shop))
            expect(event.persisted, f"the first Lent, of {shop!r}, is refused: {_why(event)}")
        event = answer.for_("one-north").append(lent("north"))
        expect(not event.persisted, "the grinder of the north is lent twice, one after the other")
    with practice_lab():
        race = Race(answer, "demos", {"Dora": lent("north"), "Emil": lent("south")})
        ended = race.interleavings(retry=True, progress=False)
    for order, accepted in zip(ended["order"], ended["accepted"], strict=True):
        expect(accepted < 2, f"both are accepted in the order {order}, and no shop has one on show")
        expect(accepted == 1, f"neither is accepted in the order {order}")
    return "In one stream both writers want the same version, and whoever is second meets the rule."


def _lent(stream_class: type[EventStream]) -> Any:
    """A maker of the learner's Lent, which the projection has a block for."""
    rule = stream_class.consistency_projection
    if rule is None:
        raise Wrong(f"{stream_class.__name__} has no consistency_projection, so nothing judges what is appended to it")
    classes = [cls for name in fold_of(rule).blocks if (cls := registry.find(name)) is not None]
    lent = next((cls for cls in classes if "shop" in cls.model_fields), None)
    if lent is None:
        raise Wrong(f"{rule.__name__} has no block for an event with the field shop, such as Lent")
    others = {name: "Café Lumen" for name in lent.model_fields if name != "shop"}
    return lambda shop: lent(shop=shop, **others)


def _why(event: Event) -> str:
    return "; ".join(event.errors.full_messages)
