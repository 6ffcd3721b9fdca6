"""Events: construction never raises, names, equality, what is kept aside (rules 6, 7 and 12)."""

from __future__ import annotations

import copy
import pickle
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, Literal
from uuid import UUID

import pandas as pd
import pytest
from pydantic import AfterValidator, BaseModel, Field, ValidationError, field_validator

import funes_lab as fl
from tests.domain import Issued, Noted, NoteStream, day, issued, noted, rows_of

NOT_FINITE = [float("nan"), float("inf"), float("-inf"), Decimal("NaN"), Decimal("-Infinity")]


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Part(BaseModel):
    sku: str = Field(min_length=2)
    weight: float = 1.0
    notes: list[str] = []


class Everything(fl.Event, name="TestEvent::Everything"):
    """One field of each kind whose messages are translated."""

    amount: Decimal | None = Field(default=None, gt=0, max_digits=5, decimal_places=2)
    count: int | None = Field(default=None, ge=1, le=9, multiple_of=2)
    share: float | None = Field(default=None, lt=1)
    flag: bool | None = None
    at: datetime | None = None
    on: date | None = None
    text: str | None = Field(default=None, min_length=2, max_length=4, pattern="^[a-z]+$")
    colour: Colour | None = None
    size: Literal["S", "M"] | None = None
    part: Part | None = None
    parts: list[Part] = Field(default=[], max_length=2)
    span: timedelta | None = None
    key: UUID | None = None
    free: Any = None


# Construction (rule 6)


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"amount": 0}, "Amount must be greater than 0"),
        ({"amount": "12,50"}, "Amount “12,50” is not a decimal number"),
        ({"amount": "123456"}, "Amount must have at most 5 digits"),
        ({"amount": "1.234"}, "Amount must have at most 2 decimal places"),
        ({"count": 0}, "Count must be greater than or equal to 1"),
        ({"count": 10}, "Count must be less than or equal to 9"),
        ({"count": 3}, "Count must be a multiple of 2"),
        ({"count": "two"}, "Count “two” is not a whole number"),
        ({"count": 1.5}, "Count 1.5 is not a whole number"),
        ({"share": 1}, "Share must be less than 1.0"),
        ({"share": "x"}, "Share “x” is not a number"),
        ({"flag": "perhaps"}, "Flag “perhaps” is not true or false"),
        ({"at": "yesterday"}, "At “yesterday” is not a date and time (ISO 8601)"),
        ({"on": "2026-02-30"}, "On “2026-02-30” is not a date (ISO 8601)"),
        ({"text": "a"}, "Text must have at least 2 characters"),
        ({"text": "abcde"}, "Text must have at most 4 characters"),
        ({"text": "ABC"}, "Text must match ^[a-z]+$"),
        ({"text": 5}, "Text 5 is not text"),
        ({"colour": "green"}, "Colour must be 'red' or 'blue'"),
        ({"size": "L"}, "Size must be 'S' or 'M'"),
        ({"part": "x"}, "Part “x” is not a mapping"),
        ({"part": {"sku": "a"}}, "Part sku must have at least 2 characters"),
        ({"part": {}}, "Part sku can't be blank"),
        ({"parts": [{"sku": "ab"}, {"sku": "a"}]}, "Parts 1 sku must have at least 2 characters"),
        ({"parts": 5}, "Parts 5 is not a list"),
        ({"parts": [Part(sku="ab")] * 3}, "Parts must have at most 2 items"),
        ({"span": "long"}, "Span “long” is not a duration (ISO 8601)"),
        ({"key": "1"}, "Key “1” is not a UUID"),
        ({"colour_id": 1}, "Colour is not an attribute of TestEvent::Everything"),
        ({"free": object}, "Free cannot be written to the log as JSON; use texts, numbers, lists and mappings"),
    ],
)
def test_rule_6_a_bad_value_does_not_raise_it_becomes_an_own_error_in_words(values, sentence):
    event = Everything(**values)
    assert event.own_errors.full_messages == [sentence]
    assert event.errors == event.own_errors
    assert not event.valid
    assert [error.source for error in event.errors] == ["own"]
    assert [error.rule for error in event.errors] == ["TestEvent::Everything"]
    assert not event.persisted


