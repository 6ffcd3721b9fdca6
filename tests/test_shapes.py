"""lab.log.shapes(): the shapes of payloads that a log has."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

import funes_lab as fl
from tests.domain import DebtEventStream, issued

NAME = "TestShapes::Thing"
COLUMNS = {
    "event": "category", "shape": "int64", "attributes": "object", "events": "int64",
    "first_seen": "datetime64[us, UTC]", "last_seen": "datetime64[us, UTC]",
}  # fmt: skip


def load(lab: fl.Lab, *facts: tuple[str, Any, Any]) -> None:
    """Facts that another program wrote: name, payload, metainformation; learned one a day."""
    stands = len(lab.log)
    for number, (name, props, meta_info) in enumerate(facts, start=1):
        fact = {"klass": name, "idx": f"i{stands}", "props": props, "meta_info": meta_info, "version": number}
        fl.testing.raw_insert(lab, {**fact, "created_at": f"2020-01-{number:02}", "occurred_at": "2019-01-01"})


def day(number: int) -> datetime:
    return datetime(2020, 1, number, tzinfo=UTC)


def found(lab: fl.Lab) -> list[tuple[Any, ...]]:
    return [tuple(row)[1:5] for row in lab.log.shapes().itertuples()]


def test_there_is_a_row_a_name_shape_and_set_of_keys(any_lab):
    load(
        any_lab,
        ("B", {"x": 1}, None),
        ("A", {"y": 1, "x": 2}, {}),
        ("A", {"x": 1, "y": 2}, {"user": 7}),
        ("A", {"x": 1}, {"funes_lab.shape": 2}),
        ("A", {}, {"funes_lab.shape": 2, "user": 7}),
        ("A", {"x": None, "y": {"z": 1}}, None),
    )
    assert found(any_lab) == [
        ("A", 1, ("x", "y"), 3),
        ("A", 2, ("x",), 1),
        ("A", 2, (), 1),
        ("B", 1, ("x",), 1),
    ]
    first = any_lab.log.shapes().iloc[0]
    assert (first.first_seen, first.last_seen) == (day(2), day(6))


@pytest.mark.parametrize("stored", [0, False, True], ids=["empty", "one event", "read in a transaction"])
def test_the_frame_has_the_same_columns_whatever_is_in_it(lab, stored):
    if stored:
        DebtEventStream.for_("d").append(issued(1))
    with lab.transaction():
        frame = lab.log.shapes()
    assert {name: str(dtype) for name, dtype in frame.dtypes.items()} == COLUMNS
    assert frame.index.equals(type(frame.index)(range(len(frame))))
    assert len(frame) == bool(stored)


def test_what_no_whole_number_above_zero_says_is_the_first_shape(lab):
    for shape in ("2", 2.0, True, None, 0, -3, [2]):
        load(lab, (NAME, {}, {"funes_lab.shape": shape}))
    for meta_info in ([2], "funes_lab.shape", 5):
        load(lab, (NAME, {}, meta_info))
    assert found(lab) == [(NAME, 1, (), 10)]


def test_what_is_no_object_has_no_attributes(lab):
    load(lab, *((NAME, props, None) for props in ({}, [1, 2], "text", 5, True, [{"x": 1}])))
    assert found(lab) == [(NAME, 1, (), 6)]


def test_keys_are_taken_as_they_are_and_sorted(lab):
    load(lab, (NAME, {"z": 1, "A": 1, 'a.b"c': 1, "": 1, "ü": 1, "a": {"nested": 1}}, None))
    assert found(lab) == [(NAME, 1, ("", "A", "a", 'a.b"c', "z", "ü"), 1)]


def test_names_are_those_of_the_log(lab):
    class Thing(fl.Event, name=NAME, aliases=["TestShapes::Old"]):
        x: int

    load(lab, ("TestShapes::Old", {"x": 1}, None), (NAME, {"x": 1}, None))
    assert [row[0] for row in found(lab)] == ["TestShapes::Old", NAME]


def test_events_are_written_in_the_shape_that_the_code_has(lab, clock):
    class Thing(fl.Event, name=NAME):
        x: int

    stream = fl.EventStream.for_("d")
    stream.append_or_raise(Thing(x=1))

    @fl.upcast(Thing, from_version=1)
    def same(payload):
        return payload

    stream.append_or_raise(Thing(x=2))
    assert found(lab) == [(NAME, 1, ("x",), 1), (NAME, 2, ("x",), 1)]


def test_what_a_transaction_wrote_is_seen_in_it(any_lab):
    with any_lab.transaction():
        DebtEventStream.for_("d", lab=any_lab).append(issued(1))
        assert any_lab.log.shapes().events.tolist() == [1]
        raise fl.Rollback
    assert any_lab.log.shapes().empty
