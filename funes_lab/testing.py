"""Doors for test suites: blocks on their own, scenarios, what Hypothesis finds, a clock that stands still.

With funes_lab installed pytest has the fixture `lab`: a lab in memory, the current one during a test, closed after it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from funes_lab import registry as _registry
from funes_lab.event import Event
from funes_lab.explore.scenario import Scenario
from funes_lab.fold import fields_of, folding
from funes_lab.lab import Lab
from funes_lab.projection import Projection, fold_of
from funes_lab.storable import Moment, instant
from funes_lab.store import Row
from funes_lab.stream import EventStream

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

    from funes_lab.explore.breach import Breach


#: `fl.testing.scenario(DebtEventStream).given(…).when(…).then_accepted()`
scenario = Scenario


def interpret(projection: type[Projection[Any]], event: Event, given: BaseModel, at: Moment | None = None) -> Any:
    """Run one interpretation block.

    Parameters
    ----------
    projection : Projection class
    event : Event
    given : State
        The state before; it is not changed.
    at : datetime, date or str, optional
        The time of the event; default its `occurred_at`, else now.

    Returns
    -------
    State
        The state after, not validated.

    Examples
    --------
    >>> import funes_lab as fl
    >>> from pydantic import BaseModel
    >>> class Ticked(fl.Event, name="Example::Ticked"):
    ...     by: int
    >>> class Count(BaseModel):
    ...     n: int = 0
    >>> class Counter(fl.Projection[Count]):
    ...     @fl.interpretation_for(Ticked)
    ...     def ticked(state, event):
    ...         state.n += event.by
    >>> fl.testing.interpret(Counter, Ticked(by=2), given=Count(n=1)).n
    3
    """
    fold = fold_of(projection)
    when = _time(at) if at is not None else event.occurred_at or datetime.now(UTC)
    with folding(fold):
        return _as_it_is(fold.state, fold.step(fold.from_given(given), event, when))


def events(*classes: type[Event], **fields: SearchStrategy[Any]) -> SearchStrategy[Any]:
    """A Hypothesis strategy of valid events: none has own errors, whatever the constraints of their fields.

    Times are in UTC and, unless a bound says otherwise, in the years 2000 to 2100; Decimals go up to 10**12, with two
    decimal places; most numbers are within ±100. Attributes with a default are left out at times. What pydantic's
    constraints do not say, validators in Python code above all, is sorted out after it was drawn: where little is left,
    give a strategy.

    Parameters
    ----------
    *classes : Event classes
    **fields : strategies
        For fields of that name, in whichever of the classes has it.

    Returns
    -------
    SearchStrategy
        Of events of these classes.

    Raises
    ------
    ImportError
        Without Hypothesis: `pip install "funes-lab[testing]"`.
    TypeError
        For a field of a type that nobody here knows; give a strategy for it.

    Examples
    --------
    >>> import funes_lab as fl
    >>> from hypothesis import find, strategies as st
    >>> from pydantic import Field
    >>> class Tipped(fl.Event, name="Example::Tipped"):
    ...     amount: int = Field(gt=0)
    ...     table: int = Field(ge=1, le=12)
    >>> find(fl.testing.events(Tipped), lambda event: event.table > 3)
    Example::Tipped(amount=1, table=4)
    >>> find(fl.testing.events(Tipped, table=st.just(7)), lambda event: True)
    Example::Tipped(amount=1, table=7)
    """
    with _hypothesis("events"):
        from funes_lab.explore.strategies import events_of
    return events_of(classes, fields)


def find_breach(
    streams: type[EventStream] | Mapping[str, type[EventStream]],
    invariant: Callable[[Any], object],
    *,
    given: Any = (),
    events: Any = None,
    projection: type[Projection[Any]] | None = None,
    max_events: int = 5,
    max_examples: int = 1000,
    seed: int = 0,
) -> Breach | None:
    """Search for the shortest sequence of accepted events that breaks an invariant.

    Hypothesis draws events, they go through the gates of their streams as in an append, and the invariant is asked
    after each that was accepted. What breaks it is made shorter, then simpler. Nothing is written, no lab is touched.

    Parameters
    ----------
    streams : EventStream class, or dict of str to EventStream class
        One stream, or several by idx.
    invariant : function
        Gets the state, of several streams a dict of the states by idx; returns whether it is as it should be.
    given : list of events, or of pairs (event, at); of several streams a dict of such lists by idx
        What happened already.
    events : Event classes or strategy; of several streams also a dict of those by idx
        What may happen; default: every event that the projections have a block for. Events of classes happen a day
        after the last one, or before earlier ones; those of a strategy when they say.
    projection : Projection class, optional
        Whose state the invariant gets; default the consistency projection.
    max_events : int
        The longest sequence that is tried.
    max_examples : int
        How many sequences are tried before it is given up, a millisecond or two each; what is found is then shrunk, and
        as many of each shorter length are tried.
    seed : int
        Of what is drawn: the same program finds the same with the same seed.

    Returns
    -------
    Breach or None
        `.events`, `.state` and `.df()`. None is no proof: it says that nothing was found within these limits.

    Raises
    ------
    ImportError
        Without Hypothesis: `pip install "funes-lab[testing]"`.

    Examples
    --------
    >>> import funes_lab as fl
    >>> from pydantic import BaseModel, Field
    >>> class Withdrawn(fl.Event, name="Example::Withdrawn"):
    ...     amount: int = Field(gt=0)
    >>> class Account(BaseModel):
    ...     balance: int = Field(default=0, ge=-100)
    >>> class Balance(fl.Projection[Account]):
    ...     @fl.interpretation_for(Withdrawn)
    ...     def withdrawn(state, event):
    ...         state.balance -= event.amount
    >>> class AccountStream(fl.EventStream):
    ...     consistency_projection = Balance
    >>> fl.testing.find_breach(AccountStream, lambda account: account.balance >= -100, max_examples=20)
    >>> couple = {"his": AccountStream, "hers": AccountStream}
    >>> fl.testing.find_breach(couple, lambda of: of["his"].balance + of["hers"].balance >= -100, max_examples=200)
    AccountStream breaks it after 2 accepted events
      then   his  #1 Example::Withdrawn  amount 1
             → balance −1
      then   hers  #1 Example::Withdrawn  amount 100
             → balance −100
    """
    for name, value in (("max_events", max_events), ("max_examples", max_examples)):
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise ValueError(f"{name} must be 1 or more, got {value!r}")
    with _hypothesis("find_breach"):
        from funes_lab.explore.search import Search
    search = Search(streams, invariant, projection, given, events)
    return search.first(max_events=max_events, max_examples=max_examples, seed=seed)


def initial_state(projection: type[Projection[Any]], at: Moment | None = None) -> Any:
    """The state that a projection begins with, not validated; `at` is the time of the query, default now."""
    fold = fold_of(projection)
    with folding(fold):
        return _as_it_is(fold.state, fold.start(_time(at)))


def final_state(projection: type[Projection[Any]], given: BaseModel, at: Moment | None = None) -> Any:
    """What `final_state` makes of a state; `at` is the time of the query, default now."""
    fold = fold_of(projection)
    with folding(fold):
        return _as_it_is(fold.state, fold.finish(fold.from_given(given), _time(at)))


def registry() -> AbstractContextManager[None]:
    """A scope for event names: classes defined inside hide those outside and are forgotten at the end.

    Their aliases and upcasters too: a class defined inside has only the upcasters that are defined inside.

    Examples
    --------
    >>> import funes_lab as fl
    >>> with fl.testing.registry():
    ...     class Forgotten(fl.Event, name="Example::Forgotten"):
    ...         pass
    """
    return _registry.layer()


class Clock:
    """A clock that stands still, for tests and for notebooks that read the same each time.

    Parameters
    ----------
    start : datetime, date or str
    tick : timedelta
        How far it moves on after each look at it.

    Examples
    --------
    >>> import funes_lab as fl
    >>> from datetime import timedelta
    >>> clock = fl.testing.Clock("2026-01-01T09:00:00Z", tick=timedelta(minutes=1))
    >>> lab = fl.Lab(clock=clock)
    >>> lab.now().isoformat(), lab.now().isoformat()
    ('2026-01-01T09:00:00+00:00', '2026-01-01T09:01:00+00:00')
    """

    def __init__(self, start: Moment, tick: timedelta = timedelta(0)) -> None:
        self.now = instant(start, "start")
        self.tick = tick

    def __call__(self) -> datetime:
        now = self.now
        self.now = now + self.tick
        return now

    def advance(self, delta: timedelta) -> None:
        """Move on."""
        self.now += delta

    def set(self, to: Moment) -> None:
        """Go to a time."""
        self.now = instant(to, "to")


def raw_insert(lab: Lab, row: Mapping[str, Any]) -> None:
    """Write one row into the log past all gates, as another program would.

    Parameters
    ----------
    lab : Lab
    row : mapping
        klass, idx, version, props (a dict), created_at, occurred_at and optionally meta_info (a dict).
    """
    with lab.store.writing:
        lab.store.insert(
            Row(
                row["klass"], row["idx"], json.dumps(row["props"]), json.dumps(row.get("meta_info") or {}),
                row["version"], instant(row["created_at"], "created_at"), instant(row["occurred_at"], "occurred_at"),
            )
        )  # fmt: skip


@contextmanager
def _hypothesis(asked: str) -> Iterator[None]:
    """An import that needs Hypothesis, which is no dependency of the package."""
    try:
        yield
    except ModuleNotFoundError as missing:
        if missing.name != "hypothesis":
            raise
        raise ImportError(
            f'fl.testing.{asked} needs Hypothesis, which is not installed; pip install "funes-lab[testing]"'
        ) from missing


def _time(at: Moment | None) -> datetime:
    return datetime.now(UTC) if at is None else instant(at, "at")


def _as_it_is(state_class: type[BaseModel], state: BaseModel) -> BaseModel:
    return state_class.model_construct(**fields_of(state))
