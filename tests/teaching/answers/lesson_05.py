"""Right and wrong answers to lesson 05."""

from __future__ import annotations

from pydantic import BaseModel, Field

import funes_lab as fl


class Lent(fl.Event, name="Lesson05::Lent"):
    shop: str
    to: str = "nobody"


class Shops(BaseModel):
    north: int = Field(default=1, ge=0)
    south: int = Field(default=1, ge=0)


class ByBlock(fl.Projection[Shops]):
    @fl.interpretation_for(Lent)
    def lent(state, event):
        if state.north + state.south == 1:
            event.errors.add("shop", "has the last one on show")
        setattr(state, event.shop, getattr(state, event.shop) - 1)


class AtLeastOne(BaseModel):
    lent: list[str] = Field(default=[], max_length=1)


class ByState(fl.Projection[AtLeastOne]):
    @fl.interpretation_for(Lent)
    def lent(state, event):
        state.lent.append(event.shop)


class EachItsOwn(fl.Projection[Shops]):
    @fl.interpretation_for(Lent)
    def lent(state, event):
        setattr(state, event.shop, getattr(state, event.shop) - 1)


class Nothing(fl.Projection[Shops]):
    @fl.interpretation_for(Lent)
    def lent(state, event):
        event.errors.add("shop", "lends nothing")


class Lax(fl.Projection[Shops]):
    @fl.interpretation_for(Lent)
    def lent(state, event):
        pass


class Other(fl.Event, name="Lesson05::Other"):
    pass


class OfOthers(fl.Projection[Shops]):
    @fl.interpretation_for(Other)
    def other(state, event):
        pass


def stream_of(rule):
    return type("DemoStream", (fl.EventStream,), {"consistency_projection": rule, "__module__": __name__})


RIGHT = {
    "05.1": [5],
    "05.2": [
        "Dora.read Emil.read Emil.append Dora.append",
        "Dora.read Emil.read Emil.append Dora.append Dora.retry",
        ["Dora.read", "Emil.read", "Emil.append", "Dora.append"],
        "Dora.read, Emil.read, Emil.append, Dora.append, Emil.retry",
    ],
    "05.3": [{"a", "d"}, ["d", "a"], "ad", "a, D"],
    "05.4": [stream_of(ByBlock), stream_of(ByState)],
}
WRONG = {
    "05.1": [
        (7, "does not know of them"),
        (4, "was there already"),
        (6, "has not seen"),
        (1, "nobody"),
        ("5", "a whole number"),
    ],
    "05.2": [
        ("Dora.read Emil.read Dora.append Emil.append", "Emil who is denied"),
        ("Emil.read Dora.read Emil.append Dora.append", "Emil reads first"),
        ("Dora.read Dora.append Emil.read Emil.append", "nobody is denied"),
        ("Dora.read Emil.read Emil.append", "Dora never appends"),
        ("Dora.append", "a writer reads before"),
        ("Dora.read Bruno.read", "the writers are Dora, Emil"),
        (5, "an order as a text"),
    ],
    "05.3": [
        ({"a", "b", "d"}, "refused by a rule"),
        ({"a", "c", "d"}, "parcel forgotten"),
        ({"e"}, "own rule"),
        ({"a"}, "one is still missing"),
        (set(), "two of them"),
        ({"z"}, "there is no z"),
        (3, "wants letters"),
    ],
    "05.4": [
        (stream_of(EachItsOwn), "both are accepted in the order"),
        (stream_of(Lax), "lent twice"),
        (stream_of(Nothing), "is refused: Shop lends nothing"),
        (stream_of(OfOthers), "no block for an event with the field shop"),
        (fl.EventStream, "has no consistency_projection"),
        (ByBlock, "a subclass of fl.EventStream"),
        ("DemoStream", "the class itself"),
    ],
}
