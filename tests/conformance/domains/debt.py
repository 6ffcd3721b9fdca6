"""The debt domain: events, model, projections and streams, as a user would write them."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from pydantic import BaseModel, Field

import funes_lab as fl
from tests.conformance.domains.base import RubyOrderStream
from tests.conformance.domains.checks import DecimalFromZero, PositiveDecimal, PresentTime, required


class Issued(fl.Event, name="Debt::Issued"):
    """A debt begins. The order of the fields is the order of the errors."""

    at: PresentTime = required()
    amount: PositiveDecimal = required()
    interest_rate: DecimalFromZero = required()


class PaymentReceived(fl.Event, name="Debt::PaymentReceived"):
    """A payment, without a rule of its own."""

    principal_amount: Decimal | None = None
    interest_amount: Decimal | None = None
    at: datetime | None = None


class LatePaymentReceived(PaymentReceived, name="Debt::LatePaymentReceived"):
    """A kind of payment that no projection interprets."""


class Noted(fl.Event, name="Debt::Noted"):
    """A remark."""

    text: str | None = None


class OutstandingBalance(BaseModel):
    """What is still owed."""

    outstanding_balance: DecimalFromZero = None
    last_payment_at: datetime | None = None
    issuance_date: datetime | None = None


class VirtualOutstandingBalanceProjection(fl.Projection[OutstandingBalance]):
    """The balance, with no opinion about a payment."""

    @fl.interpretation_for(Issued)
    def issued(state, event, at):
        state.outstanding_balance = event.amount
        state.issuance_date = at
        return state

    @fl.interpretation_for(PaymentReceived)
    def paid(state, event, at):
        state.outstanding_balance -= event.principal_amount
        state.last_payment_at = at
        return state


class StrictOutstandingBalanceProjection(VirtualOutstandingBalanceProjection):
    """The same, and an event without a block is an error."""

    strict = True


class InterpOutstandingBalanceProjection(VirtualOutstandingBalanceProjection):
    """The same, and its block refuses a payment above the balance."""

    @fl.interpretation_for(PaymentReceived)
    def paid(state, event, at):
        if event.principal_amount > state.outstanding_balance:
            event.errors.add("principal_amount", "exceeds outstanding balance")
        state.outstanding_balance -= event.principal_amount
        state.last_payment_at = at
        return state


class ClampedOutstandingBalanceProjection(VirtualOutstandingBalanceProjection):
    """Its block refuses as well, but never leads to an invalid state."""

    @fl.interpretation_for(PaymentReceived)
    def paid(state, event, at):
        if event.principal_amount == 0:
            event.errors.add("base", "Payment must not be zero")
        if event.principal_amount > state.outstanding_balance:
            event.errors.add("principal_amount", "exceeds outstanding balance")
        state.outstanding_balance = max(state.outstanding_balance - event.principal_amount, Decimal(0))
        state.last_payment_at = at
        return state


class InheritedProjection(VirtualOutstandingBalanceProjection):
    """An empty subclass."""


class Trail(BaseModel):
    """What the blocks were called with, in the order of the calls."""

    trail: list[tuple[str, Decimal | str | None, datetime]] = Field(default_factory=list)
    initial_at: datetime | None = None
    final_at: datetime | None = None


class TrailProjection(fl.Projection[Trail]):
    """Shows the order of a replay and every time that a block gets."""

    @fl.initial_state
    def begun(state, at):
        state.initial_at = at
        return state

    @fl.interpretation_for(Issued)
    def issued(state, event, at):
        state.trail.append(("issued", event.amount, at))
        return state

    @fl.interpretation_for(PaymentReceived)
    def paid(state, event, at):
        state.trail.append(("paid", event.principal_amount, at))
        return state

    @fl.interpretation_for(Noted)
    def noted(state, event, at):
        state.trail.append(("noted", event.text, at))
        return state

    @fl.final_state
    def done(state, at):
        state.final_at = at
        return state


class PlainDebtEventStream(RubyOrderStream):
    """Nothing is judged."""


class DebtEventStream(RubyOrderStream):
    """The balance must hold."""

    consistency_projection = VirtualOutstandingBalanceProjection


class InheritedDebtEventStream(DebtEventStream):
    """An empty subclass."""


class DebtInterpEventStream(RubyOrderStream):
    """The block and the balance refuse."""

    consistency_projection = InterpOutstandingBalanceProjection


class DebtClampedEventStream(RubyOrderStream):
    """Only the block refuses."""

    consistency_projection = ClampedOutstandingBalanceProjection


class DebtStrictEventStream(RubyOrderStream):
    """No event without a block."""

    consistency_projection = StrictOutstandingBalanceProjection


class DebtTransactionalInterpEventStream(RubyOrderStream):
    """A virtual projection beside the append: it writes nothing and refuses nothing."""

    transactional_projections = [InterpOutstandingBalanceProjection]


class DebtDatedEventStream(DebtEventStream):
    """The event says when it happened."""

    actual_time_attribute = "at"


class DebtDatedInterpEventStream(DebtInterpEventStream):
    """The event says when it happened."""

    actual_time_attribute = "at"


class DebtDatedClampedEventStream(DebtClampedEventStream):
    """The event says when it happened."""

    actual_time_attribute = "at"
