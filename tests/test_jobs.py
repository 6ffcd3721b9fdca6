"""Async projections: jobs that run after the commit, with the time they were told, and leave the log alone."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import pandas as pd
import pytest
from pydantic import BaseModel, Field

import funes_lab as fl
from tests.domain import day, rows_of


class Sent(fl.Event, name="Jobs::Sent"):
    letters: int = 1


class Outbox(BaseModel):
    letters: int = Field(default=0, le=100)
    began_at: datetime | None = None
    seen_at: datetime | None = None


class Letters(fl.Projection[Outbox]):
    table = "letters"

    @fl.initial_state
    def start(state, at):
        state.began_at = at

    @fl.interpretation_for(Sent)
    def sent(state, event):
        state.letters += event.letters

    @fl.final_state
    def end(state, at):
        state.seen_at = at


def post(*backgrounds: fl.Async, **attributes: Any) -> type[fl.EventStream]:
    return type("PostStream", (fl.EventStream,), {"async_projections": list(backgrounds), **attributes})


class Post(fl.EventStream):
    async_projections = [fl.Async(Letters)]


@pytest.fixture
def manual(clock: fl.testing.Clock) -> fl.Lab:
    return fl.Lab(clock=clock, jobs="manual")


def letters(lab: fl.Lab) -> dict[str, int]:
    tables = set(lab.sql("SELECT table_name FROM duckdb_tables()").table_name)
    rows = lab.table("letters").to_dict("records") if "letters" in tables else []
    return {row["idx"]: row["letters"] for row in rows}


# --- when ------------------------------------------------------------------------------------------------------


def test_jobs_run_in_the_background_after_the_commit(any_lab):
    Post.for_("a").append(Sent())
    Post.for_("b").append_all([Sent(letters=2), Sent(letters=3)])
    any_lab.jobs.wait(20)
    assert letters(any_lab) == {"a": 1, "b": 5}
    assert set(any_lab.jobs.df().status) == {"done"}
    assert len(any_lab.jobs) == 0


def test_jobs_wait_for_run_pending_where_they_run_by_hand(manual):
    Post.for_("a").append(Sent())
    Post.for_("a").append(Sent())
    assert (len(manual.jobs), letters(manual)) == (2, {})
    with pytest.raises(fl.FunesLabError, match="run_pending"):
        manual.jobs.wait()
    assert manual.jobs.run_pending() == 2
    assert letters(manual) == {"a": 2}
    assert manual.jobs.run_pending() == 0
    manual.jobs.wait()


def test_jobs_are_queued_after_the_outermost_commit_only(manual):
    with manual.transaction():
        Post.for_("a").append(Sent())
        Post.for_("b").append(Sent())
        assert len(manual.jobs) == 0
        assert manual.jobs.run_pending() == 0
    assert len(manual.jobs) == 2


def test_a_rollback_discards_the_jobs(any_lab):
    with any_lab.transaction():
        Post.for_("a").append(Sent())
        raise_rollback()
    any_lab.jobs.wait(20)
    assert any_lab.jobs.df().empty
    Post.for_("a").append(Sent(letters=7))
    any_lab.jobs.wait(20)
    assert letters(any_lab) == {"a": 7}


def raise_rollback() -> None:
    raise fl.Rollback


def test_a_refused_or_lost_event_queues_nothing(manual):
    class Guard(fl.Projection[Outbox]):
        @fl.interpretation_for(Sent)
        def sent(state, event):
            state.letters += event.letters

    guarded = post(fl.Async(Letters), consistency_projection=Guard)
    first, second = guarded.for_("a").read(), guarded.for_("a").read()
    assert not first.append(Sent(letters=101)).persisted
    assert first.append(Sent()).persisted
    assert not second.append(Sent()).persisted
    assert not guarded.for_("a").append_all([Sent(), Sent(letters=100)])[0].persisted
    assert len(manual.jobs) == 1


def test_a_conflict_at_the_commit_discards_the_jobs(path, clock):
    mine, other = fl.Lab(path, clock=clock, jobs="manual"), fl.Lab(path, clock=clock, jobs="manual")

    def work() -> None:
        with mine.transaction():
            Post.for_("a", lab=mine).append(Sent())
            fl.EventStream.for_("a", lab=other).append(Sent())

    with pytest.raises(fl.ConflictError):
        work()
    assert (len(mine.jobs), len(other.jobs)) == (0, 0)


def test_a_job_waits_for_the_lock_of_writing(any_lab):
    Post.for_("a").append(Sent())
    any_lab.jobs.wait(20)
    with any_lab.transaction():
        Post.for_("a").append(Sent())
        fl.EventStream.for_("b").append(Sent())
        with pytest.raises(fl.TransactionError):
            any_lab.jobs.wait(1)
        with pytest.raises(fl.TransactionError):
            any_lab.close()
    any_lab.jobs.wait(20)
    assert letters(any_lab) == {"a": 2}


def test_a_job_sees_events_recorded_before_it_runs(manual):
    Post.for_("a").append(Sent())
    fl.EventStream.for_("a").append(Sent(letters=10))
    manual.jobs.run_pending()
    assert letters(manual) == {"a": 11}


def test_loads_and_reads_queue_nothing(manual):
    manual.load(
        [{"klass": "Jobs::Sent", "idx": "a", "props": {}, "version": 1, "created_at": day(0), "occurred_at": day(0)}]
    )
    assert Post.for_("a").check(Sent())
    assert len(manual.jobs) == 0


# --- with which time -------------------------------------------------------------------------------------------


def times(lab: fl.Lab) -> tuple[datetime, datetime]:
    (row,) = lab.store.table("letters").to_pylist()
    return row["began_at"], row["seen_at"]


def test_the_time_is_that_of_the_event_that_queued_the_job(manual, clock):
    event = Post.for_("a").append(Sent(), at=day(3))
    clock.advance(timedelta(days=5))
    manual.jobs.run_pending()
    assert times(manual) == (event.created_at, event.created_at)


def test_the_time_can_be_that_at_which_the_job_runs(manual, clock):
    post(fl.Async(Letters, temporal_context="job_time")).for_("a").append(Sent())
    clock.tick = timedelta(0)
    clock.set("2027-01-01")
    manual.jobs.run_pending()
    assert times(manual) == (datetime(2027, 1, 1, tzinfo=UTC),) * 2


def test_the_time_can_be_what_a_function_of_the_event_says(manual):
    asked: list[fl.Event] = []

    def end_of_its_day(event: fl.Event) -> datetime:
        asked.append(event)
        return event.occurred_at.replace(hour=23, tzinfo=None)

    event = post(fl.Async(Letters, temporal_context=end_of_its_day)).for_("a").append(Sent(), at=day(3))
    manual.jobs.run_pending()
    assert times(manual) == (day(3).replace(hour=23),) * 2
    (seen,) = asked
    assert (seen.version, seen.created_at) == (event.version, event.created_at)


@pytest.mark.parametrize("answer", ["2026-01-01", None, 5])
def test_a_function_that_gives_no_time_stores_nothing(any_lab, answer):
    event = Sent()
    stream = post(fl.Async(Letters, temporal_context=lambda event: answer)).for_("a")
    with pytest.raises(TypeError, match=r"temporal_context of fl\.Async\(Letters\) must return a datetime"):
        stream.append(event)
    assert not event.persisted
    assert (rows_of(any_lab), len(any_lab.jobs)) == (0, 0)


def test_a_function_that_breaks_stores_nothing(any_lab):
    event = Sent()
    with pytest.raises(ZeroDivisionError):
        post(fl.Async(Letters, temporal_context=lambda event: 1 // 0)).for_("a").append(event)
    assert not event.persisted
    assert (rows_of(any_lab), len(any_lab.jobs)) == (0, 0)


# --- delay, queue, order ---------------------------------------------------------------------------------------


def test_a_delayed_job_waits_by_the_clock_of_the_lab(clock):
    clock.tick = timedelta(0)
    lab = fl.Lab(clock=clock, jobs="manual")
    post(fl.Async(Letters, delay=timedelta(hours=1))).for_("late").append(Sent())
    Post.for_("soon").append(Sent())
    assert lab.jobs.run_pending() == 1
    assert letters(lab) == {"soon": 1}
    clock.advance(timedelta(minutes=59))
    assert lab.jobs.run_pending() == 0
    clock.advance(timedelta(minutes=1))
    assert lab.jobs.run_pending() == 1
    assert letters(lab) == {"soon": 1, "late": 1}


def test_a_delayed_job_does_not_hold_up_the_others_in_the_background():
    lab = fl.Lab()
    began = time.monotonic()
    post(fl.Async(Letters, delay=timedelta(seconds=0.5))).for_("late", lab=lab).append(Sent())
    Post.for_("soon", lab=lab).append(Sent())
    while "soon" not in letters(lab) and time.monotonic() < began + 20:
        time.sleep(0.01)
    assert "late" not in letters(lab) or time.monotonic() >= began + 0.5
    lab.jobs.wait(20)
    assert time.monotonic() - began >= 0.5
    assert set(letters(lab)) == {"late", "soon"}


def test_closing_a_lab_runs_what_waits_delayed_or_not(path):
    lab = fl.Lab(path)
    post(fl.Async(Letters, delay=timedelta(days=1))).for_("late", lab=lab).append(Sent())
    Post.for_("soon", lab=lab).append(Sent())
    lab.close()
    with fl.Lab(path) as again:
        assert letters(again) == {"late": 1, "soon": 1}


def test_jobs_show_in_a_frame(manual, clock):
    streams = post(fl.Async(Letters, queue="mail"), fl.Async(Letters, temporal_context="job_time"))
    assert manual.jobs.df().empty
    first = streams.for_("a").append(Sent())
    assert list(manual.jobs.df().status) == ["queued", "queued"]
    manual.jobs.run_pending()
    frame = manual.jobs.df()
    assert list(frame.columns) == [
        "job", "status", "stream", "idx", "projection", "queue", "at", "queued_at", "finished_at", "error",
    ]  # fmt: skip
    assert list(frame.status.cat.categories) == ["queued", "done", "failed"]
    assert list(frame.stream + "/" + frame.idx + "/" + frame.projection) == ["PostStream/a/Letters"] * 2
    assert list(frame.queue) == ["mail", "default"]
    assert frame["at"][0].to_pydatetime() == first.created_at
    assert pd.isna(frame["at"][1])
    assert (frame.finished_at > frame.queued_at).all()
    assert frame.error.isna().all()
    assert repr(manual.jobs) == "<Jobs: 0 queued, 2 done, 0 failed>"


def test_no_waiting_job_is_forgotten_however_many_there_are(clock, monkeypatch):
    monkeypatch.setattr("funes_lab.jobs.KEPT", 10)
    clock.tick = timedelta(0)
    lab = fl.Lab(clock=clock, jobs="manual")
    post(fl.Async(Letters, delay=timedelta(hours=1))).for_("late").append(Sent())
    Post.for_("many").append_all([Sent(letters=0) for _ in range(15)])
    assert lab.jobs.run_pending() == 15
    assert len(lab.jobs) == 1
    frame = lab.jobs.df()
    assert list(frame.status.value_counts()[["queued", "done"]]) == [1, 10]
    clock.advance(timedelta(hours=1))
    assert lab.jobs.run_pending() == 1


# --- failures --------------------------------------------------------------------------------------------------


def test_a_job_that_fails_says_why_and_leaves_the_log_alone(any_lab, caplog):
    event = Post.for_("a").append(Sent(letters=101))
    Post.for_("b").append(Sent(letters=5))
    any_lab.jobs.wait(20)
    assert event.persisted
    assert rows_of(any_lab) == 2
    assert letters(any_lab) == {"b": 5}
    frame = any_lab.jobs.df()
    assert list(frame.status) == ["failed", "done"]
    assert frame.error[0].startswith("InvalidReadModelError: Letters led to a Outbox that does not hold: Letters must")
    assert any("failed" in record.message and "'a'" in record.message for record in caplog.records)
    # the log can still be put right by going on
    Post.for_("a").append(Sent(letters=-1))
    any_lab.jobs.wait(20)
    assert letters(any_lab) == {"a": 100, "b": 5}


def test_run_pending_raises_what_the_first_failing_job_raises_and_the_others_go_on_waiting(manual):
    Post.for_("a").append(Sent())
    Post.for_("b").append(Sent(letters=101))
    Post.for_("c").append(Sent())
    with pytest.raises(fl.InvalidReadModelError, match="Letters"):
        manual.jobs.run_pending()
    assert list(manual.jobs.df().status) == ["done", "failed", "queued"]
    assert manual.jobs.run_pending() == 1
    assert letters(manual) == {"a": 1, "c": 1}


def test_a_block_that_breaks_fails_the_job(any_lab):
    class Broken(fl.Projection[Outbox]):
        table = "broken"

        @fl.interpretation_for(Sent)
        def sent(state, event):
            raise RuntimeError("no")

    assert post(fl.Async(Broken), fl.Async(Letters)).for_("a").append(Sent()).persisted
    any_lab.jobs.wait(20)
    assert list(any_lab.jobs.df().status) == ["failed", "done"]
    assert any_lab.jobs.df().error[0].startswith("ProjectionError: Broken.sent broke at Jobs::Sent #1")


class Parcel(BaseModel):
    letters: int = 0
    persist_with: ClassVar[str] = "send"
    fail_with: ClassVar[list[BaseException]] = []
    sent: ClassVar[list[tuple[str, int, str, str]]] = []

    def send(self, idx: str) -> None:
        if self.fail_with:
            raise self.fail_with.pop()
        self.sent.append((idx, self.letters, fl.current_lab().path, threading.current_thread().name))


class Parcels(fl.Projection[Parcel]):
    @fl.interpretation_for(Sent)
    def sent(state, event):
        state.letters += event.letters


@pytest.fixture
def parcels() -> type[Parcel]:
    Parcel.sent.clear()
    Parcel.fail_with.clear()
    return Parcel


@pytest.mark.parametrize("failure", [ConnectionError("nobody there"), SystemExit(3)])
def test_a_destination_that_fails_fails_its_job_and_those_behind_it_run(any_lab, parcels, failure):
    parcels.fail_with.append(failure)
    streams = post(fl.Async(Parcels))
    with any_lab.transaction():
        for idx in "ab":
            streams.for_(idx).append(Sent())
    any_lab.jobs.wait(20)
    streams.for_("c").append(Sent())
    any_lab.jobs.wait(20)
    assert list(any_lab.jobs.df().status) == ["failed", "done", "done"]
    assert any_lab.jobs.df().error[0]
    assert [idx for idx, *_ in parcels.sent] == ["b", "c"]


def test_wait_says_how_many_are_left_when_its_time_is_over():
    lab = fl.Lab()
    post(fl.Async(Letters, delay=timedelta(minutes=5))).for_("a", lab=lab).append(Sent())
    with pytest.raises(TimeoutError, match="1 job left"):
        lab.jobs.wait(0.05)
    lab.close()


# --- which lab, which class ------------------------------------------------------------------------------------


def test_a_job_carries_its_lab(parcels, path):
    first, _ = fl.Lab(path), fl.Lab()
    streams = post(fl.Async(Parcels))
    streams.for_("a", lab=first).append(Sent())
    first.jobs.wait(20)
    ((idx, _, where, thread),) = parcels.sent
    assert (idx, where, thread) == ("a", first.path, "funes_lab jobs")


def test_labs_on_one_path_have_jobs_of_their_own(path):
    first, second = fl.Lab(path, jobs="manual"), fl.Lab(path, jobs="manual")
    Post.for_("a", lab=first).append(Sent())
    assert (len(first.jobs), len(second.jobs)) == (1, 0)
    assert first.jobs.run_pending() == 1
    assert letters(second) == {"a": 1}


def test_a_virtual_projection_writes_nothing_and_is_not_validated(any_lab):
    class Virtual(fl.Projection[Outbox]):
        @fl.interpretation_for(Sent)
        def sent(state, event):
            state.letters += event.letters

    post(fl.Async(Virtual)).for_("a").append(Sent(letters=101))
    any_lab.jobs.wait(20)
    assert list(any_lab.jobs.df().status) == ["done"]
    assert letters(any_lab) == {}


def test_a_job_runs_the_projection_as_it_is_defined_when_it_runs(manual, monkeypatch):
    Post.for_("a").append(Sent())

    class Letters(fl.Projection[Outbox]):
        table = "letters"

        @fl.interpretation_for(Sent)
        def sent(state, event):
            state.letters += event.letters * 50

    Letters.__qualname__ = "Letters"
    monkeypatch.setitem(globals(), "Letters", Letters)
    manual.jobs.run_pending()
    assert letters(manual) == {"a": 50}


def test_a_rebuild_equals_what_the_jobs_wrote(any_lab):
    for number in range(12):
        Post.for_("abc"[number % 3]).append(Sent(letters=number))
    any_lab.jobs.wait(20)
    before = letters(any_lab)
    any_lab.rebuild(Letters, progress=False)
    assert letters(any_lab) == before == {"a": 18, "b": 22, "c": 26}


def test_appends_of_many_threads_leave_the_table_up_to_date(any_lab):
    def work() -> None:
        for number in range(20):
            Post.for_("abc"[number % 3], lab=any_lab).append(Sent())

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    any_lab.jobs.wait(60)
    assert letters(any_lab) == {"a": 28, "b": 28, "c": 24}
    assert list(any_lab.jobs.df().status.unique()) == ["done"]


def test_an_event_that_a_destination_appends_has_jobs_too(any_lab):
    class Receipt(BaseModel):
        persist_with: ClassVar[str] = "answer"

        def answer(self, idx: str) -> None:
            Post.for_(f"receipt of {idx}").append_or_raise(Sent(letters=9))

    class Receipts(fl.Projection[Receipt]):
        @fl.interpretation_for(Sent)
        def sent(state, event):
            pass

    post(fl.Async(Receipts)).for_("a").append(Sent())
    any_lab.jobs.wait(20)
    assert letters(any_lab) == {"receipt of a": 9}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"temporal_context": "yesterday"}, "temporal_context"),
        ({"queue": ""}, "queue"),
        ({"queue": 5}, "queue"),
        ({"delay": 5}, "delay"),
        ({"delay": timedelta(seconds=-1)}, "delay"),
    ],
)
def test_an_argument_that_cannot_work_is_told_at_once(arguments, said):
    with pytest.raises(fl.DefinitionError, match=said):
        fl.Async(Letters, **arguments)


@pytest.mark.parametrize("projection", [None, "Letters", Outbox, Sent, fl.Projection])
def test_what_is_no_projection_is_told_at_once(projection):
    with pytest.raises(fl.DefinitionError, match="projection"):
        fl.Async(projection)


@pytest.mark.parametrize("listed", [fl.Async(Letters), Letters, [Letters], "Letters", [5]])
def test_what_is_no_list_of_asyncs_is_told_when_the_stream_is_defined(listed):
    with pytest.raises(fl.DefinitionError, match="async_projections"):
        type("WrongStream", (fl.EventStream,), {"async_projections": listed})


@pytest.mark.parametrize("jobs", ["never", None, True])
def test_a_lab_runs_jobs_in_the_background_or_by_hand(jobs):
    with pytest.raises(ValueError, match="jobs must be 'background' or 'manual'"):
        fl.Lab(jobs=jobs)
