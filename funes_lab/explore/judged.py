"""Judged again: the log as if another projection had been the consistency projection from the first day.

The events of a stream come in the order in which they were recorded, and each is judged as an append would judge it: on
top of those before it, or at its true place when it was backdated. What is refused drops out of what follows, or stays.

Most streams have nothing to hide: they are folded as a replay folds them, in stretches, and the states are looked at
afterwards. Where something in a stretch does not hold, the fold begins again behind it.
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

#: After a refusal so few rows are folded before their states are looked at; each clean stretch doubles it.
_SHORT: Final = 2


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
    in_stretches = fold.immutable and not fold.final and not fold.starts_with_time
    for first, last in scan.streams():
        scan.load(first, last)
        in_order = bool((versions[first + 1 : last] > versions[first : last - 1]).all())
        if in_stretches and in_order:
            listed = [handlers[code] for code in codes[first:last]]
            yield from _Stretches(scan, fold, first, listed, secrets, drop=drop).refusals()
        else:
            recorded = sorted(range(first, last), key=versions.__getitem__)
            yield from _one_by_one(scan, fold, recorded, drop=drop)


class _Stretches:
    """A stream whose events came in the order in which they happened, folded in stretches."""

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
        #: What blocks say against events, by row.
        self._said: dict[int, list[Error]] = {}
        self._after: list[dict[str, Any]] = []
        self._secrets = secrets

    def refusals(self) -> Iterator[Refusal]:
        """All of the stream, in their order."""
        done, length = 0, len(self._listed)
        at = self._scan.time(self._first)
        with folding(self._fold):
            state = self._fold.start(at)
        stretch = length
        while done < length:
            before = state.__dict__.copy()
            end = self._folded(state, done, min(done + stretch, length), at)
            for place in self._bad(done):
                yield self._refusal(done, place, before)
                if self._drop:
                    done += place + 1
                    state, stretch = self._plain(self._after[place - 1] if place else before), _SHORT
                    break
            else:
                done, state, stretch = done + len(self._after), end, stretch * 2

    def _folded(self, state: BaseModel, start: int, stop: int, at: datetime) -> BaseModel:
        self._said, self._after = {}, []
        with folding(self._fold, self), scanned(self._scan):
            row = self._first + start
            return fold_rows(self._scan, self._fold, self._listed[start:stop], state, row, at, self._after)

    def _bad(self, done: int) -> Iterator[int]:
        """The places in the stretch whose events do not hold."""
        spoken = {row - self._first - done for row in self._said}
        for place, values in enumerate(self._after):
            if place in spoken:
                yield place
                continue
            try:
                self._validate(values, by_name=True)
            except ValidationError:
                yield place

    def _refusal(self, done: int, place: int, before: Mapping[str, Any]) -> Refusal:
        row = self._first + done + place
        secret = self._secret_of(row)
        with folding(self._fold):
            after, broken = self._fold.verdict(self._plain(self._after[place]), secret)
        errors = [*self._said.get(row, ()), *broken]
        met = self._plain(self._after[place - 1] if place else before)
        return Refusal(row, errors, fields_of(met), fields_of(after), [*secret, *self._fold.secret])

    def _secret_of(self, row: int) -> Sequence[str]:
        """The names that an event of this row keeps to itself."""
        handler = self._listed[row - self._first]
        if handler is None or handler is WHOLE:
            return [name for part in self._scan.events(row) for name in part.filter_attributes]
        known = self._secrets.get(id(handler))
        if known is None:
            known = self._secrets[id(handler)] = self._scan.event(row).filter_attributes
        return known

    def _plain(self, values: Mapping[str, Any]) -> BaseModel:
        return self._fold.plain_of(values)

    # --- the listener, for what blocks say ---------------------------------------------------------------------

    def found(self) -> list[Error]:
        """What was said against the event so far."""
        return self._said.get(self._scan.row, [])

    def add(self, attribute: str, message: str) -> None:
        """Note it."""
        row = self._scan.row
        block = next((found[0] for part in self._scan.events(row) if (found := _block(self._fold, part))), None)
        rule = f"{self._fold.name}.{block.__name__ if block else ''}"
        self._said.setdefault(row, []).append(Error(attribute, message, "interpretation", rule=rule))


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
        state = None if fold.starts_with_time else judgement.end
        if judgement.refused:
            secret = [*(name for part in parts for name in part.filter_attributes), *fold.secret]
            before, after = (_fields(shown) for shown in (judgement.before, judgement.after))
            yield Refusal(row, [*judgement.interpretation, *judgement.state], before, after, secret)
            state = None  # what was shown must not change with the events to come
            if drop:
                continue
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
        The plain state after them, if it is known.
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
    return judge_last(fold, state, event, at, lambda: [*kept, *others])


def _fields(state: BaseModel | None) -> Mapping[str, Any]:
    return {} if state is None else fields_of(state)
