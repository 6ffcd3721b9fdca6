"""Every operation of the vectors is run, and what it shows is compared."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.conformance import scenario
from tests.conformance.world import run

Steps = list[dict[str, Any]]
START = datetime(2025, 1, 1, tzinfo=UTC)


class Telling:
    """Steps in the notation of the vectors, each with the clock that it begins at."""

    def __init__(self) -> None:
        self.now, self.rows, self.steps = START, 0, []

    def step(self, op: str, observed: dict[str, Any], **fields: Any) -> Telling:
        observed = {"clock": written(self.now), **observed, "rows": self.rows}
        self.steps.append({"op": op, **fields, "observed": observed})
        self.now += timedelta(seconds=1)
        return self

    def append(self, stream: str, idx: str, kind: str, raised: dict[str, Any] | None = None, **attrs: Any) -> Telling:
        fields = {"stream": stream, "idx": idx, "event": {"type": kind, "attrs": attrs}}
        self.rows += raised is None
        self.step("append", {"raised": raised} if raised else {"returned_same_event": True}, **fields)
        self.now += timedelta(milliseconds=1)
        return self


def written(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def jobs() -> Steps:
    told = Telling().append("InventoryAsyncEventStream", "s1", "Inventory::ItemReceived", quantity=3, unit_cost="1.5")
    moment = written(START + timedelta(milliseconds=1))
    waiting = {
        "stream": "InventoryAsyncEventStream",
        "idx": "s1",
        "projection": "InventoryArchiveProjection",
        "as_of": None,
        "at": moment,
        "queue": "archive",
    }
    kept = {"idx": "s1", "sku": None, "quantity_on_hand": 3, "stock_value": "4.5"}
    told.step("table", {"table": []}, model="InventoryLocation")
    kept |= {"last_movement_at": moment, "observed_at": moment}
    told.step("table", {"table": [kept]}, model="InventorySnapshot")
    told.step("jobs", {"jobs": [waiting]}).step("archive", {"archive": {}}).step("perform_jobs", {"performed": 1})
    told.step("archive", {"archive": {"s1": {"idx": "s1", "quantity_on_hand": 3}}})
    return told.step("jobs", {"jobs": []}).steps


def a_job_that_fails() -> Steps:
    told = Telling().append("InventoryAsyncEventStream", "s1", "Inventory::ItemReceived", quantity=1001)
    refused = {"class": "InventoryArchive::Refused", "message": "archive is full"}
    return told.step("perform_jobs", {"performed": 1, "raised": refused}).step("archive", {"archive": {}}).steps


def a_row_that_is_refused() -> Steps:
    refused = {
        "class": "ActiveRecord::RecordInvalid",
        "message": "Validation failed: Quantity on hand must be greater than or equal to 0",
        "record": "InventorySnapshot",
        "record_errors": [["quantity_on_hand", "must be greater than or equal to 0"]],
    }
    return Telling().append("InventoryEventStream", "s1", "Inventory::ItemShipped", refused, quantity=1).steps


def a_column_that_is_refused() -> Steps:
    refused = {"class": "ActiveRecord::NotNullViolation", "message": "NOT NULL constraint failed"}
    told = Telling().append("InventoryTwoProjectionsEventStream", "s1", "Inventory::ItemReceived", refused, quantity=1)
    return told.step("table", {"table": []}, model="InventorySnapshot").steps


def metainformation() -> Steps:
    told = Telling().step("metainfo", {"metainformation": {"user_id": 1}}, set={"user_id": 1})
    told.step("metainfo", {"raised": {"class": "NoMethodError", "message": "colour="}}, set={"colour": "red"})
    told.append("PlainInventoryEventStream", "s1", "Inventory::Moved", location="here")
    told.step("reset_metainfo", {}).append("PlainInventoryEventStream", "s1", "Inventory::Moved", location="there")
    moments = [written(START + timedelta(seconds=n, milliseconds=m)) for n, m in ((2, 1), (4, 2))]
    listed = [
        {
            "type": "Inventory::Moved",
            "version": number,
            "created_at": moment,
            "occurred_at": moment,
            "attributes": {"location": place},
            "meta_info": meta_info,
        }
        for number, moment, place, meta_info in (
            (1, moments[0], "here", {"user_id": 1}),
            (2, moments[1], "there", {}),
        )
    ]
    return told.step("events", {"events": listed}, stream="PlainInventoryEventStream", idx="s1").steps


TOLD: dict[str, Callable[[], Steps]] = {
    "jobs": jobs,
    "a job that fails": a_job_that_fails,
    "a row that is refused": a_row_that_is_refused,
    "a column that is refused": a_column_that_is_refused,
    "metainformation": metainformation,
}


def outcome(directory: Path, steps: Steps) -> str | None:
    path = directory / "900_new.json"
    declared = {"attributes": ["user_id", "action"]}
    path.write_text(json.dumps({"name": "new", "domain": "new", "metainformation": declared, "steps": steps}))
    found = run(scenario.read(path))
    return None if found is None else str(found)


@pytest.mark.parametrize("told", TOLD)
def test_an_operation_shows_what_it_should(tmp_path, told):
    assert outcome(tmp_path, TOLD[told]()) is None


def changes(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Where each value of an observation stands, the smallest parts only."""
    if isinstance(value, dict) and value:
        return [place for key, inner in value.items() for place in changes(inner, (*path, key))]
    if isinstance(value, list) and value:
        return [place for key, inner in enumerate(value) for place in changes(inner, (*path, key))]
    return [path]


#: The text of an exception is informative only, and the name of the record says only that it is no event.
NOT_COMPARED = ("message", "record")
EVERY_CHANGE = [
    (told, number, place)
    for told, steps in TOLD.items()
    for number, step in enumerate(steps())
    for place in changes(step["observed"])
    if place[-1] not in NOT_COMPARED
]


@pytest.mark.parametrize(("told", "number", "place"), EVERY_CHANGE, ids=lambda part: str(part).replace(" ", "_"))
def test_whatever_is_told_otherwise_is_a_difference(tmp_path, told, number, place):
    steps = copy.deepcopy(TOLD[told]())
    inner = steps[number]["observed"]
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = "something else"
    found = outcome(tmp_path, steps)
    assert found is not None
    assert found.startswith(f"step {number + 1}, {place[0]}")
