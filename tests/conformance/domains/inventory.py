"""The inventory domain: a level that is judged, tables kept in the append's transaction, an archive of one's own."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any, ClassVar

from pydantic import BaseModel, Field

import funes_lab as fl
from tests.conformance.domains.base import RubyOrderStream
from tests.conformance.domains.checks import PLACES, IntFromZero, PositiveInt, required


class ItemReceived(fl.Event, name="Inventory::ItemReceived"):
    """Items came in."""

    quantity: PositiveInt = required()
    unit_cost: Decimal | None = None


class ItemShipped(fl.Event, name="Inventory::ItemShipped"):
    """Items went out."""

    quantity: PositiveInt = required()


class SkuAssigned(fl.Event, name="Inventory::SkuAssigned"):
    """The article got its number."""

    sku: str | None = None


class Moved(fl.Event, name="Inventory::Moved"):
    """The article is kept elsewhere."""

    location: str | None = None


class Counted(fl.Event, name="Inventory::Counted"):
    """Somebody counted. No projection interprets it."""

    quantity: int | None = None


class InventorySnapshot(BaseModel):
    """A row an article."""

    sku: str | None = None
    quantity_on_hand: IntFromZero = 0
    stock_value: Decimal | None = Field(default=None, decimal_places=PLACES)
    last_movement_at: datetime | None = None
    observed_at: datetime | None = None


class InventoryLocation(BaseModel):
    """Where the article is."""

    location: str | None = None


class InventoryLevel(BaseModel):
    """How many there are."""

    quantity_on_hand: IntFromZero = 0


class ArchiveRefused(Exception):
    """The archive takes no more."""


class InventoryArchive(BaseModel):
    """The level as an archive keeps it, which is no table of the lab's."""

    persist_with: ClassVar[str] = "store"
    #: The archive, by idx.
    shelves: ClassVar[dict[str, dict[str, Any]]] = {}

    quantity_on_hand: IntFromZero = 0

    def store(self, idx: str) -> None:
        if self.quantity_on_hand > 1000:
            raise ArchiveRefused("archive is full")
        self.shelves[idx] = {"idx": idx, **self.model_dump()}


class InventorySnapshotProjection(fl.Projection[InventorySnapshot]):
    """Level and value, kept in a table."""

    table = "inventory_snapshots"
    constraints = {"sku": "UNIQUE", "quantity_on_hand": "NOT NULL"}

    @fl.initial_state
    def begun(state, at):
        state.observed_at = at
        return state

    @fl.interpretation_for(ItemReceived)
    def received(state, event, at):
        state.quantity_on_hand += event.quantity
        state.stock_value = (state.stock_value or 0) + event.quantity * (event.unit_cost or Decimal(0))
        state.last_movement_at = at
        return state

    @fl.interpretation_for(ItemShipped)
    def shipped(state, event, at):
        state.quantity_on_hand -= event.quantity
        state.last_movement_at = at
        return state

    @fl.interpretation_for(SkuAssigned)
    def sku_assigned(state, event):
        state.sku = event.sku
        return state


class StrictInventorySnapshotProjection(InventorySnapshotProjection):
    """The same, and an event without a block is an error."""

    strict = True


class InventoryLocationProjection(fl.Projection[InventoryLocation]):
    """The last place."""

    table = "inventory_locations"
    constraints = {"location": "NOT NULL"}

    @fl.interpretation_for(Moved)
    def moved(state, event):
        state.location = event.location
        return state


class InventoryLevelProjection(fl.Projection[InventoryLevel]):
    """The level alone."""

    @fl.interpretation_for(ItemReceived)
    def received(state, event):
        state.quantity_on_hand += event.quantity
        return state

    @fl.interpretation_for(ItemShipped)
    def shipped(state, event):
        state.quantity_on_hand -= event.quantity
        return state


class InventoryArchiveProjection(fl.Projection[InventoryArchive]):
    """The level, archived."""

    @fl.interpretation_for(ItemReceived)
    def received(state, event):
        state.quantity_on_hand += event.quantity
        return state

    @fl.interpretation_for(ItemShipped)
    def shipped(state, event):
        state.quantity_on_hand -= event.quantity
        return state


class PlainInventoryEventStream(RubyOrderStream):
    """Nothing is judged, nothing is kept."""


class InventoryEventStream(RubyOrderStream):
    """Keeps the table."""

    transactional_projections = [InventorySnapshotProjection]


class InventoryStrictEventStream(RubyOrderStream):
    """Keeps the table, strictly."""

    transactional_projections = [StrictInventorySnapshotProjection]


class InventoryGuardedEventStream(RubyOrderStream):
    """Judges the level, then keeps the table."""

    consistency_projection = InventoryLevelProjection
    transactional_projections = [InventorySnapshotProjection]


class InventoryTwoProjectionsEventStream(RubyOrderStream):
    """Keeps two tables."""

    transactional_projections = [InventorySnapshotProjection, InventoryLocationProjection]


class InventoryArchiveEventStream(RubyOrderStream):
    """Keeps the archive."""

    transactional_projections = [InventoryArchiveProjection]


class InventoryAsyncEventStream(RubyOrderStream):
    """Keeps the table, and the archive after the commit."""

    transactional_projections = [InventorySnapshotProjection]
    async_projections = [fl.Async(InventoryArchiveProjection, queue="archive")]
