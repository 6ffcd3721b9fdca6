"""Judged again: the log as if another projection had been the consistency projection from the first day.

The events of a stream come in the order in which they were recorded, and each is judged as an append would judge it: on
top of those before it, or at its true place when it was backdated. What is refused drops out of what follows, or stays.

Where they were recorded in the order in which they happened, a stream is folded as a replay folds it, and each state is
looked at as soon as it is there. At an event that does not hold the fold ends, and begins again behind it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, cast

import pyarrow as pa
from pydantic import BaseModel, ValidationError

from funes_lab import registry
from funes_lab.errors import Error
from funes_lab.event import Event, scanned
from funes_lab.fold import Fold, fields_of, folding
from funes_lab.judging import Judgement, judge_in_place, judge_last, state_of
from funes_lab.replay.engine import fold_rows
from funes_lab.replay.handlers import WHOLE, Handler, handlers_of
from funes_lab.replay.window import RowsAtHand
from funes_lab.validation import errors_of

#: So many rows are taken up at a time: after a refusal the rest of them is taken up anew.
_STRETCH: Final = 1_024


@dataclass(frozen=True, slots=True)
class Refusal:
    """One event that would have been refused.

    Attributes
    ----------
    row : int
        Of the partition.
    errors : list of Error
    before, after : dict
        Fields of the state that it would have met, and of the one it would have led to.
    secret : list of str
        Names whose values must not be shown.
    """

    row: int
    errors: Sequence[Error]
    before: Mapping[str, Any]
    after: Mapping[str, Any]
    secret: Sequence[str]

    @property
    def foremost(self) -> Error:
        """The error that gives the refusal its stage: as at an append, the state outweighs what blocks say."""
        return next((error for error in self.errors if error.source == "state"), self.errors[0])


def refusals(
    table: pa.Table, fold: Fold, *, drop: bool, tick: Callable[[int], object] = lambda rows: None
) -> Iterator[Refusal]:
    """What a rule would have refused of a partition, stream by stream.

    Parameters
    ----------
    table : pa.Table
        Rows of the log, whole streams, in replay order.
    fold : Fold
        Of the projection that judges.
    drop : bool
        Whether what is refused drops out of what follows.
    tick : callable
        Gets how many rows were taken up.

    Yields
    ------
    Refusal
        Of a stream in the order in which its events were recorded.

    Raises
    ------
    ProjectionError
        If a block breaks.
    """
    if table.num_rows == 0:
        return
    scan = RowsAtHand(table, tick)
    handlers, codes = handlers_of(table, fold)
    versions = table["version"].to_numpy()
    secrets: dict[int, Sequence[str]] = {}
    in_stretches = fold.immutable and not fold.starts_with_time
    for first, last in scan.streams():
        scan.load(first, last)
        in_order = bool((versions[first + 1 : last] > versions[first : last - 1]).all())
        if in_stretches and in_order:
            listed = [handlers[code] for code in codes[first:last]]
            yield from _Stretches(scan, fold, first, listed, secrets, drop=drop).refusals()
        else:
            recorded = sorted(range(first, last), key=versions.__getitem__)
            yield from _one_by_one(scan, fold, recorded, drop=drop)


class _Refused(Exception):
    """Ends a stretch at an event that drops out of what follows."""


class _Stretches:
    """A stream whose events came in the order in which they happened: folded as in a replay, and judged on the way."""

    def __init__(
        self,
        scan: RowsAtHand,
        fold: Fold,
        first: int,
        listed: Sequence[Handler | None],
        secrets: dict[int, Sequence[str]],
        *,
        drop: bool,
    ) -> None:
        self._scan, self._fold, self._first, self._listed, self._drop = scan, fold, first, listed, drop
        self._validate = fold.state.__pydantic_validator__.validate_python
        self._most = len(fold.state.model_fields)
        self._secrets = secrets
        #: The row that is judged, and the fields of the state that it met.
        self._row, self._met = first, dict[str, Any]()
        #: What blocks say against the event of the row.
        self._heard: list[Error] = []
        self._found: list[Refusal] = []

    def refusals(self) -> list[Refusal]:
        """All of the stream, in their order."""
        last, at = self._first + len(self._listed), self._scan.time(self._first)
        with folding(self._fold, self), scanned(self._scan):
            state = self._fold.start(at)
            self._met = state.__dict__.copy()
            while self._row < last:
                start = self._row - self._first
                listed = self._listed[start : start + _STRETCH]
                try:
                    state = fold_rows(self._scan, self._fold, listed, state, self._row, at, self)
                except _Refused:
                    state = self._fold.plain_of(self._met)
        return self._found

    def append(self, values: dict[str, Any]) -> None:
        """Judge the state that the event of the row led to, as soon as it is there."""
        row, failure = self._row, None
        if len(values) > self._most:
            self._name_the_block(row, values)
        ended = self._ended(values, row) if self._fold.final else values
        try:
            self._validate(ended, by_name=True)
        except ValidationError as broken:
            failure = broken
        self._row = row + 1
        if failure is not None or self._heard:
            self._found.append(self._refusal(row, ended, failure))
            self._heard = []
            if self._drop:
                raise _Refused
        self._met = values

    def _refusal(self, row: int, after: Mapping[str, Any], failure: ValidationError | None) -> Refusal:
        secret = [*self._secret_of(row), *self._fold.secret]
        errors = list(self._heard)
        if failure is None:
            after = self._fold.settled(after)
        else:
            errors += errors_of(failure, source="state", owner=self._fold.state.__name__, secret=secret)
        return Refusal(row, errors, self._fold.settled(self._ended(self._met, row)), after, secret)

    def _ended(self, values: Mapping[str, Any], row: int) -> Mapping[str, Any]:
        """The state as a query at the time of the row sees it."""
        return self._fold.finish(self._fold.plain_of(values), self._scan.time(row)).__dict__

    def _secret_of(self, row: int) -> Sequence[str]:
        """The names that an event of this row keeps to itself."""
        handler = self._handler(row)
        if handler is None or handler is WHOLE:
            return [name for part in self._scan.events(row) for name in part.filter_attributes]
        known = self._secrets.get(id(handler))
        if known is None:
            known = self._secrets[id(handler)] = self._scan.event(row).filter_attributes
        return known

    def _name_the_block(self, row: int, values: Mapping[str, Any]) -> None:
        """A state got a field that it does not have."""
        handler = self._handler(row)
        if handler is not None and handler is not WHOLE:
            self._fold.taken(None, self._fold.plain_of(values), handler.block, self._scan.event(row))

    def _handler(self, row: int) -> Handler | None:
        return self._listed[row - self._first]

    # --- the listener, for what blocks say ---------------------------------------------------------------------

    def found(self) -> list[Error]:
        """What was said against the event so far."""
        return self._heard

    def add(self, attribute: str, message: str) -> None:
        """Note it."""
        handler = self._handler(self._row)
        if handler is not None and handler is not WHOLE:
            block: Any = handler.block
        else:
            parts = self._scan.events(self._row)
            block = next((found[0] for part in parts if (found := _block(self._fold, part))), None)
        rule = f"{self._fold.name}.{block.__name__ if block else ''}"
        self._heard.append(Error(attribute, message, "interpretation", rule=rule))


def _block(fold: Fold, event: Event) -> Any:
    return fold.blocks.get(registry.canonical(event.event_name))


def _one_by_one(scan: RowsAtHand, fold: Fold, recorded: Iterable[int], *, drop: bool) -> Iterator[Refusal]:
    """A stream judged as appends judge it, fact by fact in the order in which they were recorded."""
    kept: list[Event] = []
    last_at: datetime | None = None
    state: BaseModel | None = None
    for row in recorded:
        parts, at = scan.events(row), scan.time(row)
        backdated = last_at is not None and at < last_at
        judgement = judged(fold, kept, state, parts, at, backdated=backdated)
        if judgement.refused:
            secret = [*(name for part in parts for name in part.filter_attributes), *fold.secret]
            before, after = (_fields(shown) for shown in (judgement.before, judgement.after))
            yield Refusal(row, [*judgement.interpretation, *judgement.state], before, after, secret)
            if drop:
                continue
        state = None if fold.starts_with_time else judgement.end
        kept += parts
        if backdated:
            kept.sort(key=lambda event: (cast(datetime, event.occurred_at), cast(int, event.version)))
        last_at = at if last_at is None else max(last_at, at)


def judged(
    fold: Fold, kept: Sequence[Event], state: BaseModel | None, parts: Sequence[Event], at: datetime, *, backdated: bool
) -> Judgement:
    """What a rule says of one fact.

    Parameters
    ----------
    fold : Fold
    kept : list of Event
        The events before it, in replay order.
    state : BaseModel or None
        The plain state after them, if it is known; it stays as it is.
    parts : list of Event
        The fact: one event, unless an upcaster made several of it.
    at : datetime
    backdated : bool
        Whether to judge it at its true place, before some of the others.

    Returns
    -------
    Judgement
    """
    *others, event = parts
    if backdated:
        before = [*(e for e in kept if cast(datetime, e.occurred_at) <= at), *others]
        return judge_in_place(fold, event, at, [*before, *kept[len(before) - len(others) :]])
    if state is None or others:
        state = state_of(fold, [*kept, *others], at)
    return judge_last(fold, state, event, at, lambda: [*kept, *others], keep=True)


def _fields(state: BaseModel | None) -> Mapping[str, Any]:
    return {} if state is None else fields_of(state)
