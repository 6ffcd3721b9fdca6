"""Payloads of every shape: what pydantic can do to a value, and what must come back of it (rules 6 and 12)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any

import pytest
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    Field,
    PastDatetime,
    PrivateAttr,
    field_validator,
    model_validator,
)

import funes_lab as fl
from tests.domain import START, NoteStream


@pytest.fixture
def stream(lab: fl.Lab) -> NoteStream:
    return NoteStream.for_("n", lab=lab)


def changing(value: Any) -> int:
    return int(value) * 100


class ByField(fl.Event, name="TestShape::ByField"):
    cents: int

    _changes = field_validator("cents", mode="before")(changing)


class ByType(fl.Event, name="TestShape::ByType"):
    cents: Annotated[int, BeforeValidator(changing)]


class ByModel(fl.Event, name="TestShape::ByModel"):
    cents: int

    @model_validator(mode="before")
    @classmethod
    def _changes(cls, data: dict[str, Any]) -> dict[str, Any]:
        return {"cents": changing(data["cents"])}


@pytest.mark.parametrize("cls", [ByField, ByType, ByModel])
def test_rule_12_a_validator_that_would_change_a_value_again_when_it_is_read_is_an_own_error(stream, cls):
    event = stream.append(cls(cents=1))
    if event.persisted:
        assert stream.events[0] == event
    else:
        assert event.own_errors.full_messages == [
            "Cents would come back from the log as 10,000; use texts, numbers, lists and mappings"
        ]


def test_a_validator_that_changes_a_value_once_and_for_all_is_fine(stream):
    class Stripped(fl.Event):
        code: Annotated[str, AfterValidator(str.upper)]

        @field_validator("code")
        @classmethod
        def _strip(cls, value: str) -> str:
            return value.strip()

    assert stream.append(Stripped(code=" ab ")).persisted
    assert stream.events[0].code == "AB"


def test_a_nested_model_with_an_alias_comes_back(stream):
    class Address(BaseModel):
        street: str = Field(alias="streetName")

    class Moved(fl.Event):
        to: Address

    event = stream.append(Moved(to={"streetName": "Serrano"}))
    assert event.persisted, event.errors
    assert stream.events[0] == event
    assert stream.events[0].to.street == "Serrano"


def test_a_field_that_the_log_would_not_have_is_refused_when_the_class_is_defined():
    with pytest.raises(fl.DefinitionError, match=r"hidden has exclude=True, and the log would not have it"):

        class Hiding(fl.Event):
            shown: int
            hidden: int = Field(default=1, exclude=True)


def test_private_attributes_have_their_defaults_in_an_event_with_own_errors_too(stream):
    class Counting(fl.Event):
        n: int
        _seen: int = PrivateAttr(default=3)

    assert Counting(n=1)._seen == 3
    assert Counting(n="x")._seen == 3
    stream.append(Counting(n=1))
    assert stream.events[0]._seen == 3


def test_rule_12_a_default_is_written_as_its_type(lab, stream):
    class Paid(fl.Event):
        fee: Decimal = 0
        at: datetime = "2026-01-01T00:00:00+02:00"
        bad: Decimal = Field(default=-1, gt=0)

    assert Paid().own_errors.full_messages == ["Bad must be greater than 0"]
    event = stream.append(Paid(bad=1))
    assert lab.sql("SELECT props FROM event_entries").props[0] == '{"fee":"0","at":"2025-12-31T22:00:00Z","bad":"1"}'
    assert stream.events[0] == event


def test_times_come_back_in_the_zone_that_all_times_have(stream):
    class Nested(BaseModel):
        at: datetime

    class Timed(fl.Event):
        past: PastDatetime
        times: list[datetime]
        nested: dict[str, Nested]

    event = stream.append(Timed(past=START, times=[START], nested={"x": {"at": START}}))
    (again,) = stream.events
    assert repr(again) == repr(event)
    assert again.past.tzinfo is again.times[0].tzinfo is again.nested["x"].at.tzinfo is UTC


def test_a_dataclass_in_a_payload_is_not_the_makers_any_more():
    @dataclass
    class Point:
        x: int

    class Placed(fl.Event):
        at: Point

    point = Point(1)
    event = Placed(at=point)
    point.x = 9
    assert event.at == Point(1)
