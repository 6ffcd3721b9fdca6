"""The bitemporal map: what was believed when, of when; as_of upwards, at to the right."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final

import traitlets

from funes_lab import registry
from funes_lab.fold import Fold
from funes_lab.projection import Projection, fold_of, latest
from funes_lab.reading_side import ReadingSide
from funes_lab.replay.bitemporal import check_field, moments
from funes_lab.storable import Moment, instant
from funes_lab.widgets.bitemporal.data import Asked, mapped, names_of
from funes_lab.widgets.bitemporal.picture import picture
from funes_lab.widgets.live import Live

_LAYOUT: Final = """
.fl.map .bm-say { padding: 10px var(--fl-s3); font-size: var(--fl-t3); border-bottom: 1px solid var(--fl-line);
              background: var(--fl-raised); min-height: 58px; overflow-wrap: anywhere; }
.fl.map .bm-say b { font-weight: 600; }
@container (min-width: 641px) { .fl.map .bm { grid-template-columns: minmax(0, 62fr) minmax(0, 38fr); } }
.fl.map .bm-map { padding: var(--fl-s2) var(--fl-s3); outline-offset: -2px; cursor: crosshair; }
.fl.map .bm-map rect { shape-rendering: crispEdges; }
.fl.fl.map .fl-head select.fl-in { width: auto; max-width: 260px; }
.fl.map .bm-legend { display: flex; flex-wrap: wrap; align-items: center; gap: 2px 4px; }
.fl.map .bm-legend svg { flex: none; }
.fl.map .bm-legend .step { width: 18px; height: 10px; }
.fl.map .bm-legend .gap { margin-right: var(--fl-s2); }
.fl.map .bm-rule { border-top: 1px solid var(--fl-line); }
.fl.fl.map .bm td, .fl.fl.map .bm th { padding: 3px 4px; }
.fl.fl.map .bm .bm-state td:not(.nw) { overflow-wrap: anywhere; }
.fl.fl.map .bm .bm-state th { overflow-wrap: break-word; }
.fl.fl.map .bm-events td { white-space: nowrap; }
.fl.fl.map .bm-events td:first-child { max-width: 0; width: 100%; overflow: hidden; text-overflow: ellipsis; }
.fl.fl.map .bm tr.late > td:first-child { color: var(--fl-muted); }
.fl.map .bm-dot { display: inline-block; width: 8px; height: 8px; margin-right: 6px; }
.fl.map svg .halo { fill: none; stroke: var(--fl-surface); stroke-width: 4; }
.fl.map svg .cur2 { fill: none; stroke: var(--fl-ink); stroke-width: 1.3; }
.fl.map svg .pick { stroke-width: 2; }
.fl.map svg .fix { stroke: var(--fl-ink); stroke-width: 1.2; fill: none; }
.fl.map svg .fix.lt { stroke: var(--fl-surface); }
.fl.map svg .hatch { stroke: var(--fl-edge); stroke-width: 1; fill: none; }
.fl.map svg .ahead { paint-order: stroke; stroke: var(--fl-surface); stroke-width: 5; }
.fl.map svg .plate { fill: var(--fl-surface); }
.fl.map svg .pill { fill: var(--fl-accent); }
.fl.map svg .on { fill: var(--fl-on-accent); }
@container (max-width: 640px) { .fl.map .bm-say { min-height: 120px; } }
"""


class BitemporalMap(Live, esm="bitemporal/bitemporal.js", layout=_LAYOUT):
    """A field of a stream over both times, as a map with two cursors.

    Record time (`as_of`) goes up, actual time (`at`) to the right. A number is a tone, anything else a hatch and a
    letter; `/` marks a belief that was corrected later; what is blank had no event yet, or lay ahead. A cell says in a
    sentence what was believed, and shows the state and the events. It follows the log.

    Keys: ← → at, ↑ ↓ as_of, Home and End the first and the last `at`, PgUp and PgDn ten record times, D the diagonal.
    The numbers are those of `lab.bitemporal`.

    Parameters
    ----------
    side : EventStream or Reading
    projection : Projection class
    field : str, optional
        A field of the state; default the first that is a number.
    at, as_of : time, or list of times, optional
        The axes; default the stream's own times. More than 60 are thinned out, and the head says so.

    Attributes
    ----------
    field : str
        The field that is shown; another one may be set.
    selection : tuple of datetime
        (at, as_of) of the cell that is shown.
    """

    #: Column and row of the cell that is shown.
    cell = traitlets.List(traitlets.Int(), default_value=[0, 0]).tag(sync=True)
    field = traitlets.Unicode("").tag(sync=True)
    #: Fields that the data do not have: only a kernel can work them out.
    others = traitlets.List(traitlets.Unicode()).tag(sync=True)

    def __init__(
        self,
        side: ReadingSide,
        projection: type[Projection[Any]],
        field: str | None = None,
        *,
        at: Moment | Iterable[Moment] | None = None,
        as_of: Moment | Iterable[Moment] | None = None,
    ) -> None:
        fold = fold_of(projection)
        if field is not None:
            _check_field(fold, field)
        self._side, self._projection, self._wanted = side, projection, field or ""
        self._at, self._as_of = _axis(at, "at"), _axis(as_of, "as_of")
        self._chosen: tuple[datetime, datetime] | None = None
        self._drawn: object = None
        self._making = False
        self._map = mapped(self._asked(self._wanted), [])
        super().__init__()
        self.refresh()
        self.observe(self._moved, "cell")
        self.observe(self._asked_for, "field")
        self.follow(side.lab, side.idx, projection.__qualname__)

    @property
    def selection(self) -> tuple[datetime, datetime] | None:
        """The times of the cell that is shown: (at, as_of); None while the stream is empty.

        Times between two cells can be set too: the cell is the one that they fall into.
        """
        if not self._map.across:
            return None
        column, row = self.cell
        return self._map.across[column], self._map.down[row]

    @selection.setter
    def selection(self, chosen: Sequence[Moment]) -> None:
        if isinstance(chosen, str) or not isinstance(chosen, Sequence) or len(chosen) != 2:
            raise TypeError(f"selection must be two times, (at, as_of), got {chosen!r}")
        self._chosen = instant(chosen[0], "at"), instant(chosen[1], "as_of")
        self._make(lambda: self.set_trait("cell", self._place()))

    def refresh(self) -> None:
        """Read the log and draw."""
        self._draw(self.field if self._map.across else self._wanted)

    def picture(self) -> tuple[str, str]:
        """The map with the selected cell, its sentence, its state and its events."""
        return picture(self.data, self.field, (self.cell[0], self.cell[1]), self.fault)

    def static_state(self) -> tuple[str, ...]:
        """The names of the values that the static twin draws from."""
        return ("data", "fault", "cell", "field")

    def _asked(self, field: str) -> Asked:
        projection = latest(self._projection)
        return Asked(
            self._side.idx, projection.__name__, fold_of(projection), at=self._at, as_of=self._as_of, field=field
        )

    def _draw(self, field: str) -> None:
        """Work the map out anew, unless nothing that it shows has changed."""
        asked, rows = self._asked(field), self._side.rows()
        drawn = (len(rows), asked.fold, registry.generation(), field)
        if drawn == self._drawn:
            return
        self._map = mapped(asked, rows)
        self._drawn = (*drawn[:-1], self._map.field)
        shown = [sent["name"] for sent in self._map.data["fields"]]
        names = names_of(asked.fold) if shown else []

        def show() -> None:
            self.data, self.field = self._map.data, self._map.field
            self.others = [name for name in names if name not in shown]
            self.cell = self._place()

        self._make(show)

    def _make(self, change: Any) -> None:
        """Change what is shown, all at once, and not as the reader's doing."""
        self._making = True
        try:
            with self.hold_sync(), self.hold_trait_notifications():
                change()
        finally:
            self._making = False

    def _place(self) -> list[int]:
        """The cell that was chosen, wherever it is now; else the one that tells most."""
        if self._chosen is None or not self._map.across:
            return list(self._map.telling)
        return [
            max(0, bisect_right(axis, moment) - 1)
            for axis, moment in zip((self._map.across, self._map.down), self._chosen, strict=True)
        ]

    @traitlets.validate("cell")
    def _inside(self, proposal: Any) -> list[int]:
        """A cell that there is."""
        last = len(self._map.across) - 1, len(self._map.down) - 1
        return [max(0, min(place, end)) for place, end in zip([*proposal["value"], 0, 0], last, strict=False)]

    @traitlets.validate("field")
    def _there(self, proposal: Any) -> str:
        """A field that there is."""
        chosen: str = proposal["value"]
        if chosen not in (sent["name"] for sent in self._map.data["fields"]):
            _check_field(fold_of(latest(self._projection)), chosen)
        return chosen

    def _moved(self, change: Any) -> None:
        if not self._making and self._map.across:
            column, row = change["new"]
            self._chosen = self._map.across[column], self._map.down[row]

    def _asked_for(self, change: Any) -> None:
        """The reader chose another field: there it is already, or it is worked out now."""
        if not self._making and change["new"] not in [sent["name"] for sent in self._map.data["fields"]]:
            with self.telling():
                self._draw(change["new"])


def _axis(given: Moment | Iterable[Moment] | None, argument: str) -> list[datetime] | None:
    if given is None:
        return None
    listed = moments(given, argument)
    if not listed:
        raise ValueError(f"{argument} must have at least one time, got {given!r}")
    return listed


def _check_field(fold: Fold, field: object) -> None:
    """Refuse what is no field of the state."""
    if not isinstance(field, str):
        raise TypeError(f"field must be a str, got {field!r}")
    if not fold.is_open:
        check_field(fold, field)
