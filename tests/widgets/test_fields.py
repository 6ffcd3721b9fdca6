"""Every field of an event has a control that can hold it: which one, what stands beside it, and no digit is lost."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, Field

import funes_lab as fl
from funes_lab.widgets.form import fields


class Colour(enum.Enum):
    RED = "red"
    TWO = 2


class Line(BaseModel):
    sku: str
    quantity: int = Field(default=1, ge=1)


class Tree(BaseModel):
    name: str = ""
    children: list[Tree] = []


def ordered() -> type[fl.Event]:
    class Ordered(fl.Event, name="Shop::Ordered"):
        filter_attributes = ["pin"]

        total: Decimal = Field(ge=0, max_digits=30, decimal_places=2, description="What is to be paid")
        count: Annotated[int, Field(gt=3)] | None = None
        rate: float = 0.5
        colour: Colour = Colour.RED
        size: Literal["S", 3] | None = None
        paid: bool = False
        gift: bool
        at: datetime
        day: date | None = None
        term: timedelta | None = None
        lines: list[Line] = []
        tags: Sequence[str] = ()
        first: Line | None = None
        pin: str
        key: int | str
        extra: dict[str, Decimal] = {}
        tree: Tree = Tree()
        made: list[int] = Field(default_factory=list)

    return Ordered


def test_each_type_has_its_control_and_its_bounds_beside_it():
    told = {f.name: (f.kind, f.hint, f.required) for f in fields.fields_of(ordered())}
    assert told == {
        "total": ("text", "Decimal ≥ 0, 30 digits, 2 decimals", True),
        "count": ("text", "int > 3 or empty", False),
        "rate": ("text", "float", False),
        "colour": ("choice", "", False),
        "size": ("choice", "or empty", False),
        "paid": ("truth", "bool", False),
        "gift": ("truth", "bool", True),
        "at": ("text", "UTC", True),
        "day": ("text", "date or empty", False),
        "term": ("text", "duration or empty", False),
        "lines": ("list", "list", False),
        "tags": ("list", "list of str", False),
        "first": ("group", "or empty", False),
        "pin": ("text", "str", True),
        "key": ("json", "JSON", True),
        "extra": ("json", "JSON", False),
        "tree": ("group", "", False),
        "made": ("list", "list of int", False),
    }


VALUES: dict[str, Any] = {
    "total": Decimal("12345678901234567890123456.70"),
    "count": 2**70,
    "rate": 0.1,
    "colour": Colour.TWO,
    "size": 3,
    "paid": True,
    "gift": False,
    "at": datetime(2026, 11, 2, 9, 0, 0, 123456, tzinfo=UTC),
    "day": date(2026, 1, 1),
    "term": timedelta(days=1, microseconds=7),
    "lines": [Line(sku="A-1", quantity=2), Line(sku="B")],
    "tags": ["a", ""],
    "first": Line(sku="<b>"),
    "pin": "0042",
    "key": "7",
    "extra": {"x": Decimal("1.10")},
    "tree": Tree(name="root", children=[Tree(name="leaf")]),
    "made": [1, 2],
}


def test_what_goes_into_the_controls_comes_out_as_the_same_event():
    cls = ordered()
    event = cls(**VALUES)
    assert event.valid
    listed = fields.fields_of(cls)
    holds = {field.name: fields.held(field, event.payload()[field.name]) for field in listed}
    again = cls(**fields.together(listed, holds))
    assert again.own_errors.full_messages == []
    assert again == event
    assert str(again.total) == "12345678901234567890123456.70"


def test_untouched_controls_give_the_defaults_of_the_class():
    cls = ordered()
    listed = fields.fields_of(cls)
    holds = {field.name: fields.blank(field) for field in listed}
    required = {"total": "1", "gift": True, "at": "2026-01-01", "pin": "1", "key": 1}
    assert cls(**required, **fields.together(listed, holds)) == cls(**required)
    assert set(required) == {f.name for f in listed if f.required and fields.given(f, holds[f.name]) is fields.MISSING}


def test_an_emptied_control_is_none_only_where_that_is_allowed():
    class Noted(fl.Event, name="Shop::Noted"):
        may_be_none: int | None = 5
        must_be_said: str
        has_default: str = "x"
        number: int = 3

    listed = fields.fields_of(Noted)
    values = fields.together(listed, dict.fromkeys([f.name for f in listed], ""))
    assert values == {"may_be_none": None, "has_default": ""}


@pytest.mark.parametrize(("typed", "read"), [('{"a": 1.10}', {"a": Decimal("1.10")}), ("[1, null]", [1, None])])
def test_json_is_read_and_its_digits_stay(typed, read):
    field = fields.Field("x", "x", "json", annotation=dict[str, Decimal])
    assert fields.given(field, typed) == read
    assert str(fields.given(field, typed)) == str(read)


def test_what_is_no_json_is_said_and_a_secret_is_not_quoted():
    assert fields.problem(fields.Field("x", "x", "json"), "{a") == "“{a” is not JSON"
    assert "{a" not in fields.problem(fields.Field("x", "x", "json", secret=True), "{a")
    assert fields.problem(fields.Field("x", "x", "json"), "") == ""


@pytest.mark.parametrize(("kind", "value"), [("group", 3), ("list", "abc"), ("truth", "yes"), ("choice", "blue")])
def test_what_a_control_cannot_hold_is_refused_with_its_name(kind, value):
    field = fields.Field("x", "lines.x", kind, choices=(("red", "red"),), parts=(fields.Field("", "x", "text"),))
    with pytest.raises(ValueError, match=r"lines\.x must be .*, got "):
        fields.held(field, value)


def test_a_strict_field_gets_a_value_of_its_type():
    class Strictly(fl.Event, name="Shop::Strictly"):
        amount: Decimal = Field(strict=True)
        count: int = Field(strict=True, ge=0)

    listed = fields.fields_of(Strictly)
    assert Strictly(**fields.together(listed, {"amount": "1.50", "count": "3"})).valid
    assert not Strictly(**fields.together(listed, {"amount": "ten", "count": "3"})).valid


def test_two_classes_of_one_name_are_told_apart_by_the_names_of_their_events():
    def made(name: str) -> type[fl.Event]:
        class Opened(fl.Event, name=name):
            pass

        return Opened

    assert fields.names_of([made("A::Opened"), ordered()]) == ["Opened", "Ordered"]
    assert fields.names_of([made("A::Opened"), made("B::Opened")]) == ["A::Opened", "B::Opened"]
