"""A lab under an event loop: whole blocks in threads are fine, an await inside a transaction is told."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Callable
from typing import ClassVar

import pytest
from pydantic import BaseModel

import funes_lab as fl
from tests.domain import NoteStream, noted, rows_of


def texts(idx: str, lab: fl.Lab) -> list[str]:
    return [event.text for event in NoteStream.for_(idx, lab=lab).events]


def in_thread(work: Callable[[], None]) -> None:
    """Run it in a thread of its own that sees the context of this one, and fail rather than hang."""
    context, failures = contextvars.copy_context(), []

    def run() -> None:
        try:
            context.run(work)
        except BaseException as failure:  # noqa: BLE001  (raised again in the thread of the test)
            failures.append(failure)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(10)
    assert not thread.is_alive(), "the thread waits for a lock that nobody gives back"
    if failures:
        raise failures[0]


def test_appends_and_transactions_run_in_threads_of_the_loop(any_lab):
    def move(number: int) -> None:
        with any_lab.transaction():
            NoteStream.for_("a", lab=any_lab).append_or_raise(noted(f"out {number}"))
            NoteStream.for_("b", lab=any_lab).append_or_raise(noted(f"in {number}"))

    async def main() -> None:
        singles = [asyncio.to_thread(NoteStream.for_(f"s{n % 3}", lab=any_lab).append, noted()) for n in range(30)]
        await asyncio.gather(*singles, *(asyncio.to_thread(move, n) for n in range(20)))

    asyncio.run(main())
    assert rows_of(any_lab) == 70
    assert [t.removeprefix("out ") for t in texts("a", any_lab)] == [t.removeprefix("in ") for t in texts("b", any_lab)]
    for idx in ("a", "b", "s0", "s1", "s2"):
        events = NoteStream.for_(idx, lab=any_lab).events
        assert sorted(event.version for event in events) == list(range(1, len(events) + 1))


@pytest.mark.parametrize("then", ["ends", "appends", "reads", "executes", "rolls back"])
def test_an_await_inside_a_transaction_is_told_and_leaves_nothing(any_lab, then):
    stream, event = NoteStream.for_("a", lab=any_lab), noted()

    async def main() -> None:
        with any_lab.transaction() as tx:
            stream.append(event)
            await asyncio.sleep(0)
            if then == "appends":
                stream.append(noted())
            elif then == "reads":
                _ = stream.version
            elif then == "executes":
                tx.execute("SELECT 1")
            elif then == "rolls back":
                raise fl.Rollback

    with pytest.raises(fl.TransactionError, match=r"await .*rolled back.*to_thread"):
        asyncio.run(main())
    assert not event.persisted
    assert rows_of(any_lab) == 0
    assert stream.append(event).version == 1


def test_an_await_that_does_not_wait_is_no_mistake(any_lab):
    async def at_once() -> int:
        return 5

    async def main() -> None:
        with any_lab.transaction():
            NoteStream.for_("a", lab=any_lab).append(noted())
            await at_once()
            NoteStream.for_("b", lab=any_lab).append(noted())
        await asyncio.sleep(0)

    asyncio.run(main())
    assert rows_of(any_lab) == 2


def test_others_go_on_while_a_transaction_is_left_waiting(any_lab):
    async def careless() -> None:
        with any_lab.transaction():
            NoteStream.for_("a", lab=any_lab).append(noted())
            await asyncio.sleep(60)

    async def main() -> None:
        task = asyncio.create_task(careless())
        await asyncio.sleep(0)
        await asyncio.wait_for(asyncio.to_thread(NoteStream.for_("b", lab=any_lab).append, noted()), 10)
        with any_lab.transaction():
            NoteStream.for_("b", lab=any_lab).append(noted())
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert [row.idx for row in any_lab.store.stream("b")] == ["b", "b"]
    assert rows_of(any_lab) == 2


def test_two_tasks_that_interleave_keep_their_own_transactions(any_lab):
    told = []

    async def careful(idx: str) -> None:
        for _ in range(10):
            with any_lab.transaction():
                NoteStream.for_(idx, lab=any_lab).append(noted())
                NoteStream.for_(idx, lab=any_lab).append(noted())
            await asyncio.sleep(0)

    async def careless() -> None:
        for _ in range(5):
            try:
                with any_lab.transaction():
                    NoteStream.for_("c", lab=any_lab).append(noted())
                    await asyncio.sleep(0)
            except fl.TransactionError:
                told.append(1)

    async def main() -> None:
        await asyncio.gather(careful("a"), careless(), careful("b"), careless())

    asyncio.run(main())
    assert len(told) == 10
    assert [NoteStream.for_(idx, lab=any_lab).version for idx in "abc"] == [20, 20, 0]


def test_to_thread_inside_a_transaction_is_told_and_does_not_hang(any_lab):
    async def main() -> None:
        with any_lab.transaction():
            await asyncio.to_thread(NoteStream.for_("a", lab=any_lab).append, noted())

    with pytest.raises(fl.TransactionError):
        asyncio.run(asyncio.wait_for(main(), 10))
    assert rows_of(any_lab) == 0


def test_a_transaction_belongs_to_one_thread(any_lab):
    stream = NoteStream.for_("a", lab=any_lab)
    with any_lab.transaction():
        stream.append(noted())
        for work in (
            lambda: stream.append(noted()),
            lambda: stream.read().append(noted()),
            lambda: stream.append_all([noted()]),
            lambda: stream.version,
            lambda: stream.events,
            any_lab.log.df,
            lambda: any_lab.sql("SELECT 1 AS one"),
        ):
            with pytest.raises(fl.TransactionError, match="another thread"):
                in_thread(work)
        stream.append(noted())
    assert rows_of(any_lab) == 2


def test_a_task_that_was_started_inside_a_block_that_has_ended_appends_on_its_own(any_lab):
    async def later() -> int | None:
        return NoteStream.for_("b", lab=any_lab).append(noted()).version

    async def main() -> int | None:
        with any_lab.transaction():
            NoteStream.for_("a", lab=any_lab).append(noted())
            task = asyncio.create_task(later())
        return await task

    assert asyncio.run(main()) == 1
    assert rows_of(any_lab) == 2


class Context(BaseModel):
    user: int = 0


def test_metainformation_does_not_leak_between_tasks():
    lab = fl.Lab(metainformation_model=Context)

    async def work(user: int) -> list[int]:
        with lab.metainformation(user=user):
            found = []
            for _ in range(5):
                await asyncio.sleep(0)
                event = await asyncio.to_thread(NoteStream.for_(f"u{user}", lab=lab).append, noted())
                found.append(event.meta_info["user"])
            return found

    async def main() -> list[list[int]]:
        return await asyncio.gather(*(work(user) for user in range(1, 6)))

    assert asyncio.run(main()) == [[user] * 5 for user in range(1, 6)]
    assert NoteStream.for_("after", lab=lab).append(noted()).meta_info == {"user": 0}


class Sent(BaseModel):
    letters: int = 0
    persist_with: ClassVar[str] = "send"
    sent: ClassVar[list[str]] = []

    def send(self, idx: str) -> None:
        self.sent.append(idx)


def test_jobs_of_a_transaction_that_awaited_never_run(lab):
    class Letters(fl.Projection[Sent]):
        @fl.interpretation_for(type(noted()))
        def noted(state, event):
            state.letters += 1

    class Post(fl.EventStream):
        async_projections = [fl.Async(Letters)]

    async def main(awaits: bool) -> None:
        with lab.transaction():
            Post.for_("bad" if awaits else "good").append(noted())
            if awaits:
                await asyncio.sleep(0)

    Sent.sent.clear()
    with pytest.raises(fl.TransactionError):
        asyncio.run(main(True))
    asyncio.run(main(False))
    lab.jobs.wait(10)
    assert Sent.sent == ["good"]
