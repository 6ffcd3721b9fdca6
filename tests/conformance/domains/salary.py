"""The salary domain: actual time, record time, and a table of what is in force."""

from __future__ import annotations

import calendar
from datetime import date, datetime
from decimal import Decimal

from pydantic import BaseModel, Field

import funes_lab as fl
from tests.conformance.domains.base import RubyOrderStream
from tests.conformance.domains.checks import PLACES, PositiveDecimal, required


class Set(fl.Event, name="Salary::Set"):
    """A salary from a moment on."""

    amount: Decimal | None = None
    at: datetime | None = None


class Raised(fl.Event, name="Salary::Raised"):
    """A new amount."""

    new_amount: PositiveDecimal = required()
    at: datetime | None = None


class SetOn(fl.Event, name="Salary::SetOn"):
    """A salary from a day on."""

    amount: Decimal | None = None
    at: date | None = None


class Bonus(fl.Event, name="Salary::Bonus"):
    """An event that does not know when it happened."""

    amount: Decimal | None = None


class SalaryState(BaseModel):
    """The salary in force, and since when."""

    current_amount: Decimal | None = None
    since: datetime | None = None
    days_in_effect: int | None = None
    observed_at: datetime | None = None


class SalaryRecord(SalaryState):
    """The same as a row of a table."""

    current_amount: Decimal | None = Field(default=None, decimal_places=PLACES)


class SalaryProjection(fl.Projection[SalaryState]):
    """The salary in force at the time of the question."""

    @fl.initial_state
    def begun(state, at):
        state.observed_at = at
        return state

    @fl.interpretation_for(Set, SetOn)
    def set_to(state, event, at):
        state.current_amount = event.amount
        state.since = at
        return state

    @fl.interpretation_for(Raised)
    def raised(state, event, at):
        state.current_amount = event.new_amount
        state.since = at
        return state

    @fl.final_state
    def counted(state, at):
        if state.since is not None:
            state.days_in_effect = (at.date() - state.since.date()).days
        return state


class SalaryRecordProjection(fl.Projection[SalaryRecord]):
    """The same, kept in a table."""

    table = "salary_records"

    @fl.initial_state
    def begun(state, at):
        state.observed_at = at
        return state

    @fl.interpretation_for(Set, SetOn)
    def set_to(state, event, at):
        state.current_amount = event.amount
        state.since = at
        return state

    @fl.interpretation_for(Raised)
    def raised(state, event, at):
        state.current_amount = event.new_amount
        state.since = at
        return state

    @fl.final_state
    def counted(state, at):
        if state.since is not None:
            state.days_in_effect = (at.date() - state.since.date()).days
        return state


class PlainSalaryEventStream(RubyOrderStream):
    """An event's own `at` is just a value here."""


class SalaryEventStream(RubyOrderStream):
    """The event says when it happened."""

    actual_time_attribute = "at"


class SalaryRecordEventStream(SalaryEventStream):
    """Keeps the table in the append's transaction."""

    transactional_projections = [SalaryRecordProjection]


def end_of_month(event: fl.Event) -> datetime:
    """The last second of the month in which an event happened."""
    moment = event.occurred_at
    last = calendar.monthrange(moment.year, moment.month)[1]
    return moment.replace(day=last, hour=23, minute=59, second=59, microsecond=0)


def day_of(event: fl.Event) -> date:
    """A day, where a time is asked for."""
    return event.occurred_at.date()


class SalaryAsyncDefaultEventStream(SalaryEventStream):
    """Keeps the table after the commit."""

    async_projections = [fl.Async(SalaryRecordProjection)]


class SalaryAsyncJobTimeEventStream(SalaryEventStream):
    """Keeps the table after the commit, as of the time at which the job runs."""

    async_projections = [fl.Async(SalaryRecordProjection, temporal_context="job_time", queue="reports")]


class SalaryAsyncProcEventStream(SalaryEventStream):
    """Keeps the table after the commit, as of the end of the month."""

    async_projections = [fl.Async(SalaryRecordProjection, temporal_context=end_of_month)]


class SalaryAsyncBadProcEventStream(SalaryEventStream):
    """Asks for a time that is none."""

    async_projections = [fl.Async(SalaryRecordProjection, temporal_context=day_of)]
