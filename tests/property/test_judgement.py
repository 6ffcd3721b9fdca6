"""Whatever is in a log, a judgement is that of a full replay, and a replay obeys its law (rules 8 and 10)."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import timedelta
from itertools import count
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import funes_lab as fl
from tests.domain import START
from tests.property.families import FAMILIES, Did, Fact, Story, TimedFamily, canonical

KINDS = ["put", "put", "swap", "grow", "take", "take", "refuse", "at most three", "needs two"]
happenings = st.tuples(
    st.sampled_from(KINDS), st.lists(st.sampled_from("abc"), max_size=2), st.integers(0, 3), st.integers(0, 8)
)
_numbers = count()


@pytest.fixture(scope="module")
def lab() -> Iterator[fl.Lab]:
    logger = logging.getLogger("funes_lab")
    logger.disabled = True
    lab = fl.Lab()
    yield lab
    lab.close()
    logger.disabled = False


def written(lab: fl.Lab, order: str, family: Any, told: list[Any]) -> tuple[fl.EventStream, list[Fact]]:
    """A log that another program wrote, judged by nobody."""
    idx = str(next(_numbers))
    facts = [
        Fact(START + timedelta(days=day), number, kind, tuple(tags), amount)
        for number, (kind, tags, amount, day) in enumerate(told, 1)
    ]
    lab.load(
        {
            "klass": "Property::Did",
            "idx": idx,
            "version": fact.version,
            "props": {"kind": fact.kind, "tags": fact.tags, "amount": fact.amount},
            "created_at": START,
            "occurred_at": fact.at,
        }
        for fact in facts
    )
    options = {"consistency_projection": family, "consistency_order": order}
    return type("Judged", (fl.EventStream,), options).for_(idx, lab=lab), facts


@pytest.mark.parametrize("order", ["true_place", "on_top"])
@pytest.mark.parametrize("family", FAMILIES)
@settings(max_examples=40, deadline=None)
@given(told=st.lists(happenings, max_size=7), tried=st.lists(happenings, min_size=1, max_size=6))
@example(told=[("put", [], 0, 1), ("take", [], 2, 8)], tried=[("put", [], 1, 3)])
def test_rule_8_a_judgement_is_that_of_a_full_replay(lab, family, order, told, tried):
    stream, facts = written(lab, order, family, told)
    story = Story(family, order)
    for kind, tags, amount, day in tried:
        new = Fact(START + timedelta(days=day), len(facts) + 1, kind, tuple(tags), amount)
        event = Did(kind=kind, tags=tags, amount=amount)
        expected = story.verdict(facts, new)
        if expected == "fault":
            with pytest.raises(fl.ProjectionError):
                stream.check(event, at=new.at)
            continue
        verdict = stream.check(event, at=new.at)
        assert ("accepted" if verdict else "refused") == expected, event.errors
        earlier = [fact for fact in facts if fact.at <= new.at or order == "on_top"]
        assert canonical(verdict.state_before) == story.query(earlier, new.at)
        if verdict:
            last = order == "on_top" and facts and new.at < max(facts).at
            after = [*sorted(earlier), new]
            if not last:
                assert canonical(verdict.state_after) == story.query(after, new.at)
    assert [event.version for event in stream.events] == [fact.version for fact in sorted(facts)]


def fields_of(frame: Any, family: Any) -> list[Any]:
    """The states of a replay, built again from its columns."""
    state = family._fold.state
    names = [name for name in frame.columns if name in state.model_fields or name == "items"]
    return [canonical(state.model_construct(**row)) for row in frame[names].to_dict("records")]


@pytest.mark.parametrize("family", FAMILIES)
@settings(max_examples=30, deadline=None)
@given(told=st.lists(happenings.filter(lambda h: h[0] != "needs two"), min_size=1, max_size=8), till=st.integers(0, 9))
def test_rule_10_row_k_of_a_replay_is_projected_with_over_the_events_up_to_k_at_their_time(lab, family, told, till):
    told = [(kind, tags, amount, 2 * day) for kind, tags, amount, day in told]
    stream, facts = written(lab, "true_place", family, told)
    story, facts = Story(family), sorted(facts)
    frame = stream.replay(family)
    assert list(frame.version) == [fact.version for fact in facts]
    assert fields_of(frame, family) == [story.query(facts[: n + 1], fact.at) for n, fact in enumerate(facts)]
    for number, fact in enumerate(facts):
        if number + 1 == len(facts) or facts[number + 1].at > fact.at:
            state = stream.projected_with(family, at=fact.at)
            assert fields_of(frame, family)[number] == canonical(state)
    cut = START + timedelta(days=till)
    left = [fact for fact in facts if fact.at <= cut]
    assert list(stream.replay(family, at=cut).version) == [fact.version for fact in left]
    assert fields_of(stream.replay(family, at=cut), family) == fields_of(frame, family)[: len(left)]


@settings(max_examples=20, deadline=None)
@given(st.lists(st.lists(happenings.filter(lambda h: h[0] != "needs two"), min_size=1, max_size=6), max_size=4))
def test_lab_replay_is_projected_with_of_every_stream(streams):
    lab = fl.Lab(clock=fl.testing.Clock(START))
    try:
        wanted = {}
        for told in streams:
            stream, facts = written(lab, "true_place", TimedFamily, told)
            wanted[stream.idx] = (max(facts).version, *Story(TimedFamily).query(facts, START))
        frame = lab.replay(TimedFamily)
        found = zip(frame.idx, frame.version, fields_of(frame, TimedFamily), strict=True)
        assert {idx: (version, *state) for idx, version, state in found} == wanted
    finally:
        lab.close()
