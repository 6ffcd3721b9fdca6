"""Answers to lesson 06."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from types import SimpleNamespace

from pydantic import BaseModel

import funes_lab as fl


class Agreed(fl.Event, name="Lesson06::Agreed"):
    amount: Decimal
    at: datetime


class Changed(fl.Event, name="Lesson06::Changed"):
    by: Decimal
    at: datetime


class Left(fl.Event, name="Lesson06::Left"):
    at: datetime


class Since(BaseModel):
    since: datetime | None = None
    days: int = 0


class ByFinalState(fl.Projection[Since]):
    @fl.interpretation_for(Agreed)
    def agreed(state, event, at):
        state.since = at

    @fl.interpretation_for(Changed)
    def changed(state, event, at):
        state.since = at

    @fl.final_state
    def end(state, at):
        state.days = (at - state.since).days


class ByPayload(fl.Projection[Since]):
    @fl.interpretation_for(Agreed)
    @fl.interpretation_for(Changed)
    def either(state, event):
        state.since = event.at
        return state

    @fl.final_state
    def end(state, at):
        state.days = (at.date() - state.since.date()).days
        return state


class NoFinalState(fl.Projection[Since]):
    @fl.interpretation_for(Agreed)
    def agreed(state, event, at):
        state.since = at

    @fl.interpretation_for(Changed)
    def changed(state, event, at):
        state.days = (at - state.since).days


class Today(ByFinalState):
    @fl.final_state
    def end(state, at):
        state.days = (datetime.now(UTC) - state.since).days


class LastRecorded(fl.Projection[Since]):
    @fl.interpretation_for(Agreed)
    @fl.interpretation_for(Changed)
    def either(state, event):
        known = fl_version.get("version", 0)
        if known <= event.version:
            fl_version["version"], state.since = event.version, event.at

    @fl.final_state
    def end(state, at):
        fl_version.clear()
        state.days = (at - state.since).days


#: What LastRecorded remembers while it folds.
fl_version: dict[str, int] = {}


class AgreedOnly(fl.Projection[Since]):
    @fl.interpretation_for(Agreed)
    def agreed(state, event, at):
        state.since = at


class Nameless(BaseModel):
    number: int = 0


class NoDays(fl.Projection[Nameless]):
    @fl.interpretation_for(Agreed)
    @fl.interpretation_for(Changed)
    def either(state, event):
        state.number += 1


RIGHT = {
    "06.1": [5350, Decimal("5350.00"), 5350.0, SimpleNamespace(monthly=Decimal(5350))],
    "06.2": [
        {"a": "at", "b": "as_of", "c": "both", "d": "none"},
        {"D": "None", "C": "Both", "B": "as_of=", "A": "at="},
    ],
    "06.3": [
        lambda: Changed(by=-90, at="2026-06-01"),
        lambda: [Changed(by=-210, at="2026-06-01"), Changed(by="120", at="2026-06-01")],
        lambda: Agreed(amount=2920, at="2026-06-01"),
    ],
    "06.4": [ByFinalState, ByPayload],
}

WRONG = {
    "06.1": [
        (3550, "not yet learned of the counter-entry"),
        (3650, "the raise of July"),
        (3350, "before 4 May"),
        (5200, "was known on 5 May"),
        (2000, "nobody believed that he earns 2000"),
        ("5350", "wants an amount"),
    ],
    "06.2": [
        ({"a": "both", "b": "as_of", "c": "both", "d": "none"}, "a is not 'both'"),
        ({"a": "at", "b": "at", "c": "both", "d": "none"}, "b is not 'at'"),
        ({"a": "at", "b": "as_of", "c": "as_of", "d": "none"}, "c is not 'as_of'"),
        ({"a": "at", "b": "as_of"}, "still missing: c, d"),
        ({"a": "at", "z": "at"}, "no question z"),
        ({"a": "when"}, "is none of"),
        (["at", "as_of"], "wants a dict"),
    ],
    "06.3": [
        (lambda: Changed(by=-90, at="2026-06-09"), "on 1 June is 3,010"),
        (lambda: Changed(by=-90, at="2026-05-01"), "on 31 May is 2,710"),
        (lambda: Changed(by=120, at="2026-06-01"), "on 1 June is 3,130"),
        (lambda: Changed(by=-90), "errors of its own"),
        (lambda: Left(at="2026-06-01"), "Agreed or Changed"),
        (lambda: Changed, "an event with its values"),
        (-90, "an event, or a list of events"),
    ],
    "06.4": [
        (NoFinalState, "asked about 11 January it says 0 days"),
        (Today, "nothing but Agreed happened"),
        (LastRecorded, "and one of 1 March before it"),
        (AgreedOnly, "no block for Changed"),
        (NoDays, "Nameless has no field days"),
        (SimpleNamespace, "a subclass of fl.Projection"),
        ("InForce", "the class of the projection itself"),
    ],
}
