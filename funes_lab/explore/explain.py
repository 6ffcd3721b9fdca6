"""Explain: one page about one event. Who, when, in what context, what it changed, what was refused around it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import pandas as pd

from funes_lab import formats, registry
from funes_lab.causation import CAUSATION, CORRELATION, id_of, parted, place_of
from funes_lab.codec import decode_context
from funes_lab.event import Event
from funes_lab.explore.changes import Changed, changed_by
from funes_lab.fold import Fold
from funes_lab.projection import Projection, fold_of, latest
from funes_lab.rejection import Rejection
from funes_lab.replay.columns import column, times
from funes_lab.replay.frames import of_rejections
from funes_lab.rules import rules_of
from funes_lab.seen import read_events
from funes_lab.store import Row
from funes_lab.store.checks import check_version

if TYPE_CHECKING:
    from funes_lab.reading_side import ReadingSide

#: So many causes are followed back; a log that somebody else wrote may go round in a circle.
_FAR: Final = 100
#: How an attempt stands to the event: judged without it, denied because it was first, judged on it.
AROUND: Final = ("before it", "lost to it", "after it")


@dataclass(frozen=True)
class Folded:
    """A projection, the tiers of the stream that have it, and what the event changed in it."""

    projection: str
    tiers: Sequence[str]
    changed: Changed


@dataclass(frozen=True, eq=False)
class EventExplanation:
    """One page about one event; get it with `stream.explain(version)`.

    It shows itself as text in a terminal and as HTML in a notebook. Secret attributes are masked, but in `event`.

    Attributes
    ----------
    id : str
        Where the event stands, `"debts-1#2"`: what the events that it caused have as causation id.
    idx : str
    version : int
    event : Event
        Of several that an upcaster made of it, the first; all are in `parts`.
    occurred_at, created_at : datetime
    backdated : bool
        Whether something was in the stream already that happened later.
    place : int or None
        For a backdated event: the version that it came right after (0 for none) when it was recorded.
    meta_info : dict
        Who, from where: what was bound when it was recorded, without the two ids.
    correlation_id, causation_id : object
        As they are stored; None where there is none.
    changes : DataFrame
        A row a field that the event changed: `projection` and `field` (str), `before` and `after` (object). Both states
        are those of its place in replay order, seen at the time of the event.
    refused : DataFrame
        The attempts that read the version before the event, or the event: the columns of `stream.rejections.df()` and
        `around` (category: before it, lost to it, after it).
    causes : DataFrame
        What led to it, the nearest first: `id`, `idx` (str), `version` (int64), `event` (str), `occurred_at` and
        `created_at` (datetime64[us, UTC]). Empty if nothing did, or what did is not in this log.
    effects : DataFrame
        The events whose causation id is this event, by record time; same columns.
    correlated : DataFrame
        All events of its correlation, itself included, by record time; same columns.
    """

    id: str
    idx: str
    version: int
    stream_class: str
    parts: Sequence[Event]
    row: Row = field(repr=False)
    place: int | None
    meta_info: Mapping[str, Any]
    correlation_id: Any
    causation_id: Any
    refused: pd.DataFrame
    causes: pd.DataFrame
    effects: pd.DataFrame
    correlated: pd.DataFrame
    #: By projection, in the order of the tiers.
    folded: Sequence[Folded] = field(repr=False)
    #: The attempts of `refused`, and how each stands to the event.
    attempts: Sequence[tuple[str, Rejection]] = field(repr=False)

    @property
    def event(self) -> Event:
        """The event."""
        return self.parts[0]

    @property
    def occurred_at(self) -> datetime:
        """Actual time: when it happened (UTC)."""
        return self.row.occurred_at

    @property
    def created_at(self) -> datetime:
        """Record time: when the log learned it (UTC)."""
        return self.row.created_at

    @property
    def backdated(self) -> bool:
        """Whether something was in the stream already that happened later."""
        return self.place is not None

    @property
    def changes(self) -> pd.DataFrame:
        """What it changed, a row a field."""
        found = [(one.projection, change) for one in self.folded for change in one.changed.changes]
        return pd.DataFrame(
            {
                "projection": pd.Series([projection for projection, _ in found], dtype="str"),
                "field": pd.Series([change.field for _, change in found], dtype="str"),
                "before": column([change.before for _, change in found], "object"),
                "after": column([change.after for _, change in found], "object"),
            }
        )

    def __repr__(self) -> str:
        from funes_lab.widgets import explaining, reprs

        return reprs.explanation_text(explaining.explanation_card(self))

    def _repr_html_(self) -> str:
        from funes_lab.widgets import explaining, reprs

        return reprs.explanation_html(explaining.explanation_card(self))


def explain(side: ReadingSide, version: int, projections: Iterable[type[Projection[Any]]]) -> EventExplanation:
    """Tell all that a lab knows of one event."""
    rows = side.rows()
    row = _row(rows, check_version(version), side.idx)
    folds = _folds(side, projections)
    parts = read_events(row)
    bound = decode_context(row.meta_info)
    context = parted(formats.mask(bound, [name for part in parts for name in part.filter_attributes]))
    own, known = id_of(row.idx, row.version), parted(bound)
    attempts = _around(side, row)
    return EventExplanation(
        id=own,
        idx=row.idx,
        version=row.version,
        stream_class=side.stream_class.__name__,
        parts=parts,
        row=row,
        place=_place(rows, row),
        meta_info=context.bound,
        correlation_id=context.correlation_id,
        causation_id=context.causation_id,
        refused=_refused(attempts),
        causes=_frame(_causes(side, known.causation_id)),
        effects=_frame(_bound(side, rows, CAUSATION, own)),
        correlated=_frame(_correlated(side, rows, row, own if known.correlation_id is None else known.correlation_id)),
        folded=[Folded(fold.name, tiers, changed_by(fold, rows, [row.version])[row.version]) for fold, tiers in folds],
        attempts=attempts,
    )


def _row(rows: Sequence[Row], version: int, idx: str) -> Row:
    for row in rows:
        if row.version == version:
            return row
    newest = max((row.version for row in rows), default=0)
    known = f"it has 1 to {newest}" if newest == len(rows) and rows else "it has no event" if not rows else "see events"
    raise ValueError(f"version must be that of an event of {idx!r}, got {version}; {known}")


def _place(rows: Sequence[Row], row: Row) -> int | None:
    """Of a backdated event the version that it came right after, as the stream was then."""
    known = [other for other in rows if other.version < row.version]
    before = [other.version for other in known if other.occurred_at <= row.occurred_at]
    if len(before) == len(known):
        return None
    return before[-1] if before else 0


# --- what it changed ------------------------------------------------------------------------------------------------


def _folds(side: ReadingSide, asked: Iterable[type[Projection[Any]]]) -> list[tuple[Fold, list[str]]]:
    """Every projection of the stream and those that were asked for, each once, with its tiers."""
    if isinstance(asked, type | str) or not isinstance(asked, Iterable):
        raise TypeError(f"projections must be a list of Projection classes, got {asked!r}")
    more = [fold_of(one, "projections") for one in asked]
    rules = rules_of(side.stream_class)
    background = [fold_of(latest(one.projection)) for one in rules.background]
    tiers: dict[Fold, list[str]] = {}
    for tier, folds in (
        ("consistency", [] if rules.consistency is None else [rules.consistency]),
        ("transactional", [model.fold for model in rules.transactional]),
        ("async", background),
        ("", more),
    ):
        for fold in folds:
            told = tiers.setdefault(fold, [])
            if tier and tier not in told:
                told.append(tier)
    return list(tiers.items())


# --- what was refused around it -------------------------------------------------------------------------------------


def _around(side: ReadingSide, row: Row) -> list[tuple[str, Rejection]]:
    found = ((_stands(rejection, row), rejection) for rejection in side.rejections)
    return [(around, rejection) for around, rejection in found if around]


def _stands(rejection: Rejection, row: Row) -> str:
    """How an attempt stands to the event; "" for nothing."""
    winner, last = rejection.winner, rejection.last
    if winner is not None and winner.version == row.version:
        return AROUND[1] if winner.created_at == row.created_at else ""
    if rejection.version_read == row.version - 1:
        return AROUND[0]
    # an attempt may have been judged on an event that had this version and was rolled back
    is_other = last is not None and last.version == row.version and last.created_at != row.created_at
    return AROUND[2] if rejection.version_read == row.version and not is_other else ""


def _refused(attempts: Sequence[tuple[str, Rejection]]) -> pd.DataFrame:
    frame = of_rejections([rejection for _, rejection in attempts])
    around = pd.Categorical([around for around, _ in attempts], categories=list(AROUND))
    return frame.assign(around=around)[["around", *frame.columns]]


# --- what led to it, and what it led to -----------------------------------------------------------------------------


def _causes(side: ReadingSide, causation: object) -> list[Row]:
    """The event that caused it, the one that caused that, and so on."""
    chain: list[Row] = []
    known = set()
    while (place := place_of(causation)) is not None and place not in known and len(chain) < _FAR:
        row = side.lab.row(*place)
        if row is None:
            break
        known.add(place)
        chain.append(row)
        causation = decode_context(row.meta_info).get(CAUSATION)
    return chain


def _bound(side: ReadingSide, seen: Sequence[Row], name: str, value: object) -> list[Row]:
    """The events with this id in their context, as far as the stream or the reading sees them."""
    there = {row.version for row in seen}
    found = side.lab.store.bound(name, str(value), side.lab.unit)
    return [row for row in found if row.idx != side.idx or row.version in there]


def _correlated(side: ReadingSide, seen: Sequence[Row], row: Row, correlation: object) -> list[Row]:
    found = {(one.idx, one.version): one for one in _bound(side, seen, CORRELATION, correlation)}
    place = place_of(correlation)
    root = None if place is None else side.lab.row(*place)
    for one in (root, row):
        if one is not None:
            found.setdefault((one.idx, one.version), one)
    return sorted(found.values(), key=lambda one: (one.created_at, one.idx, one.version))


def _frame(rows: Sequence[Row]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "id": pd.Series([id_of(row.idx, row.version) for row in rows], dtype="str"),
            "idx": pd.Series([row.idx for row in rows], dtype="str"),
            "version": pd.Series([row.version for row in rows], dtype="int64"),
            "event": pd.Series([registry.canonical(row.klass) for row in rows], dtype="str"),
            "occurred_at": times([row.occurred_at for row in rows]),
            "created_at": times([row.created_at for row in rows]),
        }
    )
