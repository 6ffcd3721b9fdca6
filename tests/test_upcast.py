"""Upcasting: payloads of older shapes are read as if they had been written today, and the log stays as it is."""

from __future__ import annotations

import functools
import json
from datetime import datetime
from decimal import Decimal
from typing import Any, ClassVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field, computed_field, create_model, model_serializer

import funes_lab as fl
from funes_lab import registry
from funes_lab.codec import decode_all
from funes_lab.seen import read_events
from funes_lab.upcast import SHAPE_KEY, current_shape, stored_shape
from tests.domain import NoteStream, day, noted, rows_of


class Total(BaseModel):
    amount: Decimal = Field(default=Decimal(0), ge=-100)
    parts: tuple[str, ...] = ()


def received() -> type[fl.Event]:
    """The class of today: a payment in two parts. Its first shape had one amount, its second was in cents."""

    class Received(fl.Event, name="Upcast::Received"):
        principal: Decimal
        interest: Decimal = Decimal(0)
        filter_attributes: ClassVar[list[str]] = ["card"]

    return Received


def named(payload: dict[str, Any]) -> dict[str, Any]:
    payload["principal"] = payload.pop("amount")
    return payload


def parted(payload: dict[str, Any]) -> list[Any]:
    return [{"principal": payload["principal"]}, {"principal": payload["principal"], "interest": "1"}]


def totals(*events: type[fl.Event]) -> type[fl.Projection[Total]]:
    class Totals(fl.Projection[Total]):
        @fl.interpretation_for(*events)
        def any_of_them(state, event):
            state.amount += event.principal
            state.parts = (*state.parts, f"{event.event_name} {event.principal}")

    return Totals


def write(lab: fl.Lab, *payloads: Any, shape: Any = None, name: str = "Upcast::Received", idx: str = "debt-1") -> None:
    """Rows as an earlier day left them, a day apart."""
    for payload in payloads:
        version = fl.EventStream.for_(idx, lab=lab).version + 1
        fl.testing.raw_insert(
            lab,
            {
                "klass": name, "idx": idx, "version": version, "props": payload, "created_at": day(version),
                "occurred_at": day(version), "meta_info": None if shape is None else {SHAPE_KEY: shape},
            },
        )  # fmt: skip


def raw(lab: fl.Lab) -> list[tuple[Any, ...]]:
    frame = lab.sql(
        "SELECT klass, idx, props::VARCHAR AS props, meta_info::VARCHAR AS meta_info, version, created_at, occurred_at "
        "FROM event_entries ORDER BY idx, version"
    )
    return list(frame.itertuples(index=False, name=None))


def payloads(stream: fl.EventStream) -> list[dict[str, Any]]:
    return [event.payload() for event in stream.events]


# A chain


def test_a_payload_of_an_older_shape_goes_through_the_chain_from_the_shape_that_is_stored(lab):
    cls = received()
    fl.upcast(cls, from_version=1)(named)

    @fl.upcast(cls, from_version=2)
    def in_cents(payload):
        return {"principal": Decimal(payload["principal"]) / 100}

    write(lab, {"amount": "300"})
    write(lab, {"principal": "400"}, shape=2)
    write(lab, {"principal": "5"}, shape=3)
    stream = NoteStream.for_("debt-1", lab=lab)
    assert [event.principal for event in stream.events] == [3, 4, 5]
    assert {type(event) for event in stream.events} == {cls}
    assert all(event.persisted and event.valid and not event.kept_aside for event in stream.events)


def test_the_function_is_given_back_unchanged_and_gets_plain_json_values_in_a_dict_of_its_own(lab):
    seen: list[dict[str, Any]] = []

    def keep(payload: dict[str, Any]) -> dict[str, Any]:
        seen.append(payload)
        return {"principal": Decimal("0.10"), "on": datetime(2026, 1, 1)}

    def keep_too(payload: dict[str, Any]) -> list[dict[str, Any]]:
        seen.append(payload)
        return [payload, payload]

    def change(payload: dict[str, Any]) -> dict[str, Any]:
        seen.append(dict(payload))
        payload.clear()
        return {"principal": len(seen)}

    for number, function in enumerate((keep, keep_too, change), start=1):
        assert fl.upcast(received(), from_version=number)(function) is function
    write(lab, {"n": 1, "list": [{"a": None}], "at": "2026-01-01T00:00:00Z"})
    assert [event.principal for event in NoteStream.for_("debt-1", lab=lab).events] == [3, 4]
    plain = {"principal": "0.10", "on": "2026-01-01T00:00:00"}
    assert seen == [{"n": 1, "list": [{"a": None}], "at": "2026-01-01T00:00:00Z"}, plain, plain, plain]
    assert raw(lab)[0][2] == json.dumps({"n": 1, "list": [{"a": None}], "at": "2026-01-01T00:00:00Z"})


