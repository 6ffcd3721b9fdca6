"""What is improved about async projections: a temporal context that cannot work is found out in time."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

import funes_lab as fl
from tests.conformance.domains.salary import (
    SalaryAsyncBadProcEventStream,
    SalaryEventStream,
    SalaryRecordProjection,
    Set,
)

JANUARY_1 = datetime(2025, 1, 1, tzinfo=UTC)


@pytest.fixture
def lab(clock):
    with fl.Lab(clock=clock, jobs="manual") as lab:
        yield lab


def test_092_what_can_be_checked_when_the_class_is_defined_is_checked_then():
    """092_async_bad_proc_raises_after_commit: what can be checked when the class is defined is checked
    then; a function that returns no datetime raises before the commit and nothing is stored
    """
    for bad in (None, 5, JANUARY_1, "job time", JANUARY_1.date()):
        with pytest.raises(fl.DefinitionError, match="temporal_context"):
            fl.Async(SalaryRecordProjection, temporal_context=bad)


def test_092_a_function_that_returns_no_datetime_raises_before_the_commit(lab):
    """092_async_bad_proc_raises_after_commit: what can be checked when the class is defined is checked
    then; a function that returns no datetime raises before the commit and nothing is stored
    """
    stream = SalaryAsyncBadProcEventStream.for_("s1", lab=lab)
    event = Set(amount="6000", at=JANUARY_1)
    for attempt in (stream.append, stream.append_or_raise, stream.read().append):
        with pytest.raises(TypeError, match=r"datetime\.date\(2025, 1, 1\).*nothing was stored"):
            attempt(event)
        assert not event.persisted
        assert event.valid
    assert len(lab.log) == 0
    assert stream.events == []
    assert len(lab.jobs) == 0
    assert lab.jobs.run_pending() == 0
    assert SalaryEventStream.for_("s1", lab=lab).append(event).version == 1


def test_092_a_function_that_returns_no_datetime_leaves_a_transaction_as_it_is(lab):
    """092_async_bad_proc_raises_after_commit: what can be checked when the class is defined is checked
    then; a function that returns no datetime raises before the commit and nothing is stored
    """
    sibling, event = Set(amount="1", at=JANUARY_1), Set(amount="2", at=JANUARY_1)
    with lab.transaction():
        SalaryEventStream.for_("s1", lab=lab).append(sibling)
        with pytest.raises(TypeError, match="datetime"):
            SalaryAsyncBadProcEventStream.for_("s1", lab=lab).append(event)
    assert sibling.persisted
    assert not event.persisted
    assert [event.amount for event in SalaryEventStream.for_("s1", lab=lab).events] == [1]


def test_093_an_unknown_strategy_is_refused_when_the_class_is_defined():
    """093_async_bad_symbol_raises_after_commit: refused when the class is defined"""
    with pytest.raises(fl.DefinitionError, match="'whenever'") as refused:

        class SalaryAsyncBadSymbolEventStream(SalaryEventStream):
            async_projections = [fl.Async(SalaryRecordProjection, temporal_context="whenever")]

    assert "last_event_time" in str(refused.value)
    assert "job_time" in str(refused.value)
