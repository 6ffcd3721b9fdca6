"""Race: two or more writers on one log, and the order in which they read and append.

Each writer reads and appends through a `Reading` of its own, in the real store. Nothing is simulated: what is denied
is denied by the unique version in the database.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from funes_lab.current import Workspace, current
from funes_lab.errors import TransactionError
from funes_lab.event import Event
from funes_lab.races import interleavings, schedule
from funes_lab.races.course import Course, Decision, Intent, program_of
from funes_lab.races.interleavings import Scene
from funes_lab.races.result import RaceResult, result_of
from funes_lab.races.schedule import Step
from funes_lab.store.checks import check_idx
from funes_lab.stream import EventStream

if TYPE_CHECKING:
    import pandas as pd

    from funes_lab.widgets.race import RaceBoard
    from funes_lab.widgets.twin import Static

#: What a writer appends: events, decisions, and where there are several streams, each with the stream it goes to.
Plan = Event | Decision | tuple[str, Event | Decision] | Sequence[Event | Decision | tuple[str, Event | Decision]]


class Race:
    """Writers who race, and the order of their steps.

    Parameters
    ----------
    stream_class : EventStream class
    idx : str or list of str
        The stream; or several, which every writer reads all of.
    writers : dict of str to list
        What each one appends, in that order: events; or functions of what the writer read (its `Reading`, or a dict of
        them by idx where there are several streams) that give an event, or None to let it be. With several streams
        each as a pair `(idx, event)`. A writer who appends to more than one stream does so in one transaction, which
        begins when it reads and ends with the step `commit`.
    guard : bool
        If False, what was judged at version N is written after whatever is there by then: what the unique version
        prevents. That is run on a copy in memory only.
    lab : Lab, optional
        Default: the current lab.

    Examples
    --------
    >>> import funes_lab as fl
    >>> from pydantic import BaseModel, Field
    >>> class Booked(fl.Event, name="Example::SeatBooked"):
    ...     guest: str
    >>> class Table(BaseModel):
    ...     guests: list[str] = Field(default=[], max_length=1)
    >>> class Guests(fl.Projection[Table]):
    ...     @fl.interpretation_for(Booked)
    ...     def booked(state, event):
    ...         state.guests.append(event.guest)
    >>> class TableStream(fl.EventStream):
    ...     consistency_projection = Guests
    >>> writers = {"A": [Booked(guest="Ana")], "B": [Booked(guest="Bea")]}
    >>> race = fl.Race(TableStream, "table-1", writers, lab=fl.Lab())
    >>> result = race.run("A.read B.read A.append B.append B.retry")
    >>> result.df()[["writer", "action", "version_seen", "outcome"]].to_dict("split")["data"]
    [['A', 'read', 0, 'read'], ['B', 'read', 0, 'read'], ['A', 'append', 0, 'accepted'], ['B', 'append', 0, 'denied'],
     ['B', 'retry', 1, 'refused']]
    >>> result.final_state
    Table(guests=['Ana'])
    """

    def __init__(
        self,
        stream_class: type[EventStream],
        idx: str | Sequence[str],
        writers: Mapping[str, Plan],
        *,
        guard: bool = True,
        lab: Workspace | None = None,
    ) -> None:
        if not (isinstance(stream_class, type) and issubclass(stream_class, EventStream)):
            raise TypeError(f"stream_class must be fl.EventStream or a subclass, got {stream_class!r}")
        self.stream_class = stream_class
        self.streams = _streams(idx)
        self.plans = {_name(name): _plan(name, plan, self.streams) for name, plan in _writers(writers).items()}
        self.guard = guard
        self.lab = current() if lab is None else lab
        #: The steps of each writer, in their order.
        self.programs = {name: program_of(plan) for name, plan in self.plans.items()}
        self._course: Course | None = None

    # --- in one order ----------------------------------------------------------------------------------------

    def run(self, order: str | Iterable[str | Step] | None = None, *, guard: bool | None = None) -> RaceResult:
        """Run the race in the log, in one order.

        Parameters
        ----------
        order : str or list of str, optional
            Such as "A.read B.read A.append B.append B.retry". Default: all read, all append, who lost reads again and
            appends again.
        guard : bool, optional
            Default: that of the race. If False, it is run on a copy in memory.

        Returns
        -------
        RaceResult

        Raises
        ------
        ValueError
            For an order that cannot be: an unknown writer or step, one that comes too early or too often.
        TransactionError
            Inside `with lab.transaction():`, where nobody else can write.
        """
        steps = self.textbook() if order is None else schedule.parse(order, self.programs)
        guarded = self.guard if guard is None else guard
        if not guarded:
            return self.rehearse(steps, guard=False)
        self.reset()
        course = self._started()
        try:
            for step in steps:
                course.take(step)
        finally:
            course.end()
            self._course = None
        return result_of(course, guard=True, on_scratch=False)

    def step(self, step: str | Step) -> RaceResult:
        """Let one writer take one step, in the log.

        Parameters
        ----------
        step : str
            Such as "A.read".

        Returns
        -------
        RaceResult
            All steps so far.
        """
        if not self.guard:
            raise ValueError("step is for the log, where versions are guarded; use run or rehearse with guard=False")
        done = [] if self._course is None else self._course.steps
        *_, taken = schedule.parse([*map(str, done), str(step)], self.programs)
        if self._course is None:
            self._course = self._started()
        self._course.take(taken)
        return result_of(self._course, guard=True, on_scratch=False)

    def reset(self) -> None:
        """Begin anew: readings and open transactions are let go of. What is in the log stays there."""
        if self._course is not None:
            self._course.end()
            self._course = None

    def rehearse(self, order: str | Iterable[str | Step] | None = None, *, guard: bool | None = None) -> RaceResult:
        """Run the race on a copy of its streams in memory, in one order; as `run`, and the log stays as it is.

        Parameters
        ----------
        order : str or list of str, optional
        guard : bool, optional

        Returns
        -------
        RaceResult
        """
        steps = self.textbook() if order is None else schedule.parse(order, self.programs)
        return self.scene(guard=guard).played(steps)

    def textbook(self) -> list[Step]:
        """All read, all append, who lost reads again and appends again."""
        steps = [Step(name, "read") for name in self.programs]
        steps += [Step(name, action) for name, program in self.programs.items() for action in program[1:]]
        return [*steps, *(Step(name, "retry") for name in list(self.programs)[1:])]

    # --- in every order --------------------------------------------------------------------------------------

    def interleavings(
        self,
        *,
        guard: bool | None = None,
        retry: bool = False,
        invariant: Callable[[Any], bool] | None = None,
        limit: int = 5000,
        sample: int | None = None,
        seed: int | None = 0,
        progress: bool = True,
    ) -> pd.DataFrame:
        """Run the race in every order that keeps each writer's own, each on a scratch database.

        Parameters
        ----------
        guard : bool, optional
            Default: that of the race.
        retry : bool
            Whether, after the last step of an order, those who were denied read again and append again.
        invariant : callable, optional
            Of the final state (of several streams: a dict by idx); default: the state keeps its own rules.
        limit : int
            More orders than that are an error.
        sample : int, optional
            Run only so many different orders, drawn evenly with `seed`.
        seed : int
        progress : bool
            Show a bar when it takes longer than a second.

        Returns
        -------
        DataFrame
            RangeIndex, a row an order. Columns `order` (str), `accepted`, `denied` (lost races), `refused` (by a rule)
            and `retries` (int64), `final_state` (object, as `RaceResult.final_state`), `invariant_held` (bool),
            `outcome_class` (int64: orders with the same outcome for each writer and the same final state, numbered
            from 1), and for each writer a column of its name (str): what became of its last step that appended.

        Raises
        ------
        ValueError
            If there are more than `limit` orders and no `sample`.
        """
        scene = self.scene(guard=guard)
        orders = interleavings.chosen(self.programs, limit=limit, sample=sample, seed=seed)
        return interleavings.tabulated(scene, orders, retry=retry, invariant=invariant, progress=progress)

    def shortest(
        self, invariant: Callable[[Any], bool] | None = None, *, guard: bool | None = None, limit: int = 5000
    ) -> RaceResult | None:
        """Find the shortest order that breaks an invariant, or None if no order does.

        Parameters
        ----------
        invariant : callable, optional
            Of the final state (of several streams: a dict by idx); default: the state keeps its own rules.
        guard : bool, optional
            Default: that of the race.
        limit : int
            More orders to be tried than that are an error.

        Returns
        -------
        RaceResult or None
            The shortest one; of those that are equally short, the one in which the first writers come first.
        """
        return interleavings.shortest(self.scene(guard=guard), invariant, limit=limit)

    # --- seen ------------------------------------------------------------------------------------------------

    def board(self) -> RaceBoard:
        """A board to play the race by hand: a button for each writer's next step, back, reset, every order.

        Returns
        -------
        RaceBoard
            A widget. It plays on a copy of the streams in memory; the log stays as it is. `value` is the order so far
            and can be set, `result` what came of it.
        """
        from funes_lab.widgets.race import RaceBoard

        return RaceBoard(self)

    def orders(self) -> Static:
        """Every order as a picture, for documents: who overlaps whom, and how each order ends.

        Returns
        -------
        Static
            The first 24 orders; it says how many there are.
        """
        from funes_lab.widgets.race import listing

        return listing.of_race(self)

    def scene(self, *, guard: bool | None = None) -> Scene:
        """What is needed to play the race again and again: its plans, and its streams as they are now."""
        guarded = self.guard if guard is None else guard
        return Scene.of(self.lab, self.stream_class, self.streams, self.plans, guard=guarded)

    def _started(self) -> Course:
        self.lab.check_writable()
        if self.lab.transaction_now is not None:
            raise TransactionError(
                "a race inside `with lab.transaction():` has one writer only, the transaction; run it outside of it"
            )
        return Course(self.lab, self.stream_class, self.streams, self.plans)

    def __repr__(self) -> str:
        found = schedule.count(self.programs)
        who = "; ".join(f"{name}: {' '.join(steps)}" for name, steps in self.programs.items())
        return f"<Race on {', '.join(self.streams)}: {who}; {found:,} orders>"


def _streams(idx: object) -> list[str]:
    """The streams of a race."""
    if isinstance(idx, str):
        return [check_idx(idx)]
    if not isinstance(idx, Iterable):
        raise TypeError(f"idx must be the idx of a stream, or a list of them, got {idx!r}")
    found = [check_idx(one) for one in idx]
    if not found or len(set(found)) < len(found):
        raise ValueError(f"idx must list one or more different streams, got {idx!r}")
    return found


def _writers(writers: object) -> Mapping[str, Any]:
    if not isinstance(writers, Mapping) or not writers:
        raise TypeError(f"writers must be a dict of names and what each appends, got {writers!r}")
    return writers


def _name(name: object) -> str:
    if not isinstance(name, str) or not name or any(letter.isspace() or letter in ".,→" for letter in name):
        raise ValueError(f"the name of a writer must be a word without dots, such as 'A', got {name!r}")
    return name


def _plan(name: str, plan: object, streams: Sequence[str]) -> list[Intent]:
    """What one writer appends, as a list of intents."""
    listed = plan if isinstance(plan, list | tuple) and not _is_pair(plan) else [plan]
    if not listed:
        raise ValueError(f"writer {name!r} appends nothing; give it an event")
    return [_intent(name, one, streams) for one in listed]


def _is_pair(plan: object) -> bool:
    return isinstance(plan, tuple) and len(plan) == 2 and isinstance(plan[0], str)


def _intent(name: str, one: Any, streams: Sequence[str]) -> Intent:
    idx, what = one if _is_pair(one) else (None, one)
    if not isinstance(what, Event) and (isinstance(what, type) or not callable(what)):
        raise TypeError(
            f"what writer {name!r} appends must be an event, or a function of what it read that gives one, got {what!r}"
        )
    if idx is None and len(streams) > 1:
        raise ValueError(f"writer {name!r} must say to which stream {what!r} goes: ({streams[0]!r}, event)")
    if idx is not None and idx not in streams:
        raise ValueError(f"writer {name!r} appends to {idx!r}, and the race is on {', '.join(streams)}")
    return Intent(streams[0] if idx is None else idx, what)