def test_rule_6_missing_values_are_own_errors_and_read_as_none():
    event = Issued()
    assert event.own_errors.to_list() == [("amount", "can't be blank"), ("interest_rate", "can't be blank"),
                                          ("at", "can't be blank")]  # fmt: skip
    assert event.amount is None
    assert Issued(amount=None, interest_rate=0, at=day(0)).own_errors.full_messages == ["Amount can't be blank"]


def test_rule_6_an_unknown_attribute_is_an_own_error_and_is_kept_aside():
    event = Noted(text="x", colour="red")
    assert event.own_errors.to_list() == [("colour", "is not an attribute of Debts::Noted")]
    assert event.kept_aside == {"colour": "red"}
    assert event.payload() == {"text": "x"}


def test_a_bad_value_leaves_the_good_ones_as_they_are():
    event = Issued(amount="many", interest_rate="0.05", at="2026-01-01T10:00:00+02:00")
    assert event.payload() == {"amount": "many", "interest_rate": Decimal("0.05"),
                               "at": datetime(2026, 1, 1, 8, tzinfo=UTC)}  # fmt: skip


def test_messages_of_ones_own_validators_are_said_as_they_are():
    def even(value: int) -> int:
        if value % 2:
            raise ValueError("must be even")
        return value

    class Checked(fl.Event):
        number: Annotated[int, AfterValidator(even)]
        other: int = 0

        @field_validator("other")
        @classmethod
        def _asserted(cls, value: int) -> int:
            if value > 5:
                raise AssertionError("must stay small")
            return value

    assert Checked(number=3, other=7).own_errors.full_messages == ["Number must be even", "Other must stay small"]


def test_model_validate_stays_pydantics_and_raises():
    with pytest.raises(ValidationError):
        Issued.model_validate({"amount": -1})
    good = Issued.model_validate({"amount": 1, "interest_rate": 0, "at": day(0)})
    assert good.valid
    assert good == issued(1, rate=0)


@pytest.mark.parametrize(
    ("field", "value"),
    [(field, value) for field in ("amount", "share") for value in [*NOT_FINITE, "NaN", "Infinity", "-Infinity"]]
    + [("free", value) for value in NOT_FINITE],
)
def test_numbers_that_are_none_are_own_errors(field, value):
    event = Everything(**{field: value})
    assert event.own_errors.full_messages == [f"{field.capitalize()} must be a finite number"]


@pytest.mark.parametrize("bad", ["a\x00b", "half \ud800", "\udc00"])
@pytest.mark.parametrize("wrap", [lambda v: v, lambda v: [v], lambda v: {"k": [{"deep": v}]}, lambda v: {v: 1}])
def test_text_that_a_log_cannot_hold_is_an_own_error_at_any_depth(lab, bad, wrap):
    event = NoteStream.for_("n", lab=lab).append(Everything(free=wrap(bad)))
    assert not event.persisted
    (error,) = event.own_errors
    assert error.attribute.startswith("free")
    assert error.message in ("must not contain a NUL character", "must not contain half of a surrogate pair")
    assert rows_of(lab) == 0
    assert lab.rejections[0].errors == event.errors


@pytest.mark.parametrize(
    "value", [Decimal("1.5"), day(0), date(2026, 1, 1), (1, 2), {1, 2}, {1: "x"}, b"x", Colour.RED, Part(sku="ab")]
)
def test_any_takes_json_values_only(value):
    event = Everything(free=value)
    assert not event.valid
    assert "use texts, numbers, lists and mappings" in event.own_errors.full_messages[0]


@pytest.mark.parametrize("value", [None, True, 0, 1.5, "x", [1, [None]], {"a": {"b": [1.5, "x", False]}}])
def test_any_takes_every_json_value(value):
    assert Everything(free=value).valid


