"""Answers to lesson 01."""

from decimal import Decimal
from types import SimpleNamespace

import funes_lab as fl


def coffee_drunk(**fields):
    """An event class with these fields."""
    return type("CoffeeDrunk", (fl.Event,), {"__annotations__": fields, "__module__": __name__})


RIGHT = {
    "01.1": [{"b", "d", "e"}, ["e", "D", "b"], "bde", "b, d, e"],
    "01.2": [lambda: coffee_drunk(by=str, cups=int)],
    "01.3": [Decimal("25.50"), 25.5, Decimal("25.5")],
    "01.4": [Decimal("15.50"), 15.5, SimpleNamespace(content=Decimal("15.50"))],
}

WRONG = {
    "01.1": [
        ({"a", "b"}, "tomorrow that may be another number"),
        ({"b"}, "2 facts are still missing"),
        ({"b", "x"}, "there is no x"),
        (3, "this wants letters"),
    ],
    "01.2": [
        (lambda: coffee_drunk(by=str), "no field cups"),
        (lambda: coffee_drunk(by=str, cups=str), "say that cups is a whole number"),
        (lambda: coffee_drunk(by=str, cups=int)(by="Ana", cups=1), "the class itself"),
        ("CoffeeDrunk", "the class itself"),
    ],
    "01.3": [(39.5, "everybody"), (16.5, "less what he took out"), (12, "did not pay in 12"), ("25.50", "a number")],
    "01.4": [(19.5, "after everything"), (13.5, "on Tuesday evening there was not"), (None, "a number")],
}
