"""The consistency projection: where an event is judged, and what counts against it (rules 8 and 10)."""

from __future__ import annotations

import pytest
from pydantic import BaseModel, Field

import funes_lab as fl
from tests.domain import (
    DebtEventStream,
    Forgiven,
    Noted,
    NoteStream,
    ShortNoteStream,
    ShortTrail,
    VirtualOutstandingBalance,
    balance,
    day,
    issued,
    noted,
    paid,
)


class OnTop(DebtEventStream):
    consistency_order = "on_top"


@pytest.fixture
def debt(lab: fl.Lab) -> DebtEventStream:
    return DebtEventStream.for_("debts-1", lab=lab)


# The true place (rule 8)


def test_rule_8_replay_order_is_by_occurred_at_then_version(debt):
    for amount, on in ((1, 5), (2, 1), (3, 5), (4, 1), (5, 9)):
        debt.append(issued(amount, on=on))
    assert [(event.version, event.occurred_at) for event in debt.events] == [
        (2, day(1)), (4, day(1)), (1, day(5)), (3, day(5)), (5, day(9))]  # fmt: skip
    assert balance(debt, at=day(5)) == 3


def test_rule_8_a_backdated_event_is_judged_at_its_true_place(debt):
    debt.append(issued(100, on=0))
    debt.append(paid(90, on=10))
    assert debt.append(issued(500, on=20)).persisted
    refused = debt.append(paid(20, on=5))
    assert refused.state_errors.on("outstanding_balance") == ["must be greater than or equal to 0"]
    assert refused.rejection.place == 1
    assert refused.rejection.state_before["outstanding_balance"] == 100
    assert [error.rule for error in refused.state_errors] == ["OutstandingBalance, after #2"]
    assert refused.rejection.state_after["outstanding_balance"] == -10
    assert "after #1" in repr(refused.rejection.explain())
    assert debt.append(paid(10, on=5)).version == 4
    assert balance(debt, at=day(10)) == 0


def test_rule_8_only_what_the_backdated_event_adds_counts_against_it(lab, debt):
    other = NoteStream.for_("debts-1", lab=lab)
    debt.append(issued(100, on=0))
    other.append(paid(150, on=0), at=day(10))
    assert debt.state_errors(VirtualOutstandingBalance)
    assert debt.append(paid(5, on=5)).persisted
    assert debt.append(issued(200, on=6)).persisted
    unlucky = debt.append(paid(13, on=7))
    assert unlucky.errors.full_messages == ["Principal amount must not be unlucky"]


def test_rule_8_a_later_event_that_would_be_refused_counts(lab):
    class Ticket(BaseModel):
        sold: int = 0
        left: int = Field(default=2, ge=0)

    class Tickets(fl.Projection[Ticket]):
        @fl.interpretation_for(Noted)
        def noted(state, event):
            state.sold += 1
            if event.text == "first" and state.sold > 1:
                event.errors.add("text", "was not the first")

    class Stream(fl.EventStream):
        consistency_projection = Tickets

    stream = Stream.for_("n", lab=lab)
    stream.append(noted("first"), at=day(5))
    refused = stream.append(noted("earlier"), at=day(1))
    assert refused.errors.full_messages == ["#1 Debts::Noted would be refused: Text was not the first"]
    assert refused.rejection.stage == "interpretation"
    assert refused.rejection.place == 0
    assert stream.append(noted("later"), at=day(9)).persisted


def test_rule_8_each_broken_later_step_is_told_once(debt):
    debt.append(issued(100, on=0))
    for on in (10, 11, 12):
        debt.append(paid(33, on=on))
    refused = debt.append(paid(60, on=5))
    assert [(error.rule, error.value) for error in refused.state_errors] == [("OutstandingBalance, after #3", -26)]
    assert refused.rejection.state_after["outstanding_balance"] == -26


def test_rule_8_a_tie_goes_by_version_and_is_no_backdating(debt):
    debt.append(issued(100, on=5))
    assert debt.append(paid(100, on=5)).rejection is None
    refused = debt.append(paid(1, on=5))
    assert refused.rejection.place is None
    assert refused.state_errors


def test_rule_8_a_block_that_breaks_at_a_later_event_is_a_fault_and_stores_nothing(lab):
    class Count(BaseModel):
        n: int = 0

    class Fragile(fl.Projection[Count]):
        @fl.interpretation_for(Noted)
        def noted(state, event):
            state.n += 1
            if event.text == "second" and state.n == 3:
                raise ValueError("three is too many")

    class Stream(fl.EventStream):
        consistency_projection = Fragile

    stream = Stream.for_("n", lab=lab)
    stream.append(noted("first"), at=day(1))
    stream.append(noted("second"), at=day(2))
    with pytest.raises(fl.ProjectionError, match="#2"):
        stream.append(noted("between"), at=day(1.5))
    assert len(stream) == 2
    assert len(lab.rejections) == 0
    assert stream.append(noted("third"), at=day(3)).version == 3


def test_rule_8_on_top_judges_the_new_event_last_whatever_its_date(lab):
    debt = OnTop.for_("debts-1", lab=lab)
    debt.append(issued(100, on=0))
    debt.append(paid(90, on=10))
    debt.append(issued(500, on=20))
    poison = debt.append(paid(20, on=5))
    assert poison.persisted
    assert balance(debt, at=day(10)) == -10
    assert debt.state_errors(VirtualOutstandingBalance, at=day(10))
    assert debt.append(paid(501, on=5)).rejection.place is None


def test_rule_10_what_a_broken_block_did_to_a_state_is_never_seen(lab):
    stream = ShortNoteStream.for_("n", lab=lab)
    stream.append(noted("a"))
    for _ in range(3):
        with pytest.raises(fl.ProjectionError):
            stream.append(noted("broken"))
    for text in ("b", "c"):
        assert stream.append(noted(text)).persisted
    assert not stream.append(noted("d")).persisted
    assert stream.projected_with(ShortTrail).texts == ["a", "b", "c"]


def test_a_forgiven_debt_is_judged_by_its_own_block(debt):
    debt.append(issued(100))
    assert debt.append(Forgiven(reason="kind", at=day(1))).persisted
    assert balance(debt) == 0
