"""Answers to lesson 11."""

from datetime import date, datetime
from types import SimpleNamespace

from pydantic import BaseModel, Field

import funes_lab as fl


def events():
    """The six classes of the log."""

    class Acquired(fl.Event, name="Copy::Acquired"):
        title: str
        author: str
        price: str
        at: datetime

    class Borrowed(fl.Event, name="Copy::Borrowed"):
        member: str
        due_on: date
        at: datetime

    class Returned(fl.Event, name="Copy::Returned"):
        at: datetime

    class Renewed(fl.Event, name="Copy::Renewed"):
        due_on: date
        at: datetime

    class Reserved(fl.Event, name="Copy::Reserved"):
        member: str = Field(pattern=r"^m-\d+$")
        at: datetime

    class Lost(fl.Event, name="Copy::Lost"):
        at: datetime

    return SimpleNamespace(**{cls.__name__: cls for cls in (Acquired, Borrowed, Returned, Renewed, Reserved, Lost)})


def missing():
    known = events()
    return [known.Renewed, known.Reserved, known.Lost]


def anybody():
    """A reservation by whoever, with the right name."""

    class Reserved(fl.Event, name="Copy::Reserved"):
        member: str
        at: datetime

    return [*missing()[::2], Reserved]


class Copy(BaseModel):
    acquired: bool = False
    by: str | None = None
    renewals: int = 0
    waiting: str | None = None
    lost: bool = False


def rules(without=(), renewals=2, clears=True):
    """Rules like those of the house, without the objections that are named."""
    known = events()

    def objects(event, name, wrong):
        if wrong and name not in without:
            event.errors.add("base", name)

    class Rules(fl.Projection[Copy]):
        @fl.interpretation_for(known.Acquired)
        def acquired(state, event):
            objects(event, "twice", state.acquired)
            state.acquired = True

        @fl.interpretation_for(known.Borrowed)
        def borrowed(state, event):
            objects(event, "not there", not state.acquired)
            objects(event, "on loan", state.by is not None)
            objects(event, "lost", state.lost)
            objects(event, "waiting", state.waiting not in (None, event.member))
            state.by = event.member
            if clears:
                state.renewals, state.waiting = 0, None

        @fl.interpretation_for(known.Renewed)
        def renewed(state, event):
            objects(event, "nothing to renew", state.by is None)
            objects(event, "too often", state.renewals == renewals)
            objects(event, "renewed though reserved", state.waiting is not None)
            state.renewals += 1

        @fl.interpretation_for(known.Returned)
        def returned(state, event):
            objects(event, "nothing to return", state.by is None and not state.lost)
            state.by, state.lost = None, False

        @fl.interpretation_for(known.Reserved)
        def reserved(state, event):
            objects(event, "reserved already", state.waiting is not None)
            objects(event, "at home", state.by == event.member)
            state.waiting = event.member

        @fl.interpretation_for(known.Lost)
        def lost(state, event):
            state.lost = True

    return Rules


def desk(judge=True, attribute="at", **wrong):
    judges = rules(**wrong)

    class Desk(fl.EventStream):
        consistency_projection = judges if judge else None
        actual_time_attribute = attribute

    return Desk


def without_classes():
    """A desk where nobody has defined an event."""
    with fl.testing.registry():
        return desk()


RIGHT = {
    "11.1": [missing, lambda: tuple(reversed(missing()))],
    "11.2": [rules],
    "11.3": [desk],
    "11.4": [{"copies-032", "copies-033", "copies-038"}, "copies-032, copies-038 copies-033"],
    "11.5": [{"m-001", "m-020"}, ["m-020", "m-001"]],
}

WRONG = {
    "11.1": [
        (lambda: missing()[:2], "'Copy::Lost' among them"),
        (anybody, "takes '44' as member"),
        (lambda: missing()[0], "a list of three classes"),
        ([1, 2, 3], "event classes"),
    ],
    "11.2": [
        (lambda: rules(without=["on loan"]), "to lend a copy that is on loan"),
        (lambda: rules(without=["nothing to return"]), "to return what is not on loan"),
        (lambda: rules(without=["renewed though reserved"]), "to renew while"),
        (lambda: rules(renewals=1), "your rules refuse a second renewal"),
        (lambda: rules(clears=False), "your rules refuse a renewal in the next loan"),
        (desk, "a projection class"),
    ],
    "11.3": [
        (lambda: desk(judge=False), "refuses nothing"),
        (lambda: desk(attribute=None), "not at the time that it says itself"),
        (lambda: desk(without=["on loan"]), "it lends a copy that is on loan"),
        (without_classes, "run their cells first"),
        (rules, "a stream class"),
    ],
    "11.4": [
        ({"copies-032"}, "1 of them found"),
        ({"copies-001"}, "copies-001 is not one of them"),
        ({f"copies-{n:03}" for n in (32, 33, 38, 1, 2, 3, 4, 5, 6)}, "those are all nine"),
        ({"m-001"}, "begin with copies-"),
        (3, "this wants names"),
    ],
    "11.5": [({"m-001"}, "1 of them found"), ({"m-003"}, "m-003 never had"), ([], "there are some")],
}
