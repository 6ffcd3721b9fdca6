"""The race board: a race played by hand, step by step, on a copy of its streams; and its diagram for documents."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from time import monotonic
from typing import Any, Final

import traitlets

from funes_lab import formats
from funes_lab.races import schedule
from funes_lab.races.race import Race
from funes_lab.races.result import RaceResult
from funes_lab.races.schedule import Step
from funes_lab.scratch import rows_of
from funes_lab.widgets.live import Live
from funes_lab.widgets.race import data as race_data
from funes_lab.widgets.race import orders as race_orders
from funes_lab.widgets.race import picture as race_picture
from funes_lab.widgets.race import play as race_play
from funes_lab.widgets.race import words
from funes_lab.widgets.race.play import Play
from funes_lab.widgets.twin import LARGEST, Static, source

#: So many orders are run at once; more of them in slices of so many seconds.
_AT_ONCE: Final = 12
_SLICE: Final = 0.15


class RaceBoard(Live, esm="race/race.js", layout=source("race/race.css")):
    """A race that is played by hand; made by `race.board()`.

    It plays on a copy of the raced streams in memory, so the log never changes. When these streams change in the log,
    the race begins again from there.

    Attributes
    ----------
    value : str
        The steps so far, such as "A.read B.read"; can be set.
    picked : str
        The order that is watched, "" for the textbook's; can be set.
    listing : bool
        Whether every order is listed below; can be set.

    Examples
    --------
    >>> import funes_lab as fl
    >>> class Booked(fl.Event, name="Example::TableBooked"):
    ...     guest: str
    >>> writers = {"A": [Booked(guest="Ana")], "B": [Booked(guest="Bea")]}
    >>> board = fl.Race(fl.EventStream, "table-7", writers, lab=fl.Lab()).board()
    >>> board.value = "A.read B.read A.append B.append"
    >>> board.result.accepted, board.result.denied
    (1, 1)
    """

    value = traitlets.Unicode().tag(sync=True)
    picked = traitlets.Unicode().tag(sync=True)
    listing = traitlets.Bool().tag(sync=True)
    orders = traitlets.Dict().tag(sync=True)
    #: Only a page with a kernel has it: without one nobody can play another order than the one that is shown.
    live = traitlets.Bool(default_value=True).tag(sync=True)

    def __init__(self, race: Race) -> None:
        self._race = race
        self._scene, self._line = race.scene(), ""
        self._work: object = None
        self._play = self._played([])
        super().__init__(data=race_data.board(race, self._play))
        self.observe(self._steer, ["value", "picked"])
        self.observe(self._list, "listing")
        self.follow(race.lab, *race.streams)

    # --- what is shown ---------------------------------------------------------------------------------------

    @property
    def selection(self) -> str:
        """The steps so far, as `value`; can be set."""
        return str(self.value)

    @selection.setter
    def selection(self, order: str) -> None:
        self.value = order

    @property
    def result(self) -> RaceResult:
        """What has come of the race so far."""
        return self._play.results[self._place()]

    def refresh(self) -> None:
        """Read the log; if the raced streams have changed, begin again from there."""
        if rows_of(self._race.lab, self._race.streams) == list(self._scene.rows):
            return
        self._scene, self._line = self._race.scene(), ""
        self._play = self._played([])
        with self.hold_sync():
            self.value = self.picked = ""
            self.data = race_data.board(self._race, self._play, race_data.moved(self._play))
            self.orders, self._work = {}, None
            self._list(None)

    def picture(self) -> tuple[str, str]:
        """The picture after the steps so far: an SVG document, and what it shows in sentences."""
        label, place, picked = words.sentence(self.result), self._place(), self.picked or self._shown()
        told = {"fault": self.fault, "picked": picked}
        return race_picture.of_board(self.data, place, label, orders=self._listed(), **told), label

    def static(self) -> Static:
        """The picture as it is now, for a page that nobody runs: it steps along the order that is shown.

        Returns
        -------
        Static
            Less than 500 kB. A long race is told as far as there is room, and the page says so.
        """
        svg, label = self.picture()
        data, orders = dict(self.data), self._listed()
        page = self._page(svg, label, data, orders)
        if len(page.html) > LARGEST and orders:
            page = self._page(svg, label, data, {})
        kept = len(data["frames"])
        while len(page.html) > LARGEST and kept > self._place() + 1:
            kept = max(self._place() + 1, kept * 3 // 4)
            page = self._page(svg, label, race_data.part(data, kept), {})
        return page if len(page.html) <= LARGEST else Static(svg, label)

    # --- playing ---------------------------------------------------------------------------------------------

    def _played(self, steps: Sequence[Step]) -> Play:
        """Play these steps, and what follows in the order that is watched."""
        race = self._race
        line = self._steps(self._line) if self._line else race.textbook()
        return race_play.played(self._scene, race.programs, steps, line)

    def _steer(self, change: Any) -> None:
        """Play what is asked for, unless it is what is shown already; whatever was set last counts."""
        steps, picked = self._steps(self.value), self._steps(self.picked)
        if picked and picked[: len(steps)] != steps[: len(picked)]:
            other = "value" if change["name"] == "picked" else "picked"
            self.set_trait(other, "")
            return
        if self.picked == self._line and self._play.is_at(steps):
            return
        with self.telling():
            self._line = self.picked
            self._play = self._played(steps)
            with self.hold_sync():
                self.data = race_data.board(self._race, self._play)
                if not self._play.is_at(steps):
                    self.value = schedule.written(self._play.steps)

    # --- every order -----------------------------------------------------------------------------------------

    def _list(self, _: object) -> None:
        """Run every order when it is asked for, and once only."""
        if self.listing and not self.orders:
            with self.telling():
                self._run_orders()

    def _run_orders(self) -> None:
        """Run a few at once; of many some, then the kernel has time for others, then the next ones."""
        self._work = work = object()
        scene, programs, field = self._scene, self._race.programs, str(self.data["state_field"])
        total = schedule.count(programs)
        if self._loop is None or total <= _AT_ONCE or race_orders.is_too_much(programs):
            self.orders = race_orders.every(scene, programs, field)
            return
        coming, rows = race_orders.one_by_one(scene, programs, field), list[dict[str, Any]]()

        def more() -> None:
            if work is not self._work:
                return
            if not self.listing:
                self.orders = {}
                return
            until = monotonic() + _SLICE
            while monotonic() < until and len(rows) < total:
                rows.append(next(coming))
            if len(rows) == total:
                self.orders = race_orders.listed(scene, programs, field, rows)
                return
            told = f"{formats.value(len(rows))} of {formats.count(total, 'order')}"
            self.orders = {"running": f"Ran {told}, with the guard on and off", "share": len(rows) / total}
            self._later(more)

        self._later(more)

    def _listed(self) -> dict[str, Any]:
        """The list of orders, if it is open and ready."""
        return dict(self.orders) if self.listing and "running" not in self.orders else {}

    def _later(self, act: Callable[[], None]) -> None:
        def told() -> None:
            with self.telling():
                act()

        assert self._loop is not None
        self._loop.call_later(0.01, told)

    def _shown(self) -> str:
        """The order that is shown, without the retries at its end."""
        return schedule.written(step for step in self._play.steps if step.action != "retry")

    def _place(self) -> int:
        return min(len(self.value.split()), len(self._play.steps))

    def _steps(self, order: str) -> list[Step]:
        return schedule.parse(order, self._race.programs)

    def _page(self, svg: str, label: str, data: dict[str, Any], orders: dict[str, Any]) -> Static:
        state = {
            "data": data,
            "fault": self.fault,
            "value": self.value,
            "picked": self.picked,
            "listing": bool(orders),
            "orders": orders,
            "live": False,
        }
        return Static(svg, label, esm=str(self._esm), css=str(self._css), state=state)

    @traitlets.validate("value", "picked")
    def _possible(self, proposal: Any) -> str:
        return schedule.written(self._steps(proposal["value"]))
