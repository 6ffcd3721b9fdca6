"""The fold: what blocks get and may return, plain assignment, one validation at the end (rules 9 and 11)."""

from __future__ import annotations

import decimal
import functools
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest
from pydantic import BaseModel, Field, PrivateAttr

import funes_lab as fl
from tests.domain import (
    DebtEventStream,
    Forgiven,
    Issued,
    Noted,
    NoteStream,
    OutstandingBalance,
    PaymentReceived,
    Trail,
    VirtualOutstandingBalance,
    balance,
    day,
    issued,
    noted,
    paid,
)

# What blocks get and return (rules 9 and 11)


def test_rule_9_blocks_get_the_time_of_the_event_and_the_ends_that_of_the_query(lab, clock):
    class Seen(BaseModel):
        started: datetime | None = None
        ended: datetime | None = None
        times: list[datetime] = []

    class Times(fl.Projection[Seen]):
        @fl.initial_state
        def start(state, at):
            state.started = at

        @fl.interpretation_for(Noted)
        def noted(state, event, at):
            assert at == event.occurred_at
            state.times.append(at)

        @fl.final_state
        def end(state, at):
            state.ended = at

    stream = NoteStream.for_("n", lab=lab)
    for on in (1, 2):
        stream.append(noted(), at=day(on))
    asked = stream.projected_with(Times, at=day(1.5))
    assert asked == Seen(started=day(1.5), ended=day(1.5), times=[day(1)])
    now = clock.now
    assert stream.projected_with(Times) == Seen(started=now, ended=now, times=[day(1), day(2)])
    assert fl.testing.initial_state(Times, at="2026-01-01").started == day(0)
    assert fl.testing.final_state(Times, given=Seen(), at=day(3)).ended == day(3)


def test_rule_9_while_judging_the_ends_get_the_events_own_time(lab):
    seen: list[tuple[str, datetime]] = []

    class Times(Trail):
        @fl.initial_state
        def start(state, at):
            seen.append(("start", at))

        @fl.final_state
        def end(state, at):
            seen.append(("end", at))

    class Stream(fl.EventStream):
        consistency_projection = Times

    stream = Stream.for_("n", lab=lab)
    stream.append(noted(), at=day(5))
    assert set(seen) == {("start", day(5)), ("end", day(5))}
    seen.clear()
    stream.append(noted(), at=day(9))
    assert set(seen) == {("start", day(9)), ("end", day(9))}


@pytest.mark.parametrize("way", ["mutates", "returns the state", "returns another", "returns a copy"])
def test_rule_9_a_block_mutates_the_state_or_returns_one(lab, way):
    class Count(BaseModel):
        n: int = 0

    def block(state: Any, event: Any) -> Any:
        if way == "returns another":
            return Count(n=state.n + 1)
        if way == "returns a copy":
            return state.model_copy(update={"n": state.n + 1})
        state.n += 1
        return state if way == "returns the state" else None

    class Counting(fl.Projection[Count]):
        noted = fl.interpretation_for(Noted)(block)

    stream = NoteStream.for_("n", lab=lab)
    for _ in range(3):
        stream.append(noted())
    state = stream.projected_with(Counting)
    assert type(state) is Count
    assert state.n == 3


@pytest.mark.parametrize("returned", [5, "text", {}, OutstandingBalance()])
def test_what_a_block_returns_must_be_the_state(lab, returned):
    class Wrong(Trail):
        @fl.interpretation_for(Noted)
        def noted(state, event):
            return returned

    stream = NoteStream.for_("n", lab=lab)
    stream.append(noted())
    with pytest.raises(fl.ProjectionError, match=r"Wrong.noted at Debts::Noted #1 .* it must return the Texts"):
        stream.projected_with(Wrong)


