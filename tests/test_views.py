"""lab.sql on event names: a typed view of the events, made when a query asks for it."""

from __future__ import annotations

import math
import threading
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum, IntEnum
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal
from uuid import UUID

import duckdb
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, Field

import funes_lab as fl
from tests.domain import DebtEventStream, issued, paid

KEYS = ["idx", "version", "event", "occurred_at", "created_at"]
NAME = "TestViews::Thing"


def load(lab: fl.Lab, payloads: Sequence[Any], name: str = NAME, idx: str | None = None, **more: Any) -> None:
    """Facts that another program wrote, one a version."""
    for version, props in enumerate(payloads, start=1):
        times = {"created_at": f"2020-01-{version:02}", "occurred_at": "2020-01-01"}
        fact = {"klass": name, "idx": idx or name, "props": props, "version": version, **times, **more}
        fl.testing.raw_insert(lab, fact)


def view(lab: fl.Lab, name: str = NAME) -> pd.DataFrame:
    quoted = name.replace('"', '""')
    return lab.sql(f'SELECT * FROM "{quoted}" ORDER BY "idx", "version"')


def kinds(lab: fl.Lab, name: str = NAME) -> dict[str, str]:
    quoted = name.replace('"', '""')
    found = lab.sql(f'SELECT column_name, column_type FROM (DESCRIBE "{quoted}")')
    return {row.column_name: row.column_type for row in found.itertuples() if row.column_name not in KEYS}


def values(lab: fl.Lab, column: str = "x", name: str = NAME) -> list[Any]:
    return [None if pd.isna(value) else value for value in view(lab, name)[column].tolist()]


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Rank(IntEnum):
    LOW = 1
    HIGH = 2


class Address(BaseModel):
    street: str
    number: int


class Everything(fl.Event, name="TestViews::Everything"):
    whole: int
    real: float
    flag: bool
    text: str
    moment: datetime
    day: date
    clock: time
    key: UUID
    money: Annotated[Decimal, Field(ge=0)] | None
    colour: Colour
    rank: Rank
    word: Literal["a", "b"]
    bounded: list[Annotated[int, Field(ge=0)]]
    address: Address
    tags: dict[str, int]
    free: Any
    span: timedelta
    raw: bytes


EVERYTHING = Everything(
    whole=2**62, real=0.1, flag=True, text="it's", moment=datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=UTC),
    day=date(2026, 1, 2), clock=time(3, 4, 5), key=UUID(int=7), money=Decimal("12.50"), colour=Colour.RED,
    rank=Rank.HIGH, word="b", bounded=[1], address=Address(street="Elm", number=2), tags={"a": 1}, free=5,
    span=timedelta(hours=1), raw=b"\x00\x01",
)  # fmt: skip
TYPES = {
    "whole": "BIGINT", "real": "DOUBLE", "flag": "BOOLEAN", "text": "VARCHAR",
    "moment": "TIMESTAMP WITH TIME ZONE", "day": "DATE", "clock": "TIME", "key": "UUID", "money": "DECIMAL(38,2)",
    "colour": "VARCHAR", "rank": "BIGINT", "word": "VARCHAR", "bounded": "JSON", "address": "JSON", "tags": "JSON",
    "free": "BIGINT", "span": "VARCHAR", "raw": "VARCHAR",
}  # fmt: skip


# Columns and their types


def test_a_view_has_the_keys_and_the_attributes_in_the_order_of_the_class(any_lab):
    debt = DebtEventStream.for_("debt-1", lab=any_lab)
    first = debt.append(issued("100.10"))
    debt.append(paid(30, on=4))
    frame = view(any_lab, "Debts::Issued")
    assert list(frame.columns) == [*KEYS, "amount", "interest_rate", "at"]
    row = frame.iloc[0].to_dict()
    assert row == {
        "idx": "debt-1", "version": 1, "event": "Debts::Issued", "occurred_at": first.occurred_at,
        "created_at": first.created_at, "amount": Decimal("100.10"), "interest_rate": first.interest_rate,
        "at": first.at,
    }  # fmt: skip
    assert str(frame["at"].dtype) == "datetime64[us, UTC]"


