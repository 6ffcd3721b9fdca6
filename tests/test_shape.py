"""Reading back: what is in the log is never refused, whatever the class has become (rules 6 and 12)."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, Literal

import pytest
from pydantic import (
    BaseModel,
    Field,
    computed_field,
    field_serializer,
)

import funes_lab as fl
from tests.domain import START, NoteStream, noted

Write = Callable[..., Any]


@pytest.fixture
def stream(lab: fl.Lab) -> NoteStream:
    return NoteStream.for_("n", lab=lab)


@pytest.fixture
def written(lab: fl.Lab, stream: NoteStream) -> Write:
    """Writes one row as another program would, and gives the event that is read back."""

    def write(klass: str, **props: Any) -> Any:
        version = stream.version + 1
        row = {
            "klass": klass,
            "idx": "n",
            "version": version,
            "props": props,
            "created_at": START,
            "occurred_at": START,
        }
        fl.testing.raw_insert(lab, row)
        return next(event for event in stream.events if event.version == version)

    return write


def test_rule_12_a_name_that_no_class_has_is_an_unknown_event_that_shows_its_payload(written, stream):
    event = written("Old::Thing", a=1, b={"c": [None]})
    assert type(event) is fl.UnknownEvent
    assert event.event_name == "Old::Thing"
    assert event.payload() == {"a": 1, "b": {"c": [None]}}
    assert (event.persisted, event.version, event.occurred_at) == (True, 1, START)
    assert event.valid
    assert not event.errors
    assert "Old::Thing" in repr(event)
    assert event == stream.events[0]
    with pytest.raises(TypeError, match="unknown 'Old::Thing'"):
        stream.append(event)


def test_an_unknown_event_becomes_known_when_its_class_is_defined(written, stream):
    assert type(written("TestShape::Later", a=1)) is fl.UnknownEvent

    class Later(fl.Event, name="TestShape::Later"):
        a: int

    (event,) = stream.events
    assert type(event) is Later
    assert event.a == 1


def test_rule_12_a_strict_projection_raises_on_an_unknown_event_and_a_lenient_one_skips_it(written, stream):
    class Texts(BaseModel):
        texts: list[str] = []

    class Lenient(fl.Projection[Texts]):
        @fl.interpretation_for(type(noted()))
        def noted(state, event):
            state.texts.append(event.text)

    class Strict(Lenient):
        strict = True

    written("Old::Thing", a=1)
    stream.append(noted("x"))
    assert stream.projected_with(Lenient).texts == ["x"]
    with pytest.raises(fl.UnknownEventError, match=r"Strict is strict.*Old::Thing #1 \(a 1\)") as caught:
        stream.projected_with(Strict)
    assert isinstance(caught.value, fl.ProjectionError)
    assert caught.value.event.event_name == "Old::Thing"
    assert caught.value.projection == "Strict"
    with pytest.raises(fl.UnknownEventError):
        stream.replay(Strict)


def test_rule_12_attributes_that_the_class_no_longer_has_are_kept_aside_and_shown(written, stream):
    class Slim(fl.Event, name="TestShape::Slim"):
        a: int

    event = written("TestShape::Slim", a=1, gone="old", nested={"x": 1})
    assert event.payload() == {"a": 1}
    assert event.kept_aside == {"gone": "old", "nested": {"x": 1}}
    assert event.valid
    assert stream.df()[["a", "gone"]].to_dict("records") == [{"a": 1, "gone": "old"}]
    assert "gone" in event._repr_html_()


def test_rule_6_a_value_that_no_longer_fits_its_type_is_kept_as_it_is(written):
    class Strict(fl.Event, name="TestShape::Strict"):
        amount: Decimal = Field(gt=0)
        size: Literal["S", "M"] = "S"
        at: datetime | None = None
        new: int

    event = written("TestShape::Strict", amount="many", size="XXL", at="soon", new=5)
    assert event.payload() == {"amount": "many", "size": "XXL", "at": "soon", "new": 5}
    assert event.valid


@pytest.mark.parametrize(
    ("annotation", "raw", "expected"),
    [
        (Annotated[Decimal, Field(gt=0)], "-10.0", Decimal("-10.0")),
        (Annotated[Decimal, Field(gt=0)] | None, "-10.0", Decimal("-10.0")),
        (list[Annotated[Decimal, Field(gt=0)]], ["-10.0", "1"], [Decimal("-10.0"), Decimal(1)]),
        (dict[str, Annotated[int, Field(le=3)]], {"a": 9}, {"a": 9}),
        (Annotated[datetime, Field(gt=datetime(2030, 1, 1, tzinfo=UTC))], "2026-01-01T00:00:00Z", START),
    ],
)
def test_rule_6_a_value_that_only_breaks_a_newer_rule_has_its_type(written, annotation, raw, expected):
    type("Ruled", (fl.Event,), {"__annotations__": {"value": annotation}, "__module__": __name__}, name="TestShape::R")
    assert written("TestShape::R", value=raw).value == expected


def test_a_field_that_is_new_reads_as_its_default_and_a_required_one_as_none(written):
    class Grown(fl.Event, name="TestShape::Grown"):
        a: int
        tags: list[str] = Field(default_factory=lambda: ["new"])
        required: int

    assert written("TestShape::Grown", a=1).payload() == {"a": 1, "tags": ["new"], "required": None}


@pytest.mark.parametrize("props", [[1, 2], "text", 5, None])
def test_props_that_are_no_object_are_shown_too(lab, stream, written, props):
    lab.store.cursor().execute(
        "INSERT INTO event_entries SELECT 'Debts::Noted', 'n', CAST($1 AS JSON), '{}', 1, now(), now()",
        [json.dumps(props)],
    )
    (event,) = stream.events
    assert event.kept_aside == {"props": props}
    assert len(stream.df()) == 1


def test_aliases_do_not_reach_the_log_and_both_names_are_read(lab, stream, written):
    class Aliased(fl.Event, name="TestShape::Aliased"):
        amount: int = Field(alias="amountCents")

    for event in (Aliased(amount=5), Aliased(amountCents=5)):
        assert stream.append(event).persisted
    assert list(lab.sql("SELECT DISTINCT props->>'amount' AS a FROM event_entries").a) == ["5"]
    assert [event.amount for event in stream.events] == [5, 5]
    assert written("TestShape::Aliased", amountCents=7).amount == 7


class Person(BaseModel):
    first_name: str = Field(alias="first-name")


@pytest.mark.parametrize("person", [{"first-name": "Ann"}, {"first_name": "Ann"}])
@pytest.mark.parametrize("amount", [5, "many"])
def test_models_within_are_read_by_both_names_too_whatever_else_does_not_fit(lab, stream, written, person, amount):
    class Moved(fl.Event, name="TestShape::Moved"):
        amount: int = Field(alias="amount of money")
        person: Person

    event = written("TestShape::Moved", **{"amount of money": amount, "person": person})
    assert (event.amount, event.person) == (amount, Person(**{"first-name": "Ann"}))
    assert event.kept_aside == {}
    again = stream.append(Moved(**{"amount of money": 7, "person": {"first-name": "Bob"}}))
    assert stream.events[-1] == again
    assert stream.events[-1].kept_aside == {}


def test_computed_fields_are_not_written(lab, stream):
    class Computed(fl.Event, name="TestShape::Computed"):
        a: int

        @computed_field
        @property
        def double(self) -> int:
            return self.a * 2

    assert stream.append(Computed(a=2)).persisted
    assert stream.events[0].double == 4
    assert stream.events[0].kept_aside == {}
    assert lab.sql("SELECT props FROM event_entries").props[0] == '{"a":2}'


def test_a_field_that_would_come_back_as_something_else_is_an_own_error():
    class Rounded(fl.Event):
        price: Decimal
        secret: float = 0.25
        filter_attributes = ["secret"]

        @field_serializer("price", "secret")
        def _whole(self, value: Any) -> int:
            return int(value)

    event = Rounded(price="1.5", secret=0.75)
    assert event.own_errors.full_messages == [
        "Price would come back from the log as 1; use texts, numbers, lists and mappings",
        "Secret would come back from the log as [FILTERED]; use texts, numbers, lists and mappings",
    ]
    assert Rounded(price=2, secret=1).valid


class Amount(Enum):
    HALF = Decimal("0.5")
    WHOLE = Decimal(1)


class Place(Enum):
    HERE = (1, 2)
    THERE = (3, 4)


class Since(Enum):
    THEN = datetime(2026, 1, 1, tzinfo=timezone(timedelta(hours=2)))


@pytest.mark.parametrize("member", [Amount.HALF, Place.THERE, Since.THEN])
def test_enums_of_any_value_come_back_as_they_went_in_or_are_own_errors(stream, member):
    chosen = type("Chosen", (fl.Event,), {"__annotations__": {"value": type(member)}, "__module__": __name__})
    event = stream.append(chosen(value=member))
    if event.persisted:
        assert stream.events[0].value is member
    else:
        assert [error.attribute for error in event.own_errors] == ["value"]
