"""The kernel is interrupted, the lab is closed under other threads: what was acknowledged is there, the lab goes on."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator

import duckdb
import pytest
from pydantic import BaseModel

import funes_lab as fl

#: Interrupts of each kind of work.
ROUNDS = 60


pytestmark = pytest.mark.skipif(
    "PYTEST_XDIST_WORKER" in os.environ,
    reason="its signals would hit the protocol of the worker; run it alone: pytest -p no:xdist on this file",
)


class Told(fl.Event, name="Interrupts::Told"):
    number: int
    of: int = 1


class Tally(BaseModel):
    events: int = 0
    total: int = 0


class Tallies(fl.Projection[Tally]):
    table = "tallies"

    @fl.interpretation_for(Told)
    def told(state, event):
        state.events += 1
        state.total += event.number


class Plain(fl.EventStream):
    consistency_projection = Tallies


class Kept(Plain):
    transactional_projections = [Tallies]


Work = Callable[[fl.Lab, int], list[Told]]


def append(lab: fl.Lab, number: int) -> list[Told]:
    return [Plain.for_("plain", lab=lab).append(Told(number=number))]


def append_with_row(lab: fl.Lab, number: int) -> list[Told]:
    return [Kept.for_("kept", lab=lab).append(Told(number=number))]


def batch(lab: fl.Lab, number: int) -> list[Told]:
    return Kept.for_("kept", lab=lab).append_all([Told(number=number, of=20) for _ in range(20)])


def transaction(lab: fl.Lab, number: int) -> list[Told]:
    with lab.transaction():
        plain = Plain.for_("plain", lab=lab).append(Told(number=number, of=2))
        kept = Kept.for_("kept", lab=lab).append(Told(number=number, of=2))
    return [plain, kept]


def rebuild(lab: fl.Lab, number: int) -> list[Told]:
    lab.rebuild(Tallies, progress=False)
    return []


def read(lab: fl.Lab, number: int) -> list[Told]:
    lab.log.df()
    Kept.for_("kept", lab=lab).replay(Tallies)
    return []


@pytest.fixture
def interrupt_after() -> Iterator[Callable[[float], None]]:
    """Interrupt this thread after so many seconds, as the button of the notebook does."""
    before = signal.getsignal(signal.SIGALRM)

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGALRM, interrupt)
    yield lambda seconds: signal.setitimer(signal.ITIMER_REAL, seconds)
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


def read_the_clock() -> float:
    """Any function of Python's: an interrupt that waits to be raised is raised when one is called."""
    return time.perf_counter()


def check(lab: fl.Lab, acknowledged: set[int]) -> None:
    """Contiguous, whole, everything acknowledged, and read models that agree with the log."""
    log = lab.log.df()
    for idx, versions in log.groupby("idx", observed=True).version:
        assert sorted(versions) == list(range(1, len(versions) + 1)), idx
    for number, of in log.groupby("number").of:
        assert set(of) == {len(of)}, number
    assert acknowledged <= set(log.number)
    for row in lab.table("tallies").itertuples():
        events = Plain.for_(row.idx, lab=lab).events
        assert (row.events, row.total) == (len(events), sum(e.number for e in events))


# an interrupt inside a __del__ is reported as ignored
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("work", [append, append_with_row, batch, transaction, rebuild, read], ids=lambda w: w.__name__)
def test_an_interrupt_leaves_nothing_by_half_and_the_lab_goes_on(any_lab, interrupt_after, work):
    chance, acknowledged, seconds = random.Random(work.__name__), {1, 2}, []
    Kept.for_("kept").append(Told(number=1))
    Kept.for_("plain").append(Told(number=2))
    for number in range(-5, 0):
        began = time.perf_counter()
        acknowledged |= {event.number for event in work(any_lab, number)}
        seconds.append(time.perf_counter() - began)
    interrupted = 0
    for number in range(3, ROUNDS + 3):
        events, failure = [], None
        try:
            try:
                interrupt_after(chance.uniform(0.00001, min(seconds)))
                events = work(any_lab, number)
            finally:
                # an interrupt that comes only now is still caught by the block around
                interrupt_after(0)
                read_the_clock()
        except (KeyboardInterrupt, RuntimeError, duckdb.Error, fl.StoreError) as raised:
            failure = raised
        # where the interrupt meets DuckDB at work it stops the query, and says so in its own way
        assert failure is None or isinstance(failure, KeyboardInterrupt) or "nterrupt" in str(failure)
        interrupted += failure is not None
        if failure is None:
            assert all(event.persisted for event in events)
            acknowledged |= {event.number for event in events}
    assert interrupted > ROUNDS // 10
    # the stream without a table has a row by the first event only
    any_lab.rebuild(Tallies, progress=False)
    check(any_lab, acknowledged)
    others = threading.Thread(target=lambda: append_with_row(any_lab, 1000), daemon=True)
    others.start()
    others.join(10)
    assert not others.is_alive(), "the lock of writing was never given back"
    if any_lab.path != ":memory:":
        any_lab.close()
        with fl.Lab(any_lab.path) as again:
            again.rebuild(Tallies, progress=False)
            check(again, acknowledged)


def test_closing_a_lab_under_other_threads_is_told_there_and_loses_nothing(path):
    lab = fl.Lab(path)
    acknowledged: list[int] = []
    failures: Counter[str] = Counter()

    def work(thread: int) -> None:
        try:
            for number in range(thread * 1000, thread * 1000 + 1000):
                if thread % 2:
                    transaction(lab, number)
                    acknowledged.append(number)
                else:
                    append_with_row(lab, number)
                    acknowledged.append(number)
                    Kept.for_("kept", lab=lab).replay(Tallies)
        except fl.StoreError as failure:
            failures[type(failure).__name__] += 1

    threads = [threading.Thread(target=work, args=[number]) for number in range(4)]
    for thread in threads:
        thread.start()
    time.sleep(0.4)
    lab.close()
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive()
    assert failures == {"ClosedError": 4}
    with fl.Lab(path) as again:
        again.rebuild(Tallies, progress=False)
        check(again, set(acknowledged))
