"""RejectionInspector: why an attempt was refused, with the evidence, and a form to correct it and try again.

A picture lists the attempts newest first, counts them by gate and by rule, and tells of the selected one. The page gets
the rows that it shows and those of the neighbouring pages; a page without a kernel carries as many as fit.
"""

from __future__ import annotations

from collections.abc import Mapping
from threading import RLock
from typing import Any, Final

import ipywidgets as w
import traitlets

from funes_lab import registry, stream_classes
from funes_lab.event import Event
from funes_lab.reading_side import ReadingSide
from funes_lab.rejection import Rejection
from funes_lab.rejections import Rejections
from funes_lab.stream import EventStream
from funes_lab.widgets.form import AppendForm
from funes_lab.widgets.form.controls import close
from funes_lab.widgets.inspector import filters, led
from funes_lab.widgets.inspector.attempts import Attempt
from funes_lab.widgets.inspector.desk import PAGE, Desk, weight
from funes_lab.widgets.inspector.filters import Filters
from funes_lab.widgets.inspector.view import CLOSED, View
from funes_lab.widgets.live import Follower
from funes_lab.widgets.twin import LARGEST, Static, Twin

#: What a page needs beside its data, its picture and its script.
_SPARE: Final = 4_000


class RejectionInspector(Follower, Twin, w.VBox):  # type: ignore[misc]  # the twin's bundle is the wider one
    """The refused attempts of a lab or a stream; `lab.rejections.inspect()` makes one.

    Parameters
    ----------
    rejections : Rejections
    asked : Lab, EventStream or Reading
        Whose they are.
    asked_filters : mapping
        What is shown, as in `filters`.
    """

    fault = traitlets.Unicode("")

    def __init__(self, rejections: Rejections, asked: Any, asked_filters: Mapping[str, Any]) -> None:
        side = asked if isinstance(asked, ReadingSide) else None
        lab = asked if side is None else side.lab
        self._desk = Desk(rejections, lab, None if side is None else side.idx)
        self._stream_class = None if side is None else side.stream_class
        self._form: AppendForm | None = None
        self._earlier: dict[str, int] = {}
        self._chosen: Rejection | None = None
        self._at_work, self._quiet = RLock(), False
        self._filters = self._desk.known().checked(asked_filters)
        self._view = View(filters=self._filters.given())
        super().__init__([self._view])
        self._show()
        self._view.observe(self._said, ["filters", "place"])
        self._view.on_msg(lambda _, content, __: self._pressed(content))
        self.follow(lab, self._desk.idx)

    # --- what can be asked and said in Python ----------------------------------------------------------------------

    @property
    def selection(self) -> Rejection | None:
        """The attempt that is selected, None where there is none.

        It can be set: to a Rejection, or to an event that was refused. One that the filters hide lifts them.
        """
        return self._chosen

    @selection.setter
    def selection(self, wanted: Rejection | Event | None) -> None:
        rejection = wanted.rejection if isinstance(wanted, Event) else wanted
        if wanted is not None and not isinstance(rejection, Rejection):
            raise TypeError(f"selection must be a Rejection, an event that was refused, or None, got {wanted!r}")
        attempt = None if rejection is None else self._desk.of(rejection)
        if rejection is not None and attempt is None:
            raise ValueError(f"selection must be an attempt of this journal, got {wanted!r}")
        with self._at_work:
            self._chosen = rejection
            if attempt is not None and not self._filters.fits(attempt):
                self._filters = Filters()
            self._show(keep=True)

    @property
    def filters(self) -> dict[str, Any]:
        """What is shown, by `stage`, `event`, `idx`, `projection`, `rule` and `text`; those that are set. Settable."""
        return self._filters.given()

    @filters.setter
    def filters(self, asked: Mapping[str, Any]) -> None:
        with self._at_work:
            self._filters = self._desk.known().checked(asked)
            self._show()

    @property
    def shown(self) -> list[Rejection]:
        """The attempts that the filters leave, newest first."""
        return [attempt.rejection for attempt in self._desk.fitting(self._filters)]

    def retry(self, stream_class: type[EventStream] | None = None) -> AppendForm:
        """Open a form filled with the selected event, to correct it and append it to its stream.

        Parameters
        ----------
        stream_class : EventStream class, optional
            How it is judged. Default: the class that the attempt was made with, found by its name.

        Returns
        -------
        AppendForm
            It stands under the list. Secret values, and those that no control can hold, are left out.

        Raises
        ------
        ValueError
            If nothing is selected.
        LookupError
            If no event class, or not exactly one stream class, of that name is defined.
        ReadOnlyError
            If nothing can be written.
        """
        rejection = self._chosen
        if rejection is None:
            raise ValueError("nothing is selected: set inspector.selection to an attempt, such as lab.rejections[0]")
        if stream_class is not None and not (isinstance(stream_class, type) and issubclass(stream_class, EventStream)):
            raise TypeError(f"stream_class must be an EventStream class, got {stream_class!r}")
        self._desk.lab.check_writable()
        event_class = registry.find(rejection.event)
        if event_class is None or not issubclass(event_class, Event):
            raise LookupError(f"no event class is called {rejection.event!r}: run the cell that defines it")
        cls = stream_class or self._class_of(rejection)
        timed = cls.actual_time_attribute is not None or rejection.at == rejection.time
        self._close_form()
        form = cls(rejection.idx, self._desk.lab).form(event_class)
        left = form.take(rejection.payload, secret=rejection.secret, at=None if timed else rejection.at)
        form.layout.margin = "8px 0 0"
        self._form = form
        self.children = [self._view, form]
        told = "; ".join(f"{path}: {why}" for path, why in left.items())
        attempt = self._desk.of(rejection)
        number = attempt.number if attempt is not None else 0
        told = f"Left empty: {told}" if told else ""
        self._view.retrying = {"number": number, "open": True, "told": told, "classes": []}
        return form

    @property
    def form(self) -> AppendForm | None:
        """The form that is open, if one is."""
        return self._form

    def refresh(self) -> None:
        """Read the journal and draw; what is selected stays selected."""
        with self._at_work:
            was_empty = not self._desk.fitting(self._filters)
            self._desk.read()
            is_gone = self._chosen is not None and self._desk.of(self._chosen) is None
            self._show(keep=not (was_empty or is_gone))

    def static(self) -> Static:
        """The picture as it is now, for a page that nobody runs: with the attempts that fit, which can be filtered.

        Returns
        -------
        Static
            Less than 500 kB; if attempts are left out, the page says how many.
        """
        shown = self._desk.fitting(self._filters)
        frame = self._desk.frame(shown, self._filters)
        room = LARGEST - _SPARE - len(self._view.page({}).html) - weight(frame)
        return self._view.page({**frame, **self._desk.carried(shown, self._view.place["n"], room)})

    def close(self) -> None:
        """Let go of the view, of the form and of the log."""
        if hasattr(self, "_watchers"):
            self.leave()
            self._close_form()
        close(self)

    def __repr__(self) -> str:
        return self._view.picture()[1]

    # --- what happens ----------------------------------------------------------------------------------------------

    def _show(self, *, keep: bool = False) -> None:
        """Give the page what it shows; `keep` what is selected, where it is selected by hand."""
        shown = self._desk.fitting(self._filters)
        chosen = None if self._chosen is None else self._desk.of(self._chosen)
        if chosen not in shown and not keep:
            chosen = shown[0] if shown else None
        self._chosen = None if chosen is None else chosen.rejection
        offset = shown.index(chosen) // PAGE * PAGE if chosen in shown else 0
        self._turn(shown, offset)

    def _turn(self, shown: list[Attempt], offset: int) -> None:
        """Give the page the rows around a place."""
        data = {**self._desk.frame(shown, self._filters), **self._desk.window(shown, offset)}
        chosen = None if self._chosen is None else self._desk.of(self._chosen)
        if chosen is not None:
            before = led.BEFORE + self._earlier.get(chosen.rejection.id, 0)
            data["details"][str(chosen.number)] = self._desk.detail(chosen, before)
        self._quiet = True
        try:
            with self._view.hold_sync():
                self._view.filters = self._filters.given()
                self._view.place = {"n": 0 if chosen is None else chosen.number, "offset": offset, "go": -1}
                self._view.data = data
        finally:
            self._quiet = False

    @traitlets.observe("fault")
    def _failed(self, change: Any) -> None:
        self._view.fault = change["new"]

    def _said(self, change: Any) -> None:
        """The page has another filter, page or selection."""
        if self._quiet:
            return
        with self._at_work, self.telling():
            if change["name"] == "filters":
                self._filters = filters.from_page(change["new"])
                self._show()
                return
            self._moved(**{"n": 0, "offset": 0, "go": -1, **self._view.place})

    def _moved(self, n: int, offset: int, go: int) -> None:
        shown, base = self._desk.fitting(self._filters), self._view.data["base"]
        if 0 <= go < len(shown):
            self._chosen = shown[go].rejection
            self._show(keep=True)
            return
        chosen = self._desk.attempts[n - 1] if 0 < n <= len(self._desk.attempts) else None
        self._chosen = None if chosen is None else chosen.rejection
        if chosen in shown and shown.index(chosen) // PAGE * PAGE != offset:
            self._show(keep=True)  # the log went on while a key was pressed
        elif max(0, offset - PAGE) != base:
            self._turn(shown, offset)

    def _pressed(self, content: Any) -> None:
        """A button of the page, or a key."""
        with self._at_work, self.telling():
            match content:
                case {"earlier": int()} if self._chosen is not None:
                    already = self._earlier.get(self._chosen.id, 0)
                    self._earlier[self._chosen.id] = already + led.MORE
                    self._turn(self._desk.fitting(self._filters), self._view.place["offset"])
                case {"retry": int() as number, **rest} if 0 < number <= len(self._desk.attempts):
                    self._chosen = self._desk.attempts[number - 1].rejection
                    self._retry_from_page(number, rest.get("among"))
                case {"close": _}:
                    self._close_form()

    def _retry_from_page(self, number: int, among: Any) -> None:
        assert self._chosen is not None
        found = stream_classes.named(self._chosen.stream_class, self._stream_class) or stream_classes.defined()
        try:
            self.retry(found[among] if isinstance(among, int) and 0 <= among < len(found) else None)
        except LookupError as told:
            offered = stream_classes.labels(found) if registry.find(self._chosen.event) else []
            self._view.retrying = {"number": number, "told": str(told), "classes": offered, "open": False}

    def _class_of(self, rejection: Rejection) -> type[EventStream]:
        found = stream_classes.named(rejection.stream_class, self._stream_class)
        if len(found) == 1:
            return found[0]
        if not found and self._stream_class is not None:
            own: type[EventStream] = self._stream_class
            return own
        there = ", ".join(stream_classes.labels(found or stream_classes.defined()))
        several = f"{len(found)} stream classes are called" if found else "no stream class is called"
        raise LookupError(
            f"{several} {rejection.stream_class!r}: choose one ({there}), or run the cell that defines it"
        )

    def _close_form(self) -> None:
        if self._form is not None:
            form, self._form = self._form, None
            self.children = [self._view]
            form.close()
        self._view.retrying = dict(CLOSED)
