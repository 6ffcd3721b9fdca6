"""What is improved about tables of transactional projections: their time, each event once, what they refuse."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import duckdb
import pytest

import funes_lab as fl
from tests.conformance.domains.inventory import (
    InventoryEventStream,
    InventoryGuardedEventStream,
    InventoryLevelProjection,
    InventorySnapshotProjection,
    ItemReceived,
    ItemShipped,
    SkuAssigned,
)
from tests.conformance.domains.salary import (
    Raised,
    SalaryRecordEventStream,
    SalaryRecordProjection,
    Set,
    SetOn,
)
from tests.conformance.status import of_table

JANUARY_1 = datetime(2025, 1, 1, tzinfo=UTC)
JANUARY_2 = datetime(2025, 1, 2, tzinfo=UTC)
FEBRUARY_15 = datetime(2025, 2, 15, tzinfo=UTC)
MARCH_1 = datetime(2025, 3, 1, tzinfo=UTC)
APRIL_1 = datetime(2025, 4, 1, tzinfo=UTC)


def row(lab, table):
    (only,) = of_table(lab.table(table))
    return only


def test_059_a_row_takes_the_latest_time_replayed_as_its_own(lab):
    """059_order_only_final_state_is_validated: as Funes with consistency_order on_top, but rows of
    transactional projections take the latest occurred_at replayed as their reference time
    """
    stream = InventoryGuardedEventStream.for_("s1", lab=lab)
    stream.append(ItemReceived(quantity=10), at=MARCH_1)
    early = stream.append(ItemShipped(quantity=5), at=datetime(2025, 2, 1, tzinfo=UTC))
    assert early.persisted
    assert stream.projected_with(InventoryLevelProjection, at=FEBRUARY_15).quantity_on_hand == -5
    errors = stream.state_errors(InventoryLevelProjection, at=FEBRUARY_15)
    assert errors.to_list() == [("quantity_on_hand", "must be greater than or equal to 0")]
    assert stream.projected_with(InventoryLevelProjection).quantity_on_hand == 5
    assert row(lab, "inventory_snapshots") == {
        "idx": "s1",
        "sku": None,
        "quantity_on_hand": 5,
        "stock_value": "0.0",
        "last_movement_at": "2025-03-01T00:00:00.000000Z",
        "observed_at": "2025-03-01T00:00:00.000000Z",
    }


def test_062_no_event_is_ever_counted_twice_in_a_row():
    """062_frozen_clock_transactional_projection_doubles: as 061"""
    with fl.Lab(clock=fl.testing.Clock(JANUARY_1)) as lab:
        stream = InventoryEventStream.for_("s1", lab=lab)
        stream.append(ItemReceived(quantity=10, unit_cost="2"))
        first = row(lab, "inventory_snapshots")
        assert (first["quantity_on_hand"], first["stock_value"]) == (10, "20.0")
        stream.append(ItemShipped(quantity=3))
        second = row(lab, "inventory_snapshots")
        assert (second["quantity_on_hand"], second["stock_value"]) == (7, "20.0")
        assert stream.projected_with(InventorySnapshotProjection).quantity_on_hand == 7


def test_088_the_reference_time_of_a_row_is_the_latest_time_replayed(lab):
    """088_salary_record_retroactive: the reference time of a transactional projection is the latest
    occurred_at of the events replayed
    """
    stream = SalaryRecordEventStream.for_("s1", lab=lab)
    stream.append(Set(amount="6000", at=JANUARY_1))
    stream.append(Raised(new_amount="7000", at=APRIL_1))
    expected = {
        "idx": "s1",
        "current_amount": "7000.0",
        "since": "2025-04-01T00:00:00.000000Z",
        "days_in_effect": 0,
        "observed_at": "2025-04-01T00:00:00.000000Z",
    }
    assert row(lab, "salary_records") == expected
    stream.append(Raised(new_amount="6500", at=FEBRUARY_15))
    assert row(lab, "salary_records") == expected


@pytest.mark.parametrize("side", [lambda stream: stream, lambda stream: stream.read()], ids=["stream", "reading"])
def test_099_a_rolled_back_event_leaves_no_trace(lab, side):
    """099_inventory_phantom_after_failure: a rolled back event leaves no trace: not listed, not replayed,
    no version used
    """
    stream = InventoryEventStream.for_("s1", lab=lab)
    writer = side(stream)
    writer.append(ItemReceived(quantity=10, unit_cost="2"))
    shipment = ItemShipped(quantity=11)
    for attempt in (writer.append, writer.append_or_raise):
        with pytest.raises(fl.InvalidReadModelError, match="Quantity on hand must be greater than or equal to 0"):
            attempt(shipment)
        assert not shipment.persisted
        assert shipment.version is None
        assert shipment.valid
    assert [event.version for event in writer.events] == [1]
    assert len(lab.log) == 1
    assert writer.append(ItemReceived(quantity=5, unit_cost="2")).version == 2
    assert writer.append(ItemShipped(quantity=2)).version == 3
    assert [event.version for event in stream.events] == [event.version for event in writer.events] == [1, 2, 3]
    assert writer.projected_with(InventoryLevelProjection).quantity_on_hand == 13
    kept = row(lab, "inventory_snapshots")
    assert (kept["quantity_on_hand"], kept["stock_value"]) == (13, "30.0")
    assert writer.append(shipment).version == 4


def test_101_a_unique_violation_in_a_read_model_raises_and_is_no_conflict(lab):
    """101_inventory_unique_violation_looks_like_a_race: only a duplicate (idx, version) is a conflict; a
    unique violation in a read model raises and rolls back
    """
    for idx in ("a", "b"):
        InventoryEventStream.for_(idx, lab=lab).append(ItemReceived(quantity=1, unit_cost="2"))
    InventoryEventStream.for_("a", lab=lab).append(SkuAssigned(sku="SKU-1"))
    stream = InventoryEventStream.for_("b", lab=lab)
    duplicate = SkuAssigned(sku="SKU-1")
    for attempt in (stream.append, stream.append_or_raise, stream.read().append):
        with pytest.raises(duckdb.ConstraintException, match="SKU-1"):
            attempt(duplicate)
        assert not duplicate.persisted
        assert not duplicate.errors
        assert duplicate.valid
    assert len(lab.rejections) == 0
    assert [event.version for event in stream.events] == [1]
    assert [kept["sku"] for kept in of_table(lab.table("inventory_snapshots"))] == ["SKU-1", None]
    InventoryEventStream.for_("a", lab=lab).append(SkuAssigned(sku="SKU-2"))
    assert stream.append(duplicate).version == 2


def test_101_a_unique_violation_in_a_read_model_rolls_the_transaction_back(lab):
    """101_inventory_unique_violation_looks_like_a_race: only a duplicate (idx, version) is a conflict; a
    unique violation in a read model raises and rolls back
    """
    InventoryEventStream.for_("a", lab=lab).append(SkuAssigned(sku="SKU-1"))
    sibling, duplicate = ItemReceived(quantity=1), SkuAssigned(sku="SKU-1")

    def both():
        with lab.transaction():
            InventoryEventStream.for_("c", lab=lab).append(sibling)
            InventoryEventStream.for_("b", lab=lab).append(duplicate)

    with pytest.raises(duckdb.ConstraintException):
        both()
    assert not sibling.persisted
    assert not duplicate.persisted
    assert len(lab.log) == 1
    assert row(lab, "inventory_snapshots")["idx"] == "a"


def test_111_a_decimal_column_is_exact(lab):
    """111_inventory_decimal_precision_in_table: a Decimal column is exact"""
    stream = InventoryEventStream.for_("s1", lab=lab)
    stream.append(ItemReceived(quantity=1, unit_cost="12345678901234567890.123456789"))
    assert row(lab, "inventory_snapshots")["stock_value"] == "12345678901234567890.123456789"
    stream.append(ItemReceived(quantity=1, unit_cost="0.1"))
    exact = Decimal("12345678901234567890.223456789")
    assert stream.projected_with(InventorySnapshotProjection).stock_value == exact
    (kept,) = lab.table("inventory_snapshots")["stock_value"]
    assert kept == exact
    for more in ("1e30", "0.0000000000000000001"):
        with pytest.raises(fl.InvalidReadModelError, match=r"stock_value|Stock value"):
            stream.append(ItemReceived(quantity=1, unit_cost=more))
    (kept,) = lab.table("inventory_snapshots")["stock_value"]
    assert kept == exact
    assert stream.version == 2


def test_132_a_retroactive_event_does_not_set_a_row_back(lab):
    """132_order_ties_transactional_row: as 059"""
    stream = SalaryRecordEventStream.for_("s1", lab=lab)
    for amount in range(100, 116):
        stream.append(SetOn(amount=amount, at=date(2025, 1, 2)))
    expected = {
        "idx": "s1",
        "current_amount": "115.0",
        "since": "2025-01-02T00:00:00.000000Z",
        "days_in_effect": 0,
        "observed_at": "2025-01-02T00:00:00.000000Z",
    }
    assert row(lab, "salary_records") == expected
    stream.append(SetOn(amount="50", at=date(2025, 1, 1)))
    assert row(lab, "salary_records") == expected
    state = stream.projected_with(SalaryRecordProjection, at=date(2025, 6, 1))
    assert state.current_amount == Decimal(115)
    assert state.days_in_effect == 150
    assert not hasattr(state, "idx")
    assert [event.amount for event in stream.events] == [50, *range(100, 116)]
    assert stream.events[0].occurred_at == JANUARY_1
    assert stream.events[1].occurred_at == JANUARY_2