def test_the_current_shape_is_one_more_than_there_are_upcasters():
    cls = received()
    assert (current_shape("Upcast::Received"), current_shape("Nobody::Knows")) == (1, 1)
    fl.upcast(cls, from_version=1)(named)
    fl.upcast("Upcast::Received", from_version=2, to_version=3)(parted)
    assert current_shape("Upcast::Received") == 3


def test_a_value_that_does_not_fit_its_type_is_kept_and_an_attribute_that_the_class_does_not_have_set_aside(lab):
    fl.upcast(received(), from_version=1)(named)
    write(lab, {"amount": "plenty", "by": "Ada"})
    (event,) = NoteStream.for_("debt-1", lab=lab).events
    assert (event.payload(), event.kept_aside) == (
        {"principal": "plenty", "interest": Decimal(0)},
        {"by": "Ada"},
    )


def test_a_name_that_no_class_has_is_upcast_too(lab):
    fl.upcast("Upcast::Received", from_version=1)(named)
    write(lab, {"amount": "3"})
    (event,) = NoteStream.for_("debt-1", lab=lab).events
    assert (type(event), event.event_name, event.payload()) == (
        fl.UnknownEvent,
        "Upcast::Received",
        {"principal": "3"},
    )


@pytest.mark.parametrize("props", ['[{"amount": 1}]', '"amount"', "5", "null", "{broken"])
def test_what_is_no_object_has_no_shape_and_is_shown_as_it_is(props):
    fl.upcast(received(), from_version=1)(named)
    (event,) = decode_all("Upcast::Received", props, 1)
    assert list(event.kept_aside) == ["props"]


# One event into several


def test_an_upcaster_makes_several_events_of_one_which_share_its_version_and_times_in_their_order(lab):
    cls = received()

    class Interest(fl.Event, name="Upcast::Interest"):
        principal: Decimal

    fl.upcast(cls, from_version=1)(lambda payload: [Interest(principal=payload["interest"]), named(payload)])
    fl.upcast(cls, from_version=2)(parted)
    fl.upcast(Interest, from_version=1)(lambda payload: pytest.fail("an event is of the current shape"))
    write(lab, {"amount": "3", "interest": "2"}, {"amount": "4", "interest": "0"})
    stream = NoteStream.for_("debt-1", lab=lab)
    events = stream.events
    assert [(event.version, event.event_name, event.principal) for event in events] == [
        (1, "Upcast::Interest", 2), (1, "Upcast::Received", 3), (1, "Upcast::Received", 3),
        (2, "Upcast::Interest", 0), (2, "Upcast::Received", 4), (2, "Upcast::Received", 4),
    ]  # fmt: skip
    assert {(event.occurred_at, event.created_at) for event in events[:3]} == {(day(1), day(1))}
    assert (len(stream), stream.version, stream.read().version, len(lab.log)) == (2, 2, 2, 2)
    assert stream.projected_with(totals(cls, Interest)).amount == 16
    assert stream.projected_with(totals(cls, Interest), at=day(1)).amount == 8
    assert len(stream.read().events) == 6


def test_the_parts_share_nothing_with_each_other_nor_with_what_the_upcaster_keeps(lab):
    class Listed(fl.Event, name="Upcast::Listed"):
        items: list[int]

    always = Listed(items=[1])
    fl.upcast("Upcast::Received", from_version=1)(lambda payload: [always, always])
    write(lab, {}, {})
    events = NoteStream.for_("debt-1", lab=lab).events
    events[0].items.append(2)
    assert [event.items for event in events] == [[1, 2], [1], [1], [1]]
    assert (always.items, always.version, always.persisted) == ([1], None, False)
    assert len({id(event.meta_info) for event in events}) == 4


def test_an_event_with_errors_of_its_own_is_read_as_old_values_are(lab):
    class Strict(fl.Event, name="Upcast::Strict"):
        amount: int = Field(gt=0)

    fl.upcast("Upcast::Received", from_version=1)(lambda payload: [Strict(amount=-1, by="Ada")])
    write(lab, {})
    (event,) = NoteStream.for_("debt-1", lab=lab).events
    assert (event.amount, event.kept_aside, event.valid) == (-1, {"by": "Ada"}, True)