def test_columns_have_the_types_of_the_class(lab):
    fl.EventStream.for_("e").append_or_raise(EVERYTHING)
    assert kinds(lab, "TestViews::Everything") == TYPES
    row = view(lab, "TestViews::Everything").iloc[0]
    given = EVERYTHING
    for name in ("whole", "real", "flag", "text", "moment", "day", "clock", "money", "word", "free"):
        assert row[name] == getattr(given, name), name
    assert UUID(str(row.key)) == given.key
    assert (row.colour, row["rank"]) == ("red", 2)
    assert (row.bounded, row.address, row.tags) == ("[1]", '{"street":"Elm","number":2}', '{"a":1}')
    assert (row.span, row.raw) == ("PT1H", "AAE=")


def test_a_name_without_an_event_is_an_empty_view_with_the_same_columns(any_lab):
    frame = view(any_lab, "TestViews::Everything")
    assert frame.empty
    assert list(frame.columns) == [*KEYS, *TYPES]
    assert kinds(any_lab, "TestViews::Everything") == {**TYPES, "money": "DECIMAL(38,0)", "free": "VARCHAR"}


def test_nothing_is_null_and_null_is_nothing(lab):
    class Thing(fl.Event, name=NAME):
        a: int | None = None
        b: Decimal | None = None
        c: dict[str, int] | None = None
        d: str | None = None
        e: list[int] = Field(default_factory=list)

    load(lab, [{}, dict.fromkeys("abcd"), {"a": 1, "b": "2.0", "c": {"n": 1}, "d": ""}])
    assert kinds(lab) == {"a": "BIGINT", "b": "DECIMAL(38,1)", "c": "JSON", "d": "VARCHAR", "e": "JSON"}
    assert lab.sql(f'SELECT count(a), count(b), count(c), count(d), count(e) FROM "{NAME}"').iloc[0].tolist() == [
        1, 1, 1, 1, 0,
    ]  # fmt: skip


def test_what_a_payload_lacks_has_the_default_of_the_class(lab):
    class Thing(fl.Event, name=NAME):
        amount: Decimal
        currency: str = "it's"
        fee: Decimal = Decimal("0.250")
        address: dict[str, int] = {"number": 1}
        free: Any = 7
        other: int | None = 5

    load(lab, [{"amount": "1"}, {"amount": "1", "other": None, "fee": "3"}, [1]])
    assert values(lab, "currency") == ["it's", "it's", None]
    assert values(lab, "fee") == [Decimal("0.250"), Decimal(3), None]
    assert values(lab, "address") == ['{"number": 1}', '{"number": 1}', None]
    assert values(lab, "free") == [7, 7, None]
    assert values(lab, "other") == [5, None, None]


def test_an_attribute_that_is_called_like_a_column_is_prefixed(lab):
    class Thing(fl.Event, name=NAME):
        event: str
        Version: int
        x: int
        X: int

    load(lab, [{"event": "party", "Version": 2, "x": 3, "X": 4}])
    row = view(lab).iloc[0].to_dict()
    assert {name: row[name] for name in ("event", "payload.event", "payload.Version", "x", "payload.X")} == {
        "event": NAME, "payload.event": "party", "payload.Version": 2, "x": 3, "payload.X": 4,
    }  # fmt: skip


def test_another_name_that_payloads_have_for_an_attribute_is_read(lab):
    class Thing(fl.Event, name=NAME):
        amount: Decimal = Field(alias="sum")

    load(lab, [{"amount": "1"}, {"sum": "2.5"}])
    assert values(lab, "amount") == [Decimal(1), Decimal("2.5")]


# No value is lost