def test_times_that_utc_cannot_hold_are_own_errors():
    east, west = timedelta(hours=5), -timedelta(hours=5)
    for bad in (datetime(1, 1, 1, tzinfo=timezone(east)), datetime.max.replace(tzinfo=timezone(west)), pd.NaT):
        assert [error.attribute for error in Everything(at=bad).own_errors] == ["at"]


def test_naive_times_become_utc_at_construction_at_any_depth():
    class Timed(fl.Event):
        at: datetime
        times: list[datetime]
        by_name: dict[str, datetime]

    naive = datetime(2026, 1, 1, 9)
    event = Timed(at=naive, times=[naive], by_name={"x": pd.Timestamp(naive)})
    for value in (event.at, event.times[0], event.by_name["x"]):
        assert type(value) is datetime
        assert value == naive.replace(tzinfo=UTC)
        assert value.tzinfo is UTC


def test_a_payload_does_not_share_lists_and_models_with_its_maker():
    part, tags = Part(sku="ab", notes=["n"]), {"tags": ["t"]}
    event = Everything(part=part, free=tags)
    part.notes.append("changed")
    part.sku = "changed"
    tags["tags"].append("changed")
    assert event.part.notes == ["n"]
    assert event.part.sku == "ab"
    assert event.free == {"tags": ["t"]}


def test_events_are_frozen():
    event = noted()
    with pytest.raises(ValidationError, match="frozen"):
        event.text = "other"
    with pytest.raises(ValidationError, match="frozen"):
        del event.text
    with pytest.raises((ValidationError, AttributeError)):
        event.version = 5
    assert event == noted()


def test_a_payload_that_was_changed_after_all_is_looked_at_again_before_it_is_written(lab):
    event = Everything(free={"list": []})
    event.free["list"].append(float("nan"))
    assert not NoteStream.for_("n", lab=lab).append(event).persisted
    assert event.own_errors.full_messages == ["Free list 0 must be a finite number"]
    assert rows_of(lab) == 0


# What pydantic builds by itself


@pytest.mark.parametrize(
    "make",
    [
        lambda: issued(-5).model_copy(),
        lambda: issued(5).model_copy(update={"amount": Decimal(-5)}),
        lambda: Issued.model_construct(amount=Decimal(-5), interest_rate=Decimal(0), at=day(0)),
        lambda: copy.copy(issued(-5)),
        lambda: copy.deepcopy(issued(-5)),
        lambda: pickle.loads(pickle.dumps(issued(-5))),
    ],
    ids=["model_copy", "update", "model_construct", "copy", "deepcopy", "pickle"],
)
def test_no_way_of_building_an_event_goes_around_its_own_rules(lab, make):
    event = NoteStream.for_("n", lab=lab).append(make())
    assert not event.persisted
    assert event.own_errors.full_messages == ["Amount must be greater than 0"]
    assert rows_of(lab) == 0


def test_a_copy_of_a_fact_is_a_new_event_that_can_be_appended(lab):
    stream = NoteStream.for_("n", lab=lab)
    first = stream.append(noted("x"))
    with pytest.raises(fl.AlreadyPersistedError, match=r"version 1 of 'n' already.*model_copy"):
        stream.append(first)
    second = stream.append(first.model_copy())
    assert (first.version, second.version) == (1, 2)
    assert first == second


# Equality (rule 6)


def test_events_are_equal_by_name_and_payload_across_a_cell_that_ran_again(lab):
    def cell() -> type[fl.Event]:
        class Said(fl.Event, name="TestEvent::Said"):
            text: str
            tags: list[str] = []
            more: dict[str, Any] = {}

        return Said

    before, after = cell()(text="x", tags=["a"], more={"k": [1]}), cell()(text="x", tags=["a"], more={"k": [1]})
    assert type(before) is not type(after)
    assert before == after
    assert hash(before) == hash(after)
    assert before != cell()(text="y")
    assert len({before, after}) == 1
    persisted = NoteStream.for_("n", lab=lab).append(after)
    assert persisted == before


def test_two_names_are_two_events_whatever_the_payload():
    class OtherNote(fl.Event, name="TestEvent::OtherNote"):
        text: str

    assert OtherNote(text="x") != Noted(text="x")
    assert OtherNote(text="x") != "x"