@pytest.mark.parametrize(
    ("returned", "told"),
    [
        (None, "returned None; it must return a dict"),
        ([], "returned an empty list"),
        (5, "a value of type int"),
        ("secret-4111", "a value of type str"),
        (({},), "a value of type tuple"),
        ([{"principal": 1}, None], "a list with None"),
        ([[{}]], "a list with a value of type list"),
        (noted(), "a value of type Noted; it must return a dict, or a list of dicts and events"),
        ([fl.UnknownEvent.model_construct()], "a list with a value of type UnknownEvent"),
        ({"principal": float("nan")}, "returned a payload that is no JSON"),
        ({("a", "b"): 1}, "returned a payload that is no JSON"),
        ({"principal": object()}, "returned a payload that is no JSON"),
    ],
)
def test_what_is_no_payload_is_an_error_that_names_upcaster_event_and_version(lab, returned, told):
    @fl.upcast(received(), from_version=1)
    def wrong(payload):
        return returned

    write(lab, {"amount": "3", "card": "4111"})
    with pytest.raises(fl.UpcastError, match=told) as caught:
        _ = NoteStream.for_("debt-1", lab=lab).events
    message = str(caught.value)
    assert "wrong (from_version=1)" in message
    assert "at Upcast::Received #1 of 'debt-1' (amount 3, card [FILTERED])" in message
    assert "4111" not in message


def test_an_upcaster_that_breaks_is_told_with_what_it_was_given_and_what_it_raised(lab):
    cls = received()

    @fl.upcast(cls, from_version=1)
    def first(payload):
        return payload

    @fl.upcast("Upcast::Received", from_version=2)
    def breaks(payload):
        payload.clear()
        return payload["amount"]

    write(lab, {"principal": "1"}, shape=3)
    write(lab, {"amount": "3", "card": "4111"})
    stream = NoteStream.for_("debt-1", lab=lab)
    for ask in (
        lambda: stream.events, stream.df, lab.log.df, lambda: repr(stream), lambda: stream.projected_with(totals(cls)),
        lambda: stream.replay(totals(cls)), lambda: lab.replay(totals(cls)),
    ):  # fmt: skip
        with pytest.raises(fl.UpcastError) as caught:
            ask()
        error = caught.value
        assert isinstance(error.__cause__, KeyError)
        assert (error.event, error.from_version, error.idx, error.version) == ("Upcast::Received", 2, "debt-1", 2)
        assert error.upcaster.endswith("breaks")
        assert str(error).endswith(
            "breaks (from_version=2) broke: KeyError: 'amount'; at Upcast::Received #2 of 'debt-1' "
            "(amount 3, card [FILTERED])"
        )


def test_an_append_whose_history_cannot_be_read_stores_nothing_and_raises(lab):
    cls = received()
    fl.upcast(cls, from_version=1)(named)

    class Judged(fl.EventStream):
        consistency_projection = totals(cls)

    write(lab, {"wrong": "3"})
    event = cls(principal=1)
    with pytest.raises(fl.UpcastError, match=r"named .*broke: KeyError: 'amount'"):
        Judged.for_("debt-1", lab=lab).append(event)
    assert (event.persisted, rows_of(lab), len(lab.rejections)) == (False, 1, 0)


# What it may be


@pytest.mark.parametrize("version", [True, False, 0, -1, "1", 1.0, None, Decimal(1)])
def test_a_version_is_a_whole_number_from_1_on(version):
    with pytest.raises(fl.DefinitionError, match=r"from_version of an upcaster of 'Upcast::Received' must be a whole"):
        fl.upcast(received(), from_version=version)
    if version is not None:
        with pytest.raises(
            fl.DefinitionError, match=r"to_version of an upcaster of 'Upcast::Received' must be a whole"
        ):
            fl.upcast(received(), from_version=1, to_version=version)


@pytest.mark.parametrize(
    ("first", "told"),
    [(2, "from_version 1 is missing"), (3, "1 to 2 are missing"), (10**12, "1 to 999999999999 are missing")],
)
def test_a_gap_is_told_when_the_upcaster_is_defined(first, told):
    with pytest.raises(fl.DefinitionError, match=rf"named upcasts 'Upcast::Received' from_version={first}, .*{told}"):
        fl.upcast(received(), from_version=first)(named)
    assert current_shape("Upcast::Received") == 1


