"""LabBrowser: what is in a lab and where it was refused; the repr of a lab in a live notebook.

A table of streams, ten at a time: searching, ordering and paging happen here, on one Arrow table, and the page gets
what it shows. What a reader opens, a form, a scrubber, stands below the table and is closed with it.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from threading import RLock
from typing import TYPE_CHECKING, Any, Final

import anywidget
import ipywidgets as w
import traitlets

from funes_lab import formats
from funes_lab.audience import request, somebody_is_there, told_to_somebody
from funes_lab.projection import Projection
from funes_lab.stream import EventStream
from funes_lab.widgets import theme
from funes_lab.widgets.browser import frame, openers
from funes_lab.widgets.browser.catalogue import called
from funes_lab.widgets.browser.listing import ORDERS, PAGE, Listing
from funes_lab.widgets.browser.rows import Choice, Shown, Teller
from funes_lab.widgets.form.controls import close
from funes_lab.widgets.live import Follower, hosted
from funes_lab.widgets.twin import Static, Twin, source

if TYPE_CHECKING:
    from funes_lab.lab import Lab

#: So many streams are in the page that a repr leaves behind; `static()` holds as many as fit.
_HELD: Final = 30
_log = logging.getLogger("funes_lab")


_SCRIPT: Final = source("browser/browser.js")
_LAYOUT: Final = theme.sheet(source("browser/browser.css"))


class Table(anywidget.AnyWidget):
    """The table of streams in the page."""

    _esm = _SCRIPT
    _css = _LAYOUT
    data = traitlets.Dict().tag(sync=True)
    fault = traitlets.Unicode("").tag(sync=True)


class LabBrowser(Follower, Twin, w.VBox):  # type: ignore[misc]  # the twin's bundle is the wider one
    """The streams of a lab, and one click to whatever shows them; `lab.browse()` makes one.

    Parameters
    ----------
    lab : Lab

    Examples
    --------
    >>> import funes_lab as fl
    >>> class Filed(fl.Event, name="Example::FiledAway"):
    ...     title: str
    >>> lab = fl.Lab(clock=fl.testing.Clock("2026-05-01"))
    >>> for idx in ("shelf-1", "shelf-2"):
    ...     event = fl.EventStream.for_(idx, lab=lab).append(Filed(title="Ficciones"))
    >>> browser = lab.browse()
    >>> browser.search = "2"
    >>> browser.selection = "shelf-2"
    >>> browser
    Lab in memory: 2 streams, 2 events. 1–1 of 1 that match 2. Selected: shelf-2, 1 event on 2026-05-01 00:00 UTC.
    """

    fault = traitlets.Unicode("")

    def __init__(self, lab: Lab) -> None:
        self._lab, self._teller, self._one_at_a_time = lab, Teller(lab), RLock()
        self._search, self._order, self._page, self._tab, self._turned = "", "idx", 1, "streams", 1
        self._selected, self._opened, self._standing = "", None, dict[str, Any]()
        self._answered, self._listing = "", self._read()
        self._rows = self._told()
        super().__init__(self._built())
        self.add_class("fl-browser")
        self.follow(lab, id(lab.store))
        self._table.on_msg(self._heard)
        self._draw()

    # --- what can be asked and said in Python --------------------------------------------------------------------

    @property
    def selection(self) -> str | None:
        """The idx of the selected stream; settable, None for no stream."""
        return self._selected or None

    @selection.setter
    def selection(self, idx: str | None) -> None:
        if idx is not None and self._listing.stream(idx) is None:
            raise ValueError(f"selection must be the idx of a stream of this lab, or None, got {idx!r}")
        if idx is not None and self._listing.place(idx) is None:
            self.search = ""
        self._select(idx or "")
        self._draw()

    @property
    def search(self) -> str:
        """Words that the shown streams have in their idx, or in the name of their last event; settable."""
        return self._search

    @search.setter
    def search(self, words: str) -> None:
        if not isinstance(words, str):
            raise TypeError(f"search must be a str, got {words!r}")
        self._search, self._page = words, 1
        self._list(self._listing.whole)

    @property
    def order(self) -> str:
        """What the streams are ordered by: "idx", "events", "last_event", "last_at" or "refused"; settable.

        With a `-` before it the largest comes first.
        """
        return self._order

    @order.setter
    def order(self, order: str) -> None:
        if str(order).removeprefix("-") not in ORDERS:
            raise ValueError(f"order must be one of {list(ORDERS)}, with a - before it for the reverse, got {order!r}")
        self._order, self._page = order, 1
        self._list(self._listing.whole)

    @property
    def page(self) -> int:
        """The page of streams, from 1; settable."""
        return self._page

    @page.setter
    def page(self, number: int) -> None:
        if not isinstance(number, int) or not 1 <= number <= self._listing.pages:
            raise ValueError(f"page must be 1 to {self._listing.pages}, got {number!r}")
        self._page = number
        self._rows = self._told()
        self._draw()

    @property
    def opened(self) -> Any:
        """The widget that stands below the table, or None."""
        return self._opened

    def show_with(
        self, stream_class: type[EventStream] | None = None, projection: type[Projection[Any]] | None = None
    ) -> None:
        """Say which class, or which projection, the selected stream is shown with; what is left out fits best.

        Raises
        ------
        ValueError
            If no stream is selected, or the class is not one of those that are offered.
        """
        shown = self._shown()
        if shown is None:
            raise ValueError("no stream is selected; set selection to an idx first")
        chosen = Choice()
        if stream_class is not None:
            chosen.stream_class = _offered("stream_class", stream_class, shown.classes)
        if projection is not None:
            self._teller.choices[shown.idx] = chosen
            among = [one for _, one in (self._shown() or shown).tiers]
            chosen.projection = _offered("projection", projection, among)
        self._choose(chosen)

    def show(self, kind: str, *, whole: bool = False) -> Any:
        """Open a widget below the table; what stood there is closed.

        Parameters
        ----------
        kind : {"form", "timeline", "scrub", "bitemporal", "inspect"}
            What to open of the selected stream.
        whole : bool
            The timeline, or the refused attempts, of the whole lab instead.

        Returns
        -------
        widget

        Raises
        ------
        ValueError
            For another kind, without a selected stream, or if the stream has nothing that could be shown so.
        """
        shown = None if whole else self._shown()
        with hosted():
            made, told = openers.made(self._lab, kind, shown)
        self._stand(made, {"kind": kind, "idx": shown.idx if shown else "", "told": told})
        return made

    def hide(self) -> None:
        """Close the widget that stands below the table."""
        self._stand(None, {})

    def refresh(self) -> None:
        """Read the log and draw."""
        with self._one_at_a_time:
            self._list(self._lab.store.streams(self._lab.unit))

    def static(self) -> Static:
        """The table as it stands, as a picture; in a page it can be searched, ordered and paged over what it holds.

        Returns
        -------
        Static
            Less than 500 kB; it says how many streams are left out.
        """
        return frame.static(self._view(), _SCRIPT, _LAYOUT, held=None)

    def close(self) -> None:
        """Let go of the view, of what was opened, and of the log."""
        if hasattr(self, "_watchers"):
            self.leave()
        self._stand(None, {}, draw=False)
        close(self)

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, Any]:
        # many labs are shown in a notebook: each leaves a small page behind, and `save` writes the large one
        return self._bundle(frame.static(self._view(), _SCRIPT, _LAYOUT, held=_HELD), **kwargs)

    def __repr__(self) -> str:
        return frame.label(self._view())

    @told_to_somebody()
    def _built(self) -> list[Any]:
        self._table, self._place = Table(), w.VBox([])
        self._place.add_class("fl-place")
        return [self._table, self._place]

    # --- what happens --------------------------------------------------------------------------------------------

    def _heard(self, _: object, content: Any, __: object) -> None:
        # JupyterLab handles what widgets say in a thread of its own
        with self._one_at_a_time, self._table.hold_sync():
            self._answered = content.pop("name", "")
            with self.telling():
                for name, value in content.items():
                    getattr(self, f"_do_{name}")(value)
            # also where nothing has changed: the page waits for an answer
            self._table.data = {**self._table.data, "answered": self._answered}

    def _do_search(self, words: str) -> None:
        self.search = words

    def _do_order(self, order: str) -> None:
        self.order = order

    def _do_page(self, number: int) -> None:
        self.page = min(max(number, 1), self._listing.pages)

    def _do_turn(self, number: int) -> None:
        self._turned = max(number, 1)
        self._draw()

    def _do_tab(self, tab: str) -> None:
        self._tab, self._turned = tab, 1
        self._draw()

    def _do_select(self, idx: str) -> None:
        self._selected, self._turned = idx, 1
        self._draw()

    def _do_move(self, step: int) -> None:
        """Go to the stream that stands so far from the selected one."""
        here, last = self._listing.place(self._selected), len(self._listing) - 1
        if last >= 0:
            start = (self._page - 1) * PAGE - (step > 0) if here is None else here
            self._select(self._listing.idx(min(max(start + step, 0), last)))
            self._draw()

    def _do_open(self, asked: Mapping[str, Any]) -> None:
        if asked["idx"]:
            self._selected = asked["idx"]
        self.show(asked["kind"], whole=not asked["idx"])

    def _do_close(self, _: object) -> None:
        self.hide()

    def _do_class(self, name: str) -> None:
        self._choose(Choice(name))

    def _do_projection(self, name: str) -> None:
        now = self._teller.choices.get(self._selected, Choice())
        self._choose(Choice(now.stream_class, name))

    def _choose(self, choice: Choice) -> None:
        self._teller.choices[self._selected] = choice
        self._rows = self._told()
        if self._standing.get("idx") == self._selected:
            self.show(self._standing["kind"])
        self._draw()

    def _select(self, idx: str) -> None:
        """Select a stream and turn to its page."""
        self._selected, self._turned = idx, 1
        place = self._listing.place(idx) if idx else None
        page = self._page if place is None else place // PAGE + 1
        if page != self._page:
            self._page = page
            self._rows = self._told()

    def _stand(self, made: Any, standing: dict[str, Any], *, draw: bool = True) -> None:
        former, self._opened, self._standing = self._opened, made, standing
        if draw:
            self._place.children = [] if made is None else [made]
            self._draw()
        if former is not None:
            former.close()

    # --- what is shown -------------------------------------------------------------------------------------------

    def _read(self) -> Listing:
        return Listing.of(self._lab.store.streams(self._lab.unit), self._search, self._order)

    def _list(self, streams: Any) -> None:
        self._listing = Listing.of(streams, self._search, self._order)
        self._page = min(self._page, self._listing.pages)
        self._rows = self._told()
        self._draw()

    def _told(self) -> list[dict[str, Any]]:
        return self._teller.tell(self._listing.page(self._page), self._listing.types())

    def _shown(self) -> Shown | None:
        stream = self._listing.stream(self._selected) if self._selected else None
        return None if stream is None else self._teller.one(stream)

    def _view(self) -> frame.View:
        return frame.View(
            self._lab, self._listing, self._teller, self._rows, self._search, self._order, self._page, self._tab,
            self._turned, self._selected, self._shown, self._standing,
        )  # fmt: skip

    def _draw(self) -> None:
        self._table.data = {**frame.live(self._view()), "answered": self._answered}

    @traitlets.observe("fault")
    def _failed(self, change: Mapping[str, Any]) -> None:
        if hasattr(self, "_table"):
            self._table.fault = formats.shorten(change["new"], 300)


def bundle(lab: Lab, **kwargs: Any) -> dict[str, Any]:
    """What a notebook shows of a lab: the browser where somebody is there, nothing of its own elsewhere."""
    if lab.closed or not request() or not somebody_is_there():
        return {}
    made = None
    try:
        made = LabBrowser(lab)
        return made._repr_mimebundle_(**kwargs)
    except Exception:  # noqa: BLE001  (a repr is no place to fail in: the static one says what is wrong)
        _log.exception("the browser of a lab could not be shown")
        if made is not None:
            made.close()
        return {}


def _offered(argument: str, wanted: Any, among: Any) -> str:
    if wanted not in among:
        names = ", ".join(one.__name__ for one in among) or "none"
        raise ValueError(f"{argument} must be one of those that interpret these events ({names}), got {wanted!r}")
    return called(wanted, among)
