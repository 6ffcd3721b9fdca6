"""The orders and their three shapes: what their page says is in them, is in them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from itertools import islice
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any

import pytest

import funes_lab as fl
from funes_lab.datasets import files
from funes_lab.datasets.recording import Recorder

PAGE = " ".join((Path(__file__).parents[1] / "datasets" / "orders.md").read_text(encoding="utf-8").split())


@pytest.fixture(scope="module")
def shop() -> Iterator[SimpleNamespace]:
    with fl.datasets.load("orders") as lab, fl.testing.registry():
        log = lab.sql("SELECT * FROM event_entries ORDER BY created_at").assign(
            props=lambda log: log.props.map(json.loads)
        )
        yield SimpleNamespace(lab=lab, log=log, shapes=lab.log.shapes(), classes=fl.datasets.classes("orders"))
        lab.close()


@pytest.fixture(scope="module")
def first(shop) -> list[dict[str, Any]]:
    """The payloads of the first shape, by idx."""
    placed = shop.log[(shop.log["klass"] == "Order::Placed")]
    return [{"idx": row.idx, **row.props} for row in placed.itertuples() if "name" in row.props]


def test_every_shape_is_there_as_often_as_the_page_says(shop) -> None:
    assert len(shop.shapes) == 8
    for row in shop.shapes.itertuples():
        assert f"| `{row.event}` | {row.shape} | {row.events} | " in PAGE
        fields = PAGE.split(f"| `{row.event}` | {row.shape} | {row.events} | ")[1].split(" |")[0]
        assert all(f"`{attribute}`" in fields for attribute in row.attributes)


def test_every_gate_refused_as_often_as_the_page_says(shop) -> None:
    for gate, count in shop.lab.rejections.df()["stage"].value_counts().items():
        assert count == 0 or f"| `{gate}` | {count} |" in PAGE


def test_floats_lack_a_zero_or_were_added_up(first) -> None:
    decimals = [len(payload["total"].partition(".")[2]) for payload in first if "," not in payload["total"]]
    assert f"{sum(n > 2 for n in decimals)} totals of the first shape are floats that were added up" in PAGE
    assert f"and {sum(n == 1 for n in decimals)} lack a zero" in PAGE
    assert any(payload["total"] == "14.170000000000002" for payload in first)
    assert any(payload["total"] == "11.9" for payload in first)


def test_three_totals_have_a_comma_and_some_names_too_many_spaces(first) -> None:
    commas = [payload for payload in first if "," in payload["total"]]
    listed = ", ".join(f"`{payload['idx']}`" for payload in commas)
    assert f"with a comma: {listed}" in PAGE
    assert commas[0]["total"] == "99,78"
    careless = [payload for payload in first if "  " in payload["name"] and payload["name"].endswith(" ")]
    assert f"{len(careless)} names of the first shape" in PAGE


def test_an_upcaster_that_does_not_know_the_comma_says_where_it_broke(shop) -> None:
    with fl.testing.registry():

        class Placed(fl.Event, name="Order::Placed"):
            total: Decimal

        @fl.upcast(Placed, from_version=1)
        def naive(payload):
            return {"total": str(Decimal(payload["total"]))}

        with pytest.raises(fl.UpcastError, match="'orders-0023'"):
            _ = fl.EventStream.for_("orders-0023", shop.lab).events


def test_a_week_of_currencies_is_in_small_letters(shop) -> None:
    small = shop.log[shop.log["props"].map(lambda props: props.get("currency") == "eur")]
    assert f'wrote `"eur"`: {len(small)} orders' in PAGE
    assert small["created_at"].max() - small["created_at"].min() < timedelta(days=7)
    assert set(small["created_at"].dt.strftime("%Y-%m")) == {"2023-05"}


def test_the_old_name_and_the_new_one_overlap(shop) -> None:
    by_name = shop.shapes.set_index("event")
    overlap = by_name.loc["Order::Sent", "last_seen"] - by_name.loc["Order::Shipped", "first_seen"]
    assert timedelta(days=3) < overlap < timedelta(days=9)


def test_the_classes_of_today_read_every_order_as_if_it_were_written_today(shop) -> None:
    read = shop.lab.log.df()
    assert set(read["event"]) == {"Order::Placed", "Order::Paid", "Order::Shipped", "Order::Cancelled"}
    assert set(read["currency"].dropna()) == {"EUR"}
    orders = shop.lab.replay(shop.classes.OrderNow)
    assert set(orders["status"]) == {"shipped", "cancelled"}
    assert orders[orders["status"] == "shipped"]["outstanding"].eq(0).all()
    assert not orders["customer"].str.contains("  ").any()


def test_what_is_made_in_bulk_is_what_the_programs_of_their_days_would_have_written() -> None:
    with files.script("orders") as script:
        rng, recorder = Random(12), Recorder()
        days = [script.FIRST_DAY, script.SECOND, script.THIRD]
        starts = [
            day + timedelta(days=more)
            for day in days
            for more in range(-4, 8, 2)
            if day + timedelta(days=more) > days[0]
        ]
        pairs = [pair for n, at in enumerate(starts) for pair in script.life(rng, f"orders-{n:03}", at)]
        assert {program for program, _ in pairs} == {0, 1, 2, 3}
        script.record(recorder, sorted(pairs, key=lambda pair: pair[1].recorded_at))
        assert len(recorder.rows()) == len(pairs)
        assert [len(life) for life in islice(script.lives(rng, 4), 3)]
