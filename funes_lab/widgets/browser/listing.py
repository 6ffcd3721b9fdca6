"""The streams of a lab as one Arrow table: searched, ordered and paged without a look at any event."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

#: So many streams, events or attempts stand on a page.
PAGE: Final = 10
#: What streams can be ordered by: the columns of the table.
ORDERS: Final = ("idx", "events", "last_event", "last_at", "refused")


@dataclass(frozen=True)
class Listing:
    """The streams that a search leaves, in an order.

    Attributes
    ----------
    whole : pa.Table
        All streams, as `store.streams()` gives them.
    table : pa.Table
        Those that are left, in their order.
    """

    whole: pa.Table
    table: pa.Table

    @classmethod
    def of(cls, whole: pa.Table, search: str, order: str) -> Listing:
        """Search and order streams.

        Parameters
        ----------
        whole : pa.Table
        search : str
            Words that must all be in the idx or in the name of the last event, upper or lower case.
        order : str
            One of `ORDERS`, with a `-` before it for the largest first.
        """
        found = whole
        for word in search.split():
            within = (pc.match_substring(found[name], word, ignore_case=True) for name in ("idx", "last_event"))
            found = found.filter(pc.or_(*(pc.fill_null(one, fill_value=False) for one in within)))
        name = order.removeprefix("-")
        keys = [(name, "descending" if order.startswith("-") else "ascending")]
        keys += [("idx", "ascending")] if name != "idx" else []
        return cls(whole, found.take(pc.sort_indices(found, sort_keys=keys)))

    def __len__(self) -> int:
        return int(self.table.num_rows)

    @property
    def pages(self) -> int:
        """How many pages there are: one at least."""
        return max(1, -(-len(self) // PAGE))

    def page(self, number: int) -> list[dict[str, Any]]:
        """The streams of a page, counted from 1."""
        return self.first(PAGE, (number - 1) * PAGE)

    def first(self, count: int, skip: int = 0) -> list[dict[str, Any]]:
        """So many streams."""
        listed: list[dict[str, Any]] = self.table.slice(skip, count).to_pylist()
        return listed

    def place(self, idx: str) -> int | None:
        """Where a stream stands, counted from 0; None if it is not among them."""
        place = pc.index(self.table["idx"], idx).as_py()
        return None if place < 0 else int(place)

    def stream(self, idx: str) -> dict[str, Any] | None:
        """A stream of the lab, whatever is searched for; None if there is none of this idx."""
        place = pc.index(self.whole["idx"], idx).as_py()
        return None if place < 0 else dict(self.whole.slice(place, 1).to_pylist()[0])

    def idx(self, place: int) -> str:
        """The stream at a place."""
        return str(self.table["idx"][place].as_py())

    def total(self, column: str) -> int:
        """The sum of a column over all streams of the lab."""
        return int(pc.sum(self.whole[column]).as_py() or 0)

    def types(self) -> list[str]:
        """The names of last events in the order of the streams: what their colours go by."""
        return [name for name in pc.unique(self.whole["last_event"]).to_pylist() if name]


def ranks(rows: Sequence[dict[str, Any]]) -> dict[str, list[int]]:
    """For each order, the places of the rows in it: what a page without a kernel is ordered by."""
    if not rows:
        return {}
    table = pa.Table.from_pylist(list(rows)).append_column("place", pa.array(range(len(rows))))
    signed = [f"{sign}{order}" for order in ORDERS for sign in ("", "-")]
    return {order: Listing.of(table, "", order).table["place"].to_pylist() for order in signed}
