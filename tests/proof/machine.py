"""The machine: it drives a lab and the model side by side, and compares them after every step."""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

import funes_lab as fl
from tests.proof.cell import Notebook
from tests.proof.machine_model import IDXS, Balance, Fact, Model, Terms, Totals, Trail, hour, own_errors, rules_of


class Draft(NamedTuple):
    """An event that will be tried."""

    name: str
    payload: dict[str, Any]
    on: int | None = None

    @property
    def attributes(self) -> dict[str, Any]:
        return {**self.payload, "on": None if self.on is None else hour(self.on)}


class Try(NamedTuple):
    """An append: into a stream, or by a reading."""

    idx: int
    drafts: list[Draft]
    at: int | None = None
    expected: int | None = None
    reading: int | None = None
    other_door: bool = False


hours = st.integers(0, 14)
amounts = st.one_of(st.integers(1, 9), st.integers(1, 9), st.sampled_from([0, -3, "much"]))
drafts = st.one_of(
    st.builds(lambda n, on: Draft("Proof::In", {"amount": n}, on), amounts, st.none() | hours),
    st.builds(lambda n, on: Draft("Proof::Out", {"amount": n}, on), amounts, st.none() | hours),
    st.builds(lambda on: Draft("Proof::Switched", {}, on), st.none() | hours),
    st.builds(
        lambda text, on: Draft("Proof::Said", {"text": text}, on),
        st.sampled_from(["a", "b", "bad", "", "' OR 1=1 --", "\U0001f98b"]),
        st.none() | hours,
    ),
)
#: One of the two or three streams of the history.
idxs = st.integers(0, 5)
tries = st.builds(
    Try,
    idx=idxs,
    drafts=drafts.map(lambda draft: [draft]) | st.lists(drafts, max_size=4),
    at=st.none() | st.none() | hours,
    expected=st.none() | st.none() | st.none() | st.integers(0, 3),
    reading=st.none() | st.integers(0, 3),
    other_door=st.booleans(),
)
terms = st.builds(
    Terms,
    low=st.sampled_from([0, -6, 2]),
    fee=st.integers(0, 1),
    gift=st.sampled_from([0, 4]),
    gift_from=st.none() | hours,
    longest=st.integers(2, 4),
)
foreign = st.tuples(
    st.sampled_from(
        [("Proof::In", {"amount": 5}), ("Proof::Out", {"amount": 7}), ("Proof::In", {"amount": -4}),
         ("Proof::Said", {"text": "bad"}), ("Proof::Nobody", {"x": [1, None]}), ("Proof::Switched", {})]
    ),
    hours, hours,
)  # fmt: skip


class Seen:
    """A reading and what it must have seen."""

    def __init__(self, idx: str, door: int, reading: fl.Reading, version: int) -> None:
        self.idx, self.door, self.reading, self.version = idx, door, reading, version


