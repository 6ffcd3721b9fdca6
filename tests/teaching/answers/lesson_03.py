"""Answers to lesson 03."""

from decimal import Decimal

import pandas as pd
from pydantic import BaseModel, Field

import funes_lab as fl

GATES = {"a": "interpretation", "b": "own", "c": "state", "d": "own", "e": "accepted"}
COUNTS = {"own": 31, "interpretation": 16, "state": 76}


def beans_bought(**fields):
    """An event class with these fields: a type, and its rule if it has one."""
    annotations = {name: kind for name, (kind, _) in fields.items()}
    rules = {name: rule for name, (_, rule) in fields.items() if rule is not None}
    return type("BeansBought", (fl.Event,), {"__annotations__": annotations, "__module__": __name__, **rules})


GRAMS, PRICE = (int, Field(ge=1, le=5000)), (Decimal, Field(gt=0))


def possible(stream, events):
    return [event for event in events if stream.check(event)]


def tin(
    *, more_than_zero=True, not_below=100, objects=True, smallest=0, largest=1000, in_the_block=False, consistency=True
):
    """A tin with its rules; each option is one way to get it wrong."""
    rule = {"gt": 0} if more_than_zero else {}

    class Filled(fl.Event, name="Answers03::Filled"):
        grams: int = Field(**rule)

    class Brewed(fl.Event, name="Answers03::Brewed"):
        cups: int = Field(**rule)

    class Tin(BaseModel):
        grams: int = Field(default=0, ge=None if in_the_block else smallest, le=largest)

    class Content(fl.Projection[Tin]):
        @fl.interpretation_for(Filled)
        def filled(state, event):
            if objects and state.grams >= not_below:
                event.errors.add("base", "There is enough in the tin")
            state.grams += event.grams

        @fl.interpretation_for(Brewed)
        def brewed(state, event):
            state.grams -= 8 * event.cups
            if in_the_block and state.grams < smallest:
                event.errors.add("cups", "takes more than there is")

    class TinStream(fl.EventStream):
        consistency_projection = Content if consistency else None

    return TinStream, Filled, Brewed


RIGHT = {
    "03.1": [GATES, {key.upper(): gate.title() for key, gate in GATES.items()}, {**GATES, "b": "own rule", "e": None}],
    "03.2": [lambda: beans_bought(grams=GRAMS, price=PRICE)],
    "03.3": [possible, lambda stream, events: filter(stream.check, events)],
    "03.4": [COUNTS, pd.Series(COUNTS), {**COUNTS, "conflict": 0}],
    "03.5": [lambda: tin(more_than_zero=True), lambda: list(tin())],
}

WRONG = {
    "03.1": [
        ({**GATES, "a": "accepted"}, "Who is Bruno?"),
        ({**GATES, "c": "accepted"}, "how much is in the jar"),
        ({**GATES, "d": "interpretation"}, "Which gate comes first?"),
        ({**GATES, "e": "state"}, "is that below zero"),
        ({**GATES, "e": "interpretation"}, "it is not interpretation"),
        ({**GATES, "b": "first"}, 'got "first"'),
        ({"a": "own"}, "nothing is said of b, c, d, e"),
        (["own"], "this wants a dict"),
    ],
    "03.2": [
        (lambda: beans_bought(grams=(int, None), price=PRICE), "grams=0, price=9.90 has no own error"),
        (lambda: beans_bought(grams=(int, Field(ge=1)), price=PRICE), "grams=5001, price=9.90 has no"),
        (lambda: beans_bought(grams=(float, Field(ge=1, le=5000)), price=PRICE), "grams=2.5"),
        (lambda: beans_bought(grams=(int, Field(gt=1, le=5000)), price=PRICE), "should be fine"),
        (lambda: beans_bought(grams=GRAMS, price=(Decimal, Field(ge=0))), "price=0 has no"),
        (lambda: beans_bought(grams=GRAMS), "no field price"),
        (lambda: beans_bought(grams=GRAMS, price=PRICE)(grams=1, price=1), "the class itself"),
        ("BeansBought", "the class itself"),
    ],
    "03.3": [
        (lambda stream, events: [event for event in events if stream.append(event).persisted], "into the log"),
        (lambda stream, events: [event for event in events if not event.own_errors], "would be refused"),
        (lambda stream, events: [stream.append(events[3])], "it left 1 attempt in the journal"),
        (lambda stream, events: possible(stream, events)[:2], "would be accepted, and is not in the list"),
        (lambda stream, events: possible(stream, events) * 2, "more than once"),
        (lambda stream, events: [bool(stream.check(event)) for event in events], "the events themselves"),
        (lambda stream, events: None, "a list of events"),
        (fl.EventStream, "the function itself"),
    ],
    "03.4": [
        (123, "in all"),
        ({"Debt::Issued": 23, "Debt::PaymentReceived": 100}, "counts the types of events"),
        ({"own": 31, "state": 76}, "refused by interpretation?"),
        ({**COUNTS, "state": 77}, "state did not refuse 77"),
        ({**COUNTS, "conflict": 3}, "nobody lost a race"),
        ({**COUNTS, "owned": 3}, "no gate owned"),
        (pd.DataFrame({"stage": [*COUNTS]}), "a dict or a Series, a number for each gate, and got DataFrame"),
        ("76", "a dict or a Series"),
    ],
    "03.5": [
        (lambda: tin(more_than_zero=False), "(grams=0)"),
        (lambda: tin(objects=False), "with 500 grams in the tin, Filled(grams=300) was accepted"),
        (lambda: tin(not_below=101), "with 100 grams in the tin, Filled(grams=300) was accepted"),
        (lambda: tin(not_below=90), "with 92 grams in the tin, Filled(grams=908) should be fine"),
        (lambda: tin(largest=None), "with 92 grams in the tin, Filled(grams=909) was accepted"),
        (lambda: tin(largest=999), "should be fine"),
        (lambda: tin(in_the_block=True), "another gate, interpretation"),
        (lambda: tin(consistency=False), "nobody asks the state"),
        (lambda: tin()[0], "this wants (TinStream, Filled, Brewed)"),
        (lambda: tin()[::-1], "TinStream is a subclass of fl.EventStream"),
        (lambda: (*tin()[:2], "Brewed"), "the class Brewed itself"),
    ],
}
