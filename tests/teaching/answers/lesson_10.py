"""Answers to lesson 10."""

from datetime import timedelta
from types import SimpleNamespace

from pydantic import BaseModel

import funes_lab as fl
from funes_lab.interchange.timezones import ClockChanged


def jump(of):
    """A projection whose biggest jump is what `of(state, offset)` says after each event."""

    class Jumps(BaseModel):
        offset: int | None = None
        biggest: int = 0

    class BiggestJump(fl.Projection[Jumps]):
        @fl.interpretation_for(ClockChanged)
        def changed(state, event):
            state.biggest = of(state, event.utc_offset)
            state.offset = event.utc_offset

    return BiggestJump


def nameless():
    class Other(BaseModel):
        jump: int = 0

    class Nameless(fl.Projection[Other]):
        @fl.interpretation_for(ClockChanged)
        def changed(state, event):
            pass

    return Nameless


def size(state, offset):
    return 0 if state.offset is None else abs(offset - state.offset)


RIGHT = {
    "10.1": [2, ["Asia/Kathmandu", "Asia/Katmandu"]],
    "10.2": [2, 7200, 2.0, timedelta(hours=2), SimpleNamespace(utc_offset=7200)],
    "10.3": [154 + 5 / 6, timedelta(days=6, hours=10, minutes=50), 154.8],
    "10.4": [lambda: jump(lambda state, offset: max(state.biggest, size(state, offset)))],
}

WRONG = {
    "10.1": [(1, "two names for the same place"), (19, "345 minutes")],
    "10.2": [(1, "most summers"), (3, "not 3"), ("two", "a number")],
    "10.3": [(10.83, "six whole days"), (-154.83, "before it was committed"), (6, "not 6.00 hours")],
    "10.4": [
        (lambda: jump(lambda state, offset: 0), "0 to 3,600"),
        (lambda: jump(size), "the first one"),
        (lambda: jump(lambda state, offset: max(state.biggest, abs(offset))), "was set once"),
        (lambda: jump(lambda state, offset: max(state.biggest, offset - (state.offset or offset))), "0 to 3,600"),
        (nameless, "no field biggest"),
        (3600, "without brackets"),
    ],
}