@pytest.mark.parametrize(("then", "told"), [(1, "is a loop"), (2, "is a loop"), (4, "leaves a gap")])
def test_a_step_that_goes_elsewhere_than_to_the_next_shape_is_a_loop_or_a_gap(then, told):
    fl.upcast(received(), from_version=1)(named)
    with pytest.raises(fl.DefinitionError, match=rf"from_version=2, to_version={then} {told}.*write to_version=3"):
        fl.upcast("Upcast::Received", from_version=2, to_version=then)


def test_another_function_for_the_same_shape_is_an_error_that_names_both():
    fl.upcast(received(), from_version=1)(named)
    with pytest.raises(
        fl.DefinitionError, match=r"two upcasters from_version=1: .*test_upcast\.named and .*test_upcast\.parted"
    ):
        fl.upcast("Upcast::Received", from_version=1)(parted)
    assert registry.upcasters_of("Upcast::Received") == (named,)


async def waits(payload):
    return payload


def yields(payload):
    yield payload


async def waits_and_yields(payload):
    yield payload


@pytest.mark.parametrize(
    ("function", "told"),
    [
        (5, "must be a function"), (None, "must be a function"), (dict, "must be a function"),
        (waits, "is async or has a yield"), (yields, "is async or has a yield"),
        (waits_and_yields, "is async or has a yield"),
        (lambda: None, "must take one argument"), (lambda one, two: {}, "must take one argument"),
        (lambda *, payload: {}, "must take one argument"),
    ],
)  # fmt: skip
def test_an_upcaster_is_a_plain_function_of_one_payload(function, told):
    with pytest.raises(fl.DefinitionError, match=told):
        fl.upcast(received(), from_version=1)(function)
    assert current_shape("Upcast::Received") == 1


def test_whatever_can_be_called_with_a_payload_will_do(lab):
    fl.upcast(received(), from_version=1)(functools.partial(lambda key, payload: {"principal": payload[key]}, "amount"))
    write(lab, {"amount": "3"})
    assert NoteStream.for_("debt-1", lab=lab).events[0].principal == 3


@pytest.mark.parametrize("event", [5, None, "", "x" * 256, "a\x00", fl.Event, fl.UnknownEvent, BaseModel, named])
def test_what_is_no_event_cannot_be_upcast(event):
    with pytest.raises(fl.DefinitionError, match=r"event must be a subclass of fl\.Event or the name of an event"):
        fl.upcast(event, from_version=1)


# Cells that run again


def test_rule_7_a_cell_that_runs_again_replaces_an_upcaster_and_remembered_states_are_dropped(lab):
    cls = received()

    class Judged(fl.EventStream):
        consistency_projection = totals(cls)

    def define(sign: int) -> None:
        @fl.upcast(cls, from_version=1)
        def signed(payload):
            return {"principal": int(payload["amount"]) * sign}

    define(1)
    write(lab, {"amount": "30"})
    stream = Judged.for_("debt-1", lab=lab)
    assert stream.append(cls(principal=1)).persisted
    assert stream.append(cls(principal=-130)).persisted
    generation = registry.generation()
    define(-1)
    assert (current_shape("Upcast::Received"), registry.generation() > generation) == (2, True)
    assert stream.append(cls(principal=20)).errors.full_messages == [
        "Led to invalid state: Amount must be greater than or equal to -100"
    ]
    assert [event.principal for event in stream.events] == [-30, 1, -130]


def test_rule_7_the_cell_of_the_class_may_run_again_and_keeps_the_upcasters(lab):
    fl.upcast(received(), from_version=1)(named)
    write(lab, {"amount": "3"})
    again = received()
    (event,) = NoteStream.for_("debt-1", lab=lab).events
    assert (type(event), event.principal, current_shape("Upcast::Received")) == (again, 3, 2)


def test_a_scope_has_upcasters_of_its_own_and_forgets_them(lab):
    fl.upcast(received(), from_version=1)(named)
    with fl.testing.registry():
        fl.upcast("Upcast::Received", from_version=2)(parted)
        fl.upcast("Upcast::Received", from_version=1)(lambda payload: {"principal": "7"})
        write(lab, {"amount": "3"})
        assert [event.principal for event in NoteStream.for_("debt-1", lab=lab).events] == [7, 7]
        with fl.testing.registry():
            received()
            assert current_shape("Upcast::Received") == 1, "a class of the scope has only upcasters of the scope"
        assert current_shape("Upcast::Received") == 3
    assert registry.upcasters_of("Upcast::Received") == (named,)
    assert [event.principal for event in NoteStream.for_("debt-1", lab=lab).events] == [3]


