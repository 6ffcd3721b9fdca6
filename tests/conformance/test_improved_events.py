"""What is improved about event objects and definitions."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

import funes_lab as fl
from tests.conformance.domains.debt import (
    DebtEventStream,
    InheritedDebtEventStream,
    InheritedProjection,
    Issued,
    OutstandingBalance,
    PaymentReceived,
    PlainDebtEventStream,
    VirtualOutstandingBalanceProjection,
)

DAY = datetime(2025, 1, 1, tzinfo=UTC)


def issued(amount="100"):
    return Issued(amount=amount, interest_rate="0.05", at=DAY)


def payment(amount):
    return PaymentReceived(principal_amount=amount, interest_amount="1", at=DAY)


def balance(stream):
    return stream.projected_with(VirtualOutstandingBalanceProjection).outstanding_balance


def test_008_an_unknown_attribute_makes_the_event_invalid(lab):
    """008_debt_unknown_attribute: an unknown attribute makes the event invalid (own error on that
    attribute); nothing raises at construction, append refuses it.
    """
    event = Issued(amount="10", interest_rate="0", at=DAY, colour="red")
    assert [error[0] for error in event.own_errors] == ["colour"]
    assert event.kept_aside == {"colour": "red"}
    stream = DebtEventStream.for_("s1", lab=lab)
    assert stream.append(event) is event
    assert not event.persisted
    assert not event.valid
    assert [(error[0], error.source) for error in event.errors] == [("colour", "own")]
    assert stream.events == []
    assert len(lab.rejections) == 1


def test_018_errors_of_an_earlier_attempt_do_not_stick(lab):
    """018_rejected_state_then_retry_same_object: errors of an earlier attempt do not stick: a retry of the
    same object is judged afresh.
    """
    stream = DebtEventStream.for_("s1", lab=lab)
    stream.append(issued("100"))
    event = stream.append(payment("150"))
    assert not event.persisted
    assert event.state_errors.on("outstanding_balance") == ["must be greater than or equal to 0"]
    stream.append(issued("500"))
    assert stream.append_or_raise(event) is event
    assert event.persisted
    assert event.version == 3
    assert event.valid
    assert not event.errors
    assert not event.state_errors
    assert balance(stream) == 350


def test_023_a_persisted_object_cannot_be_appended_again(lab):
    """023_same_object_appended_twice: an event object that is already persisted cannot be appended again:
    AlreadyPersistedError.
    """
    stream = DebtEventStream.for_("s1", lab=lab)
    stream.append(issued())
    event = stream.append(payment("10"))
    recorded = event.created_at
    for attempt in (stream.append, stream.append_or_raise, stream.read().append):
        with pytest.raises(fl.AlreadyPersistedError):
            attempt(event)
    assert event.persisted
    assert event.version == 2
    assert event.created_at == recorded
    assert event.valid
    assert [e.version for e in stream.events] == [1, 2]
    assert balance(stream) == 90


def test_024_a_persisted_object_cannot_be_appended_to_another_stream(lab):
    """024_same_object_appended_to_two_streams: as 023"""
    event = DebtEventStream.for_("a", lab=lab).append(issued())
    other = DebtEventStream.for_("b", lab=lab)
    with pytest.raises(fl.AlreadyPersistedError):
        other.append(event)
    assert event.persisted
    assert other.version == 0
    assert len(lab.log.df()) == 1


def test_037_a_subclass_of_a_stream_inherits_its_configuration(lab):
    """037_inherited_stream_loses_configuration: a subclass of a stream inherits its configuration"""
    stream = InheritedDebtEventStream.for_("s1", lab=lab)
    stream.append(issued())
    event = stream.append(payment("1000"))
    assert not event.persisted
    assert event.state_errors.to_list() == [("outstanding_balance", "must be greater than or equal to 0")]
    assert stream.consistency_order == "on_top"
    assert balance(stream) == 100


def test_038_a_misconfigured_projection_is_refused_when_the_class_is_defined(lab):
    """038_misconfigured_projections: misconfigured projections are refused when the class is defined, with
    a message that says what is missing; a projection subclass inherits its blocks
    """
    with pytest.raises(fl.DefinitionError, match=r"ModellessProjection.*Projection\[") as modelless:

        class ModellessProjection(fl.Projection):
            @fl.interpretation_for(Issued)
            def issued(state, event):
                return state

    with pytest.raises(fl.DefinitionError, match=r"BareProjection.*interpretation"):

        class BareProjection(fl.Projection[OutstandingBalance]):
            pass

    assert isinstance(modelless.value, TypeError)
    stream = PlainDebtEventStream.for_("s1", lab=lab)
    stream.append(issued())
    assert stream.projected_with(InheritedProjection).outstanding_balance == 100


@pytest.mark.parametrize("amount", ["Infinity", "-Infinity", "NaN", float("inf"), float("nan")])
def test_133_infinity_and_nan_are_refused_by_own_validation(lab, amount):
    """133_debt_infinity_becomes_null: Infinity and NaN are refused by own validation"""
    stream = PlainDebtEventStream.for_("s1", lab=lab)
    for event in (issued(amount), payment(amount)):
        stream.append(event)
        assert not event.persisted
        assert [error.source for error in event.errors] == ["own"]
        assert event.own_errors[0][0] in ("amount", "principal_amount")
    assert stream.events == []
