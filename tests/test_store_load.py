"""lab.load: rows as they are, all or nothing, and what DuckDB accepts that a log must not (rule 1 and the facts)."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import funes_lab as fl
from tests.domain import START, NoteStream, Trail, balance, day, issued, noted, rows_of


def row(version: Any = 1, **other: Any) -> dict[str, Any]:
    plain = {"klass": "Debts::Noted", "idx": "n", "props": '{"text":"x"}', "meta_info": None, "version": version}
    return {**plain, "created_at": day(1), "occurred_at": day(0), **other}


def as_frame(rows: list[dict[str, Any]]) -> pd.DataFrame:
    return pd.DataFrame(rows)


def as_arrow(rows: list[dict[str, Any]]) -> pa.Table:
    return pa.Table.from_pylist(rows)


def as_dicts(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return rows


FORMS: list[Callable[[list[dict[str, Any]]], Any]] = [as_dicts, as_frame, as_arrow]


@pytest.mark.parametrize("form", FORMS)
def test_versions_and_times_stay_as_they_are_and_append_goes_on_after_them(any_lab, form):
    rows = [row(3, occurred_at=day(2)), row(1, created_at=day(9)), row(2, idx="m", props="{}")]
    assert any_lab.load(form(rows)) == 3
    stream = NoteStream.for_("n", lab=any_lab)
    assert [(e.version, e.created_at, e.occurred_at) for e in stream.events] == [
        (1, day(9), day(0)),
        (3, day(1), day(2)),
    ]
    assert stream.append(noted()).version == 4
    assert NoteStream.for_("m", lab=any_lab).append(noted()).version == 3
    assert any_lab.load(form([row(5), row(6)])) == 2
    assert stream.append(noted()).version == 7


def test_rows_of_a_ruby_application_are_loaded(lab):
    rails = pd.DataFrame(
        {
            "id": [1, 2],
            "klass": ["Debts::Issued", "Debts::PaymentReceived"],
            "idx": ["debts-1", "debts-1"],
            "props": [{"amount": "100.0", "interest_rate": "0.05", "at": "2026-01-01T00:00:00.000Z"},
                      {"principal_amount": "30.0", "interest_amount": "0.0", "at": "2026-01-05T00:00:00.000Z"}],
            "meta_info": [None, {"user_id": 7}],
            "version": [1, 2],
            "created_at": ["2026-02-01 10:00:00.123456", "2026-02-02 10:00:00 UTC".removesuffix(" UTC")],
            "occurred_at": pd.to_datetime(["2026-01-01", "2026-01-05"]),
            "updated_at": [None, None],
        }
    )  # fmt: skip
    assert lab.load(rails) == 2
    stream = NoteStream.for_("debts-1", lab=lab)
    assert balance(stream) == 70
    assert stream.events[0] == issued("100.0")
    assert stream.events[0].created_at == datetime(2026, 2, 1, 10, 0, 0, 123456, tzinfo=UTC)
    assert [event.meta_info for event in stream.events] == [{}, {"user_id": 7}]


def test_a_log_loads_what_another_one_gives(lab):
    for number in range(20):
        NoteStream.for_(f"n{number % 3}", lab=lab).append(noted(str(number)))
    rows = lab.sql("SELECT * FROM event_entries ORDER BY random()")
    other = fl.Lab()
    assert other.load(rows) == 20
    pd.testing.assert_frame_equal(other.log.df(), lab.log.df())
    third = fl.Lab()
    assert third.load(pa.Table.from_pandas(rows)) == 20
    pd.testing.assert_frame_equal(third.log.df(), lab.log.df())


MOMENT = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    "at",
    [MOMENT, MOMENT.replace(tzinfo=None), MOMENT.astimezone(timezone(timedelta(hours=5))), date(2026, 1, 1),
     "2026-01-01", "2026-01-01T05:00:00+05:00", pd.Timestamp(MOMENT),
     np.datetime64("2026-01-01T00:00:00", "us").item()],
)  # fmt: skip
def test_times_may_be_written_as_people_write_them(lab, at):
    lab.load([row(occurred_at=at)])
    assert NoteStream.for_("n", lab=lab).events[0].occurred_at == MOMENT
    lab.load(pd.DataFrame([row(2, occurred_at=at)]))
    assert NoteStream.for_("n", lab=lab).events[1].occurred_at == MOMENT


def test_payloads_may_be_dicts_with_decimals_and_times(lab):
    props = {"amount": Decimal("1.10"), "interest_rate": 0, "at": START, "on": date(2026, 1, 1)}
    lab.load([row(klass="Debts::Issued", props=props)])
    written = json.loads(lab.sql("SELECT props FROM event_entries").props[0])
    assert written == {"amount": "1.10", "interest_rate": 0, "at": "2026-01-01T00:00:00Z", "on": "2026-01-01"}
    assert NoteStream.for_("n", lab=lab).events[0].amount == Decimal("1.10")


def test_a_category_column_and_an_index_do_not_matter(lab):
    frame = pd.DataFrame([row(1), row(2)], index=["b", "a"]).astype({"klass": "category", "idx": "category"})
    assert lab.load(frame) == 2
    assert lab.load(pa.table(pa.Table.from_pylist([row(3), row(4)]))) == 2
    assert lab.load(pa.concat_tables([as_arrow([row(5)]), as_arrow([row(6)])])) == 2
    assert lab.load(as_arrow([row(7), row(8), row(9)]).slice(1, 1).set_column(4, "version", [[7]])) == 1
    assert NoteStream.for_("n", lab=lab).version == 7


def test_nothing_to_load_is_nothing(any_lab):
    for nothing in ([], pd.DataFrame([row()]).iloc[:0], as_arrow([row()]).slice(0, 0), iter(())):
        assert any_lab.load(nothing) == 0
    assert rows_of(any_lab) == 0


BAD: list[tuple[str, Any]] = [
    *[("idx", bad) for bad in (42, True, (1, 2), b"x", None, 1.5, "", "x" * 1025, "a\x00b", "\ud800")],
    *[("version", bad) for bad in (1.5, 1.0, True, -1, 0, "1", None, math.nan, 2**63)],
    *[("klass", bad) for bad in ("", None, 5, "a\x00b", "\ud800")],
    *[
        ("props", bad)
        for bad in (
            None, "", "x", "[]", "5", "null", '"x"', 5, [], [1], '{"a": NaN}', '{"a": nan}', '{"a": [Infinity]}',
            '{"a": -Infinity}', '{"a": inf}', '{"a": 1e400}', '{"a": "\\u0000"}', '{"\\u0000": 1}', '{"a": "\\ud800"}',
            '{"a": {"b": ["\\udc00"]}}', '{"a": 1,}', '{"a": "\x00"}', '{"a": 1} x', "{'a': 1}", '{"a": "\ud800"}',
            {"a": math.nan}, {"a": [math.inf]}, {"a": "\x00"}, {"a": {"\ud800": 1}}, {"a": Ellipsis},
            {"a": Decimal("NaN")},
        )
    ],
    *[("meta_info", bad) for bad in ("x", "[]", 5, '{"a": NaN}', {"a": math.nan}, '{"a": "\\u0000"}')],
    *[("occurred_at", bad) for bad in (None, "soon", "", 5, True, pd.NaT, "infinity", "2026-02-30")],
    *[("created_at", bad) for bad in (None, "soon", pd.NaT, datetime.min.replace(tzinfo=timezone(timedelta(hours=1))))],
]  # fmt: skip


def in_form(form: Callable[..., Any], rows: list[dict[str, Any]]) -> Any:
    """The rows in that form, or None where it cannot hold such a value as it is."""
    try:
        made = form(rows)
    except (pa.ArrowException, OverflowError, UnicodeEncodeError, ValueError, TypeError):
        return None
    if isinstance(made, pa.Table):
        kinds = [pa.array([r["occurred_at"]]).type for r in rows]
        if any(kind != made.schema.field("occurred_at").type for kind in kinds):
            return None  # Arrow made a time of a number
    return made


@pytest.fixture(scope="module")
def one_lab() -> Iterator[fl.Lab]:
    lab = fl.Lab()
    yield lab
    lab.close()


@pytest.fixture
def empty(one_lab: fl.Lab) -> Iterator[fl.Lab]:
    """A lab without rows; opening one for each value takes too long."""
    yield one_lab
    one_lab.store.cursor().execute("DELETE FROM event_entries")


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(("column", "value"), BAD, ids=repr)
def test_what_a_log_must_not_have_is_refused_with_its_column_and_nothing_is_stored(empty, column, value, form):
    for good in ([], [row(version, idx="good") for version in (1, 2, 3)]):
        given = in_form(form, [*good, row(**{column: value}), *[{**r, "idx": "better"} for r in good]])
        if given is not None:
            with pytest.raises((TypeError, ValueError), match=column) as caught:
                empty.load(given)
            assert "rows" in str(caught.value)
            assert rows_of(empty) == 0


@pytest.mark.parametrize("column", ["created_at", "occurred_at"])
@pytest.mark.parametrize("seconds", [-62_135_596_801, 253_402_300_800, 10**12])
def test_a_time_that_no_calendar_has_is_refused(empty, column, seconds):
    times = pa.array([seconds * 10**6], type=pa.timestamp("us", tz="UTC"))
    table = as_arrow([row()])
    with pytest.raises(ValueError, match=column):
        empty.load(table.set_column(table.column_names.index(column), column, times))
    assert rows_of(empty) == 0


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([row(1), row(2), row(1)], "rows holds version 1 of 'n' twice"),
        ([row(1), row(1, idx="N"), row(2), row(2)], "rows holds version 2 of 'n' twice"),
        ([row(7, idx="there")], "version 7 of 'there', which is at version 7 .*load only goes on after"),
        ([row(8, idx="there"), row(3, idx="there")], "version 3 of 'there', which is at version 7"),
    ],
)
def test_a_version_that_is_taken_is_refused_and_nothing_is_stored(lab, form, rows, said):
    lab.load([row(number, idx="there") for number in range(1, 8)])
    with pytest.raises(ValueError, match=said):
        lab.load(form(rows))
    assert rows_of(lab) == 7


@pytest.mark.parametrize("column", ["klass", "idx", "props", "occurred_at"])
@pytest.mark.parametrize("form", FORMS)
def test_a_column_that_is_missing_is_named(lab, form, column):
    rows = [{name: value for name, value in row().items() if name != column}]
    with pytest.raises(ValueError, match=rf"rows.* has no .*{column}"):
        lab.load(form(rows))


@pytest.mark.parametrize("rows", [None, 5, b"x", {"klass": "x"}, [1], ["x"], [None], [[1]]])
def test_what_is_no_table_is_refused_by_name(lab, rows):
    with pytest.raises(TypeError, match="rows"):
        lab.load(rows)


def test_fractions_of_a_microsecond_are_never_cut_silently(lab):
    nano = pd.Timestamp("2026-01-01T00:00:00.000000001Z")
    frame = pd.DataFrame([row(occurred_at=nano)])
    for rows in ([row(occurred_at=nano)], frame, pa.Table.from_pandas(frame)):
        with pytest.raises(ValueError, match=r"occurred_at.*microsecond|lose data"):
            lab.load(rows)
    assert rows_of(lab) == 0
    whole = pd.DataFrame([row()]).astype({"occurred_at": "datetime64[ns, UTC]"})
    assert lab.load(whole) == 1


def test_a_stream_that_was_remembered_sees_what_was_loaded(lab):
    class Stream(fl.EventStream):
        consistency_projection = Trail

    stream = Stream.for_("n", lab=lab)
    stream.append(noted("first"))
    reading = stream.read()
    lab.load([row(2)])
    assert stream.append(noted("third")).version == 3
    assert reading.append(noted("second")).rejection.stage == "conflict"
    assert len(stream) == 3


def test_a_hundred_thousand_rows(lab):
    count = 100_000
    frame = pd.DataFrame(
        {"klass": "Debts::Noted", "idx": [f"n{n % 1000}" for n in range(count)], "props": '{"text":"x"}',
         "version": [n // 1000 + 1 for n in range(count)], "created_at": START, "occurred_at": START}
    )  # fmt: skip
    assert lab.load(frame) == count
    assert NoteStream.for_("n7", lab=lab).append(noted()).version == 101
    assert lab.load(iter([row(1)])) == 1