def test_a_class_of_a_scope_must_not_part_a_chain():
    fl.upcast("Upcast::Received", from_version=1)(named)
    with fl.testing.registry():
        fl.upcast("Upcast::Received", from_version=2)(parted)
        with pytest.raises(fl.DefinitionError, match=r"parted upcasts .*from_version 1 is missing"):
            received()


# The number in the log


def test_the_shape_is_stored_when_it_is_above_1_and_shown_nowhere(lab):
    cls = received()
    stream = NoteStream.for_("debt-1", lab=lab)
    stream.append(cls(principal=1))
    fl.upcast(cls, from_version=1)(lambda payload: payload)
    one = stream.append(cls(principal=2))
    fl.upcast(cls, from_version=2)(parted)
    batch = stream.append_all([cls(principal=3), cls(principal=4)])
    with lab.transaction():
        inside = stream.append(cls(principal=5))
        assert len(stream.events) == 7
    assert [row[3] for row in raw(lab)] == ["{}", *(json.dumps({SHAPE_KEY: shape}) for shape in (2, 3, 3, 3))]
    assert [event.meta_info for event in (one, *batch, inside, *stream.events)] == [{}] * 11
    assert not [name for name in stream.df().columns if "meta_info" in name]
    assert SHAPE_KEY not in one._repr_html_()


def test_it_stands_beside_what_is_bound(clock):
    class Context(BaseModel):
        user: str

    lab = fl.Lab(clock=clock, metainformation_model=Context)
    cls = received()
    fl.upcast(cls, from_version=1)(parted)
    with lab.metainformation(user="Ada"):
        event = NoteStream.for_("debt-1").append(cls(principal=1))
    assert raw(lab)[0][3] == json.dumps({"user": "Ada", SHAPE_KEY: 2})
    assert event.meta_info == {"user": "Ada"}
    assert [read.meta_info for read in NoteStream.for_("debt-1").events] == [{"user": "Ada"}]
    assert list(lab.log.df().columns[-1:]) == ["meta_info.user"]


def test_a_shape_that_is_newer_than_the_code_is_read_as_it_is(lab):
    fl.upcast(received(), from_version=1)(named)
    write(lab, {"principal": "3", "interest": "1"}, shape=99)
    (event,) = NoteStream.for_("debt-1", lab=lab).events
    assert (event.principal, event.interest, event.meta_info) == (3, 1, {})


@pytest.mark.parametrize(
    ("meta_info", "shape"),
    [
        (None, 1), ("null", 1), ("{}", 1), ('{"user": "Ada"}', 1), (f'{{"{SHAPE_KEY}": 3}}', 3),
        (f'{{"{SHAPE_KEY}": {10**30}}}', 10**30), ('{"funes_lab\\u002eshape": 2}', 2),
        (f'{{"user": "{SHAPE_KEY}"}}', 1), (f'{{"nested": {{"{SHAPE_KEY}": 2}}}}', 1), (f'["{SHAPE_KEY}"]', 1),
        (f'"{SHAPE_KEY}', 1),
        *((f'{{"{SHAPE_KEY}": {value}}}', 1) for value in ("0", "-1", "true", "false", "null", '"2"', "2.0", "[2]")),
    ],
)  # fmt: skip
def test_absent_means_1_and_so_does_what_is_no_shape(meta_info, shape):
    assert stored_shape(meta_info) == shape


def test_a_stored_shape_that_is_none_counts_as_1_and_is_not_shown(lab):
    fl.upcast(received(), from_version=1)(named)
    write(lab, {"amount": "3"}, shape="two")
    (event,) = NoteStream.for_("debt-1", lab=lab).events
    assert (event.principal, event.meta_info) == (3, {})


def test_what_is_rolled_back_says_nothing_any_more(lab):
    cls = received()
    fl.upcast(cls, from_version=1)(named)
    with lab.transaction():
        event = NoteStream.for_("debt-1").append(cls(principal=1))
        raise fl.Rollback
    assert (event.persisted, event.meta_info, rows_of(lab)) == (False, {}, 0)


class ByAlias(BaseModel):
    shape: int = Field(default=1, alias=SHAPE_KEY)


class BySerialization(BaseModel):
    shape: int = Field(default=1, serialization_alias=SHAPE_KEY)


