"""Scenario: given these events, when this one happens, then this comes of it. For the test suites of those who model.

Everything happens in a scratch database in memory by a clock of its own; no lab is touched, nor a read model.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Self

from funes_lab import formats
from funes_lab.errors import FunesLabError
from funes_lab.event import Event
from funes_lab.explore.outcome import after, both, check_fields, fits, read_as, told, why
from funes_lab.fold import fields_of
from funes_lab.judging import state_of
from funes_lab.projection import Projection, fold_of
from funes_lab.rejection import Rejection
from funes_lab.scratch import Scratch, judging_only
from funes_lab.seen import events_of
from funes_lab.storable import Moment, instant
from funes_lab.store import Row
from funes_lab.store.checks import check_idx
from funes_lab.stream import EventStream

if TYPE_CHECKING:
    from datetime import datetime

    from funes_lab.current import Workspace
    from funes_lab.interchange.classes import Source
    from funes_lab.reading_side import ReadingSide

_STAGES: Final = ("own", "interpretation", "state", "conflict")


class Scenario:
    """Given these events, when this one is appended, then this comes of it: a test in the words of the domain.

    It runs on a scratch database in memory, judged by the rules of the stream's class. Its read models are left alone,
    and so is every lab. The events that it is given stay as they are: copies are appended. Every method returns the
    scenario.

    Parameters
    ----------
    stream_class : EventStream class
    idx : str
    start : datetime, date or str
        The time of the first event that does not say when it happened. The clock moves on by a millisecond an event,
        and it is never behind an event that happened already.

    Examples
    --------
    >>> import funes_lab as fl
    >>> from pydantic import BaseModel, Field
    >>> class Decanted(fl.Event, name="Example::Decanted"):
    ...     litres: int = Field(gt=0)
    >>> class Jug(BaseModel):
    ...     litres: int = Field(default=0, le=10)
    >>> class Content(fl.Projection[Jug]):
    ...     @fl.interpretation_for(Decanted)
    ...     def poured(state, event):
    ...         state.litres += event.litres
    >>> class JugStream(fl.EventStream):
    ...     consistency_projection = Content
    >>> scenario = fl.testing.scenario(JugStream).given(Decanted(litres=7))
    >>> scenario.when(Decanted(litres=2)).then_accepted().then_state(Content, litres=9)
    JugStream, in memory
      given  #1 Example::Decanted  litres 7
      when   #2 Example::Decanted  litres 2
    >>> scenario.when(Decanted(litres=2)).then_rejected(stage="state", on="litres").then_state(Content, litres=8)
    Traceback (most recent call last):
    AssertionError: the state is not what was expected: Content after #2
      given  #1 Example::Decanted  litres 7
      when   #2 Example::Decanted  litres 2
      when      Example::Decanted  litres 2  (refused)
      litres  expected 8, got 9
    """

    def __init__(
        self, stream_class: type[EventStream], *, idx: str = "scenario-1", start: Moment = "2026-01-01T00:00:00Z"
    ) -> None:
        if not (isinstance(stream_class, type) and issubclass(stream_class, EventStream)):
            raise TypeError(f"stream_class must be fl.EventStream or a subclass of it, got {stream_class!r}")
        self._class: type[EventStream] = judging_only(stream_class)
        self._idx = check_idx(idx)
        self._now = instant(start, "start")
        self._rows: list[Row] = []
        self._story: list[str] = []
        self._event: Event | None = None
        #: Whether something was said of what became of the last event.
        self._told = True

    # --- as code -------------------------------------------------------------------------------------------------

    @staticmethod
    def from_rejection(rejection: Rejection, *, lab: Workspace | None = None) -> Source:
        """Write a refused attempt as a test: the events before it are given, and it is refused again.

        Parameters
        ----------
        rejection : Rejection
        lab : Lab, optional
            Where its stream is; default the current lab.

        Returns
        -------
        str
            Python source: imports and a test function. Secret values are not in it but `"[FILTERED]"`, and a comment
            says so. It is written as it was recorded; a comment says if the rules of today would have it otherwise.

        Raises
        ------
        ValueError
            If the lab does not have the stream up to the version that was read, or no class has the name of the
            stream's class, or several have.
        """
        from funes_lab.explore.as_code import of_rejection

        return of_rejection(rejection, lab)

    @staticmethod
    def from_stream(stream: ReadingSide) -> Source:
        """Write the events of a stream as a test: the last one is accepted, and leads to the state that it led to.

        Parameters
        ----------
        stream : EventStream, Reading or Branch

        Returns
        -------
        str
            As for `from_rejection`; the state is that of the consistency projection.

        Raises
        ------
        ValueError
            If it has no event.

        Examples
        --------
        >>> import funes_lab as fl
        >>> class Lit(fl.Event, name="Example::Lamped"):
        ...     lamp: str
        >>> stream = fl.EventStream.for_("hall", lab=fl.Lab())
        >>> _ = stream.append(Lit(lamp="left"), at="2026-01-01")
        >>> code = fl.testing.scenario.from_stream(stream)
        >>> print(code[code.index("def "):].strip())
        def test_hall():
            scenario = fl.testing.scenario(fl.EventStream)
            scenario.when(Lit(lamp="left"), at="2026-01-01T00:00:00Z")
            scenario.then_accepted()
        """
        from funes_lab.explore.as_code import of_stream

        return of_stream(stream)

    # --- given, when, then -----------------------------------------------------------------------------------------

    def given(self, *events: Event | tuple[Event, Moment], at: Moment | None = None) -> Self:
        """Have events that happened already.

        Parameters
        ----------
        *events : Event, or pair of an Event and a time
        at : datetime, date or str, optional
            When those happened that come without a time; default: their `actual_time_attribute`, else the clock's.

        Returns
        -------
        Scenario
            The same.

        Raises
        ------
        ValueError
            For an event that the rules refuse; it says why.
        """
        __tracebackhide__ = True
        self._check_told()
        for one in events:
            event, when = one if isinstance(one, tuple) and len(one) == 2 else (one, at)
            if not isinstance(event, Event):
                raise TypeError(f"given takes events, or pairs of an event and a time, got {one!r}")
            tried = self._appended(event, when)
            if tried.rejection is not None:
                refused = f"given {told(event)} is refused, so it cannot have happened"
                raise ValueError(self._with_story(refused, repr(tried.rejection.explain())))
            self._story.append(f"given  #{tried.version} {told(event)}")
        return self

    def when(self, event: Event, *, at: Moment | None = None, expected_version: int | None = None) -> Self:
        """Try to append an event.

        Parameters
        ----------
        event : Event
        at, expected_version
            As for `EventStream.append`.

        Returns
        -------
        Scenario
            The same. What came of it: `then_accepted`, `then_rejected`, `then_state`, or `.event`.

        Raises
        ------
        AssertionError
            If the event before was refused and no `then_rejected` expected it.
        """
        __tracebackhide__ = True
        self._check_told()
        if not isinstance(event, Event):
            raise TypeError(f"event must be an instance of an fl.Event subclass, got {event!r}")
        self._event = self._appended(event, at, expected_version)
        self._told = False
        place = f"#{self._event.version}" if self._event.persisted else "  "
        self._story.append(f"when   {place} {told(event)}{'' if self._event.persisted else '  (refused)'}")
        return self

    def then_accepted(self) -> Self:
        """Expect that the last event became a fact; AssertionError if it was refused.

        Returns
        -------
        Scenario
            The same.
        """
        __tracebackhide__ = True
        if (rejection := self._tried("then_accepted").rejection) is not None:
            raise AssertionError(self._with_story("expected accepted, got refused", *why(rejection)))
        self._told = True
        return self

    def then_rejected(self, *, stage: str | None = None, on: str | None = None, message: str | None = None) -> Self:
        """Expect that the last event was refused.

        Parameters
        ----------
        stage : {"own", "interpretation", "state", "conflict"}, optional
            The gate that refused.
        on : str, optional
            The attribute, of the event or of the state, that one of the errors is about.
        message : str, optional
            A part of what that error says.

        Returns
        -------
        Scenario
            The same.

        Raises
        ------
        AssertionError
            If it was accepted, or refused for other reasons.
        """
        __tracebackhide__ = True
        if stage is not None and stage not in _STAGES:
            raise ValueError(f"stage must be one of {', '.join(_STAGES)}, got {stage!r}")
        for name, text in (("on", on), ("message", message)):
            if text is not None and (not isinstance(text, str) or not text):
                raise TypeError(f"{name} must be a text that is not empty, got {text!r}")
        wanted = {"stage": stage, "on": on, "message": message}
        asked = ", ".join(f"{name} {text!r}" for name, text in wanted.items() if text is not None)
        expected = f"expected refused{f' ({asked})' if asked else ''}"
        event = self._tried("then_rejected")
        if event.rejection is None:
            raise AssertionError(self._with_story(f"{expected}, got accepted as #{event.version}"))
        if not fits(event.rejection, stage, on, message):
            other = f"{expected}, got refused for another reason"
            raise AssertionError(self._with_story(other, *why(event.rejection)))
        self._told = True
        return self

    def then_state(self, projection: type[Projection[Any]], /, **fields: Any) -> Self:
        """Expect fields of the state that the accepted events lead to, by any projection.

        Parameters
        ----------
        projection : Projection class
        **fields
            Values of fields; those that are not named may be anything. A text stands for what the field makes of it,
            such as `"20.00"` for a Decimal.

        Returns
        -------
        Scenario
            The same.

        Raises
        ------
        AssertionError
            If a field has another value; it tells which.
        """
        __tracebackhide__ = True
        self._tried("then_state")
        fold = fold_of(projection)
        check_fields(fold, fields)
        state = self.state(projection)
        got = fields_of(state)
        differ = [name for name, value in fields.items() if read_as(fold.state, name, value) != got.get(name)]
        if differ:
            secret = [name for event in events_of(self._rows) for name in event.filter_attributes]
            shown = [formats.mask(of, [*fold.secret, *secret]) for of in (fields, got)]
            head = f"the state is not what was expected: {fold.name} after #{len(self._rows)}"
            lines = [f"{name}  expected {a}, got {b}" for name in differ for a, b in [both(name, *shown)]]
            raise AssertionError(self._with_story(head, *lines))
        return self

    # --- what came of it ---------------------------------------------------------------------------------------------

    @property
    def event(self) -> Event | None:
        """The event that was tried last, with its version or its errors; None before the first `when`."""
        return self._event

    @property
    def events(self) -> list[Event]:
        """The events that became facts, in replay order."""
        return events_of(self._rows)

    @property
    def rows(self) -> list[Row]:
        """The same as rows of a log."""
        return list(self._rows)

    @property
    def now(self) -> datetime:
        """The time by the clock of the scenario."""
        return self._now

    def state(self, projection: type[Projection[Any]]) -> Any:
        """The state that the accepted events lead to, as `stream.projected_with`; the initial one without any."""
        fold = fold_of(projection)
        return fold.verdict(fold.end(state_of(fold, self.events, self._now), self._now))[0]

    def __repr__(self) -> str:
        return "\n  ".join([f"{self._class.__name__}, in memory", *self._story])

    # --- below -------------------------------------------------------------------------------------------------------

    def _appended(self, event: Event, at: Moment | None, expected_version: int | None = None) -> Event:
        """Append a copy, so that an event may be given to many scenarios."""
        tried = event.model_copy()
        with Scratch(None, self._rows, self._now) as scratch:
            stream = self._class.for_(self._idx, lab=scratch)
            stream.append(tried, at=at, expected_version=expected_version)
            self._now = scratch.now()
            if tried.occurred_at is not None:
                self._now = max(self._now, after(tried.occurred_at))
                self._rows = stream.rows()
        return tried

    def _tried(self, asked: str) -> Event:
        if self._event is None:
            raise FunesLabError(f"nothing has happened yet: write .when(event) before .{asked}(…)")
        return self._event

    def _check_told(self) -> None:
        __tracebackhide__ = True
        if not self._told and self._event is not None and self._event.rejection is not None:
            meant = (
                "the last event was refused and nothing expected it; if that is meant, write .then_rejected() after it"
            )
            raise AssertionError(self._with_story(meant, *why(self._event.rejection)))

    def _with_story(self, head: str, *more: str) -> str:
        lines = [head, *self._story, *(line for text in more for line in text.splitlines())]
        return "\n  ".join(lines)
