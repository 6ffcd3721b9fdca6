"""What a lab must do, in plain Python: lists of facts, folds by hand, and a judge that tries every step.

Nothing here knows funes_lab. The rules are those of the design: replay order is `occurred_at`, then version; an
event is judged on exactly the events 1…N; a backdated one at its true place, where only what it adds to later
steps counts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, NamedTuple

START = datetime(2026, 1, 1, tzinfo=UTC)

Order = Literal["true_place", "on_top"]
State = dict[str, Any]
Found = Counter[tuple[str, str]]


def hour(number: int) -> datetime:
    """So many hours after the beginning of time."""
    return START + timedelta(hours=number)


class Fact(NamedTuple):
    """An event of the log."""

    name: str
    payload: Mapping[str, Any]
    version: int
    created_at: datetime
    occurred_at: datetime


@dataclass(frozen=True)
class Terms:
    """What changes when the cell with the projections is run again."""

    low: int = 0
    fee: int = 0
    gift: int = 0
    gift_from: int | None = None
    longest: int = 3


class Folding:
    """A projection by hand. Errors are pairs of where they come from and the attribute."""

    def __init__(self, terms: Terms) -> None:
        self.terms = terms

    def start(self, at: datetime) -> State:
        raise NotImplementedError

    def step(self, state: State, fact: Fact, said: Found) -> None:
        raise NotImplementedError

    def finish(self, state: State, at: datetime) -> State:
        return dict(state)

    def broken(self, shown: State) -> Found:
        return Counter()

    def state(self, facts: Iterable[Fact], at: datetime) -> State:
        """The state that a query at this time sees."""
        state = self.start(at)
        for fact in facts:
            self.step(state, fact, Counter())
        return self.finish(state, at)


class Balance(Folding):
    """Money in and out of an account that can be frozen."""

    def start(self, at):
        given = self.terms.gift_from is None or at >= hour(self.terms.gift_from)
        return {"balance": self.terms.gift if given else 0, "frozen": False, "moves": 0, "reserve": 0, "asked": None}

    def step(self, state, fact, said):
        if fact.name == "Proof::In":
            state["balance"] += fact.payload["amount"]
            state["moves"] += 1
        elif fact.name == "Proof::Out":
            if state["frozen"]:
                said["interpretation", "amount"] += 1
            state["balance"] -= fact.payload["amount"]
            state["moves"] += 1
        elif fact.name == "Proof::Switched":
            state["frozen"] = not state["frozen"]

    def finish(self, state, at):
        return {**state, "reserve": state["balance"] - self.terms.fee * state["moves"], "asked": at}

    def broken(self, shown):
        found: Found = Counter()
        if shown["balance"] < self.terms.low:
            found["state", "balance"] += 1
        if shown["reserve"] < self.terms.low - 5:
            found["state", "reserve"] += 1
        return found


class Trail(Folding):
    """A list that grows in place."""

    def start(self, at):
        return {"texts": ["once"]}

    def step(self, state, fact, said):
        if fact.name == "Proof::Said":
            state["texts"] = [*state["texts"], fact.payload["text"]]
            if fact.payload["text"] == "bad":
                said["interpretation", "text"] += 1

    def broken(self, shown):
        return Counter({("state", "texts"): 1}) if len(shown["texts"]) > self.terms.longest else Counter()


class Totals(Folding):
    """The read model: it has something to say to every event."""

    def start(self, at):
        return {"total": 0, "events": 0, "last_at": None}

    def step(self, state, fact, said):
        sign = {"Proof::In": 1, "Proof::Out": -1}.get(fact.name)
        if sign or fact.name in ("Proof::Switched", "Proof::Said"):
            state["total"] += (sign or 0) * fact.payload.get("amount", 0) - self.terms.fee
            state["events"] += 1
            state["last_at"] = fact.occurred_at


class Rules(NamedTuple):
    """What the class of a stream asks of its events."""

    judge: Callable[[Terms], Folding] | None = None
    order: Order = "true_place"
    timed: bool = False
    kept: bool = False


KINDS: dict[str, Rules] = {
    "plain": Rules(),
    "account": Rules(Balance),
    "gem": Rules(Balance, order="on_top"),
    "timed": Rules(Balance, timed=True),
    "trail": Rules(Trail),
    "kept": Rules(Balance, kept=True),
}

#: The streams of a history; the kind is the first word.
IDXS = ["plain", "account", "account '; DROP TABLE event_entries; --", "gem", "timed", "trail", "kept", "kept 🦋"]


def rules_of(idx: str) -> Rules:
    """The rules of a stream."""
    return KINDS[idx.split(" ")[0]]


def in_order(facts: Iterable[Fact]) -> list[Fact]:
    """Replay order."""
    return sorted(facts, key=lambda fact: (fact.occurred_at, fact.version))


def own_errors(name: str, payload: Mapping[str, Any]) -> bool:
    """Whether an event breaks its own rules."""
    if name in ("Proof::In", "Proof::Out"):
        return not isinstance(payload["amount"], int) or payload["amount"] <= 0
    return name == "Proof::Said" and not payload["text"]


def objections(folding: Folding, order: Order, facts: Sequence[Fact], new: Fact) -> Found:
    """Everything that speaks against a new fact, found by walking step by step with and without it."""
    place = len(facts)
    if order == "true_place":
        place = sum((fact.occurred_at, fact.version) < (new.occurred_at, new.version) for fact in facts)
    before, after = facts[:place], facts[place:]
    without = _walk(folding, new.occurred_at, [*before, *after])
    with_it = _walk(folding, new.occurred_at, [*before, new, *after])
    found = Counter(with_it[place])
    for known, seen in zip(without[place:], with_it[place + 1 :], strict=True):
        found += seen - known
    return found


def _walk(folding: Folding, at: datetime, facts: Iterable[Fact]) -> list[Found]:
    state, steps = folding.start(at), []
    for fact in facts:
        said: Found = Counter()
        folding.step(state, fact, said)
        steps.append(said + folding.broken(folding.finish(state, fact.occurred_at)))
    return steps


@dataclass
class Model:
    """The log, the journal and the table of read models as they must be."""

    terms: Terms = field(default_factory=Terms)
    facts: dict[str, list[Fact]] = field(default_factory=dict)
    journal: list[tuple[str, str]] = field(default_factory=list)
    rows: dict[str, State] = field(default_factory=dict)

    def of(self, idx: str, up_to: int | None = None) -> list[Fact]:
        """The facts of a stream in replay order, as a reading at that version sees them."""
        return in_order(fact for fact in self.facts.get(idx, []) if up_to is None or fact.version <= up_to)

    def head(self, idx: str) -> int:
        """The version of a stream."""
        return len(self.facts.get(idx, []))

    def judge(self, idx: str, seen: Sequence[Fact], new: Fact) -> str | None:
        """The gate that refuses a new fact, None if it passes."""
        rules = rules_of(idx)
        if own_errors(new.name, new.payload):
            return "own"
        if rules.judge is None:
            return None
        found = objections(rules.judge(self.terms), rules.order, in_order(seen), new)
        stages = {stage for stage, _ in found}
        return "state" if "state" in stages else "interpretation" if stages else None

    def add(self, idx: str, *facts: Fact) -> None:
        """Facts of whatever origin."""
        self.facts[idx] = [*self.facts.get(idx, []), *facts]

    def appended(self, idx: str, *facts: Fact) -> None:
        """Facts that an append wrote: the read model follows."""
        self.add(idx, *facts)
        if rules_of(idx).kept:
            self.rows[idx] = Totals(self.terms).state(self.of(idx), facts[-1].occurred_at)

    def rebuilt(self) -> None:
        """The read model of every stream, made anew."""
        known = {"Proof::In", "Proof::Out", "Proof::Switched", "Proof::Said"}
        self.rows = {
            idx: Totals(self.terms).state(self.of(idx), START)
            for idx, facts in self.facts.items()
            if any(fact.name in known for fact in facts)
        }

    def copy(self) -> Model:
        """What a transaction works on; the journal is not part of it."""
        return Model(self.terms, dict(self.facts), self.journal, dict(self.rows))