class ByGenerator(BaseModel):
    model_config = ConfigDict(alias_generator=lambda name: SHAPE_KEY)
    shape: int = 1


class Computed(BaseModel):
    @computed_field(alias=SHAPE_KEY)  # type: ignore[prop-decorator]
    @property
    def shape(self) -> int:
        return 1


@pytest.mark.parametrize(
    "model", [ByAlias, BySerialization, ByGenerator, Computed, create_model("ByName", **{SHAPE_KEY: (int, 1)})]
)
def test_a_metainformation_model_that_is_seen_to_write_the_key_fails_when_the_lab_is_made(model):
    with pytest.raises(fl.DefinitionError, match=rf"metainformation_model {model.__name__} .*'funes_lab\.shape'"):
        fl.Lab(metainformation_model=model)


def test_a_metainformation_model_that_writes_the_key_nevertheless_fails_at_the_insert():
    class Sly(BaseModel):
        @model_serializer
        def written(self) -> dict[str, Any]:
            return {SHAPE_KEY: 7}

    class Wide(BaseModel):
        model_config = ConfigDict(extra="allow")

        def model_post_init(self, context: Any) -> None:
            self.__pydantic_extra__ = {SHAPE_KEY: 7}

    for model in (Sly, Wide):
        lab = fl.Lab(metainformation_model=model)
        with pytest.raises(fl.InvalidMetainformationError, match=rf"{model.__name__} writes 'funes_lab\.shape'"):
            NoteStream.for_("a", lab=lab).append(noted())
        assert rows_of(lab) == 0


# The log is never rewritten


def test_the_log_is_never_rewritten(any_lab):
    cls = received()
    fl.upcast(cls, from_version=1)(named)
    fl.upcast(cls, from_version=2)(parted)

    class Totals(totals(cls)):
        table = "totals"

    class Stream(fl.EventStream):
        consistency_projection = Totals
        transactional_projections = (Totals,)

    write(any_lab, {"amount": "3"}, {"amount": "4"})
    before = raw(any_lab)
    stream = Stream.for_("debt-1", lab=any_lab)
    _ = (stream.events, stream.df(), any_lab.log.df(), stream.projected_with(Totals), repr(stream))
    stream.append(cls(principal=5))
    stream.append(cls(principal=-500))
    stream.append(cls(principal=1), at=day(1.5))
    any_lab.rebuild(Totals, progress=False)
    any_lab.checkpoint()
    assert raw(any_lab)[:2] == before
    assert [row[2] for row in raw(any_lab)[2:]] == [
        '{"principal":"5","interest":"0"}',
        '{"principal":"1","interest":"0"}',
    ]


# Everything that folds or shows


def test_whatever_folds_or_shows_events_sees_them_upcast(clock):
    lab = fl.Lab(clock=clock, jobs="manual")
    cls = received()
    fl.upcast(cls, from_version=1)(named)
    fl.upcast(cls, from_version=2)(parted)
    kept = totals(cls)

    class Table(kept):
        table = "totals"

    class Later(kept):
        table = "later"

    class Stream(fl.EventStream):
        consistency_projection = kept
        transactional_projections = (Table,)
        async_projections = (fl.Async(Later),)

    write(lab, {"amount": "3"})
    stream = Stream.for_("debt-1", lab=lab)
    verdict = stream.check(cls(principal=4))
    assert (verdict.state_before.amount, verdict.state_after.amount) == (6, 10)
    assert stream.append(cls(principal=4)).persisted
    lab.jobs.run_pending()
    tables = [lab.table(name)["amount"].tolist() for name in ("totals", "later")]
    assert tables == [[Decimal(10)], [Decimal(10)]]
    lab.rebuild(Table, progress=False)
    assert lab.table("totals")["amount"].tolist() == [Decimal(10)]
    assert stream.projected_with(kept).parts == ("Upcast::Received 3", "Upcast::Received 3", "Upcast::Received 4")
    assert stream.df()["principal"].tolist() == lab.log.df()["principal"].tolist() == [3, 3, 4]
    assert stream.df()["version"].tolist() == [1, 1, 2]
    assert stream.replay(kept)["amount"].tolist() == [6, 10]
    assert lab.replay(kept, steps=True).equals(stream.replay(kept))
    assert repr(stream).count("Upcast::Received") == 3


