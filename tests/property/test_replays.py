"""Replays of random histories: row k is what the events up to k lead to, however the log is read (rule 10)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import funes_lab as fl
from funes_lab.store import scan
from tests.domain import START, NoteStream, day, noted
from tests.property.families import FAMILIES, Broke, Did, Fact, Story, canonical

KINDS = ["put", "put", "swap", "grow", "take", "not for us"]
tags = st.lists(st.sampled_from("abc"), max_size=2)
happenings = st.tuples(st.sampled_from(KINDS), tags, st.integers(0, 3), st.integers(0, 4))
histories = st.lists(st.lists(happenings, max_size=6), min_size=1, max_size=4)
families = st.sampled_from(FAMILIES)
partitions = st.sampled_from([1, 2, 3, 7, 1000])

NOW = day(30)
unhurried = settings(deadline=None, max_examples=50)


class Told:
    """Streams with a random history in a log of their own, and what happened in each as plain facts."""

    def __init__(self, history: list[list[Any]]) -> None:
        self.clock = fl.testing.Clock(START + timedelta(days=10), tick=timedelta(seconds=1))
        self.lab = fl.Lab(clock=self.clock)
        self.facts: dict[str, list[Fact]] = {}
        self.created: dict[str, list[datetime]] = {}
        for number, happened in enumerate(history):
            idx = ["b", "a", "b*", "[a]"][number]
            stream = NoteStream.for_(idx, lab=self.lab)
            self.facts[idx], self.created[idx] = [], []
            for version, (kind, labels, amount, on) in enumerate(happened, start=1):
                event: fl.Event = noted() if kind == "not for us" else Did(kind=kind, tags=labels, amount=amount)
                assert stream.append(event, at=day(on)).persisted
                assert event.created_at is not None
                self.facts[idx].append(Fact(day(on), version, kind, tuple(labels), amount))
                self.created[idx].append(event.created_at)

    def __enter__(self) -> Told:
        return self

    def __exit__(self, *exc: object) -> None:
        self.lab.close()

    def stream(self, idx: str) -> NoteStream:
        return NoteStream.for_(idx, lab=self.lab)

    def ours(self, idx: str) -> bool:
        return any(fact.kind != "not for us" for fact in self.facts[idx])


@contextmanager
def partitions_of(rows: int) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scan, "PARTITION", rows)
        yield


def state_of(family: type[fl.Projection[Any]], row: Mapping[str, Any]) -> tuple[list[list[str]], int]:
    """The state in a row, in the terms of the plain story."""
    keys = {"idx", "version", "event", "occurred_at", "created_at"}
    fields = {name: value for name, value in row.items() if name not in keys}
    items, total = canonical(family._fold.state.model_construct(**{**fields, "items": fields.get("items") or []}))
    return items, int(total)


def story_of(family: type[fl.Projection[Any]], facts: list[Fact], at: datetime) -> tuple[list[list[str]], int]:
    return Story(family).query([fact for fact in facts if fact.kind != "not for us"], at)


@unhurried
@given(history=histories, family=families, size=partitions)
def test_row_k_of_the_steps_is_the_state_after_the_events_up_to_k_at_its_time(history, family, size):
    with Told(history) as told:
        with partitions_of(size):
            whole = told.lab.replay(family, all=True, steps=True)
            interpreted = told.lab.replay(family, steps=True)
        for idx, facts in told.facts.items():
            ordered = sorted(facts)
            frames = [told.stream(idx).replay(family), whole[whole.idx == idx]]
            frames += [interpreted[interpreted.idx == idx]] if told.ours(idx) else []
            for frame in frames:
                rows = frame.to_dict("records")
                assert [row["version"] for row in rows] == [fact.version for fact in ordered]
                for k, row in enumerate(rows):
                    assert row["occurred_at"] == ordered[k].at
                    assert state_of(family, row) == story_of(family, ordered[: k + 1], ordered[k].at)
            assert (idx in set(interpreted.idx)) == told.ours(idx)


@unhurried
@given(history=histories, family=families, size=partitions)
def test_without_steps_a_row_is_what_projected_with_gives(history, family, size):
    with Told(history) as told:
        for at, as_of in [(NOW, None), (day(2), None), (day(3), START + timedelta(days=10, seconds=4))]:
            with partitions_of(size):
                frame = told.lab.replay(family, at=at, as_of=as_of, all=True)
            expected = {}
            for idx in told.facts:
                try:
                    state = told.stream(idx).projected_with(family, at=at, as_of=as_of)
                except fl.StreamNotFound:
                    continue
                expected[idx] = canonical(state)
            found = {str(row["idx"]): state_of(family, row) for row in frame.to_dict("records")}
            assert found == expected
            assert list(frame.idx) == sorted(expected)


@unhurried
@given(history=histories, family=families, size=partitions)
def test_frames_are_the_same_in_one_partition_and_in_many(history, family, size):
    with Told(history) as told:

        def frames() -> list[pd.DataFrame]:
            lab = told.lab
            return [
                lab.replay(family, at=NOW), lab.replay(family, steps=True, changes=True), lab.log.df(), lab.log.df(Did),
                lab.replay(family, "b*", all=True, at=NOW), lab.log.df(idx=["a", "b*"], at=day(2)),
                lab.log.df(expand=False), lab.diff(family, Totals, at=NOW) if has_total(family) else lab.log.df(),
                lab.replay(Strict, steps=True, on_error="skip"), lab.replay(Strict, on_error="stop"),
            ]  # fmt: skip

        whole = frames()
        with partitions_of(size):
            for one, other in zip(whole, frames(), strict=True):
                pd.testing.assert_frame_equal(one, other)


def has_total(family: type[fl.Projection[Any]]) -> bool:
    return "total" in family._fold.state.model_fields


class Totals(FAMILIES[0]):  # type: ignore[misc]
    """Another end than the first family's."""

    @fl.final_state
    def end(state):
        state.total *= 2


