"""Storm: many writers at once, for real; what it cost them, and the proof that the log came through."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any, Final

from funes_lab.audience import bar
from funes_lab.current import aside
from funes_lab.errors import TransactionError
from funes_lab.event import Event
from funes_lab.gates import check_event
from funes_lab.lab import Lab
from funes_lab.races.figures import Run
from funes_lab.races.policies import Policy, policies
from funes_lab.races.processes import by_processes, packed
from funes_lab.races.proof import heads, prove
from funes_lab.races.sampling import sampler
from funes_lab.races.stormed import Storm
from funes_lab.races.writers import Task, Tick, by_threads
from funes_lab.store.checks import check_idx
from funes_lab.store.shared_file import SharedFileStore
from funes_lab.stream import EventStream

_MOST_WRITERS: Final = 256


def storm(
    stream_class: type[EventStream],
    *,
    writers: int | Sequence[int] = 8,
    appends: int = 200,
    streams: int = 5,
    retry: str | Policy | Sequence[str | Policy] = "backoff",
    processes: bool = False,
    events: Callable[[Random, int], Event] | None = None,
    given: Sequence[Event] = (),
    lab: Lab | None = None,
    prefix: str = "storm",
    seed: int = 0,
    progress: bool = True,
) -> Storm:
    """Let many writers append to a few streams at once, and prove that nothing was lost.

    Each writer takes one of the streams by chance, reads it and appends on that reading: `stream.read().append(event)`.
    Who loses the race tries again as the policy says, on a fresh reading. What a rule refuses is not tried again.
    Nothing is simulated: these are threads or processes, and the races are those of the database.

    Parameters
    ----------
    stream_class : EventStream class
    writers : int or list of int
        How many, at most 256. For a list there is a storm for each, and a picture of contention against writers.
    appends : int
        How many events each writer has.
    streams : int
        How many streams they share.
    retry : {"none", "immediate", "backoff"}, policy, or list of them
        What a writer does who lost a race, see `funes_lab.races.policies`: give up, try again at once, or wait first
        (exponential back-off with full jitter). For a list there is a storm for each.
    processes : bool
        Whether the writers are processes, which take turns in a file with `shared=True`, or threads of this one. What
        a process needs it imports: classes and functions that a notebook defines must be moved to a module.
    events : callable, optional
        Builds an event, from a source of chance and a number that is its own in the storm. Default: drawn from the
        event types that the projections of the stream interpret, by the types and constraints of their fields; the
        attribute of actual time is a second later with each number.
    given : list of Event
        Appended to each stream that is empty, before the storm.
    lab : Lab, optional
        Where. Default: a scratch lab, in memory, or for processes in a temporary folder; never the current one. For
        processes a lab with `shared=True`; they know its file only, not its clock or metainformation. While the storm
        lasts nobody else may write to its streams, or the proof fails.
    prefix : str
        The streams are called `storm-1`, `storm-2`, …; in a lab of yours with several storms `storm-2-1` is the first
        stream of the second one.
    seed : int
        The same seed gives the same events, on the same streams; who wins differs.
    progress : bool
        Show a bar when it takes longer than a second.

    Returns
    -------
    Storm
        Figures as DataFrames, the proof, and a picture. After Ctrl-C (Stop in a notebook) the writers end what they
        are at, what was done so far is returned, and `interrupted` is True; the proof holds for that too. A second
        Ctrl-C does not wait and raises KeyboardInterrupt, and so does one before the first storm has begun.

    Raises
    ------
    ValueError, TypeError
        For an argument that cannot be; for event types that cannot be drawn, and classes that processes cannot import.
    Exception
        What a writer raised: a fault in a block, a file that is locked. All other writers end first.

    Notes
    -----
    Transactional projections run as in every append; a state that writes itself elsewhere (`persist_with`) does so.

    Examples
    --------
    >>> import funes_lab as fl
    >>> from pydantic import BaseModel
    >>> class Ticked(fl.Event, name="Example::TickedInAStorm"):
    ...     by: int
    >>> class Count(BaseModel):
    ...     n: int = 0
    >>> class Counter(fl.Projection[Count]):
    ...     @fl.interpretation_for(Ticked)
    ...     def ticked(state, event):
    ...         state.n += event.by
    >>> class CounterStream(fl.EventStream):
    ...     consistency_projection = Counter
    >>> storm = fl.storm(CounterStream, writers=4, appends=10, streams=2, retry="immediate")
    >>> storm.df()[["policy", "writers", "accepted", "given_up"]].to_dict("records")
    [{'policy': 'immediate', 'writers': 4, 'accepted': 40, 'given_up': 0}]
    >>> storm.proof[["rule", "holds", "expected", "found"]]
                      rule holds  expected  found
    0  versions contiguous     ✓         2      2
    1         nothing lost     ✓        40     40
    2        nothing twice     ✓        40     40
    """
    counts = _check_counts(writers)
    _check_stream_class(stream_class)
    for name, number in (("appends", appends), ("streams", streams)):
        _check_whole(number, name)
    if isinstance(seed, bool) or not isinstance(seed, int):
        raise TypeError(f"seed must be an int, got {seed!r}")
    if events is not None and not callable(events):
        raise TypeError(f"events must be a function of (chance, number) that builds an event, got {events!r}")
    for name, flag in (("processes", processes), ("progress", progress)):
        if not isinstance(flag, bool):
            raise TypeError(f"{name} must be True or False, got {flag!r}")
    by_name = policies(retry)
    make = sampler(stream_class) if events is None else events
    place = _Place(_check_given(given), _check_lab(lab, processes=processes), check_idx(prefix, "prefix"), processes)
    tasks = [
        (name, Task(stream_class, make, policy, (), number, appends, seed))
        for name, policy in by_name.items()
        for number in counts
    ]
    if processes:
        packed(tasks[0][1])  # what cannot be taken along is told before anything is written
    runs, interrupted = _all(tasks, streams, place, progress=progress)
    return Storm(stream_class.__name__, runs, processes=processes, interrupted=interrupted)


# --- the storms ---------------------------------------------------------------------------------------------------


class _Place:
    """Where the storms are."""

    def __init__(self, given: Sequence[Event], lab: Lab | None, prefix: str, processes: bool) -> None:  # noqa: FBT001
        self.given, self.lab, self.prefix, self.processes = given, lab, prefix, processes

    def names(self, streams: int, number: int, of: int) -> tuple[str, ...]:
        """The streams of one storm of several."""
        prefix = self.prefix if self.lab is None or of == 1 else f"{self.prefix}-{number}"
        return tuple(f"{prefix}-{stream}" for stream in range(1, streams + 1))

    @contextmanager
    def open(self) -> Iterator[Lab]:
        """The lab of one storm."""
        if self.lab is not None:
            yield self.lab
            return
        with aside(), ExitStack() as stack:
            if self.processes:
                folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="funes-lab-storm-"))
                lab = Lab(Path(folder, "storm.duckdb"), shared=True)
            else:
                lab = Lab()
            stack.callback(lab.close)
            yield lab

    def prepare(self, lab: Lab, task: Task) -> dict[str, int]:
        """Append what is given; tells the versions that the streams have then."""
        for idx, version in heads(lab, task.streams).items():
            stream = task.stream_class.for_(idx, lab=lab)
            for event in self.given if version == 0 else ():
                stream.append_or_raise(event.model_copy(deep=True))
        return heads(lab, task.streams)


def _all(tasks: Sequence[tuple[str, Task]], streams: int, place: _Place, *, progress: bool) -> tuple[list[Run], bool]:
    runs: list[Run] = []
    total = sum(task.writers * task.appends for _, task in tasks)
    with bar(total, " appends", progress=progress) as tick:
        for number, (name, task) in enumerate(tasks, start=1):
            full = replace(task, streams=place.names(streams, number, len(tasks)))
            try:
                with _ctrl_c_told():
                    runs.append(_one(name, full, place, tick))
            except KeyboardInterrupt:
                if not runs:
                    raise
                return runs, True
            if runs[-1].interrupted:
                return runs, True
    return runs, False


@contextmanager
def _ctrl_c_told() -> Iterator[None]:
    """A Ctrl-C that hits DuckDB in a query comes out of it as a RuntimeError."""
    try:
        yield
    except RuntimeError as failure:
        if str(failure) != "Query interrupted":
            raise
        raise KeyboardInterrupt from failure


def _one(name: str, task: Task, place: _Place, tick: Tick) -> Run:
    with place.open() as lab:
        before = place.prepare(lab, task)
        ran = by_processes(task, lab.path, tick) if place.processes else by_threads(task, lab, tick)
        proof = prove(lab, before, ran.attempts)
    return Run(
        policy=name,
        words=task.policy.words,
        writers=task.writers,
        appends=task.appends,
        streams=len(task.streams),
        attempts=tuple(ran.attempts),
        proof=tuple(proof),
        interrupted=ran.interrupted,
    )


# --- arguments ----------------------------------------------------------------------------------------------------


def _check_stream_class(given: object) -> None:
    if not (isinstance(given, type) and issubclass(given, EventStream)):
        got = f"an instance; write {type(given).__name__}" if isinstance(given, EventStream) else f"{given!r}"
        raise TypeError(f"stream_class must be a subclass of fl.EventStream, got {got}")


def _check_counts(given: object) -> list[int]:
    """The numbers of writers."""
    counts: list[Any] = list(given) if isinstance(given, Sequence) and not isinstance(given, str) else [given]
    for one in counts:
        _check_whole(one, "writers", most=_MOST_WRITERS)
    if not counts or len(set(counts)) < len(counts):
        raise ValueError(f"writers must be a number, or a list of different ones such as [1, 2, 4, 8], got {given!r}")
    return counts


def _check_whole(given: object, name: str, *, most: int | None = None) -> None:
    if isinstance(given, bool) or not isinstance(given, int):
        raise TypeError(f"{name} must be an int, got {given!r}")
    if given < 1 or (most is not None and given > most):
        raise ValueError(f"{name} must be {'1 or more' if most is None else f'from 1 to {most}'}, got {given}")


def _check_given(given: object) -> list[Event]:
    if isinstance(given, (Event, str)) or not isinstance(given, Sequence):
        raise TypeError(f"given must be a list of events, got {given!r}")
    return [check_event(event) for event in given]


def _check_lab(lab: object, *, processes: bool) -> Lab | None:
    """A lab that the writers can write to."""
    if lab is None:
        return None
    if not isinstance(lab, Lab):
        raise TypeError(f"lab must be an fl.Lab, got {lab!r}")
    lab.check_writable()
    if lab.transaction_now is not None:
        raise TransactionError("a transaction is open, and the writers would wait for its end; begin the storm outside")
    if processes and not isinstance(lab.store, SharedFileStore):
        raise ValueError(
            f"lab must be shared with the processes, got one on {lab.path} that this process keeps to itself; open it "
            "with fl.Lab(path, shared=True), or leave lab= away for a scratch file"
        )
    if processes and lab.metainformation_now():
        raise ValueError("lab has metainformation bound, which processes of their own do not get; use processes=False")
    return lab