def test_the_repr_of_a_long_stream_counts_rows_and_shows_parts(lab):
    fl.upcast(received(), from_version=1)(named)
    fl.upcast("Upcast::Received", from_version=2)(parted)
    write(lab, *({"amount": str(number)} for number in range(1, 11)))
    shown = repr(NoteStream.for_("debt-1", lab=lab))
    assert "version 10" in shown
    assert "5 more" in shown
    assert shown.count("Upcast::Received") == 10


def test_a_conflict_names_the_first_part_of_the_winner_as_the_stream_shows_it(lab):
    class Fee(fl.Event, name="Upcast::Fee"):
        principal: Decimal

    cls = received()
    fl.upcast(cls, from_version=1)(lambda payload: [Fee(principal=1), named(payload)])
    stream = NoteStream.for_("debt-1", lab=lab)
    reading = stream.read()
    write(lab, {"amount": "3"})
    late = reading.append(cls(principal=2))
    assert (late.rejection.winner.event, late.rejection.winner.payload) == ("Upcast::Fee", {"principal": 1})
    assert "was taken by Upcast::Fee (principal 1)" in late.errors.full_messages[0]


# Judging


def judging_stream(limit: int) -> tuple[type[fl.EventStream], type[fl.Event], type[fl.Event]]:
    """A balance that never falls under zero, and a transfer that was one event and is two today."""

    class Given(fl.Event, name="Upcast::Given"):
        amount: int

    class Taken(fl.Event, name="Upcast::Taken"):
        amount: int

    class Balance(BaseModel):
        balance: int = Field(default=0, ge=0)

    class Balances(fl.Projection[Balance]):
        @fl.interpretation_for(Given)
        def given(state, event):
            state.balance += event.amount

        @fl.interpretation_for(Taken)
        def taken(state, event):
            if event.amount > limit:
                event.errors.add("amount", f"is over {limit}")
            state.balance -= event.amount

    class Stream(fl.EventStream):
        consistency_projection = Balances

    @fl.upcast("Upcast::Swapped", from_version=1)
    def swapped(payload):
        return [Taken(amount=payload["out"]), Given(amount=payload["into"])]

    return Stream, Given, Taken


def test_a_backdated_event_is_judged_against_what_later_facts_left_not_against_the_middle_of_one(lab):
    stream_class, given_, taken = judging_stream(limit=50)
    stream = stream_class.for_("s", lab=lab)
    stream.append_or_raise(given_(amount=10), at=day(1))
    fl.testing.raw_insert(
        lab,
        {
            "klass": "Upcast::Swapped", "idx": "s", "version": 2, "props": {"out": 10, "into": 10},
            "created_at": day(3), "occurred_at": day(3),
        },
    )  # fmt: skip
    # in the middle of the swap the balance would be -4
    assert stream.append(taken(amount=4), at=day(2)).persisted
    refused = stream.append(taken(amount=7), at=day(2.5))
    assert refused.errors.full_messages == ["Led to invalid state: Balance must be greater than or equal to 0"]
    fl.testing.raw_insert(
        lab,
        {
            "klass": "Upcast::Swapped", "idx": "s", "version": 4, "props": {"out": 9, "into": 3},
            "created_at": day(4), "occurred_at": day(4),
        },
    )  # fmt: skip
    poisoned = stream.append(taken(amount=1), at=day(2.5))
    assert [error.rule for error in poisoned.state_errors] == ["Balance, after #4"]
    assert poisoned.rejection.place == 3


def test_what_a_block_says_of_any_part_of_a_later_fact_counts(lab):
    class Noted(fl.Event, name="Upcast::Noted"):
        text: str

    class Texts(BaseModel):
        texts: tuple[str, ...] = ()

    class Unique(fl.Projection[Texts]):
        @fl.interpretation_for(Noted)
        def noted(state, event):
            if event.text in state.texts:
                event.errors.add("text", f"{event.text} was said")
            state.texts = (*state.texts, event.text)

    class Stream(fl.EventStream):
        consistency_projection = Unique

    fl.upcast("Upcast::Pair", from_version=1)(lambda payload: [Noted(text=text) for text in payload["texts"]])
    write(lab, {"texts": ["a", "b", "c"]}, name="Upcast::Pair", idx="s")
    refused = Stream.for_("s", lab=lab).append(Noted(text="b"), at=day(0))
    assert refused.errors.full_messages == ["#1 Upcast::Noted would be refused: Text b was said"]
    assert Stream.for_("s", lab=lab).append(Noted(text="d"), at=day(0)).persisted


# Any chain over any history


