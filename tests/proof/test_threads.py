"""Many threads with one lab: nothing is lost, nothing is there twice, nobody reads what is another's."""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Callable

import pytest
from pydantic import BaseModel, Field

import funes_lab as fl

THREADS = 8


class Drawn(fl.Event, name="Threads::Drawn"):
    amount: int
    by: str


class Purse(BaseModel):
    left: int = Field(default=0, ge=0)
    draws: int = 0


class Left(fl.Projection[Purse]):
    table = "purses"

    @fl.interpretation_for(Drawn)
    def drawn(state, event):
        state.left -= event.amount
        state.draws += 1


class PurseStream(fl.EventStream):
    consistency_projection = Left
    transactional_projections = [Left]


class PlainStream(fl.EventStream):
    """Judges nothing."""


def all_at_once(work: Callable[[int], None], threads: int = THREADS) -> None:
    """Run it in so many threads that begin together; what one of them raises is raised."""
    barrier, failures = threading.Barrier(threads), []

    def run(number: int) -> None:
        try:
            barrier.wait()
            work(number)
        except BaseException as failure:  # noqa: BLE001  (raised again in the thread of the test)
            failures.append(failure)

    workers = [threading.Thread(target=run, args=[number], daemon=True) for number in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(120)
        assert not worker.is_alive()
    if failures:
        raise failures[0]


def check_contiguous(lab: fl.Lab) -> None:
    for idx, versions in lab.log.df().groupby("idx", observed=True).version:
        assert sorted(versions) == list(range(1, len(versions) + 1)), idx


def append_with_retry(stream: fl.EventStream, event: fl.Event) -> int:
    """As a careful writer would: read, append, and read again when another writer was faster."""
    for tried in range(10_000):
        if stream.read().append(event).persisted:
            return tried
        assert event.rejection.stage == "conflict"
        assert event.rejection.winner.version == event.rejection.version_tried
    raise AssertionError("never got through")


@pytest.mark.parametrize("retry", [False, True], ids=["on the latest", "readings with retry"])
@pytest.mark.parametrize("stream_class", [PlainStream, PurseStream])
def test_appends_of_many_threads_are_contiguous_none_lost_none_twice(any_lab, stream_class, retry):
    each = 10 if any_lab.shared else 40
    for number in range(5):
        stream_class.for_(f"s{number}", lab=any_lab).append(Drawn(amount=-100_000, by="the bank"))

    def work(thread: int) -> None:
        for number in range(each):
            stream = stream_class.for_(f"s{(thread + number) % 5}", lab=any_lab)
            event = Drawn(amount=1, by=f"{thread}/{number}")
            if retry:
                append_with_retry(stream, event)
            else:
                assert stream.append(event).persisted
            assert event.version

    all_at_once(work)
    check_contiguous(any_lab)
    by = Counter(any_lab.log.df().by)
    assert by == {"the bank": 5, **{f"{thread}/{number}": 1 for thread in range(THREADS) for number in range(each)}}
    if stream_class is PurseStream:
        rows = {row["idx"]: row for row in any_lab.table("purses").to_dict("records")}
        for idx, row in rows.items():
            assert (row["left"], row["draws"]) == (100_000 - (row["draws"] - 1), PurseStream.for_(idx).version)


def test_a_rule_holds_however_many_threads_draw(any_lab):
    """Ten are in the purse and eighty want one: exactly ten get it."""
    PurseStream.for_("purse", lab=any_lab).append(Drawn(amount=-10, by="the bank"))
    got: list[str] = []

    def work(thread: int) -> None:
        for number in range(10):
            event = PurseStream.for_("purse", lab=any_lab).append(Drawn(amount=1, by=f"{thread}/{number}"))
            if event.persisted:
                got.append(event.by)
            else:
                assert event.rejection.stage == "state"

    all_at_once(work)
    assert len(got) == 10
    assert {e.by for e in PurseStream.for_("purse", lab=any_lab).events} == {"the bank", *got}
    assert PurseStream.for_("purse", lab=any_lab).projected_with(Left).left == 0
    assert len(any_lab.rejections) == 70


def test_of_readings_that_append_at_once_exactly_one_wins_and_the_others_name_it(any_lab):
    for turn in range(15):
        stream = PlainStream.for_(f"turn-{turn}", lab=any_lab)
        readings = [stream.read() for _ in range(THREADS)]
        events = [Drawn(amount=1, by=str(thread)) for thread in range(THREADS)]
        all_at_once(lambda thread, r=readings, e=events: r[thread].append(e[thread]))
        (winner,) = [event for event in events if event.persisted]
        for event in events:
            if event is not winner:
                assert event.rejection.stage == "conflict"
                assert event.rejection.winner.payload["by"] == winner.by
    assert len(any_lab.log) == 15
    assert len(any_lab.rejections) == 15 * (THREADS - 1)


def test_transactions_over_two_streams_are_whole_and_own_tables_agree(any_lab):
    with any_lab.transaction() as tx:
        tx.execute("CREATE TABLE moves (id VARCHAR PRIMARY KEY)")

    def work(thread: int) -> None:
        chance = random.Random(thread)
        for number in range(15):
            one, other = chance.sample(range(5), 2)
            fails = chance.random() < 0.3
            with any_lab.transaction() as tx:
                for idx, amount in ((one, 5), (other, -5)):
                    PlainStream.for_(f"s{idx}", lab=any_lab).append(Drawn(amount=amount, by=f"{thread}/{number}"))
                tx.execute("INSERT INTO moves VALUES (?)", [f"{thread}/{number}"])
                if fails:
                    raise fl.Rollback

    all_at_once(work)
    check_contiguous(any_lab)
    log = any_lab.log.df()
    assert set(log.groupby("by").amount.agg(["count", "sum"]).itertuples(index=False, name=None)) == {(2, 0)}
    assert sorted(any_lab.table("moves").id) == sorted(set(log.by))


def read_and_compare(lab: fl.Lab, chance: random.Random) -> None:
    """One read of some kind; everything in it belongs together."""
    idx = f"s{chance.randrange(5)}"
    stream = PurseStream.for_(idx, lab=lab)
    kind = chance.randrange(6)
    if kind == 0:
        reading = stream.read()
        events = reading.events
        assert [e.version for e in events] == list(range(1, reading.version + 1))
        assert {e.by.partition("/")[0] for e in events} <= {idx}
        assert reading.projected_with(Left).draws == reading.version
    elif kind == 1:
        assert {e.by.partition("/")[0] for e in stream.events} == {idx}
    elif kind == 2:
        row = lab.sql("SELECT count(*) AS n, max(version) AS v FROM event_entries WHERE idx = ?", [idx])
        assert row.n[0] == row.v[0]
    elif kind == 3:
        frame = stream.replay(Left)
        assert list(frame.draws) == list(range(1, len(frame) + 1))
    elif kind == 4:
        for row in lab.table("purses").itertuples():
            assert row.left == 1000 - (row.draws - 1)
    else:
        before = stream.version
        assert before <= stream.projected_with(Left).draws <= stream.version


def test_reads_of_many_threads_are_never_another_threads(any_lab):
    for number in range(5):
        PurseStream.for_(f"s{number}", lab=any_lab).append(Drawn(amount=-1000, by=f"s{number}/bank"))
    done = threading.Event()

    def work(thread: int) -> None:
        chance = random.Random(thread)
        if thread == 0:
            for number in range(60):
                idx = f"s{number % 5}"
                PurseStream.for_(idx, lab=any_lab).append_or_raise(Drawn(amount=1, by=f"{idx}/{number}"))
            done.set()
            return
        for _ in range(40):
            read_and_compare(any_lab, chance)
        while not done.is_set():
            read_and_compare(any_lab, chance)

    all_at_once(work)


def test_a_transaction_sees_its_own_and_other_threads_do_not(any_lab):
    stream = PlainStream.for_("s", lab=any_lab)
    stream.append(Drawn(amount=1, by="before"))
    seen: list[int] = []
    with any_lab.transaction():
        stream.append(Drawn(amount=1, by="inside"))
        assert stream.version == len(stream.events) == 2
        reader = threading.Thread(target=lambda: seen.extend([stream.version, len(stream.events), len(any_lab.log)]))
        reader.start()
        reader.join(30)
    assert seen == [1, 1, 1]
    assert stream.version == 2


def test_labs_on_one_path_opened_and_closed_by_many_threads_share_the_file(path, clock):
    first = fl.Lab(path, clock=clock)

    def work(thread: int) -> None:
        for number in range(5):
            lab = fl.Lab(path, clock=clock)
            PlainStream.for_("s", lab=lab).append_or_raise(Drawn(amount=1, by=f"{thread}/{number}"))
            lab.close()

    all_at_once(work, threads=4)
    assert PlainStream.for_("s", lab=first).version == 20
    check_contiguous(first)


def test_backups_while_others_write_are_consistent(path, clock, tmp_path):
    lab = fl.Lab(path, clock=clock)
    PurseStream.for_("s", lab=lab).append(Drawn(amount=-1000, by="the bank"))

    def work(thread: int) -> None:
        if thread < 2:
            for number in range(3):
                lab.backup(tmp_path / f"copy-{thread}-{number}.duckdb")
        else:
            for _ in range(30):
                PurseStream.for_("s", lab=lab).append_or_raise(Drawn(amount=1, by=str(thread)))

    all_at_once(work, threads=5)
    copies = sorted(tmp_path.glob("copy-*.duckdb"))
    assert len(copies) == 6
    for copy in copies:
        with fl.Lab(copy) as kept:
            check_contiguous(kept)
            version = PurseStream.for_("s", lab=kept).version
            assert kept.table("purses").to_dict("records") == [{"idx": "s", "left": 1001 - version, "draws": version}]
    assert not list(tmp_path.glob(".*part*"))
