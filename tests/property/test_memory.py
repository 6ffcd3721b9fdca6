"""What a refused event did to a state is never seen, and every judgement is that of a full replay (rules 2, 8, 10)."""

from __future__ import annotations

import logging
from datetime import timedelta
from itertools import count
from typing import Any

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

import funes_lab as fl
from tests.domain import START
from tests.property.families import FAMILIES, Broke, Did, Fact, FixedFamily, ListFamily, Story, canonical

KINDS = ["put", "put", "swap", "grow", "take", "take", "refuse", "break", "at most three", "needs two"]
tags = st.lists(st.sampled_from("abc"), max_size=2)
events = st.builds(lambda kind, tags, amount: (kind, tags, amount), st.sampled_from(KINDS), tags, st.integers(0, 3))
days = st.integers(0, 6)

_numbers = count()


class Writers(RuleBasedStateMachine):
    """Writers who append, are refused, break blocks, roll back; the plain story says what must be there."""

    story: Story
    lab: fl.Lab
    fresh: fl.Lab

    @initialize()
    def begin(self) -> None:
        idx = str(next(_numbers))
        options = {"consistency_projection": self.story.family, "consistency_order": self.story.order}
        stream_class = type("Judged", (fl.EventStream,), options)
        self.stream = stream_class.for_(idx, lab=self.lab)
        self.reader = fl.EventStream.for_(idx, lab=self.fresh)
        self.reading: fl.Reading | None = None
        self.facts: list[Fact] = []

    # --- what writers do ------------------------------------------------------------------------------------

    @rule(event=events, day=days)
    def append(self, event: Any, day: int) -> None:
        self._append(self.stream, event, day, self.facts)

    @rule()
    def read(self) -> None:
        self.reading = self.stream.read()

    @precondition(lambda self: self.reading is not None)
    @rule(event=events, day=days)
    def append_to_reading(self, event: Any, day: int) -> None:
        assert self.reading is not None
        self._append(self.reading, event, day, self.facts)

    @rule(batch=st.lists(st.tuples(events, days), min_size=1, max_size=4), by_reading=st.booleans())
    def append_all(self, batch: list[Any], by_reading: bool) -> None:
        day = max(day for _, day in batch)
        self._append_all(self.reading if by_reading and self.reading else self.stream, [e for e, _ in batch], day)

    @rule(event=events, day=days)
    def check(self, event: Any, day: int) -> None:
        made, fact = self._made(event, day, len(self.facts))
        expected = self.story.verdict(self.facts, fact)
        if expected == "fault":
            with pytest.raises(fl.ProjectionError):
                self.stream.check(made, at=fact.at)
        else:
            assert bool(self.stream.check(made, at=fact.at)) == (expected == "accepted")
        assert not made.persisted

    @rule(kind=st.sampled_from(["put", "take", "refuse"]), amount=st.integers(0, 3), day=days)
    def another_program_writes(self, kind: str, amount: int, day: int) -> None:
        fact = self._made((kind, ["raw"], amount), day, len(self.facts))[1]
        props = {"kind": kind, "tags": ["raw"], "amount": amount}
        row = {"klass": "Property::Did", "idx": self.stream.idx, "version": fact.version, "props": props}
        fl.testing.raw_insert(self.lab, {**row, "created_at": START, "occurred_at": fact.at})
        self.facts.append(fact)

    @rule(work=st.lists(st.tuples(events, days), min_size=1, max_size=3), kept=st.booleans(), reads=st.booleans())
    def transaction(self, work: list[Any], kept: bool, reads: bool) -> None:
        inside = list(self.facts)
        with self.lab.transaction():
            side = self.reading if reads and self.reading else self.stream
            for event, day in work:
                self._append(side, event, day, inside)
            assert [e.version for e in self.stream.events] == [fact.version for fact in sorted(inside)]
            if not kept:
                raise fl.Rollback
        if kept:
            self.facts = inside

    # --- what must be there ---------------------------------------------------------------------------------

    @invariant()
    def the_log_has_the_accepted_events_and_no_other(self) -> None:
        if not hasattr(self, "stream"):
            return
        found = [(e.occurred_at, e.version, e.kind, tuple(e.tags), e.amount) for e in self.reader.events]  # type: ignore[attr-defined]
        assert found == sorted(self.facts)
        if self.facts:
            at = START + timedelta(days=30)
            self._agree(self.reader, self.facts, at)
        if self.reading is not None and self.reading.version:
            self._agree(self.reading, self.facts[: self.reading.version], START + timedelta(days=3))

    def teardown(self) -> None:
        if getattr(self, "facts", None):
            self._frame_agrees()

    # --- below ----------------------------------------------------------------------------------------------

    def _made(self, event: Any, day: int, seen: int) -> tuple[Did, Fact]:
        kind, labels, amount = event
        fact = Fact(START + timedelta(days=day), seen + 1, kind, tuple(labels), amount)
        given = list(labels)
        made = Did(kind=kind, tags=given, amount=amount)
        given.append("not mine any more")
        return made, fact

    def _append(self, side: Any, event: Any, day: int, facts: list[Fact]) -> None:
        version = side.version
        made, fact = self._made(event, day, version)
        expected = self.story.verdict(facts[:version], fact)
        if expected == "fault":
            with pytest.raises(fl.ProjectionError):
                side.append(made, at=fact.at)
            assert not made.persisted
            return
        side.append(made, at=fact.at)
        assert made.tags == list(fact.tags)
        made.tags.append("changed behind its back")
        if expected == "accepted" and version < len(facts):
            expected = "conflict"
        assert made.persisted == (expected == "accepted"), (expected, made.errors)
        if made.persisted:
            facts.append(fact)
            assert side.version == version + 1
        else:
            assert (made.rejection.stage == "conflict") == (expected == "conflict")
            assert side.version == version

    def _append_all(self, side: Any, batch: list[Any], day: int) -> None:
        version, now = side.version, self.lab.now
        self.lab.now = lambda: START + timedelta(days=day)  # type: ignore[method-assign]
        facts, made, expected = self.facts[:version], [], "accepted"
        for event in batch:
            one, fact = self._made(event, day, len(facts))
            made.append(one)
            if expected == "accepted":
                expected = self.story.verdict(facts, fact)
                facts.append(fact)
        try:
            if expected == "fault":
                with pytest.raises(fl.ProjectionError):
                    side.append_all(made)
            else:
                side.append_all(made)
        finally:
            self.lab.now = now  # type: ignore[method-assign]
        wins = expected == "accepted" and version == len(self.facts)
        assert [one.persisted for one in made] == [wins] * len(made)
        assert side.version == version + len(made) * wins
        if wins:
            self.facts = facts

    def _agree(self, side: Any, facts: list[Fact], at: Any) -> None:
        left = [fact for fact in facts if fact.at <= at]
        try:
            expected = self.story.query(left, at)
        except Broke:
            with pytest.raises(fl.ProjectionError):
                side.projected_with(self.story.family, at=at)
            return
        if left:
            assert canonical(side.projected_with(self.story.family, at=at)) == expected

    def _frame_agrees(self) -> None:
        facts = sorted(self.facts)
        try:
            expected = [self.story.query(facts[: n + 1], fact.at) for n, fact in enumerate(facts)]
        except Broke:
            return
        frame = self.reader.replay(self.story.family)
        state = self.story.family._fold.state
        fields = [name for name in frame.columns if name in state.model_fields or name == "items"]
        rows = [state.model_construct(**row) for row in frame[fields].to_dict("records")]
        assert [canonical(row) for row in rows] == expected


VARIANTS = [(family, "true_place") for family in FAMILIES] + [(ListFamily, "on_top"), (FixedFamily, "on_top")]


@pytest.mark.parametrize(("family", "order"), VARIANTS, ids=lambda value: getattr(value, "__name__", value))
def test_rules_2_8_and_10_every_judgement_is_that_of_a_full_replay(family, order, tmp_path, monkeypatch):
    monkeypatch.setattr(logging.getLogger("funes_lab"), "disabled", True)
    lab, fresh = (fl.Lab(tmp_path / "memory.duckdb") for _ in range(2))
    machine = type("Machine", (Writers,), {"story": Story(family, order), "lab": lab, "fresh": fresh})
    # a failure of twenty steps is read as it is: making it smaller takes minutes
    phases = [phase for phase in Phase if phase is not Phase.shrink]
    how_often = settings(max_examples=12, stateful_step_count=20, deadline=None, phases=phases)
    run_state_machine_as_test(machine, settings=how_often)  # type: ignore[no-untyped-call]