@st.composite
def chains(draw: st.DrawFn) -> list[tuple[str, str, int]]:
    """Steps from shape to shape: what is done, the field it is done to, a number."""
    kind = st.sampled_from(["rename", "default", "drop", "split", "event", "same"])
    return draw(st.lists(st.tuples(kind, st.sampled_from("abcdef"), st.integers(-9, 9)), max_size=5))


class Side(BaseModel):
    """What a step makes of a payload beside the payload."""

    number: int


def outline(step: tuple[str, str, int], fields: list[str]) -> list[str]:
    """The fields of the next shape."""
    kind, name, _ = step
    if kind == "rename":
        return [*fields[1:], f"{fields[0]}_{name}"]
    if kind == "default":
        return [*fields, name] if name not in fields else fields
    return fields[1:] if kind == "drop" and len(fields) > 1 else fields


def walked(step: tuple[str, str, int], payload: dict[str, Any]) -> list[dict[str, Any] | Side]:
    """The same step on a payload, in plain Python."""
    kind, name, number = step
    first = next(iter(sorted(payload)))
    values = [*sorted(payload.items())]
    if kind == "rename":
        return [dict([*values[1:], (f"{first}_{name}", payload[first])])]
    if kind == "default":
        return [{name: number, **payload}]
    if kind == "drop":
        return [dict(values[1:] or values)]
    if kind == "split":
        return [payload, {**payload, first: payload[first] + number}]
    return [payload, Side(number=number)] if kind == "event" else [payload]


def written_today(chain: list[tuple[str, str, int]], payload: dict[str, Any]) -> list[dict[str, Any] | Side]:
    parts: list[dict[str, Any] | Side] = [payload]
    for step in chain:
        parts = [made for part in parts for made in ([part] if isinstance(part, Side) else walked(step, part))]
    return parts


def evolving(fields: list[str]) -> type[fl.Event]:
    kinds: dict[str, Any] = dict.fromkeys(fields, (int, ...))
    return create_model("Did", __base__=fl.Event, __module__=__name__, __cls_kwargs__={"name": "Upcast::Did"}, **kinds)


@settings(max_examples=60, deadline=None)
@given(
    chain=chains(),
    history=st.lists(st.tuples(st.integers(0, 5), st.integers(-9, 9), st.integers(0, 3)), min_size=1, max_size=6),
)
def test_any_chain_over_any_history_gives_the_state_of_a_log_that_was_written_in_the_newest_shape(chain, history):
    with fl.testing.registry():

        class Aside(fl.Event, name="Upcast::Aside"):
            number: int

        def step_of(number: int) -> Any:
            def step(payload: dict[str, Any]) -> Any:
                made = walked(chain[number], payload)
                return [Aside(number=part.number) if isinstance(part, Side) else part for part in made]

            return step

        old, new = fl.Lab(), fl.Lab()
        fields, logged = ["a", "b"], []
        for shape in range(len(chain) + 1):
            cls = evolving(sorted(fields))
            for when, number, _ in (entry for entry in history if min(entry[2], len(chain)) == shape):
                payload = dict.fromkeys(sorted(fields), number)
                NoteStream.for_("s", lab=old).append_or_raise(cls(**payload), at=day(when))
                logged.append((when, written_today(chain[shape:], payload)))
            if shape < len(chain):
                fl.upcast(cls, from_version=shape + 1)(step_of(shape))
                fields = outline(chain[shape], sorted(fields))
        before = raw(old)
        for when, parts in logged:
            made = [Aside(number=part.number) if isinstance(part, Side) else cls(**part) for part in parts]
            for event in made:
                NoteStream.for_("s", lab=new).append_or_raise(event, at=day(when))

        class Seen(BaseModel):
            told: tuple[tuple[str, str], ...] = ()

        class Trail(fl.Projection[Seen]):
            @fl.interpretation_for(cls, Aside)
            def told(state, event):
                state.told = (*state.told, (event.event_name, repr(sorted(event.payload().items()))))

        streams = [NoteStream.for_("s", lab=lab) for lab in (old, new)]
        states = [stream.projected_with(Trail) for stream in streams]
        assert states[0] == states[1]
        assert streams[0].events == streams[1].events
        assert raw(old) == before
        assert all(not event.kept_aside for event in streams[0].events)
        assert [len(read_events(row)) for row in streams[0].rows()] == [
            len(parts) for _, parts in sorted(logged, key=lambda entry: entry[0])
        ]
        old.close()
        new.close()
