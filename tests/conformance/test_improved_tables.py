"""What is improved about tables of transactional projections: their reference time, each event once."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import funes_lab as fl
from tests.conformance.domains.inventory import (
    InventoryEventStream,
    InventoryGuardedEventStream,
    InventoryLevelProjection,
    InventorySnapshotProjection,
    ItemReceived,
    ItemShipped,
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
