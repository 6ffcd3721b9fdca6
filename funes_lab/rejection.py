"""Rejection: an attempt that did not become a fact.

The log has nothing of a refused event; the rejection has everything: what was tried, on which version, which gate
spoke, the state before and the state it would have led to, and for a lost race the winner.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from funes_lab.errors import Errors
from funes_lab.store import Store

if TYPE_CHECKING:
    from funes_lab.explore.boundary import Boundary
    from funes_lab.explore.why import Why
    from funes_lab.stream import EventStream


@dataclass(frozen=True, slots=True)
class Witness:
    """An event of the log as a rejection tells of it: the last one judged on, or the winner of a race."""

    version: int
    event: str
    payload: Mapping[str, Any]
    occurred_at: datetime
    created_at: datetime


class Origin:
    """Where something was refused, and the stream class that did; it is not copied and not pickled with it."""

    __slots__ = ("store", "stream_class")

    def __init__(self, store: Store | None, stream_class: Any = None) -> None:
        self.store, self.stream_class = store, stream_class

    def __copy__(self) -> Origin:
        return self

    def __deepcopy__(self, memo: object) -> Origin:
        return self

    def __reduce__(self) -> tuple[type[Origin], tuple[None]]:
        return Origin, (None,)


@dataclass(frozen=True, slots=True)
class Rejection:
    """One refused attempt.

    Attributes
    ----------
    id : str
    time : datetime
        When it was tried, by the lab's clock.
    idx, stream_class : str
        The stream and its class.
    event : str
        The event's name.
    payload : dict
        What was tried; secret attributes are masked where it is shown.
    meta_info : dict
        The context that it would have been recorded in: what was bound, and the ids of its cause.
    at : datetime or None
        When it would have occurred; None if it was refused before that was known.
    version_read, version_tried : int
        What the writer had seen, and the version it wanted.
    stage : {"own", "interpretation", "state", "conflict"}
        The gate that refused.
    projection : str or None
        The consistency projection, if it came that far.
    errors : Errors
    state_before, state_after : dict or None
        The state it was judged on, and the one it would have led to.
    place : int or None
        For a backdated event: the version it comes right after.
    last, winner : Witness or None
        The last event judged on; the event that took the version.

    Examples
    --------
    >>> import funes_lab as fl
    >>> from decimal import Decimal
    >>> from pydantic import Field
    >>> class Sold(fl.Event, name="Example::Sold"):
    ...     price: Decimal = Field(gt=0)
    >>> stream = fl.EventStream.for_("shop-1", lab=fl.Lab())
    >>> stream.append(Sold(price=-3)).rejection.stage
    'own'
    """

    time: datetime
    idx: str
    stream_class: str
    event: str
    payload: Mapping[str, Any]
    stage: str
    errors: Errors
    version_read: int
    meta_info: Mapping[str, Any] = field(default_factory=dict)
    at: datetime | None = None
    projection: str | None = None
    state_before: Mapping[str, Any] | None = None
    state_after: Mapping[str, Any] | None = None
    place: int | None = None
    last: Witness | None = None
    winner: Witness | None = None
    secret: Sequence[str] = ()
    id: str = field(default_factory=lambda: uuid4().hex)
    #: Where it was refused, to judge it again.
    origin: Origin = field(default_factory=lambda: Origin(None), repr=False, compare=False)

    @property
    def version_tried(self) -> int:
        """The version it would have had."""
        return self.version_read + 1

    def explain(self) -> Explanation:
        """Say why, with the evidence: what was tried, on what it was judged, where it would have led.

        Returns
        -------
        Explanation
            Shows itself as text in a terminal and as HTML in a notebook.
        """
        return Explanation(self)

    def why(self, *, stream_class: type[EventStream] | None = None, limit: int = 2000) -> Why:
        """Find a minimal set of earlier events whose absence would have let this one in.

        Parameters
        ----------
        stream_class : EventStream class, optional
            Whose rules judge. Default: the class of that name that is defined here.
        limit : int
            How many pasts are tried at most; each is a replay of the stream in memory.

        Returns
        -------
        Why
            A DataFrame, a row an event of the set, by version: `version` (int64), `event` (str), `occurred_at` and
            `created_at` (datetime64[us, UTC]), `payload` (dict; secret attributes are masked). No rows if no such set
            was found. `.sentence` says it in words, `.probes` how many pasts were tried.

        Raises
        ------
        ValueError
            If the classes are not defined here, or the log has not what was judged on.

        Examples
        --------
        >>> import funes_lab as fl
        >>> from pydantic import BaseModel, Field
        >>> class Loaded(fl.Event, name="Example::Loaded"):
        ...     tons: int
        >>> class Truck(BaseModel):
        ...     tons: int = Field(default=0, le=10)
        >>> class Load(fl.Projection[Truck]):
        ...     @fl.interpretation_for(Loaded)
        ...     def loaded(state, event):
        ...         state.tons += event.tons
        >>> class TruckStream(fl.EventStream):
        ...     consistency_projection = Load
        >>> truck = TruckStream.for_("truck-1", lab=fl.Lab())
        >>> _ = truck.append_all([Loaded(tons=2), Loaded(tons=6)])
        >>> refused = truck.append(Loaded(tons=5)).rejection
        >>> refused.why().sentence
        'Example::Loaded would be accepted without #2 Example::Loaded 6.'
        >>> refused.boundary("tons").sentence
        'Tons at most 2 (tried: 5).'
        """
        from funes_lab.explore.why import why

        if not isinstance(limit, int) or isinstance(limit, bool) or limit < 1:
            raise ValueError(f"limit must be how many pasts to try, 1 or more, got {limit!r}")
        return why(self._case(stream_class), limit)

    def boundary(self, field: str | None = None, *, stream_class: type[EventStream] | None = None) -> Boundary:
        """Find the nearest value with which this event would have been accepted.

        Parameters
        ----------
        field : str, optional
            A numeric field of the event. Default: each of them, alone.
        stream_class : EventStream class, optional
            As for `why`.

        Returns
        -------
        Boundary
            A DataFrame, a row a field: `field` (str), `tried`, `accepted` (the nearest value found that would be
            accepted, to the field's own step: its `decimal_places`, 1 for integers) and `refused` (its neighbour that
            would not) (object; the last two missing if none was found), `bound` ("at most" or "at least"), `probes`
            (int64). `.sentence` says it in words.

        Raises
        ------
        ValueError
            For a field that is no number, and as `why`.
        """
        from funes_lab.explore.boundary import boundary, check_field

        case = self._case(stream_class)
        if field is not None:
            check_field(case, field)
        return boundary(case, field)

    def _case(self, stream_class: type[EventStream] | None) -> Any:
        from funes_lab.explore.case import Case

        if self.origin.store is None:
            raise ValueError("this rejection comes from no log; take one from event.rejection or lab.rejections")
        return Case.of(self, self.origin.store, stream_class)

    def __repr__(self) -> str:
        first = self.errors.full_messages[0] if self.errors else ""
        return f"<Rejection {self.event} on {self.idx!r} by {self.stage}: {first}>"

    def _repr_html_(self) -> str:
        return self.explain()._repr_html_()


@dataclass(frozen=True)
class Explanation:
    """Why an event was refused, as text and as HTML."""

    rejection: Rejection

    def __repr__(self) -> str:
        from funes_lab.widgets import reprs

        return reprs.rejection_text(self._card())

    def _repr_html_(self) -> str:
        from funes_lab.widgets import reprs

        return reprs.rejection_html(self._card())

    def _card(self) -> Any:
        from funes_lab.widgets import telling

        return telling.rejection_card(self.rejection)
