"""AppendForm: append an event by hand, and see before what it would lead to.

A form keeps a `Reading`: it says which version it reads and which it writes, and another writer may be faster. The
event is built anew from the controls whenever somebody types; its own rules speak at once, the dry run a moment later.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from threading import RLock
from typing import Any, Final

import ipywidgets as w
import traitlets

from funes_lab import formats
from funes_lab.audience import told_to_somebody
from funes_lab.event import Event
from funes_lab.projection import latest
from funes_lab.reading_side import ReadingSide
from funes_lab.rules import rules_of
from funes_lab.storable import instant
from funes_lab.stream import Reading
from funes_lab.verdict import Verdict
from funes_lab.widgets.form import fields, filling, outlook
from funes_lab.widgets.form import sheet as form_sheet
from funes_lab.widgets.form.controls import Control, Parts, close
from funes_lab.widgets.form.frame import Frame
from funes_lab.widgets.form.outlook import Outlook
from funes_lab.widgets.form.placing import place
from funes_lab.widgets.form.sheet import FieldRow, FormCard
from funes_lab.widgets.form.types import checked_types
from funes_lab.widgets.live import running_loop
from funes_lab.widgets.twin import Static

#: A dry run waits so long for the next key, in seconds.
WAIT: Final = 0.15


class AppendForm(Frame):
    """A form that appends events to a stream; `stream.form(…)` makes one.

    Parameters
    ----------
    side : EventStream or Reading
        Where it writes. A reading is kept: the form reads again only when it is told to.
    types : sequence of Event classes
        Default: those that the projections of the stream interpret.

    Examples
    --------
    >>> import funes_lab as fl
    >>> class Said(fl.Event, name="Example::Spoken"):
    ...     text: str
    >>> form = fl.EventStream.for_("talk", lab=fl.Lab()).form(Said)
    >>> form.values = {"text": "by hand"}
    >>> form.dry_run
    <Verdict: Example::Spoken would be accepted as version 1>
    >>> form.append().version, form.values
    (1, {})
    """

    fault = traitlets.Unicode("")
    _timer: asyncio.TimerHandle | None = None

    def __init__(self, side: ReadingSide, types: Sequence[type[Event]] = ()) -> None:
        self._pages: dict[int, Parts] = {}
        self._types = checked_types(side, types)
        self._reading = side if isinstance(side, Reading) else side.stream_class(side.idx, side.lab).read()
        self._stream = side.stream_class(side.idx, side.lab)
        self._event: Event | None = None
        self._verdict: Verdict | None = None
        self._outlook, self._pressed, self._quiet = Outlook(), False, False
        self._one_at_a_time = RLock()
        self._now: tuple[int, Mapping[str, object]] = (-1, {})
        timed = side.stream_class.actual_time_attribute is not None
        super().__init__(self._built(side.idx, fields.names_of(self._types), timed=timed))
        self.add_class("fl")
        self.add_class("fl-form")
        self._show_page()
        self.follow(side.lab, side.idx, *self._types)
        self._look()

    # --- what can be asked and said in Python ------------------------------------------------------------------

    @property
    def event_type(self) -> type[Event]:
        """The class of the event in the form; settable."""
        return self._types[int(self._choice.value)]

    @event_type.setter
    def event_type(self, cls: type[Event]) -> None:
        if cls not in self._types:
            raise ValueError(f"event_type must be one of {[one.__name__ for one in self._types]}, got {cls!r}")
        self._choice.value = self._types.index(cls)

    @property
    def values(self) -> dict[str, Any]:
        """What is in the form, by field, as it is handed to the event; empty fields are left out. Settable."""
        return fields.together(self._page.fields, self._page.holds)

    @values.setter
    def values(self, given: Mapping[str, Any]) -> None:
        if not isinstance(given, Mapping):
            raise TypeError(f"values must be a dict of fields, got {given!r}")
        listed = self._page.fields
        fields.check_names(given, listed, self.event_type.event_name)
        self._fill({field.name: fields.held(field, given[field.name]) for field in listed if field.name in given})
        self._outlook = Outlook()
        self._look()

    def take(
        self, payload: Mapping[str, Any], *, secret: Sequence[str] = (), at: datetime | None = None
    ) -> dict[str, str]:
        """Fill in a payload as far as it fits, as a refused one is: secret values are left out.

        Parameters
        ----------
        payload : mapping
        secret : sequence of str
            Names of fields that are secret beside the `filter_attributes` of the event.
        at : datetime, optional
            When it happened, where no field says so.

        Returns
        -------
        dict of str to str
            The fields that stay empty, by path, and why.
        """
        holds, left = filling.filled(self._page.fields, payload, (*secret, *self.event_type.filter_attributes))
        self._fill(holds)
        for control in self._page.within():
            if left.get(control.path) == filling.SECRET:
                control.hint_at(filling.SECRET)
        if at is not None:
            with self._in_silence():
                self._when.holds = fields.held(self._when.field, at)
            self._disclose(shown=True)
        self._outlook = Outlook()
        self._look()
        return left

    @property
    def event(self) -> Event | None:
        """The event of the last attempt, accepted or refused."""
        return self._event

    @property
    def dry_run(self) -> Verdict | None:
        """What the gates say of the event in the form; None while its own rules are not met."""
        if self._timer is not None:
            self._look()
        return self._verdict

    @property
    def reading(self) -> Reading:
        """What the form has seen of the stream."""
        return self._reading

    def append(self) -> Event:
        """Append the event in the form, as the button does.

        Returns
        -------
        Event
            Persisted, or refused as `Reading.append` says; what it raises, this raises too.
        """
        for control in self._page.within():
            if problem := fields.problem(control.field, control.holds):
                raise ValueError(f"{control.path}: {problem}")
        with self._one_at_a_time:
            self._pressed, self._event = True, self._made()
            self._reading.append(self._event, at=self._at())
            self._answer(self._event)
        return self._event

    def read_again(self) -> None:
        """See the stream as it is now; what is in the fields stays."""
        self._reading = self._stream.read()
        self._outlook = Outlook()
        self._look()

    def refresh(self) -> None:
        """Tell when the log went on beneath the form."""
        self._draw()

    def static(self) -> Static:
        """The form as it stands, as a picture."""
        return Static(*form_sheet.drawn(self.card()))

    def close(self) -> None:
        """Let go of the view, of the controls and of the log."""
        if hasattr(self, "_watchers"):
            self.leave()
        self._stop_waiting()
        for page in self._pages.values():
            for control in page.controls:
                close(control.box)
        close(self)

    def card(self) -> FormCard:
        """What the picture shows, secrets masked."""
        rows = [row for control in self._leaves() for row in [self._field_row(control)]]
        return FormCard(
            self._reading.idx, fields.names_of(self._types), self._choice.value, self._reads(), rows, self._outlook
        )

    def __repr__(self) -> str:
        return form_sheet.label_of(self.card())

    # --- how it is built ----------------------------------------------------------------------------------------

    @property
    def _page(self) -> Parts:
        place = self._choice.value
        if place not in self._pages:
            with self._in_silence():
                self._pages[place] = Parts(fields.fields_of(self._types[place]), "", self._typed)
        return self._pages[place]

    @told_to_somebody()
    def _show_page(self) -> None:
        page = [control.box for control in self._page.controls]
        self._body.children = page or [w.HTML('<span class="muted">an event without fields</span>')]

    def _fill(self, holds: Mapping[str, Any]) -> None:
        page = self._page
        with self._in_silence():
            page.holds = holds

    @contextmanager
    def _in_silence(self) -> Iterator[None]:
        """Controls that change inside are not somebody typing."""
        self._quiet = True
        try:
            yield
        finally:
            self._quiet = False

    def _answer(self, event: Event) -> None:
        """Say what became of an event: an accepted one leaves the form empty, a refused one stays to be mended."""
        if event.rejection is None:
            self._pressed = False
            with self._in_silence():
                self._when.holds = ""
            self._fill({})
            self._look()
            now = outlook.accepted(event.version or 0, event.event_name)
            self._outlook = replace(now, said=self._outlook.said, now=self._outlook.now)
        else:
            self._look(told=event)
            self._outlook = outlook.refusal(event.rejection, len(self._stream.rejections))
        self._draw()

    # --- what happens --------------------------------------------------------------------------------------------

    def _do(self, work: Any) -> None:
        """Do what a button says; what breaks is shown in the form and logged with its traceback."""
        with self.telling():
            work()
        if self.fault:
            self._outlook = outlook.failed(self.fault)
            self._draw()

    def _pressed_key(self, content: object) -> None:
        if content == {"pressed": "append"}:
            self._look()
            if not self._button.disabled:
                self._do(self.append)

    def _turned(self) -> None:
        self._pressed, self._outlook = False, Outlook()
        self._show_page()
        self._look()

    def _typed(self) -> None:
        """Somebody changed a control: own rules now, the dry run when the keys rest."""
        if self._quiet:
            return
        self._tell(self._made())
        self._stop_waiting()
        # JupyterLab handles what widgets say in a thread of its own: the loop of that thread, not of the cells
        loop = running_loop()
        if loop is None:
            self._look()
        else:
            self._timer = loop.call_later(WAIT, self._look)

    def _stop_waiting(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self, told: Event | None = None) -> None:
        """Run the event in the form through the gates; nothing is written anywhere."""
        with self._one_at_a_time:
            self._stop_waiting()
            self.fault, self._verdict = "", None
            try:
                self._outlook = self._foreseen(told)
            except Exception as failure:  # noqa: BLE001  (whatever breaks in blocks of the user's is shown in the form)
                self.fault = f"{type(failure).__name__}: {failure}"
                self._outlook = outlook.failed(self.fault)
            self._draw()

    def _foreseen(self, told: Event | None) -> Outlook:
        event = self._made()
        to_fill, to_mend = self._tell(told or event)
        rules = rules_of(self._reading.stream_class)
        projection = rules.consistency.name if rules.consistency else None
        if to_fill or to_mend:
            return outlook.unjudged(to_fill, to_mend, self._state_now(), projection)
        self._verdict = self._reading.check(event, at=self._at())
        if told is None:
            self._tell(event)
        secret = (*(rules.consistency.secret if rules.consistency else ()), *event.filter_attributes)
        return outlook.forecast(self._verdict, projection, secret)

    def _state_now(self) -> Mapping[str, object]:
        """The state of the reading by the consistency projection, as it was before anybody typed."""
        projection = self._reading.stream_class.consistency_projection
        if projection is None or not self._reading.version:
            return {}
        if self._now[0] != self._reading.version:
            state = self._reading.projected_with(latest(projection))
            secret = rules_of(self._reading.stream_class).consistency.secret  # type: ignore[union-attr]
            self._now = (self._reading.version, formats.mask(state.__dict__, secret))
        return self._now[1]

    def _made(self) -> Event:
        return self.event_type(**self.values)

    def _at(self) -> Any:
        return self._when.holds or None

    # --- errors at their fields ----------------------------------------------------------------------------------

    def _tell(self, event: Event) -> tuple[int, int]:
        """Show each error at its field; how many fields are to fill and how many to mend."""
        to_fill, to_mend = place(event, self._page, pressed=self._pressed)
        to_mend += self._tell_when()
        self._button.disabled = bool(to_fill or to_mend)
        return to_fill, to_mend

    def _tell_when(self) -> bool:
        try:
            if self._at() is not None:
                instant(self._at(), "at")
        except ValueError as failure:
            self._when.tell([("own", str(failure).removeprefix("at "))])
        else:
            self._when.tell([])
        return bool(self._when.told)

    # --- what is shown ---------------------------------------------------------------------------------------------

    def _reads(self) -> str:
        read, there = self._reading.version, self._stream.version
        told = f"reads version {formats.value(read)}, writes {formats.value(read + 1)}"
        return f"{told} · the log is at {formats.value(there)}" if there > read else told

    def _draw(self) -> None:
        self._say(self._reads(), self._outlook, pressed=self._pressed)

    def _leaves(self) -> list[Control]:
        listed = [c for c in self._page.within() if c.field.kind not in ("group", "list") or not list(c.within())[1:]]
        return [*listed, *([self._when] if self._when.holds else [])]

    def _field_row(self, control: Control) -> FieldRow:
        value = fields.given(control.field, control.holds)
        secret = self.event_type.filter_attributes
        shown = "" if value in (fields.MISSING, None, "") else value
        if shown != "":
            shown = formats.mask({control.field.name: shown}, secret)[control.field.name]
        text = shown if isinstance(shown, str) else formats.value(shown)
        star = " *" if control.field.required and control.field.name else ""
        return FieldRow(f"{control.path}{star}", text, control.field.hint, control.told)
