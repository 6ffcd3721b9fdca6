"""One story told by projections whose states differ in how they can change, and once more in plain Python."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

import funes_lab as fl
from tests.domain import START


class Did(fl.Event, name="Property::Did"):
    kind: str
    tags: list[str] = []
    amount: int = 0


class Lists(BaseModel):
    items: list[list[str]] = []
    total: int = Field(default=0, ge=0)


class Dicts(BaseModel):
    by_key: dict[str, list[list[str]]] = {}
    total: int = Field(default=0, ge=0)

    @property
    def items(self) -> list[list[str]]:
        return self.by_key.setdefault("items", [])

    @items.setter
    def items(self, value: list[list[str]]) -> None:
        self.by_key["items"] = value


class Inner(BaseModel):
    items: list[list[str]] = []
    total: int = Field(default=0, ge=0)


class Nested(BaseModel):
    inner: Inner = Field(default_factory=Inner)


class Fixed(BaseModel):
    items: tuple[tuple[str, ...], ...] = ()
    total: int = Field(default=0, ge=0)


class Open(BaseModel):
    """What it holds is not declared."""

    model_config = ConfigDict(extra="allow")
    total: int = Field(default=0, ge=0)


def happen(state: Any, event: Any, at: datetime) -> Any:
    """The block of every family: it changes the state before it refuses or breaks, and keeps what it is given."""
    holder = state.inner if isinstance(state, Nested) else state
    fixed = isinstance(state, Fixed)
    if isinstance(state, Open) and not hasattr(state, "items"):
        holder.items = []
    if event.kind == "grow" and holder.items:
        if fixed:
            holder.items = (*holder.items[:-1], (*holder.items[-1], *event.tags))
        else:
            holder.items[-1].extend(event.tags)
    elif event.kind == "take" and holder.items:
        if fixed:
            holder.items = holder.items[:-1]
        else:
            holder.items.pop()
    elif fixed:
        holder.items = (*holder.items, tuple(event.tags))
    elif event.kind == "swap":
        holder.items = [*holder.items, event.tags]
    else:
        holder.items.append(event.tags)
    holder.total += -event.amount if event.kind == "take" else event.amount
    if event.kind == "refuse" or (event.kind == "at most three" and len(holder.items) > 3):
        event.errors.add("kind", "is too much")
    if event.kind == "break" or (event.kind == "needs two" and len(holder.items) < 3):
        raise LookupError(event.kind)
    return state.model_copy() if event.kind == "swap" else None


told = fl.interpretation_for(Did)(happen)


class ListFamily(fl.Projection[Lists]):
    did = told


class DictFamily(fl.Projection[Dicts]):
    did = told


class NestedFamily(fl.Projection[Nested]):
    did = told


class FixedFamily(fl.Projection[Fixed]):
    did = told


class OpenFamily(fl.Projection[Open]):
    did = told


class FinishedFamily(ListFamily):
    """It ends with a step that changes the state in place."""

    @fl.final_state
    def end(state):
        state.items.append(["end"])
        state.total -= 1


class TimedFamily(ListFamily):
    """It begins and ends with the time of the query."""

    @fl.initial_state
    def begin(state, at):
        state.items = [[at.isoformat()]]
        state.total = (at - START).days

    @fl.final_state
    def end(state, at):
        state.items.append([at.isoformat()])


FAMILIES = [ListFamily, DictFamily, NestedFamily, FixedFamily, OpenFamily, FinishedFamily, TimedFamily]


def canonical(state: BaseModel) -> tuple[list[list[str]], int]:
    """What a state holds, whatever its family."""
    if isinstance(state, Nested):
        return canonical(state.inner)
    items: Any = state.by_key.get("items", []) if isinstance(state, Dicts) else getattr(state, "items", [])
    return [list(item) for item in items], state.total  # type: ignore[attr-defined]


# --- the same in plain Python -----------------------------------------------------------------------------------


class Fact(NamedTuple):
    """An event of the log."""

    at: datetime
    version: int
    kind: str
    tags: tuple[str, ...]
    amount: int


class Broke(Exception):
    """A block broke."""


@dataclass
class Plain:
    """A state without any library."""

    items: list[list[str]] = field(default_factory=list)
    total: int = 0


@dataclass
class Story:
    """The fold and the judgement of a family, by replaying everything each time."""

    family: type[fl.Projection[Any]]
    order: str = "true_place"

    def start(self, at: datetime) -> Plain:
        if self.family is TimedFamily:
            return Plain([[at.isoformat()]], (at - START).days)
        return Plain()

    def step(self, before: Plain, fact: Fact) -> tuple[Plain, list[str]]:
        state, said = deepcopy(before), []
        if fact.kind == "grow" and state.items:
            state.items[-1].extend(fact.tags)
        elif fact.kind == "take" and state.items:
            state.items.pop()
        else:
            state.items.append(list(fact.tags))
        state.total += -fact.amount if fact.kind == "take" else fact.amount
        if fact.kind == "refuse" or (fact.kind == "at most three" and len(state.items) > 3):
            said.append("said")
        if fact.kind == "break" or (fact.kind == "needs two" and len(state.items) < 3):
            raise Broke
        return state, said

    def finish(self, before: Plain, at: datetime) -> Plain:
        state = deepcopy(before)
        if self.family is FinishedFamily:
            state.items.append(["end"])
            state.total -= 1
        if self.family is TimedFamily:
            state.items.append([at.isoformat()])
        return state

    def fold(self, facts: Sequence[Fact], at: datetime) -> Plain:
        state = self.start(at)
        for fact in sorted(facts):
            state, _ = self.step(state, fact)
        return state

    def query(self, facts: Sequence[Fact], at: datetime) -> tuple[list[list[str]], int]:
        """What projected_with must give."""
        state = self.finish(self.fold(facts, at), at)
        return state.items, state.total

    def verdict(self, facts: Sequence[Fact], new: Fact) -> str:
        """accepted, refused or fault."""
        try:
            return "refused" if self._refused(facts, new) else "accepted"
        except Broke:
            return "fault"

    def _refused(self, facts: Sequence[Fact], new: Fact) -> bool:
        earlier = [fact for fact in facts if fact.at <= new.at or self.order == "on_top"]
        later = [fact for fact in sorted(facts) if fact not in earlier]
        base = self.fold(earlier, new.at)
        without = self._walk(base, later)
        state, said = self.step(base, new)
        here = said + self._broken(state, new.at)
        with_it = self._walk(state, later)
        added = [Counter(now) - Counter(then) for then, now in zip(without, with_it, strict=True)]
        return bool(here or any(added))

    def _walk(self, state: Plain, facts: Sequence[Fact]) -> list[list[str]]:
        found = []
        for fact in facts:
            state, said = self.step(state, fact)
            found.append(said + self._broken(state, fact.at))
        return found

    def _broken(self, state: Plain, at: datetime) -> list[str]:
        return ["total"] if self.finish(state, at).total < 0 else []
