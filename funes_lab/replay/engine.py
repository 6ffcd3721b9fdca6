"""The engine: one pass over ordered rows, from payload to state.

A partition of streams comes in as an Arrow table in replay order and goes out as states. Every payload is decoded by
the validator of its class, given to its block, and dropped; what no block interprets is not even decoded. The state
is validated once a stream. `run` needs nothing but the table and what is asked of it, so that a partition can be run
anywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from operator import itemgetter
from typing import Any, Protocol

import pyarrow as pa
from pydantic import BaseModel, ValidationError

from funes_lab.errors import ProjectionError
from funes_lab.event import scanned
from funes_lab.fold import Fold, folding, without_gc
from funes_lab.replay.handlers import IN_UTC, WHOLE, Handler, handlers_of
from funes_lab.replay.window import RowsAtHand
from funes_lab.shape import shape_of


@dataclass(frozen=True, slots=True)
class Task:
    """What is asked of a run.

    Attributes
    ----------
    fold : Fold
    at : datetime
        The time of the query, for `initial_state` and `final_state`; with steps, each row has its own.
    steps : bool
        The state after every event, not only the last.
    every_stream : bool
        Also streams without an event that the projection interprets.
    on_error : {"raise", "stop", "skip"}
        What becomes of a stream at an event that a block breaks at.
    """

    fold: Fold
    at: datetime
    steps: bool = False
    every_stream: bool = False
    on_error: str = "raise"


@dataclass(slots=True)
class States:
    """What a run leads to.

    Attributes
    ----------
    rows : list of int
        For each state, the row of the table that it is the state after.
    values : list of dict
        The fields of each state.
    errors : dict of int to str
        By place in `rows`: what broke there; then the state is the one before.
    """

    rows: list[int] = field(default_factory=list)
    values: list[Mapping[str, Any]] = field(default_factory=list)
    errors: dict[int, str] = field(default_factory=dict)

    def add(self, row: int, values: Mapping[str, Any], error: str | None = None) -> None:
        """One more state."""
        if error is not None:
            self.errors[len(self.rows)] = error
        self.rows.append(row)
        self.values.append(values)

    def cut(self, length: int) -> None:
        """Forget all but the first of them."""
        del self.rows[length:], self.values[length:]


class Taker(Protocol):
    """Takes the fields of the state after each row: a list, or whoever looks at each of them."""

    def append(self, values: dict[str, Any], /) -> object:
        """One more; what it raises ends the fold."""


def run(table: pa.Table, task: Task, tick: Callable[[int], object] = lambda rows: None) -> States:
    """Fold every stream of a partition.

    Parameters
    ----------
    table : pa.Table
        Rows of the log, whole streams, in replay order: by idx, `occurred_at`, version.
    task : Task
    tick : callable
        Gets how many rows were taken up, each time that some were.

    Returns
    -------
    States

    Raises
    ------
    ProjectionError
        If a block breaks, unless the task is to go on.
    """
    states = States()
    if table.num_rows == 0:
        return states
    fold = task.fold
    handlers, codes = handlers_of(table, fold)
    scan = RowsAtHand(table, tick)
    with folding(fold), scanned(scan), without_gc():
        for first, last in scan.streams():
            scan.load(first, last)
            listed = [handlers[code] for code in codes[first:last]]
            if not task.every_stream and not _is_interpreted(scan, fold, listed, first):
                continue
            before = len(states.rows)
            try:
                if task.steps:
                    _walk(scan, fold, listed, states, first)
                else:
                    state = fold_rows(scan, fold, listed, fold.start(task.at), first, task.at)
                    states.add(last - 1, fold.settled(fold.finish(state, task.at).__dict__))
            except ProjectionError:
                if task.on_error == "raise":
                    raise
                states.cut(before)
                _go_on(scan, task, first, last, states)
    if task.steps and fold.exact is not None and not _are_exact(states.values, fold.exact):
        # where there is no state, because its beginning broke, there is nothing to settle
        states.values = [fold.settled(values) if values else values for values in states.values]
    return states


def _are_exact(values: Sequence[Mapping[str, Any]], exact: Mapping[str, frozenset[type]]) -> bool:
    """Whether validation would leave all of these values as they are."""
    try:
        return all(set(map(type, map(itemgetter(name), values))) <= kinds for name, kinds in exact.items())
    except KeyError:
        return False


def fold_rows(  # noqa: C901  (the one loop that everything waits for: a call more an event costs a tenth)
    scan: RowsAtHand,
    fold: Fold,
    listed: Sequence[Handler | None],
    state: BaseModel,
    first: int,
    at: datetime,
    after: Taker | None = None,
) -> BaseModel:
    """The state after some rows, beginning with the first; `after` gets the fields after each of them.

    `state` is the one that begins at `at`, or the one before a single row.
    """
    last = first + len(listed)
    for handler, props, when, number in zip(listed, *scan.window(first, last), range(first, last), strict=True):
        if handler is WHOLE:
            scan.row = number
            for part in scan.events(number):
                state = fold.step(state, part, when)
        elif handler is not None:
            scan.row = number
            try:
                event = handler.validate(props)
            except ValidationError:
                event = scan.event(number)
            for name in handler.times:
                moment = event.__dict__[name]
                if moment is not None and hash(moment.tzinfo) != IN_UTC:
                    shape_of(type(event)).times_to_utc(event)
            try:
                result = handler.block(state, event, when) if handler.takes_time else handler.block(state, event)
            except Exception as failure:
                raise fold.broken(handler.block, scan.event(number), failure) from failure
            if result is not None and result is not state:
                state = fold.taken(result, state, handler.block, event)
        elif fold.strict:
            fold.step(state, scan.event(number), when)
        if after is not None:
            after.append(state.__dict__.copy())
    if not fold.knows(state):
        _name_the_block(scan, fold, listed, state, first, at)
    return state


def _walk(scan: RowsAtHand, fold: Fold, listed: Sequence[Handler | None], states: States, first: int) -> None:
    """The state after each row, at its own time."""
    last = first + len(listed)
    times = scan.window(first, last)[1]
    states.rows.extend(range(first, last))
    if fold.immutable and not fold.final and not fold.starts_with_time:
        after: list[dict[str, Any]] = []
        fold_rows(scan, fold, listed, fold.start(times[0]), first, times[0], after)
        states.values.extend(after if fold.exact is not None else map(fold.settled, after))
        return
    state: BaseModel | None = None
    for number, handler in enumerate(listed):
        if fold.starts_with_time or state is None:
            state = fold_rows(scan, fold, listed[:number], fold.start(times[number]), first, times[number])
        state = fold_rows(scan, fold, [handler], state, first + number, times[number])
        ended = fold.finish(fold.copy(state), times[number])
        states.values.append(fold.settled(fold.copy(ended).__dict__))


def _go_on(scan: RowsAtHand, task: Task, first: int, last: int, states: States) -> None:
    """A stream that breaks somewhere, event by event: one that breaks a block is left out, and told."""
    fold = task.fold
    good: list[int] = []
    broken: list[str] = []
    state, at = None, task.at
    for number in range(first, last):
        at = scan.time(number) if task.steps else task.at
        error = None
        try:
            if state is None or (task.steps and fold.starts_with_time):
                state = fold.start(at)
                for known in good:
                    state = fold.run(state, scan.events(known))
            state = fold.run(fold.copy(state), scan.events(number))
            good.append(number)
        except ProjectionError as failure:
            broken.append(error := str(failure))
        if task.steps:
            values, late = _ended(fold, state, at)
            states.add(number, values, error or late)
        if error is not None and task.on_error == "stop":
            last = number + 1
            break
    if not task.steps:
        values, late = _ended(fold, state, at)
        told = dict.fromkeys(broken if late is None else [*broken, late])
        states.add(last - 1, values, "; ".join(told) or None)


def _ended(fold: Fold, state: BaseModel | None, at: datetime) -> tuple[Mapping[str, Any], str | None]:
    """The fields of a state as the query sees it, or as it is with what broke its end."""
    if state is None:
        return {}, None
    try:
        return fold.settled(fold.copy(fold.finish(fold.copy(state), at)).__dict__), None
    except ProjectionError as failure:
        return fold.settled(fold.copy(state).__dict__), str(failure)


def _name_the_block(
    scan: RowsAtHand, fold: Fold, listed: Sequence[Handler | None], state: BaseModel, first: int, at: datetime
) -> None:
    """A state got a field that it does not have: say which block did it, going slowly if it may be one of many."""
    if len(listed) == 1:
        if listed[0] is not None:
            fold.taken(None, state, listed[0].block, scan.event(first))
        return
    state = fold.start(at)
    for number in range(first, first + len(listed)):
        state = fold.run(state, scan.events(number))


def _is_interpreted(scan: RowsAtHand, fold: Fold, listed: Sequence[Handler | None], first: int) -> bool:
    """Whether the projection interprets something of a stream; an older row may become an event that it does."""
    return any(
        handler is not WHOLE or any(event.event_name in fold.blocks for event in scan.events(number))
        for number, handler in enumerate(listed, first)
        if handler is not None
    )
