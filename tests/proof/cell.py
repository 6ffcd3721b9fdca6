"""The notebook cell of the random histories: it can be run again with other terms, as a person would."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

from tests.proof.machine_model import Terms, hour

#: The events, and in a cell of their own the projections: a person runs either again.
EVENTS = """
class In(fl.Event, name="Proof::In"):
    amount: int = Field(gt=0)
    on: datetime | None = None

class Out(fl.Event, name="Proof::Out"):
    amount: int = Field(gt=0)
    on: datetime | None = None

class Switched(fl.Event, name="Proof::Switched"):
    on: datetime | None = None

class Said(fl.Event, name="Proof::Said"):
    text: str = Field(min_length=1)
    on: datetime | None = None
"""

PROJECTIONS = """
class Account(BaseModel):
    balance: int = Field(default=0, ge=LOW)
    frozen: bool = False
    moves: int = 0
    reserve: int = Field(default=0, ge=LOW - 5)
    asked: datetime | None = None

class Balance(fl.Projection[Account]):
    if GIFT_FROM is None:
        @fl.initial_state
        def start(state):
            state.balance = GIFT
    else:
        @fl.initial_state
        def start(state, at):
            state.balance = GIFT if at >= GIFT_FROM else 0

    @fl.interpretation_for(In)
    def came(state, event):
        state.balance += event.amount
        state.moves += 1

    @fl.interpretation_for(Out)
    def went(state, event, at):
        if state.frozen:
            event.errors.add("amount", "cannot leave a frozen account")
        return state.model_copy(update={"balance": state.balance - event.amount, "moves": state.moves + 1})

    @fl.interpretation_for(Switched)
    def switched(state, event):
        state.frozen = not state.frozen

    @fl.final_state
    def end(state, at):
        state.reserve = state.balance - FEE * state.moves
        state.asked = at

class Heard(BaseModel):
    texts: list[str] = Field(default=["once"], max_length=LONGEST)

class Trail(fl.Projection[Heard]):
    @fl.interpretation_for(Said)
    def said(state, event):
        state.texts.append(event.text)
        if event.text == "bad":
            event.errors.add("text", "must not be bad")

class Total(BaseModel):
    total: int = 0
    events: int = 0
    last_at: datetime | None = None

class Totals(fl.Projection[Total]):
    table = "totals"

    @fl.interpretation_for(In, Out, Switched, Said)
    def any(state, event, at):
        sign = {"Proof::In": 1, "Proof::Out": -1}.get(event.event_name, 0)
        state.total += sign * getattr(event, "amount", 0) - FEE
        state.events += 1
        state.last_at = at
"""

STREAMS = """
class Plain(fl.EventStream):
    pass

class AccountStream(fl.EventStream):
    consistency_projection = Balance

class Gem(AccountStream):
    consistency_order = "on_top"

class Timed(AccountStream):
    actual_time_attribute = "on"

class TrailStream(fl.EventStream):
    consistency_projection = Trail

class Kept(AccountStream):
    transactional_projections = [Totals]
"""

IMPORTS = """
from datetime import datetime
from pydantic import BaseModel, Field
import funes_lab as fl
"""

NAME = "funes_lab_proof_cell"


class Notebook:
    """A module in which cells are run; `__main__` of a notebook is one."""

    def __init__(self) -> None:
        self.module = ModuleType(NAME)
        sys.modules[NAME] = self.module
        self._run(IMPORTS)
        self._run(EVENTS)
        self.run_projections(Terms())
        self._run(STREAMS)
        #: Never run again: the streams keep the classes that they were defined with.
        self.streams = {
            kind: getattr(self.module, name)
            for kind, name in {
                "plain": "Plain", "account": "AccountStream", "gem": "Gem", "timed": "Timed",
                "trail": "TrailStream", "kept": "Kept",
            }.items()
        }  # fmt: skip

    def run_events(self) -> None:
        """The cell with the events, and the one below it."""
        self._run(EVENTS)

    def run_projections(self, terms: Terms) -> None:
        """The cell with the projections, after its numbers were changed."""
        since = None if terms.gift_from is None else hour(terms.gift_from)
        names = {"LOW": terms.low, "FEE": terms.fee, "GIFT": terms.gift, "GIFT_FROM": since, "LONGEST": terms.longest}
        self.module.__dict__.update(names)
        self._run(PROJECTIONS)

    def event(self, name: str, payload: dict[str, Any]) -> Any:
        """A new event, as the class is defined now."""
        return getattr(self.module, name.removeprefix("Proof::"))(**payload)

    def projection(self, name: str) -> Any:
        """A projection, as it is defined now."""
        return getattr(self.module, name)

    def close(self) -> None:
        """Forget the module."""
        sys.modules.pop(NAME, None)

    def _run(self, cell: str) -> None:
        exec(compile(cell, f"<cell of {NAME}>", "exec"), self.module.__dict__)