def test_rule_11_assignment_is_plain_while_folding_and_the_whole_is_validated_once(lab):
    checked: list[int] = []

    class Level(BaseModel):
        model_config = {"validate_assignment": True, "frozen": True}
        level: int = Field(default=0, ge=0)

        def model_post_init(self, context: object) -> None:
            checked.append(self.level)

    class Levels(fl.Projection[Level]):
        @fl.interpretation_for(Issued)
        def up(state, event):
            state.level -= 1000
            state.level += int(event.amount) + 1000

    stream = NoteStream.for_("n", lab=lab)
    for amount in (1, 2, 3):
        stream.append(issued(amount))
    checked.clear()
    assert stream.projected_with(Levels).level == 6
    assert checked == [6]


@pytest.mark.parametrize("has_required", [False, True])
def test_rule_11_unknown_attributes_are_caught(lab, has_required):
    class Total(BaseModel):
        total: int = 0

    class Required(BaseModel):
        total: int

    class Typo(fl.Projection[Required if has_required else Total]):  # type: ignore[misc]
        @fl.interpretation_for(Noted)
        def noted(state, event):
            state.totl = 5

    stream = NoteStream.for_("n", lab=lab)
    stream.append(noted())
    with pytest.raises(fl.ProjectionError, match=r"Typo.noted at Debts::Noted #1 .*set 'totl', which .* does not have"):
        stream.projected_with(Typo)


def test_rule_11_sums_of_money_never_round_whatever_context_the_caller_has(lab):
    with decimal.localcontext(decimal.Context(prec=3)):
        stream = DebtEventStream.for_("d", lab=lab)
        stream.append(issued("1" + "0" * 30 + ".01"))
        stream.append(paid("0.001"))
        assert balance(stream) == Decimal("1" + "0" * 30 + ".009")
        assert decimal.getcontext().prec == 3


def test_rule_11_an_invalid_state_is_returned_as_it_is_and_state_errors_tells(lab):
    stream = NoteStream.for_("n", lab=lab)
    stream.append(issued(10), at=day(0))
    stream.append(paid(11), at=day(1))
    assert balance(stream) == -1
    errors = stream.state_errors(VirtualOutstandingBalance)
    assert errors.to_list() == [("outstanding_balance", "must be greater than or equal to 0")]
    assert [(error.source, error.value) for error in errors] == [("state", -1)]
    assert not stream.state_errors(VirtualOutstandingBalance, at=day(0.5))


def test_a_cached_property_of_a_state_is_never_out_of_date(lab):
    class Tally(BaseModel):
        texts: list[str] = []

        @functools.cached_property
        def longest(self) -> int:
            return max(map(len, self.texts), default=0)

    class Longest(fl.Projection[Tally]):
        @fl.interpretation_for(Noted)
        def noted(state, event):
            assert state.longest == max(map(len, state.texts), default=0)
            state.texts.append(event.text)

    stream = NoteStream.for_("n", lab=lab)
    for text in ("a", "abc", "ab"):
        stream.append(noted(text))
    assert stream.projected_with(Longest).longest == 3


def test_one_block_may_interpret_several_events(lab):
    class Count(BaseModel):
        n: int = 0

    class Counting(fl.Projection[Count]):
        @fl.interpretation_for(Issued, PaymentReceived)
        @fl.interpretation_for(Noted)
        def any_of_them(state, event):
            state.n += 1

    stream = NoteStream.for_("n", lab=lab)
    for event in (issued(), paid(1), noted(), Forgiven(reason="x", at=day(1))):
        stream.append(event)
    assert stream.projected_with(Counting).n == 3


def test_private_attributes_of_a_state_are_refused_when_the_projection_is_defined():
    class Counted(BaseModel):
        n: int = 0
        _seen: list[str] = PrivateAttr(default_factory=list)

    with pytest.raises(fl.DefinitionError, match="_seen"):

        class Counting(fl.Projection[Counted]):
            @fl.interpretation_for(Noted)
            def noted(state, event):
                state._seen.append(event.text)
