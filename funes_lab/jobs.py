"""Jobs: the async projections that wait, run, are done or have failed.

A job is queued when its event is committed. It takes the lock of writing, reads its stream as it is by then, and
brings the read model up to date. A job that fails says why and leaves the log alone. Jobs live in the process:
`lab.close()` lets those that wait run first.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from typing import TYPE_CHECKING, Literal

from funes_lab import formats
from funes_lab.current import Workspace, scope
from funes_lab.errors import FunesLabError, TransactionError
from funes_lab.fold import project
from funes_lab.projection import latest
from funes_lab.seen import events_of
from funes_lab.tiers import Async, read_model

if TYPE_CHECKING:
    import pandas as pd

_log = logging.getLogger("funes_lab")
_numbers = count(1)

#: Finished jobs that `df()` still shows; the oldest are forgotten first.
KEPT = 1000


@dataclass(eq=False)
class Job:
    """One async projection of one stream, to be brought up to date.

    Attributes
    ----------
    stream_class, idx : str
    background : Async
    at : datetime or None
        The time that the projection gets; None for the time at which it runs.
    queued_at : datetime
        By the lab's clock.
    status : {"queued", "done", "failed"}
    error : BaseException or None
        Why it failed.
    """

    stream_class: str
    idx: str
    background: Async
    at: datetime | None
    queued_at: datetime
    status: Literal["queued", "done", "failed"] = "queued"
    error: BaseException | None = None
    finished_at: datetime | None = None
    number: int = field(default_factory=lambda: next(_numbers))
    due: float = 0.0

    @property
    def projection(self) -> str:
        """The name of the projection."""
        return self.background.projection.__name__

    def run(self, lab: Workspace) -> None:
        """Read the stream and write the read model, in a transaction of its own; the lab is current meanwhile."""
        model = read_model(latest(self.background.projection))
        store = lab.store
        with store.writing, store.opened("a job"), scope(lab):
            events = events_of(store.stream(self.idx))
            entry = model.entry(self.idx, project(model.fold, events, self.at or lab.now()))
            unit = store.begin(alone=True)
            try:
                entry.write(store, unit)
                entry.persist()
                unit.commit()
            finally:
                unit.rollback()


class Jobs:
    """The jobs of a lab, in the order in which they were queued.

    Examples
    --------
    >>> import funes_lab as fl
    >>> lab = fl.Lab(jobs="manual")
    >>> lab.jobs.run_pending(), len(lab.jobs)
    (0, 0)
    """

    def __init__(self, lab: Workspace, *, manual: bool) -> None:
        self._lab, self._manual = lab, manual
        self._waiting: deque[Job] = deque()
        self._finished: deque[Job] = deque(maxlen=KEPT)
        self._running: Job | None = None
        # taken as it is and not through the condition, whose way in is Python that an interrupt can leave halfway
        self._lock = threading.RLock()
        self._changed = threading.Condition(self._lock)
        self._worker: threading.Thread | None = None
        self._hurry = False

    def __len__(self) -> int:
        return len(self._waiting)

    def __bool__(self) -> bool:
        return True

    def add(self, jobs: Sequence[Job]) -> None:
        """Queue jobs; a worker takes them up unless the lab is `jobs="manual"`."""
        with self._lock:
            for job in jobs:
                delay = job.background.delay or timedelta(0)
                job.due = time.monotonic() + delay.total_seconds()
                self._waiting.append(job)
            if jobs and not self._manual and (self._worker is None or not self._worker.is_alive()):
                self._worker = threading.Thread(target=self._work, name="funes_lab jobs", daemon=True)
                self._worker.start()
            self._changed.notify_all()

    def run_pending(self) -> int:
        """Run the jobs that wait, here and now, in their order.

        Returns
        -------
        int
            How many ran.

        Raises
        ------
        Exception
            What the first job that fails raises; it is marked as failed, those behind it go on waiting.
        """
        if self._waiting and self._lab.transaction_now is not None:
            raise TransactionError("jobs wait for the transaction that is open here; run them after its block")
        ran = 0
        while job := self._next(self._is_due):
            ran += 1
            self._run(job)
            if job.error is not None:
                raise job.error
        return ran

    def wait(self, timeout: float | None = None) -> None:
        """Wait until no job waits or runs.

        Parameters
        ----------
        timeout : float, optional
            Seconds; default without end.

        Raises
        ------
        TimeoutError
            If jobs are left by then.
        FunesLabError
            With `jobs="manual"`, where nobody runs them.
        """
        if self._lab.transaction_now is not None:
            raise TransactionError("jobs wait for the transaction that is open here; wait for them after its block")
        if self._manual and self._waiting:
            raise FunesLabError('this lab runs its jobs by hand (jobs="manual"); call lab.jobs.run_pending()')
        with self._lock:
            if not self._changed.wait_for(lambda: not self._waiting and self._running is None, timeout):
                left = len(self._waiting) + (self._running is not None)
                raise TimeoutError(f"{formats.count(left, 'job')} left after {timeout} s; see lab.jobs.df()")

    def finish(self) -> None:
        """Let everything that waits run, delayed or not; called when the lab is closed."""
        with self._lock:
            self._hurry = True
            self._changed.notify_all()
        if not self._manual:
            self.wait()

    def df(self) -> pd.DataFrame:
        """The jobs as a DataFrame.

        Returns
        -------
        DataFrame
            RangeIndex, a row a job in the order of queueing. Columns `job` (int64), `status` (category: queued,
            done, failed), `stream`, `idx`, `projection`, `queue` (str), `at`, `queued_at`, `finished_at`
            (datetime64[us, UTC]), `error` (str or missing).
        """
        from funes_lab.replay import frames

        return frames.of_jobs(self._listed())

    def __repr__(self) -> str:
        listed = self._listed()
        told = ", ".join(f"{sum(job.status == s for job in listed)} {s}" for s in ("queued", "done", "failed"))
        return f"<Jobs: {told}>"

    def _listed(self) -> list[Job]:
        with self._lock:
            running = [] if self._running is None else [self._running]
            return sorted([*self._finished, *running, *self._waiting], key=lambda job: job.number)

    def _is_due(self, job: Job) -> bool:
        """By the lab's clock; a job without a delay is due whatever the clock does."""
        return job.background.delay is None or self._lab.now() >= job.queued_at + job.background.delay

    # --- the worker ------------------------------------------------------------------------------------------

    def _work(self) -> None:
        while True:
            with self._lock:
                job = self._next(lambda job: self._hurry or job.due <= time.monotonic())
                if job is None:
                    if not self._waiting:
                        self._worker = None
                        return
                    self._changed.wait(max(0.0, min(job.due for job in self._waiting) - time.monotonic()))
                    continue
            self._run(job)
            if job.error is not None:
                _log.error("job %d (%s of %r) failed: %s", job.number, job.projection, job.idx, job.error)

    def _next(self, ready: Callable[[Job], bool]) -> Job | None:
        with self._lock:
            for job in self._waiting:
                if ready(job):
                    self._waiting.remove(job)
                    self._running = job
                    return job
        return None

    def _run(self, job: Job) -> None:
        try:
            job.run(self._lab)
            job.status = "done"
        except BaseException as failure:  # noqa: BLE001  (told by the job; whoever called run_pending gets it too)
            job.error, job.status = failure, "failed"
        finally:
            job.finished_at = self._lab.now()
            with self._lock:
                self._running = None
                self._finished.append(job)
                self._changed.notify_all()