FITTING: list[tuple[Any, list[Any], str]] = [
    (int, [1, -(2**63), 2**63 - 1], "BIGINT"),
    (int, [1.0, "5"], "BIGINT"),
    (int, [1, 2**63], "HUGEINT"),
    (int, [10**37], "HUGEINT"),
    (float, [1, 0.1, "2.5", -1e300], "DOUBLE"),
    (bool, [True, False, "true"], "BOOLEAN"),
    (datetime, ["2026-01-01T10:00:00+02:00", "0001-01-01T00:00:00Z", "2026-01-01"], "TIMESTAMP WITH TIME ZONE"),
    (date, ["0001-01-01", "9999-12-31"], "DATE"),
    (time, ["10:00:00", "23:59:59.999999"], "TIME"),
    (UUID, ["00000000-0000-0000-0000-000000000007"], "UUID"),
    (Decimal, ["1", "12.345", "-0.1", 5, 0.25], "DECIMAL(38,3)"),
    (Decimal, ["9" * 38, "-" + "9" * 38], "DECIMAL(38,0)"),
    (Decimal, ["0." + "1" * 37], "DECIMAL(38,37)"),
    (Decimal, ["1E+3", "0E-10", "-1.25e-3"], "DECIMAL(38,10)"),
]
NOT_FITTING: list[tuple[Any, list[Any]]] = [
    (int, [1, "many"]),
    (int, [1, 5.5]),
    (int, [1, True]),
    (int, [1, 10**40]),
    (int, [1, "1e3"]),
    (int, [1, {"n": 1}]),
    (float, [1.5, "NaN"]),
    (float, [1.5, "Infinity"]),
    (float, [1.5, "1e400"]),
    (bool, [True, 1]),
    (bool, [True, "yes"]),
    (datetime, ["2026-01-01T10:00:00Z", "epoch"]),
    (datetime, ["2026-01-01T10:00:00Z", "infinity"]),
    (datetime, ["2026-01-01T10:00:00Z", 1700000000]),
    (date, ["2026-01-01", "2026-01-01T10:00:00"]),
    (date, ["2026-01-01", "infinity"]),
    (time, ["10:00:00", "10:00:00+02:00"]),
    (time, ["10:00:00", "24:00:00"]),
    (time, ["10:00:00", "10:00:00.1234567"]),
    (UUID, ["00000000-0000-0000-0000-000000000007", "seven"]),
    (Decimal, ["1.5", "NaN"]),
    (Decimal, ["1.5", "1_000"]),
    (Decimal, ["9" * 38, "0.1"]),
    (Decimal, ["1" * 39]),
    (Decimal, ["0." + "0" * 38 + "1"]),
    (Decimal, ["1E+38"]),
    (Decimal, ["1E-38"]),
    (Decimal, ["1E+999999999999"]),
    (Decimal, ["15541277210949929966.5767E-4", "0.0000000000000000001"]),  # it would fit, and DuckDB makes NULL of it
    (Decimal, ["1.5", "a lot"]),
    (Decimal, ["1.5", ["2"]]),
]


def thing(kind: Any) -> type[fl.Event]:
    return type("Thing", (fl.Event,), {"__annotations__": {"x": kind}, "__module__": __name__}, name=NAME)


@pytest.mark.parametrize(("kind", "stored", "column"), FITTING)
def test_a_type_that_holds_every_value_is_taken(lab, kind, stored, column):
    thing(kind)
    load(lab, [{"x": value} for value in stored])
    assert kinds(lab) == {"x": column}
    seen = [event.x for event in fl.EventStream.for_(NAME).events]
    got = [UUID(str(value)) if kind is UUID else value for value in values(lab)]
    assert got == seen


@pytest.mark.parametrize(("kind", "stored"), NOT_FITTING)
def test_one_value_that_does_not_fit_makes_the_column_text(lab, kind, stored):
    thing(kind)
    load(lab, [{"x": value} for value in stored])
    assert kinds(lab) == {"x": "VARCHAR"}
    plain = lab.sql("SELECT props->>'x' AS x FROM event_entries ORDER BY version")
    assert values(lab) == plain.x.tolist()
    assert None not in values(lab)


