"""The stock and its two keepers: what their page says is in it, is in it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow.parquet as pq
import pytest

import funes_lab as fl

FOLDER = Path(__file__).parents[1] / "datasets"
PAGE = " ".join((FOLDER / "inventory.md").read_text(encoding="utf-8").split())


@pytest.fixture(scope="module")
def rows() -> list[dict[str, Any]]:
    return [
        row | {"keeper": json.loads(row["meta_info"])["keeper"], "props": json.loads(row["props"])}
        for row in pq.read_table(FOLDER / "inventory.parquet").to_pylist()
    ]


@pytest.fixture(scope="module")
def facts(rows) -> dict[tuple[str, int], dict[str, Any]]:
    return {(row["idx"], row["version"]): row for row in rows if row["attempt"] is None}


@pytest.fixture(scope="module")
def house() -> Iterator[SimpleNamespace]:
    with fl.datasets.load("inventory") as lab, fl.testing.registry():
        classes = fl.datasets.classes("inventory")
        yield SimpleNamespace(lab=lab, log=lab.log.df(), classes=classes, now=lab.replay(classes.StockOnHand))
        lab.close()


def test_every_kind_of_event_is_there_as_often_as_the_page_says(house) -> None:
    for name, count in house.log["event"].value_counts().items():
        assert f"| `{name}` | {count:,} |" in PAGE


def test_every_gate_refused_as_often_as_the_page_says(house) -> None:
    for gate, count in house.lab.rejections.df()["stage"].value_counts().items():
        assert f"| `{gate}` | {count} |" in PAGE


def test_a_race_is_lost_to_the_other_keeper_some_seconds_before(rows, facts) -> None:
    lost = [row for row in rows if row["attempt"] == "conflict"]
    for row in lost:
        winner = facts[row["idx"], row["version"]]
        assert winner["keeper"] != row["keeper"]
        assert timedelta(0) < row["created_at"] - winner["created_at"] < timedelta(minutes=3)
    assert f"{len(lost)} attempts were denied at the gate `conflict`" in PAGE
    by = Counter(row["keeper"] for row in lost)
    assert f"he lost {by['Noor']} of the races, Ida {by['Ida']}" in PAGE


def test_who_lost_a_race_tries_again_at_once_on_what_is_there_now(rows) -> None:
    outcomes: Counter[str | None] = Counter()
    for number, row in enumerate(rows):
        if row["attempt"] == "conflict":
            again = next(later for later in rows[number + 1 :] if later["props"] == row["props"])
            assert (again["idx"], again["keeper"]) == (row["idx"], row["keeper"])
            assert again["version"] == row["version"] + 1
            assert again["created_at"] - row["created_at"] < timedelta(minutes=2)
            outcomes[again["attempt"]] += 1
    assert set(outcomes) == {None, "state"}
    assert f"{outcomes[None]} of these retries were let in, and {outcomes['state']} were refused" in PAGE


def test_a_denied_attempt_names_the_event_that_won(house, facts) -> None:
    for rejection in house.lab.rejections:
        if rejection.stage == "conflict":
            winner = facts[rejection.idx, rejection.version_read + 1]
            assert rejection.winner.version == winner["version"]
            assert rejection.winner.payload == winner["props"]


def test_the_lab_takes_who_records_something(house) -> None:
    with fl.datasets.load("inventory") as lab, lab.metainformation(keeper="Ida"):
        event = house.classes.ItemStream.for_("items-001", lab).append(house.classes.Counted(quantity=1))
        assert event.meta_info == {"keeper": "Ida"}
        lab.close()


def test_things_vanish_near_the_door(house) -> None:
    mistaken = ["items-004", "items-026", "items-041", "items-015", "items-038"]
    near = house.now["shelf"].str.startswith("A")
    assert f"{house.now[near]['missing'].sum()} pieces were missing, of {near.sum()} items" in PAGE
    others = house.now[~near & ~house.now["idx"].isin(mistaken)]
    assert f"of the other {(~near).sum()} items only {others['missing'].sum()} pieces" in PAGE


def test_three_deliveries_were_recorded_twice(house) -> None:
    received = (
        house.log[house.log["event"] == "Item::Received"].groupby(["idx", "delivery"])["meta_info.keeper"].agg(set)
    )
    twice = [idx for (idx, _), keepers in received.items() if keepers == {"Ida", "Noor"}]
    assert f"of `{twice[0]}`, `{twice[1]}` and `{twice[2]}`. The next count" in PAGE
    assert len(twice) == 3


def test_two_picks_have_a_zero_too_many(house) -> None:
    picked = house.log[house.log["event"] == "Item::Picked"]
    strange = picked[picked["quantity"] > 15]
    assert set(strange["quantity"]) == {20}
    assert f"of {' and '.join(f'`{idx}`' for idx in strange['idx'])}. The next count found more" in PAGE
