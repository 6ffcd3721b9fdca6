"""Rejection: an attempt that did not become a fact, and the journal that keeps them.

The log has nothing of a refused event; the journal beside it has everything: what was tried, on which version,
which gate spoke, the state before and the state it would have led to, and for a lost race the winner. It outlives
a rollback and a restart.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from funes_lab.errors import NOTHING, ClosedError, Error, Errors, ReadOnlyError
from funes_lab.packing import packed, unpacked
from funes_lab.store import Store

if TYPE_CHECKING:
    import pandas as pd

    from funes_lab.event import Event
    from funes_lab.explore.boundary import Boundary
    from funes_lab.explore.why import Why
    from funes_lab.projection import Projection
    from funes_lab.stream import EventStream
    from funes_lab.widgets.inspector import RejectionInspector


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
    payload, meta_info : dict
        What was tried; secret attributes are masked where it is shown.
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


class Rejections:
    """The journal of refused attempts, of a lab or of one stream.

    Examples
    --------
    >>> import funes_lab as fl
    >>> lab = fl.Lab()
    >>> len(lab.rejections), list(lab.rejections.df().columns)[:3]
    (0, ['idx', 'event', 'time'])
    """

    def __init__(self, store: Store, idx: str | None = None, *, read_only: bool = False, asked: Any = None) -> None:
        self._store, self._idx, self._read_only = store, idx, read_only
        #: The lab, stream or reading that was asked for them.
        self._asked = asked

    def __len__(self) -> int:
        return self._store.count_journalled(self._idx)

    def __bool__(self) -> bool:
        return len(self) > 0

    def __iter__(self) -> Iterator[Rejection]:
        return (_from_entry(row, self._store) for row in self._store.journalled(self._idx))

    def __getitem__(self, index: int) -> Rejection:
        return _from_entry(self._store.journalled(self._idx)[index], self._store)

    def again(self, known: Mapping[str, Rejection]) -> list[Rejection]:
        """The attempts in their order; those that are known by their `id` are not read once more."""
        return [known.get(row["id"]) or _from_entry(row, self._store) for row in self._store.journalled(self._idx)]

    def inspect(
        self,
        *,
        stage: str | Sequence[str] | None = None,
        event: str | type[Event] | None = None,
        idx: str | None = None,
        projection: str | type[Projection[Any]] | None = None,
        rule: str | None = None,
        text: str | None = None,
    ) -> RejectionInspector:
        """See why: the attempts newest first, the evidence of each, and a form to correct it and try again.

        Parameters
        ----------
        stage : {"own", "interpretation", "state", "conflict"} or list of them, optional
            Only what these gates refused.
        event : str or Event class, optional
            Only events of this type.
        idx : str, optional
            Only one stream, or those that match a pattern such as `"debts-*"`.
        projection : str or Projection class, optional
            Only what this projection judged.
        rule : str, optional
            Only what one rule refused, as it stands in the chart: `"balance ≥ 0 of Balance"`.
        text : str, optional
            Only what says this somewhere, in any case: in its event, stream, payload or errors.

        Returns
        -------
        RejectionInspector
            A widget that follows the log. In Python: `selection` (a Rejection) and `filters`, both settable, `shown`
            (the attempts that the filters leave), and `retry()`, a form filled with the selected event. `static()` is
            the picture, `save("x.svg")` and `save("x.html")` write it.

        Raises
        ------
        ValueError, TypeError
            For a filter that could leave nothing; it names what is possible.

        Examples
        --------
        >>> import funes_lab as fl
        >>> from pydantic import Field
        >>> class Poured(fl.Event, name="Example::Poured"):
        ...     litres: int = Field(gt=0)
        >>> barrel = fl.EventStream.for_("barrel-1", lab=fl.Lab(clock=fl.testing.Clock("2026-05-01")))
        >>> for litres in (3, -1, 0):
        ...     event = barrel.append(Poured(litres=litres))
        >>> inspector = barrel.rejections.inspect(text="−1")
        >>> inspector
        Refused attempts on barrel-1: 1 of 2, newest first. Refused: litres −1 must be > 0.
        >>> form = inspector.retry()
        >>> form.values
        {'litres': '-1'}
        >>> form.values = {"litres": 1}
        >>> form.append().version
        2
        """
        from funes_lab.widgets.inspector import RejectionInspector

        if self._asked is None:
            raise TypeError("these attempts know no lab; ask lab.rejections or stream.rejections")
        filters = {
            "stage": stage, "event": event, "idx": idx, "projection": projection, "rule": rule, "text": text,
        }  # fmt: skip
        return RejectionInspector(self, self._asked, filters)

    def clear(self) -> int:
        """Forget the attempts; the log is not touched.

        Returns
        -------
        int
            How many there were.
        """
        if self._read_only:
            raise ReadOnlyError("this lab is open for reading only; open it without read_only=True")
        return self._store.clear_journal(self._idx)

    def df(self) -> pd.DataFrame:
        """The attempts as a DataFrame.

        Returns
        -------
        DataFrame
            RangeIndex, a row an attempt in their order. Columns `idx` and `event` (category), `time`
            (datetime64[us, UTC]), `stage` (category), `errors` (str, the messages joined), `payload` (dict),
            `at` (datetime64[us, UTC]), `version_read` (int64), `projection` and `stream_class` (str or missing),
            `state_before` and `state_after` (dict or None), `winner` (str: version and name of the event that
            took the version, or missing), `meta_info` (dict). Secret attributes are masked.
        """
        from funes_lab.replay import frames

        return frames.of_rejections(list(self))

    def add(self, rejection: Rejection) -> None:
        """Write one down."""
        self._store.journal(_to_entry(rejection))

    def newest(self, count: int, skip: int = 0) -> list[Rejection]:
        """So many attempts, the newest first, after as many that are skipped: without a look at all the others."""
        return [_from_entry(row) for row in self._store.journalled_last(count, skip, self._idx)]

    def __repr__(self) -> str:
        from funes_lab.widgets import reprs, telling

        try:
            return reprs.rejections_text(telling.rejections_card(self))
        except ClosedError as closed:
            return f"<Rejections: {closed}>"

    def _repr_html_(self) -> str | None:
        from funes_lab.widgets import reprs, telling

        try:
            return reprs.rejections_html(telling.rejections_card(self))
        except ClosedError:
            return None


# --- as rows of the journal -----------------------------------------------------------------------------------


def _to_entry(rejection: Rejection) -> dict[str, Any]:
    entry = {
        "payload": rejection.payload,
        "meta_info": rejection.meta_info,
        "at": rejection.at,
        "version_read": rejection.version_read,
        "projection": rejection.projection,
        "state_before": rejection.state_before,
        "state_after": rejection.state_after,
        "place": rejection.place,
        "last": rejection.last and asdict(rejection.last),
        "winner": rejection.winner and asdict(rejection.winner),
        "secret": list(rejection.secret),
        "errors": [_error_to_entry(error) for error in rejection.errors],
    }
    return {
        "id": rejection.id,
        "attempted_at": rejection.time,
        "idx": rejection.idx,
        "stream_class": rejection.stream_class,
        "event": rejection.event,
        "stage": rejection.stage,
        "entry": json.dumps(packed(entry), ensure_ascii=True),
    }


def _from_entry(row: Mapping[str, Any], store: Store) -> Rejection:
    entry = unpacked(json.loads(row["entry"]))
    errors = Errors([_error_from_entry(e) for e in entry.pop("errors")], where=row["idx"])
    for name in ("last", "winner"):
        entry[name] = entry[name] and Witness(**entry[name])
    return Rejection(
        id=row["id"], time=row["attempted_at"], idx=row["idx"], stream_class=row["stream_class"],
        event=row["event"], stage=row["stage"], errors=errors, origin=Origin(store),
        **entry,
    )  # fmt: skip


def _error_to_entry(error: Error) -> dict[str, Any]:
    entry = {
        "attribute": error.attribute,
        "message": error.message,
        "source": error.source,
        "rule": error.rule,
    }
    if error.value is not NOTHING:
        entry["value"] = error.value  # type: ignore[assignment]
    return {**entry, "origin": _error_to_entry(error.origin)} if error.origin else entry


def _error_from_entry(entry: dict[str, Any]) -> Error:
    origin = entry.pop("origin", None)
    return Error(**entry, origin=_error_from_entry(origin) if origin else None)