class Machine(RuleBasedStateMachine):
    """A lab and the model, step by step."""

    on_file = shared = False

    def __init__(self) -> None:
        super().__init__()
        self.folder = TemporaryDirectory() if self.on_file else None
        self.clock = fl.testing.Clock(hour(6))
        self.book = Notebook()
        self.doors: list[fl.Lab] = []
        self.model = Model()
        self.readings: list[Seen] = []
        self.refused: list[tuple[Any, Draft]] = []
        self.persisted: list[Any] = []
        self.idxs = IDXS[:1]
        self.last = IDXS[0]
        self.steps = 0
        # blocks that judge are asked for states too, and then it is logged that they cannot refuse
        logging.getLogger("funes_lab").setLevel("ERROR")
        self.open()

    def open(self) -> None:
        path = str(Path(self.folder.name, "ledger.duckdb")) if self.folder else ":memory:"
        self.doors = [fl.Lab(path, clock=self.clock, shared=self.shared) for _ in range(2 if self.on_file else 1)]
        self.readings.clear()

    def teardown(self) -> None:
        logging.getLogger("funes_lab").setLevel("NOTSET")
        for lab in self.doors:
            lab.close()
        self.book.close()
        if self.folder:
            self.folder.cleanup()

    @initialize(chosen=st.lists(st.sampled_from(IDXS), min_size=2, max_size=3, unique=True))
    def choose(self, chosen: list[str]) -> None:
        """A few streams, so that each has a history."""
        self.idxs = chosen

    # --- doors -----------------------------------------------------------------------------------------------

    @property
    def lab(self) -> fl.Lab:
        return self.doors[0]

    def stream(self, idx: str, door: int = 0) -> fl.EventStream:
        return self.book.streams[idx.split(" ")[0]].for_(idx, lab=self.doors[door % len(self.doors)])

    def pick(self, number: int) -> str:
        return self.idxs[number % len(self.idxs)]

    def take(self, number: int | None) -> Seen | None:
        return None if number is None or not self.readings else self.readings[number % len(self.readings)]

    # --- an attempt and what must come of it -----------------------------------------------------------------

    def attempt(self, trial: Try, model: Model, door: int | None = None, events: Sequence[Any] = ()) -> list[Any]:
        """Try to append; the model says what must come of it. Gives the events."""
        seen = self.take(trial.reading)
        if door is None:
            door = seen.door if seen else int(trial.other_door)
        if seen is not None and seen.door % len(self.doors) != door % len(self.doors):
            seen = None
        idx = self.last = seen.idx if seen else self.pick(trial.idx)
        made = list(events) or [self.book.event(draft.name, draft.attributes) for draft in trial.drafts]
        single = len(made) == 1
        at = trial.at if single else None
        expected = trial.expected if single and seen is None else None
        side = seen.reading if seen else self.stream(idx, door)
        outcome = self.foresee(model, idx, trial.drafts, at, expected, seen)

        def run() -> None:
            if not single:
                side.append_all(made)
            elif seen is not None:
                side.append(made[0], at=None if at is None else hour(at))
            else:
                side.append(made[0], at=None if at is None else hour(at), expected_version=expected)

        if isinstance(outcome, type):
            with pytest.raises(outcome):
                run()
            assert not any(event.persisted for event in made)
            return made
        run()
        self.compare(made, trial.drafts, outcome, model, idx, seen)
        return made

    def foresee(
        self, model: Model, idx: str, tried: Sequence[Draft], at: int | None, expected: int | None, seen: Seen | None
    ) -> list[Fact] | tuple[int, str] | type[Exception]:
        """The facts that come of it; or which event is refused by which gate; or what is raised."""
        known = model.of(idx, seen.version if seen else None)
        version = seen.version if seen else model.head(idx)
        now, facts = self.clock.now, []
        if expected is not None and expected != version and not own_errors(tried[0].name, tried[0].attributes):
            return 0, "conflict"
        for number, draft in enumerate(tried):
            if own_errors(draft.name, draft.attributes):
                return number, "own"
            occurred = hour(at) if at is not None else now
            if rules_of(idx).timed:
                if draft.on is None:
                    return fl.MissingActualTimeAttributeError
                if at is not None and at != draft.on:
                    return fl.ConflictingActualTimeError
                occurred = hour(draft.on)
            new = Fact(draft.name, draft.attributes, version + 1 + number, now, occurred)
            gate = model.judge(idx, [*known, *facts], new)
            if gate is not None:
                return number, gate
            facts.append(new)
        if facts and version != model.head(idx):
            return 0, "conflict"
        return facts

    def compare(
        self,
        made: Sequence[Any],
        tried: Sequence[Draft],
        outcome: list[Fact] | tuple[int, str],
        model: Model,
        idx: str,
        seen: Seen | None,
    ) -> None:
        """What the events say of themselves, beside what must have come of them."""
        if isinstance(outcome, tuple):
            number, stage = outcome
            assert not any(event.persisted for event in made)
            rejection = made[number].rejection
            assert rejection is not None, f"{made[number]!r} should be refused by {stage}"
            assert rejection.stage == stage, (rejection.stage, stage)
            assert made[number].errors
            model.journal.append((idx, stage))
            self.refused.append((made[number], tried[number]))
            return
        for event, fact in zip(made, outcome, strict=True):
            assert event.persisted, (event.errors, fact)
            assert _times(event) == fact[2:]
            assert not event.errors
        if outcome:
            model.appended(idx, *outcome)
            self.persisted = [*self.persisted[-3:], *made]
            if seen is not None:
                seen.version = outcome[-1].version
        if seen is not None:
            assert seen.reading.version == seen.version
            shown = [(event.event_name, *_times(event)) for event in seen.reading.events]
            assert shown == [(fact.name, *fact[2:]) for fact in model.of(idx, seen.version)]

    # --- writing ---------------------------------------------------------------------------------------------

    @rule(trial=tries)
    def append(self, trial: Try) -> None:
        self.attempt(trial, self.model)

    @rule(trial=tries)
    def append_to_the_latest(self, trial: Try) -> None:
        """Never by a reading, so that most histories grow."""
        self.attempt(trial._replace(reading=None, expected=None), self.model)

    @rule(idx=idxs, other_door=st.booleans())
    def read(self, idx: int, other_door: bool) -> None:
        self.look(self.pick(idx), int(other_door), self.model)

    def look(self, idx: str, door: int, model: Model) -> Seen:
        seen = Seen(idx, door, self.stream(idx, door).read(), model.head(idx))
        self.readings = [*self.readings[-3:], seen]
        return seen

    @precondition(lambda self: self.refused or self.persisted)
    @rule(number=st.integers(0, 5), idx=idxs, at=st.none() | hours)
    def try_an_event_again(self, number: int, idx: int, at: int | None) -> None:
        """A refused one is judged anew, a fact is no event to append."""
        if self.persisted and (number % 2 or not self.refused):
            with pytest.raises(fl.AlreadyPersistedError):
                self.stream(self.pick(idx)).append(self.persisted[number % len(self.persisted)])
            return
        event, draft = self.refused[number % len(self.refused)]
        if not event.persisted:
            self.attempt(Try(idx, [draft], at), self.model, events=[event])

    @rule(trial=tries)
    def check(self, trial: Try) -> None:
        """A check says what an append would say, and writes nowhere."""
        if not trial.drafts:
            return
        seen, draft = self.take(trial.reading), trial.drafts[0]
        idx = self.last = seen.idx if seen else self.pick(trial.idx)
        event = self.book.event(draft.name, draft.attributes)
        side = seen.reading if seen else self.stream(idx, int(trial.other_door))
        outcome = self.foresee(self.model, idx, [draft], trial.at, None, seen)
        at = None if trial.at is None else hour(trial.at)
        if isinstance(outcome, type):
            with pytest.raises(outcome):
                side.check(event, at=at)
            return
        # a check does not look whether another writer was faster
        expected = None if outcome == (0, "conflict") or isinstance(outcome, list) else outcome[1]
        verdict = side.check(event, at=at)
        assert (verdict.rejection.stage if verdict.rejection else None) == expected
        assert not event.persisted

    # --- together --------------------------------------------------------------------------------------------

    @rule(steps=st.lists(tries, max_size=5), end=st.sampled_from(["commit", "commit", "rollback", "error"]),
          door=st.integers(0, 1), read=st.none() | idxs)  # fmt: skip
    def transaction(self, steps: list[Try], end: str, door: int, read: int | None) -> None:
        door %= len(self.doors)
        inside, made, before = self.model.copy(), [], [(seen, seen.version) for seen in self.readings]

        def work() -> None:
            with self.doors[door].transaction():
                for number, step in enumerate(steps):
                    made.extend(self.attempt(step, inside, door))
                    assert self.stream(self.last, door).version == inside.head(self.last)
                    if number == 1 and read is not None:
                        seen = self.look(self.pick(read), door, inside)
                        before.append((seen, min(seen.version, self.model.head(seen.idx))))
                if end == "rollback":
                    raise fl.Rollback
                if end == "error":
                    raise ZeroDivisionError

        if end == "error":
            with pytest.raises(ZeroDivisionError):
                work()
        else:
            work()
        if end == "commit":
            self.model.facts, self.model.rows = inside.facts, inside.rows
        else:
            self.undone(made, before)

    def undone(self, made: Sequence[Any], before: Sequence[tuple[Seen, int]]) -> None:
        """Nothing of a transaction is a fact: its events say so, and readings stand where they stood."""
        assert not any(event.persisted for event in made)
        self.persisted = [event for event in self.persisted if event.persisted]
        for seen, version in before:
            seen.version = version
            assert seen.reading.version == version

    @precondition(lambda self: self.on_file)
    @rule(idx=idxs, ours=st.integers(1, 9), theirs=st.integers(1, 9), on=hours, by_reading=st.booleans())
    def lose_at_the_commit(self, idx: int, ours: int, theirs: int, on: int, by_reading: bool) -> None:
        """Another writer is faster while a transaction is open: it keeps what it wrote, the transaction nothing."""
        number, idx = idx, self.pick(idx)
        if rules_of(idx).kept:
            return
        reading = Seen(idx, 0, self.stream(idx).read(), self.model.head(idx))
        self.readings.insert(0, reading)
        before = [(seen, seen.version) for seen in self.readings]
        mine = Try(number, [Draft("Proof::In", {"amount": ours}, on)], reading=0 if by_reading else None)
        faster = Try(number, [Draft("Proof::In", {"amount": theirs}, on)], other_door=True)
        accepted = [isinstance(self.foresee(self.model, idx, t.drafts, None, None, None), list) for t in (mine, faster)]
        inside, made = self.model.copy(), []

        def work() -> None:
            with self.doors[0].transaction():
                made.extend(self.attempt(mine, inside, 0))
                self.attempt(faster, self.model, 1)

        if all(accepted):
            with pytest.raises(fl.ConflictError):
                work()
            self.model.journal.append((idx, "conflict"))
            self.undone(made, before)
        else:
            work()
            if accepted[0]:
                self.model.facts = inside.facts

    # --- past the gates --------------------------------------------------------------------------------------

    @rule(
        idx=idxs, rows=st.lists(foreign, min_size=1, max_size=3), how=st.sampled_from(["load", "again", "raw", "raw"])
    )
    def write_past_the_gates(self, idx: int, rows: list[Any], how: str) -> None:
        """A load; one that brings a version again, and nothing happens; another program that knows the file."""
        idx = self.last = self.pick(idx)
        facts = self.facts_of(idx, rows if how != "raw" else rows[:1])
        loaded = [_as_row(idx, fact) for fact in facts]
        if how == "again" and self.model.head(idx):
            with pytest.raises(ValueError, match="rows"):
                self.lab.load([*loaded, {**loaded[0], "version": self.model.head(idx)}])
            return
        if how == "raw":
            fl.testing.raw_insert(self.lab, loaded[0])
        else:
            assert self.lab.load(loaded) == len(rows)
        self.model.add(idx, *facts)

    def facts_of(self, idx: str, rows: Sequence[Any]) -> list[Fact]:
        head = self.model.head(idx)
        return [
            Fact(name, payload, head + number, hour(created), hour(occurred))
            for number, ((name, payload), created, occurred) in enumerate(rows, 1)
        ]

    # --- the world around ------------------------------------------------------------------------------------

    @rule(by=st.integers(-1, 3))
    def time_passes(self, by: int) -> None:
        self.clock.advance(timedelta(hours=by))

    @rule(new=terms, events_too=st.booleans())
    def a_cell_is_run_again(self, new: Terms, events_too: bool) -> None:
        if events_too:
            self.book.run_events()
            # objects of the old classes are no events of the new ones
            self.refused.clear()
        self.book.run_projections(new)
        self.model.terms = new

    @rule(what=st.sampled_from(["reopen", "checkpoint", "rebuild", "replay"]))
    def keep_house(self, what: str) -> None:
        if what == "rebuild":
            self.lab.rebuild(self.book.projection("Totals"), progress=False)
            self.model.rebuilt()
        elif what == "replay":
            self.replay_all()
        elif what == "checkpoint":
            self.lab.checkpoint()
        elif self.on_file:
            for lab in self.doors:
                lab.close()
            self.open()

    # --- asking ----------------------------------------------------------------------------------------------

    @rule(idx=idxs, number=st.none() | st.integers(0, 3), at=st.none() | hours, as_of=st.none() | hours,
          steps=st.booleans())  # fmt: skip
    def ask(self, idx: int, number: int | None, at: int | None, as_of: int | None, steps: bool) -> None:
        seen = self.take(number)
        side = seen.reading if seen else self.stream(self.pick(idx))
        facts = [
            fact
            for fact in self.model.of(side.idx, seen.version if seen else None)
            if (at is None or fact.occurred_at <= hour(at)) and (as_of is None or fact.created_at <= hour(as_of))
        ]
        asked = {"at": None if at is None else hour(at), "as_of": None if as_of is None else hour(as_of)}
        if steps:
            self.compare_steps(side.replay(self.book.projection("Balance"), **asked), facts)
        else:
            self.compare_states(side, facts, self.clock.now if at is None else hour(at), asked)

    def compare_states(self, side: Any, facts: list[Fact], when: datetime, asked: dict[str, Any]) -> None:
        for name, folding in (("Balance", Balance), ("Trail", Trail), ("Totals", Totals)):
            projection, by_hand = self.book.projection(name), folding(self.model.terms)
            if not facts:
                with pytest.raises(fl.StreamNotFound):
                    side.projected_with(projection, **asked)
                continue
            expected = by_hand.state(facts, when)
            assert side.projected_with(projection, **asked).model_dump() == expected
            found = Counter(("state", error.attribute) for error in side.state_errors(projection, **asked))
            assert found == by_hand.broken(expected)

    def compare_steps(self, frame: Any, facts: list[Fact]) -> None:
        assert list(frame.version) == [fact.version for fact in facts]
        by_hand = Balance(self.model.terms)
        for number, fact in enumerate(facts):
            expected = by_hand.state(facts[: number + 1], fact.occurred_at)
            assert frame.iloc[number][list(expected)].to_dict() == expected

    def replay_all(self) -> None:
        frame = self.lab.replay(self.book.projection("Balance"))
        known = ("Proof::In", "Proof::Out", "Proof::Switched")
        streams = {idx: self.model.of(idx) for idx in sorted(self.model.facts)}
        told = {idx: facts for idx, facts in streams.items() if any(fact.name in known for fact in facts)}
        assert list(frame.idx) == list(told)
        by_hand = Balance(self.model.terms)
        for number, facts in enumerate(told.values()):
            expected = by_hand.state(facts, self.clock.now)
            row = frame.iloc[number]
            assert {name: row[name] for name in expected} == expected
            assert row.version == facts[-1].version

    # --- after every step ------------------------------------------------------------------------------------

    @invariant()
    def the_log_is_the_facts(self) -> None:
        rows = [
            (idx, fact.name, json.loads(json.dumps(fact.payload, default=_as_json)), *fact[2:])
            for idx in sorted(self.model.facts)
            for fact in self.model.of(idx)
        ]
        with self.lab.store.scan() as scan:
            log = [row for table in scan for row in table.to_pylist()]
        found = [
            (r["idx"], r["klass"], json.loads(r["props"]), r["version"], r["created_at"], r["occurred_at"]) for r in log
        ]
        assert found == rows

    @invariant()
    def the_stream_is_the_facts_and_their_fold(self) -> None:
        self.steps += 1
        facts = self.model.of(self.last)
        reading = self.stream(self.last, self.steps).read()
        assert reading.version == self.model.head(self.last)
        shown = [(event.event_name, *_times(event)) for event in reading.events]
        assert shown == [(fact.name, *fact[2:]) for fact in facts]
        self.compare_states(reading, facts, self.clock.now, {})
        # a look into the past, another one at each step
        then = hour(self.steps % 15)
        known = [fact for fact in facts if fact.created_at <= then and fact.occurred_at <= hour(9)]
        self.compare_states(reading, known, hour(9), {"at": hour(9), "as_of": then})

    @invariant()
    def the_journal_is_the_refusals(self) -> None:
        idx = [None, self.last][self.steps % 2]
        refused = sum(idx in (None, there) for there, _ in self.model.journal)
        assert len(self.lab.rejections if idx is None else self.stream(idx).rejections) == refused

    @invariant()
    def the_read_model_is_what_was_last_written(self) -> None:
        if self.model.rows:
            rows = self.lab.store.table("totals").to_pylist()
            assert {row.pop("idx"): row for row in rows} == self.model.rows

    @invariant()
    def readings_stay_where_they_are(self) -> None:
        for seen in self.readings:
            assert seen.reading.version == seen.version


def _times(event: Any) -> tuple[Any, Any, Any]:
    return event.version, event.created_at, event.occurred_at


def _as_row(idx: str, fact: Fact) -> dict[str, Any]:
    return {
        "klass": fact.name, "idx": idx, "props": dict(fact.payload), "version": fact.version,
        "created_at": fact.created_at, "occurred_at": fact.occurred_at,
    }  # fmt: skip


def _as_json(value: object) -> str:
    assert isinstance(value, datetime)
    return value.isoformat().replace("+00:00", "Z")
