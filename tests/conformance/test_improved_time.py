"""What is improved about times: dates, texts, microseconds."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

import funes_lab as fl
from tests.conformance.domains.debt import Issued, Noted, PlainDebtEventStream, TrailProjection
from tests.conformance.domains.salary import (
    Bonus,
    PlainSalaryEventStream,
    SalaryEventStream,
    SalaryProjection,
    Set,
)

JANUARY_1 = datetime(2025, 1, 1, tzinfo=UTC)
JANUARY_20 = datetime(2025, 1, 20, tzinfo=UTC)
TEN = datetime(2025, 2, 15, 10, tzinfo=UTC)
UNREADABLE = ["rubbish", "", "20/01/2025", "2025-13-01", "yesterday"]


@pytest.fixture
def notes(lab, clock):
    """Three events: of January 1, 20 and February 20, recorded in January, February and March."""
    stream = PlainDebtEventStream.for_("s1", lab=lab)
    clock.set(JANUARY_1)
    stream.append(Issued(amount="100", interest_rate="0.05", at=JANUARY_1), at=JANUARY_1)
    clock.set(datetime(2025, 2, 1, 0, 0, 1, tzinfo=UTC))
    stream.append(Noted(text="b"), at=JANUARY_20)
    clock.set(datetime(2025, 3, 1, tzinfo=UTC))
    stream.append(Noted(text="c"), at=datetime(2025, 2, 20, tzinfo=UTC))
    return stream


def told(state):
    return [entry[0] for entry in state.trail]


def test_067_a_date_becomes_midnight_utc(notes):
    """067_filter_date_arguments: a date in at/as_of becomes 00:00 UTC of that day everywhere"""
    state = notes.projected_with(TrailProjection, at=date(2025, 1, 20))
    assert told(state) == ["issued", "noted"]
    assert type(state.initial_at) is datetime
    assert state.initial_at == state.final_at == JANUARY_20
    assert told(notes.projected_with(TrailProjection, at=date(2025, 1, 19))) == ["issued"]
    assert told(notes.projected_with(TrailProjection, as_of=date(2025, 2, 1))) == ["issued"]
    assert told(notes.projected_with(TrailProjection, as_of=date(2025, 2, 2))) == ["issued", "noted"]
    assert len(notes.replay(TrailProjection, at=date(2025, 1, 20))) == 2
    event = notes.append(Noted(text="d"), at=date(2025, 1, 5))
    assert event.occurred_at == datetime(2025, 1, 5, tzinfo=UTC)


def test_068_a_text_is_an_iso_time_in_utc_or_a_value_error(notes):
    """068_filter_string_arguments: ISO-8601 strings are parsed as UTC, anything else is a ValueError"""
    for text in ("2025-01-20", "2025-01-20T00:00:00", "2025-01-20T00:00:00Z", "2025-01-20T02:00:00+02:00"):
        state = notes.projected_with(TrailProjection, at=text)
        assert told(state) == ["issued", "noted"]
        assert state.initial_at == JANUARY_20
        assert told(notes.projected_with(TrailProjection, as_of=text)) == ["issued"]
    for text in UNREADABLE:
        with pytest.raises(ValueError, match=r"\bat\b"):
            notes.projected_with(TrailProjection, at=text)
        with pytest.raises(ValueError, match="as_of"):
            notes.projected_with(TrailProjection, as_of=text)


def test_079_a_time_that_cannot_be_read_is_an_own_error(lab):
    """079_salary_missing_actual_time: as Funes, but a time that cannot be read is an own error (last step)"""
    stream = SalaryEventStream.for_("s1", lab=lab)
    for event in (Set(amount="1", at=None), Bonus(amount="1")):
        for at in (None, JANUARY_1):
            with pytest.raises(fl.MissingActualTimeAttributeError):
                stream.append(event, at=at)
            with pytest.raises(fl.MissingActualTimeAttributeError):
                stream.append_or_raise(event, at=at)
        assert not event.persisted
        assert event.valid
    event = Set(amount="1", at="garbage")
    assert [(error[0], error.source) for error in event.own_errors] == [("at", "own")]
    assert stream.append(event) is event
    assert not event.persisted
    assert event.own_errors.on("at")
    assert stream.events == []


def test_084_a_text_as_the_time_of_an_append_is_parsed_or_a_value_error(lab):
    """084_salary_string_at: as 068"""
    plain = PlainSalaryEventStream.for_("s1", lab=lab)
    assert plain.append(Set(amount="1", at=JANUARY_1), at="2025-02-15 10:00:00").occurred_at == TEN
    event = Set(amount="2", at=JANUARY_1)
    for text in UNREADABLE:
        with pytest.raises(ValueError, match=r"\bat\b"):
            plain.append(event, at=text)
    assert not event.persisted
    assert event.valid
    assert plain.version == 1
    dated = SalaryEventStream.for_("s2", lab=lab)
    event = dated.append(Set(amount="3", at=TEN), at="2025-02-15T10:00:00Z")
    assert event.persisted
    assert event.occurred_at == TEN


def test_085_microseconds_are_kept_everywhere(lab):
    """085_salary_sub_millisecond_precision: microseconds are kept everywhere"""
    stream = SalaryEventStream.for_("s1", lab=lab)
    moment = datetime(2025, 2, 15, 10, 0, 0, 123456, tzinfo=UTC)
    stream.append(Set(amount="1", at=moment))
    (event,) = SalaryEventStream.for_("s1", lab=lab).events
    assert event.at == event.occurred_at == moment
    assert stream.df()["occurred_at"].iloc[0] == moment
    assert stream.projected_with(SalaryProjection, at=moment).since == moment
    with pytest.raises(fl.StreamNotFound):
        stream.projected_with(SalaryProjection, at=moment.replace(microsecond=123455))