decimals = st.one_of(
    st.decimals(allow_nan=False, allow_infinity=False),
    st.builds(
        lambda sign, digits, exponent: Decimal((sign, tuple(digits), exponent)),
        st.integers(0, 1), st.lists(st.integers(0, 9), min_size=1, max_size=40), st.integers(-45, 45),
    ),
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(st.lists(decimals, min_size=1, max_size=4))
def test_decimals_are_never_rounded(amounts):
    with fl.testing.registry(), fl.Lab() as lab:
        thing(Decimal)
        load(lab, [{"x": str(amount)} for amount in amounts])
        assert [Decimal(value) for value in values(lab)] == amounts
        texts = [str(amount).lstrip("-") for amount in amounts]
        if not any("E" in text for text in texts):
            whole, places = (max(len(text.partition(".")[part]) for text in texts) for part in (0, 2))
            assert kinds(lab)["x"] == ("VARCHAR" if whole + places > 38 else f"DECIMAL(38,{places})")


def test_what_was_found_is_looked_at_again_when_the_log_has_grown(any_lab):
    thing(Decimal)
    load(any_lab, [{"x": "1"}])
    assert kinds(any_lab) == {"x": "DECIMAL(38,0)"}
    load(any_lab, [{"x": "0.5"}], idx="other")
    assert kinds(any_lab) == {"x": "DECIMAL(38,1)"}
    load(any_lab, [{"x": "none"}], idx="third")
    assert kinds(any_lab) == {"x": "VARCHAR"}
    assert sorted(values(any_lab)) == ["0.5", "1", "none"]


def test_a_class_that_is_defined_anew_types_anew(lab):
    thing(int)
    load(lab, [{"x": 5}])
    assert kinds(lab) == {"x": "BIGINT"}
    thing(str)
    assert kinds(lab) == {"x": "VARCHAR"}


# Names that no class knows


@pytest.mark.parametrize(
    ("stored", "column"),
    [
        ([1, -5, None], "BIGINT"),
        ([1, 2**63], "HUGEINT"),
        ([1, 10**30], "HUGEINT"),
        ([1, 0.5], "DOUBLE"),
        ([2**53 + 1, 0.5], "VARCHAR"),
        ([10**40], "VARCHAR"),
        ([True, False], "BOOLEAN"),
        ([True, 1], "VARCHAR"),
        (["a"], "VARCHAR"),
        (["1.50"], "VARCHAR"),
        (["2026-01-01T00:00:00Z"], "VARCHAR"),
        ([{"n": 1}, [1]], "JSON"),
        ([{"n": 1}, "a"], "JSON"),
        ([None], "VARCHAR"),
    ],
)
def test_without_a_class_the_values_tell_the_type(lab, stored, column):
    load(lab, [{"x": value} for value in stored])
    assert kinds(lab) == {"x": column}
    plain = lab.sql("SELECT props->>'x' AS x FROM event_entries ORDER BY version").x.tolist()
    got = values(lab)
    assert [value is None for value in got] == [value is None for value in stored]
    if column == "VARCHAR":
        assert got == plain or stored == [None]
    if column in ("BIGINT", "HUGEINT", "DOUBLE", "BOOLEAN"):
        assert got == stored


def test_without_a_class_the_keys_stand_in_the_order_in_which_they_came(lab):
    load(lab, [{"z": 1, "b": 2}, {"a": 3, "z": 4}, {"b": 1}])
    frame = view(lab)
    assert list(frame.columns) == [*KEYS, "z", "b", "a"]
    assert str(frame.a.dtype) == "Int64"


def test_a_payload_that_is_no_object_stands_as_it_is(lab):
    load(lab, [{"x": 1}, [1, 2], "text", None])
    assert values(lab) == [1, None, None, None]
    assert values(lab, "props") == [None, "[1, 2]", '"text"', None]


# Names


NASTY = [
    "a.b\"c", "it's", "a'b\"c", "a/b~c", "~1", "$", "$.x", "x[0]", "*", "x*", "", " ", "ü", "名", "a\\b", "x\ny",
    "'; DROP TABLE event_entries; --", '"; DROP TABLE event_entries; --', "?", "$1", "%", "{t}", "{k}", "{}", "0", "#",
    "\x00z",
]  # fmt: skip


@pytest.mark.parametrize("key", NASTY)
def test_keys_are_taken_as_they_are(lab, key):
    load(lab, [{key: 5, "other": {key: 6}}, {"other": 1}])
    frame = view(lab)
    assert list(frame.columns)[5:] == [key.replace("\x00", "\\u0000") or "payload.", "other"]
    assert frame.iloc[0, 5] == 5
    assert len(lab.log) == 2


@pytest.mark.parametrize("name", [key for key in NASTY if key and "\x00" not in key])
def test_event_names_are_taken_as_they_are(lab, name):
    load(lab, [{"x": 5}], name)
    load(lab, [{"x": 6}], "other")
    assert values(lab, name=name) == [5]
    assert view(lab, name).event.tolist() == [name]
    type("Known", (fl.Event,), {"__annotations__": {"x": Decimal}, "__module__": __name__}, name=name)
    assert values(lab, name=name) == [Decimal(5)]


def test_a_name_is_found_whatever_its_case_but_two_that_differ_in_case_only_are_refused(lab):
    load(lab, [{"x": 1}], "Paid")
    assert len(lab.sql("SELECT * FROM paid")) == 1
    load(lab, [{"x": 2}, {"x": 3}], "PAID")
    assert lab.sql('SELECT x FROM "Paid"').x.tolist() == [1]
    assert sorted(lab.sql('SELECT x FROM "PAID"').x) == [2, 3]
    with pytest.raises(ValueError, match="'PAID' and 'Paid' differ in case only"):
        lab.sql("SELECT * FROM paid")
    with pytest.raises(ValueError, match="'Paid' and 'PAID' differ in case only"):
        lab.sql('SELECT * FROM "Paid" UNION ALL SELECT * FROM "PAID"')


@pytest.mark.parametrize("what", ["TABLE", "VIEW"])
def test_a_table_or_a_view_of_that_name_wins(any_lab, what):
    load(any_lab, [{"x": 1}])
    with any_lab.transaction() as tx:
        tx.execute(f'CREATE {what} "{NAME.lower()}" AS SELECT 42 AS answer')
    assert any_lab.sql(f'SELECT * FROM "{NAME}"').to_dict("records") == [{"answer": 42}]


def test_events_that_are_called_like_tables_of_the_lab_or_of_its_code_do_no_harm(lab):
    for name in ("event_entries", "Row", "duckdb", "cursor", "sql", "params", "props", "funes_lab_upcast_0"):
        load(lab, [{"x": 1}], name, idx=name)
    assert lab.sql("SELECT count(*) AS n FROM event_entries").n[0] == 8
    for name in ("Row", "duckdb", "cursor", "sql", "params", "props", "funes_lab_upcast_0"):
        assert values(lab, name=name) == [1]


def test_a_with_of_that_name_wins(lab):
    load(lab, [{"x": 1}])
    assert lab.sql(f'WITH "{NAME}" AS (SELECT 5 AS x) SELECT * FROM "{NAME}"').x.tolist() == [5]


def test_every_place_of_a_query_can_name_an_event(lab):
    for amount in (1, 2):
        DebtEventStream.for_("d").append(issued(amount))
    DebtEventStream.for_("d").append(paid(1))
    both = """
        WITH issued AS (SELECT idx, sum(amount) AS total FROM "Debts::Issued" GROUP BY idx)
        SELECT total, (SELECT count(*) FROM main."Debts::PaymentReceived") AS n FROM issued WHERE EXISTS (
            FROM "Debts::PaymentReceived" p WHERE p.idx = issued.idx)"""
    assert lab.sql(both).to_dict("records") == [{"total": Decimal(3), "n": 1}]
    assert lab.sql('SELECT amount FROM "Debts::Issued" WHERE version = ?', [2]).amount.tolist() == [Decimal(2)]
    assert lab.sql('SELECT amount FROM "Debts::Issued" WHERE version = $v', {"v": 2}).amount.tolist() == [Decimal(2)]
    assert len(lab.sql('SUMMARIZE "Debts::Issued"')) == 8


def test_a_table_that_is_nowhere_is_told_with_those_that_there_are(any_lab):
    DebtEventStream.for_("d", lab=any_lab).append(issued(1))
    for query in ("SELECT * FROM corrupt", 'SELECT * FROM elsewhere."Debts::Issued"', "SELECT * FROM sqlite_mastr"):
        with pytest.raises((duckdb.CatalogException, duckdb.BinderException)):
            any_lab.sql(query)
    there = "the tables event_entries, funes_lab_rejections, funes_lab_schema and the events "
    with pytest.raises(duckdb.CatalogException, match=f"(?s)nowhere does not exist.*There are {there}"):
        any_lab.sql("SELECT * FROM nowhere")
    with pytest.raises(duckdb.Error) as other:
        any_lab.sql('SELECT nofunction(1) FROM "Debts::Issued"')
    assert "There are the tables" not in str(other.value)
    with pytest.raises(duckdb.BinderException, match="nocolumn"):
        any_lab.sql('SELECT nocolumn FROM "Debts::Issued"')


# Secrets


def test_secrets_are_masked_at_any_depth(lab):
    class Charged(fl.Event, name=NAME):
        filter_attributes: ClassVar[Any] = ("token", "pan")
        token: str | None
        amount: int
        card: dict[str, Any] | None
        free: Any

    load(lab, [
        {"token": "swordfish", "amount": 1, "card": {"p": [{"pan": "swordfish"}]}, "free": {"token": "swordfish"}},
        {"token": None, "amount": {"pan": "swordfish"}, "card": {"holder": "Ada"}, "free": "pan"},
        {"token": {"a": "swordfish"}, "amount": 3, "card": None, "free": 5},
    ])  # fmt: skip
    assert "swordfish" not in view(lab).to_csv()
    assert values(lab, "token") == ["[FILTERED]", None, "[FILTERED]"]
    assert values(lab, "amount") == ["1", "[FILTERED]", "3"]
    assert values(lab, "card") == ['"[FILTERED]"', '{"holder":"Ada"}', None]
    assert values(lab, "free") == ['"[FILTERED]"', '"pan"', "5"]
    assert lab.sql(f"SELECT count(*) AS n FROM \"{NAME}\" WHERE token = 'swordfish'").n[0] == 0


# Aliases and older shapes


def test_aliases_are_read_as_the_class_that_has_them(lab):
    class Thing(fl.Event, name=NAME, aliases=["TestViews::Old"]):
        x: Decimal

    load(lab, [{"x": "1"}])
    load(lab, [{"x": "2.5"}], "TestViews::Old")
    for name in (NAME, "TestViews::Old"):
        frame = view(lab, name)
        assert sorted(frame.x) == [Decimal(1), Decimal("2.5")]
        assert set(frame.event) == {NAME}


def test_payloads_of_older_shapes_are_upcast_and_typed_alike(any_lab):
    class Thing(fl.Event, name=NAME, aliases=["TestViews::Old"]):
        principal: Decimal
        at: datetime

    @fl.upcast(Thing, from_version=1)
    def rename(payload):
        return {"principal": payload["amount"], "at": payload["at"]}

    load(any_lab, [{"amount": "0.125", "at": "2020-01-01T00:00:00Z"}], "TestViews::Old", idx="old")
    load(any_lab, [{"amount": "1", "at": "2020-01-02T00:00:00Z"}], idx="mid")
    new = Thing(principal="1" * 30, at=datetime(2020, 1, 3, tzinfo=UTC))
    fl.EventStream.for_("new", lab=any_lab).append_or_raise(new)
    assert kinds(any_lab) == {"principal": "DECIMAL(38,3)", "at": "TIMESTAMP WITH TIME ZONE"}
    frame = view(any_lab)
    assert frame.principal.tolist() == [Decimal(1), Decimal("1" * 30), Decimal("0.125")]
    assert frame["at"].dt.day.tolist() == [2, 3, 1]
    assert frame.event.tolist() == [NAME] * 3
    assert len(any_lab.sql('SELECT * FROM "TestViews::Old"')) == 3


def test_events_that_an_upcaster_made_are_under_the_name_they_became(lab):
    class Principal(fl.Event, name="TestViews::Principal"):
        amount: Decimal

    class Interest(fl.Event, name="TestViews::Interest"):
        amount: Decimal

    @fl.upcast(NAME, from_version=1)
    def split(payload):
        return [Principal(amount=payload["p"]), Interest(amount="0.5"), {"rest": 1}, Interest(amount="none")]

    load(lab, [{"p": "7"}])
    fl.EventStream.for_("new").append_or_raise(Principal(amount="2.25"))
    assert sorted(values(lab, "amount", "TestViews::Principal")) == [Decimal("2.25"), Decimal(7)]
    assert values(lab, "amount", "TestViews::Interest") == ["0.5", "none"]
    assert values(lab, "rest") == [1]


def test_an_upcaster_that_breaks_is_told(lab):
    class Thing(fl.Event, name=NAME):
        x: int

    @fl.upcast(Thing, from_version=1)
    def broken(payload):
        return payload["missing"]

    load(lab, [{"x": 1}])
    with pytest.raises(fl.UpcastError, match="broken"):
        view(lab)
    assert lab.sql("SELECT 1 AS one").one[0] == 1
    with pytest.raises(fl.UpcastError), lab.transaction():
        view(lab)


def test_only_rows_of_an_older_shape_pass_through_python(lab):
    class Thing(fl.Event, name=NAME):
        x: int

    seen = []

    @fl.upcast(Thing, from_version=1)
    def noted(payload):
        seen.append(payload["x"])
        return payload

    load(lab, [{"x": 1}])
    load(lab, [{"x": 2}], idx="b", meta_info={"funes_lab.shape": 2})
    load(lab, [{"x": 3}], idx="c", meta_info={"funes_lab.shape": "2"})
    load(lab, [{"x": 4}], idx="d", meta_info={"funes_lab.shape": 3})
    assert sorted(values(lab)) == [1, 2, 3, 4]
    assert sorted(seen) == [1, 3]


# Transactions, threads, read only


def test_a_view_is_gone_with_its_query(any_lab):
    load(any_lab, [{"x": 1}])
    before = any_lab.sql("SELECT view_name FROM duckdb_views()").view_name.tolist()
    assert values(any_lab) == [1]
    assert any_lab.sql("SELECT view_name FROM duckdb_views()").view_name.tolist() == before
    with any_lab.transaction():
        assert values(any_lab) == [1]
        assert any_lab.sql("SELECT view_name FROM duckdb_views()").view_name.tolist() == before
        with pytest.raises(duckdb.BinderException):
            any_lab.sql(f'SELECT missing FROM "{NAME}"')
        assert any_lab.sql("SELECT view_name FROM duckdb_views()").view_name.tolist() == before


def test_inside_a_transaction_a_view_shows_what_is_not_committed_yet(any_lab):
    debt = DebtEventStream.for_("d", lab=any_lab)
    debt.append(issued("1"))
    amounts = 'SELECT amount FROM "Debts::Issued" ORDER BY version'
    assert any_lab.sql(amounts).amount.tolist() == [Decimal(1)]
    with any_lab.transaction() as tx:
        debt.append(issued("2.125"))
        assert any_lab.sql(amounts).amount.tolist() == [Decimal(1), Decimal("2.125")]
        tx.execute("CREATE TABLE mine (a INTEGER)")
        debt.append(issued("3"))
        assert any_lab.sql('SELECT count(*) AS n FROM "Debts::Issued", mine').n[0] == 0
        raise fl.Rollback
    assert any_lab.sql(amounts).amount.tolist() == [Decimal(1)]
    with any_lab.transaction():
        debt.append(issued("4.5"))
        assert any_lab.sql(amounts).amount.tolist() == [Decimal(1), Decimal("4.5")]
    assert any_lab.sql(amounts).amount.tolist() == [Decimal(1), Decimal("4.5")]
    assert debt.append(issued("5")).version == 3


def test_inside_a_transaction_older_shapes_are_upcast_and_nothing_ends(any_lab):
    class Thing(fl.Event, name=NAME):
        y: Decimal

    @fl.upcast(Thing, from_version=1)
    def rename(payload):
        return {"y": payload["x"]}

    load(any_lab, [{"x": "1.5"}])
    stream = fl.EventStream.for_("new", lab=any_lab)
    with any_lab.transaction() as tx:
        stream.append_or_raise(Thing(y="2"))
        tx.execute("CREATE TABLE mine AS SELECT 5 AS five")
        tx.execute("SELECT * FROM mine")
        assert sorted(values(any_lab, "y")) == [Decimal("1.5"), Decimal(2)]
        stream.append_or_raise(Thing(y="3"))
        assert sorted(values(any_lab, "y")) == [Decimal("1.5"), Decimal(2), Decimal(3)]
    assert sorted(values(any_lab, "y")) == [Decimal("1.5"), Decimal(2), Decimal(3)]
    assert any_lab.table("mine").five.tolist() == [5]


def test_what_a_rolled_back_transaction_saw_is_not_remembered(lab):
    thing(Decimal)
    load(lab, [{"x": "1"}])
    stream = fl.EventStream.for_("other")
    for amount in ("0.125", "2.5", "3"):
        with lab.transaction():
            stream.append(thing(Decimal)(x=amount))
            assert Decimal(amount) in values(lab)
            raise fl.Rollback
    stream.append_or_raise(thing(Decimal)(x="0.0625"))
    assert Decimal("0.0625") in values(lab)


def test_a_missing_table_does_not_break_the_transaction(any_lab):
    debt = DebtEventStream.for_("d", lab=any_lab)
    with any_lab.transaction():
        debt.append(issued(1))
        with pytest.raises(duckdb.CatalogException, match="There are the tables"):
            any_lab.sql("SELECT * FROM nowhere")
        assert len(any_lab.sql('SELECT * FROM "Debts::Issued"')) == 1
        debt.append(issued(2))
    assert debt.version == 2


def test_a_lab_that_is_read_only_has_views_too(path: Path):
    class Thing(fl.Event, name=NAME):
        y: Decimal

    with fl.Lab(path) as lab:
        load(lab, [{"x": "1.5"}])
        load(lab, [{"n": 1}], "TestViews::Unknown")

    @fl.upcast(Thing, from_version=1)
    def rename(payload):
        return {"y": payload["x"]}

    with fl.Lab(path, read_only=True) as lab:
        assert values(lab, "y") == [Decimal("1.5")]
        assert values(lab, "n", "TestViews::Unknown") == [1]


def test_threads_that_ask_at_once_do_not_meet(any_lab):
    for name in ("A", "B"):
        type(name, (fl.Event,), {"__annotations__": {"x": Decimal}, "__module__": __name__}, name=f"TestViews::{name}")
        load(any_lab, [{"x": f"{number}.{len(name)}"} for number in range(1, 21)], f"TestViews::{name}")
    failures: list[object] = []

    def ask(name: str) -> None:
        try:
            for number in range(15):
                got = any_lab.sql(f'SELECT event, x FROM "TestViews::{name}" WHERE version > ?', [number])
                if len(got) != 20 - number or set(got.event) != {f"TestViews::{name}"}:
                    failures.append(got)
        except BaseException as failure:  # noqa: BLE001  (whatever it is, the test tells it)
            failures.append(failure)

    threads = [threading.Thread(target=ask, args=(name,)) for name in "ABAB"]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert failures == []


# Logs of other programs


def test_a_log_whose_payloads_are_plain_text_is_read(path: Path):
    with duckdb.connect(str(path)) as connection:
        connection.execute(
            "CREATE TABLE event_entries (klass VARCHAR, idx VARCHAR, props VARCHAR, meta_info VARCHAR, "
            "version INTEGER, created_at TIMESTAMP, occurred_at TIMESTAMP, UNIQUE (idx, version))"
        )
        rows = [(1, '{"x": "1.5"}', None), (2, "{broken", "{broken"), (3, '{"x": "2"}', '{"funes_lab.shape": 1}')]
        for version, props, meta_info in rows:
            values_ = [NAME, "a", props, meta_info, version, datetime(2020, 1, 1), datetime(2020, 1, 1)]
            connection.execute("INSERT INTO event_entries VALUES (?, ?, ?, ?, ?, ?, ?)", values_)
    thing(Decimal)
    with fl.Lab(path, read_only=True) as lab:
        assert values(lab) == [Decimal("1.5"), None, Decimal(2)]
        frame = view(lab)
        assert [str(frame[name].dtype) for name in ("version", "created_at")] == ["int64", "datetime64[us, UTC]"]
        assert lab.log.shapes().attributes.tolist() == [(), ("x",)]


def test_a_frame_says_the_same_as_the_view(any_lab):
    for amount in ("100.10", "5", "0.001"):
        DebtEventStream.for_("d", lab=any_lab).append(issued(amount))
    frame, seen = any_lab.log.df(), view(any_lab, "Debts::Issued")
    assert list(frame.columns) == list(seen.columns)
    for name in frame.columns:
        assert frame[name].tolist() == seen[name].tolist(), name


def test_arrow_gives_decimals_their_places(lab):
    thing(Decimal)
    load(lab, [{"x": "1"}, {"x": "2.25"}])
    frame = view(lab)
    assert frame.x.dtype == object
    assert [str(value) for value in frame.x] == ["1.00", "2.25"]
    assert math.isclose(float(frame.x.sum()), 3.25)
    assert pa.array(frame.x).type == pa.decimal128(3, 2)