with_a_total = families.filter(has_total)


class Strict(FAMILIES[0]):  # type: ignore[misc]
    """It breaks at what it does not know."""

    strict = True


@unhurried
@given(history=st.lists(happenings, min_size=1, max_size=5), family=families)
def test_a_cell_of_the_grid_is_projected_with_at_its_two_times(history, family):
    with Told([[], history]) as told:
        field = "inner" if not has_total(family) else "total"
        asked = [{}, {"at": [day(n) for n in (-1, 1, 4)], "as_of": [START, told.created["a"][-1], NOW]}]
        for grid in (told.lab.bitemporal(family, "a", field, **when) for when in asked):
            for as_of, row in grid.iterrows():
                for at, cell in row.items():
                    try:
                        state = told.stream("a").projected_with(family, at=at, as_of=as_of)
                    except fl.StreamNotFound:
                        assert pd.isna(cell)
                    else:
                        assert cell == getattr(state, field)


@unhurried
@given(history=histories, family=with_a_total)
def test_differences_are_the_fields_of_the_two_replays_that_are_not_equal(history, family):
    with Told(history) as told:
        ours, theirs = (told.lab.replay(which, at=NOW).set_index("idx") for which in (family, Totals))
        expected = {(idx, "total"): (ours.total[idx], theirs.total[idx]) for idx in ours.index
                    if ours.total[idx] != theirs.total[idx]}  # fmt: skip
        frame = told.lab.diff(family, Totals, at=NOW)
        found = {(row.idx, row.field): (row.left, row.right) for row in frame.itertuples() if row.field == "total"}
        assert found == expected


broken = st.lists(st.tuples(st.sampled_from([*KINDS, "break", "needs two"]), tags, st.integers(0, 3),
                            st.integers(0, 4)), min_size=1, max_size=6)  # fmt: skip


@unhurried
@given(
    happened=broken, other=st.lists(happenings, max_size=3), family=families, on_error=st.sampled_from(["stop", "skip"])
)
def test_what_breaks_is_left_out_and_told_and_no_other_stream_notices(happened, other, family, on_error):
    with Told([other, happened]) as told:
        story = Story(family)
        good: list[Fact] = []
        expected: list[tuple[int, bool]] = []
        for fact in sorted(told.facts["a"]):
            if fact.kind != "not for us":
                try:
                    story.fold([*good, fact], NOW)
                except Broke:
                    expected.append((fact.version, True))
                    if on_error == "stop":
                        break
                    continue
                good.append(fact)
            expected.append((fact.version, False))
        frame = told.lab.replay(family, steps=True, on_error=on_error, all=True)
        ours = frame[frame.idx == "a"]
        assert list(zip(ours.version, ours.error.notna(), strict=True)) == expected
        kept = {fact.version for fact in good} | {f.version for f in told.facts["a"] if f.kind == "not for us"}
        facts = {fact.version: fact for fact in told.facts["a"]}
        so_far: list[Fact] = []
        for row in ours.to_dict("records"):
            fact = facts[row["version"]]
            so_far += [fact] if fact.version in kept else []
            row.pop("error")
            assert state_of(family, row) == story_of(family, so_far, fact.at)
        last = told.lab.replay(family, "a", at=NOW, on_error=on_error, all=True).to_dict("records")[0]
        assert pd.isna(last.pop("error")) == (not any(broke for _, broke in expected))
        assert state_of(family, last) == story_of(family, so_far, NOW)
        alone = told.lab.replay(family, "b", steps=True, all=True)
        together = frame[frame.idx == "b"].drop(columns="error")
        assert together.drop(columns=["idx", "event"]).to_dict("records") == (
            alone.drop(columns=["idx", "event"]).to_dict("records")
        )
