"""Storms: what each policy does, what the proof sees, and that a storm ends cleanly whatever happens in it."""

from __future__ import annotations

import _thread
import json
import multiprocessing
import re
import signal
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any
from xml.etree import ElementTree

import pytest

import funes_lab as fl
from funes_lab import current
from funes_lab.races.figures import jain
from funes_lab.races.policies import Backoff, Immediate, NoRetry, Policy, policies
from funes_lab.store import Row
from funes_lab.store.duckdb import DuckDBStore
from funes_lab.widgets.storm.picture import picture
from tests import storms
from tests.domain import DebtEventStream, NoteStream, issued, noted
from tests.storms import CounterStream, note, payment, payment_or_too_much


def stormed(stream_class: Any = NoteStream, **options: Any) -> Any:
    """A small storm without a bar."""
    events = {} if stream_class is CounterStream else {"events": note}
    return fl.storm(stream_class, **{"writers": 4, "appends": 15, "streams": 2, "progress": False, **events, **options})


@pytest.fixture(autouse=True)
def _nobody_is_left() -> Iterator[None]:
    """No storm leaves a thread or a process behind."""
    yield
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("storm-")]
    assert not multiprocessing.active_children()


# --- policies -----------------------------------------------------------------------------------------------------


def test_without_a_retry_every_lost_race_is_given_up():
    row = stormed(retry="none", streams=1).df().iloc[0]
    assert row.conflicts > 0
    assert (row.given_up, row.retries) == (row.conflicts, 0)
    assert row.accepted + row.given_up == 60


@pytest.mark.parametrize("retry", ["immediate", "backoff"])
def test_with_a_retry_every_event_is_accepted_in_the_end(retry):
    row = stormed(retry=retry, streams=1).df().iloc[0]
    assert (row.accepted, row.given_up) == (60, 0)
    assert row.retries == row.conflicts > 0


def test_a_policy_that_allows_two_tries_is_asked_for_no_third():
    storm = stormed(retry=Immediate(tries=2), streams=1, writers=8)
    assert storm.attempts.attempt.max() == 2
    given_up = storm.attempts[storm.attempts.given_up]
    assert set(given_up.attempt) <= {2}
    assert storm.df().given_up[0] == len(given_up)
    assert storm.df().accepted[0] + len(given_up) == 120


def test_a_wait_between_two_tries_is_kept():
    class Slow(Policy):
        name = "slow"

        def pause(self, lost, chance):
            return 0.02

    tries = stormed(retry=Slow(), streams=1, appends=5).attempts.sort_values("started")
    ends = tries.started + tries.seconds
    gaps = tries.started - ends.groupby([tries.writer, tries.number]).shift()
    assert (gaps[tries.attempt > 1] >= 0.02).all()
    assert (tries.attempt > 1).any()


def test_backoff_waits_between_nothing_and_a_limit_that_doubles_up_to_the_cap():
    policy = Backoff(base=0.01, cap=0.05, tries=2000)
    for lost, limit in ((1, 0.01), (2, 0.02), (3, 0.04), (4, 0.05), (1999, 0.05)):
        drawn = [policy.pause(lost, Random(seed)) for seed in range(400)]
        assert 0 <= min(drawn) < 0.1 * limit
        assert 0.9 * limit < max(drawn) <= limit
    assert policy.pause(2000, Random(1)) is None


def test_policies_are_known_by_name_and_told_apart_by_what_they_do():
    assert list(policies(["none", "immediate", "backoff"]).values()) == [NoRetry(), Immediate(), Backoff()]
    assert list(policies([Immediate(tries=1), Immediate()])) == [
        "immediate, at once, 1 try",
        "immediate, at once, 100 tries",
    ]


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: policies("sometimes"), "retry must be 'none', 'immediate', 'backoff'.*got 'sometimes'"),
        (lambda: policies(3), "retry must be .*got 3"),
        (lambda: policies(Backoff), "make an instance of it"),
        (lambda: policies(Policy()), "retry must be"),
        (lambda: policies([]), "retry must name a policy at least"),
        (lambda: policies(["none", NoRetry()]), "retry has .*none.* twice"),
        (lambda: Backoff(base=0), "0 < base <= cap <= 60, got base=0"),
        (lambda: Backoff(base=1, cap=0.5), "0 < base <= cap"),
        (lambda: Backoff(cap=61), "cap <= 60"),
        (lambda: Backoff(base=float("nan")), "base must be a number of seconds"),
        (lambda: Backoff(cap="1"), "cap must be a number of seconds"),
        (lambda: Backoff(tries=0), "tries must be 1 or more"),
        (lambda: Immediate(tries=True), "tries must be an int"),
    ],
)
def test_a_policy_that_cannot_be_is_refused_with_its_argument(make, told):
    with pytest.raises((TypeError, ValueError), match=told):
        make()


def test_a_policy_without_a_pause_says_what_is_missing():
    class Silent(Policy):
        pass

    with pytest.raises(NotImplementedError, match="Silent must say how long to wait") as caught:
        stormed(retry=Silent(), streams=1)
    assert "of the storm" in caught.value.__notes__[0]


# --- what is tried ------------------------------------------------------------------------------------------------


def test_what_a_rule_refuses_is_not_tried_again():
    storm = stormed(DebtEventStream, events=payment_or_too_much, given=[issued(1000)], streams=1, retry="immediate")
    row, tries = storm.df().iloc[0], storm.attempts
    assert row.refused == 40
    assert row.accepted == 20
    refused = tries[tries.outcome == "refused"]
    last = tries.groupby(["writer", "number"]).attempt.max()
    assert (
        refused.set_index(["writer", "number"]).attempt
        == last.loc[list(zip(refused.writer, refused.number, strict=True))]
    ).all()
    assert storm.proven


def test_the_attempts_of_an_event_are_numbered_and_only_the_last_is_no_lost_race():
    tries = stormed(streams=1, retry="immediate").attempts
    assert tries.started.is_monotonic_increasing
    for _, of_one in tries.groupby(["writer", "number"]):
        assert list(of_one.attempt) == list(range(1, len(of_one) + 1))
        assert list(of_one.outcome) == ["conflict"] * (len(of_one) - 1) + ["accepted"]
    assert sorted(tries.version.dropna()) == list(range(1, 61))


def test_the_frames_tell_the_same():
    storm = stormed(retry=["none", "immediate"], writers=[1, 3])
    table, tries, writers = storm.df(), storm.attempts, storm.writers
    assert list(zip(table.policy, table.writers, strict=True)) == [
        ("none", 1),
        ("none", 3),
        ("immediate", 1),
        ("immediate", 3),
    ]
    for row in table.itertuples():
        own = tries[(tries.policy == row.policy) & (tries.writers == row.writers)]
        each = writers[(writers.policy == row.policy) & (writers.writers == row.writers)]
        assert (own.outcome == "accepted").sum() == each.accepted.sum() == row.accepted
        assert (own.outcome == "conflict").sum() == each.conflicts.sum() == row.conflicts
        assert list(each.writer) == list(range(row.writers))
        ends = own.started + own.seconds
        assert row.seconds == pytest.approx(ends.max())
        assert row.throughput == pytest.approx(row.accepted / row.seconds)
        first = own[own.attempt == 1].set_index(["writer", "number"]).started
        done = own[own.outcome == "accepted"].set_index(["writer", "number"])
        whole = 1000 * (done.started + done.seconds - first.loc[done.index])
        assert [row.p50, row.p95, row.p99] == pytest.approx(list(whole.quantile([0.5, 0.95, 0.99])))
        assert 1 / row.writers <= row.fairness <= 1


@pytest.mark.parametrize(
    ("shares", "index"), [([3, 3, 3], 1), ([1, 0, 0, 0], 0.25), ([1, 2, 3], 36 / 42), ([0, 0], float("nan"))]
)
def test_the_index_of_fairness_is_jains(shares, index):
    assert jain(shares) == pytest.approx(index, nan_ok=True)


def test_a_seed_repeats_the_events_and_their_streams_whoever_wins():
    def what(seed: int, retry: str) -> list[tuple[Any, ...]]:
        lab = fl.Lab()
        stormed(CounterStream, seed=seed, retry=retry, lab=lab, appends=6)
        log = lab.log.df()
        return sorted(zip(log.idx, log.by, log.word, strict=True))

    assert what(1, "immediate") == what(1, "backoff")
    assert what(1, "immediate") != what(2, "immediate")


def test_every_event_has_a_number_of_its_own():
    lab = fl.Lab()
    stormed(lab=lab)
    numbers = [int(text.partition(":")[0]) for text in lab.log.df().text]
    assert sorted(numbers) == list(range(60))


# --- where --------------------------------------------------------------------------------------------------------


def test_the_current_lab_stays_it_and_is_not_written_to():
    fl.Lab()  # held by nobody but the process
    before = current._process[0]
    NoteStream.for_("mine").append(noted())
    stormed()
    assert fl.current_lab() is before
    assert len(before.log) == 1  # type: ignore[attr-defined]


def test_a_lab_of_ones_own_is_written_to_and_a_second_storm_goes_on_in_it(any_lab):
    assert stormed(lab=any_lab, prefix="gale", appends=5).proven
    again = stormed(lab=any_lab, prefix="gale", appends=5)
    assert again.proven
    assert list(any_lab.log.streams().idx) == ["gale-1", "gale-2"]
    assert len(any_lab.log) == 40
    assert not any_lab.closed


def test_several_storms_in_one_lab_have_streams_of_their_own(lab):
    assert stormed(lab=lab, retry=["immediate", "backoff"], appends=5, streams=1).proven
    assert list(lab.log.streams().idx) == ["storm-1-1", "storm-2-1"]


def test_what_is_given_is_appended_first_to_each_stream_that_is_empty(lab):
    start = issued(10_000)
    for _ in range(2):
        stormed(DebtEventStream, events=payment, given=[start], lab=lab, appends=3)
    log = lab.log.df()
    assert list(log[log.event == "Debts::Issued"].version) == [1, 1]
    assert not start.persisted


def test_what_is_given_and_refused_is_raised_before_anything_is_written(lab):
    with pytest.raises(fl.EventRejected):
        stormed(DebtEventStream, events=payment, given=[issued(-1)], lab=lab)
    assert len(lab.log) == 0


def test_metainformation_that_is_bound_around_a_storm_holds_in_its_threads():
    from pydantic import BaseModel

    class Who(BaseModel):
        user: str

    lab = fl.Lab(metainformation_model=Who)
    with lab.metainformation(user="Ireneo"):
        stormed(lab=lab, appends=2)
    assert {json.loads(text)["user"] for text in lab.sql("SELECT meta_info FROM event_entries").meta_info} == {"Ireneo"}


# --- the proof ----------------------------------------------------------------------------------------------------


class Forgetful(DuckDBStore):
    """Says of every seventh event that it is written."""

    def insert(self, row: Row, unit: Any = None) -> None:
        self.inserts = getattr(self, "inserts", 0) + 1
        if self.inserts % 7:
            super().insert(row, unit)


class Doubling(DuckDBStore):
    """Writes the third version of a stream once more, as the fourth."""

    def insert(self, row: Row, unit: Any = None) -> None:
        super().insert(row, unit)
        if row.version == 3:
            super().insert(row._replace(version=4), unit)


class Leaping(DuckDBStore):
    """Leaves the fourth version of a stream out."""

    def insert(self, row: Row, unit: Any = None) -> None:
        super().insert(row if row.version != 4 else row._replace(version=5), unit)


class Changing(DuckDBStore):
    """Writes another text than it was given."""

    def insert(self, row: Row, unit: Any = None) -> None:
        super().insert(row._replace(props=row.props.replace("9", "8")), unit)


@pytest.mark.parametrize(
    ("liar", "broken", "told"),
    [
        (Forgetful, {"nothing lost", "nothing twice"}, r"version \d+ of 'storm-\d', Debts::Noted"),
        (Doubling, {"nothing twice"}, "version 4 of 'storm-1', Debts::Noted, was acknowledged to nobody"),
        (Leaping, {"versions contiguous", "nothing lost", "nothing twice"}, "'storm-1'"),
        (Changing, {"nothing lost", "nothing twice"}, r"version \d+ of 'storm-\d', Debts::Noted"),
    ],
)
def test_a_store_that_lies_is_caught_by_the_proof(liar, broken, told):
    lab = fl.Lab()
    lab.store.__class__ = liar  # the same database, and from now on a liar
    storm = stormed(lab=lab, appends=12, retry=Immediate(tries=5))
    assert not storm.proven
    assert not storm.df().proven.any()
    found = storm.proof[storm.proof.holds == "✗"]
    assert set(found.rule) == broken
    assert found.broken.str.contains(told).any()
    assert "✗ The log did not come through." in repr(storm)


def test_a_proof_counts_what_it_has_looked_at():
    proof = stormed(CounterStream, lab=fl.Lab()).proof
    assert list(proof.rule) == ["versions contiguous", "nothing lost", "nothing twice"]
    assert list(proof.expected) == list(proof.found) == [2, 60, 60]
    assert set(proof.holds) == {"✓"}


# --- the end ------------------------------------------------------------------------------------------------------


def pressing_stop(after: int) -> Callable[[], datetime]:
    """A clock that presses Ctrl-C when it is looked at for so many times."""
    looks = iter(range(10**9))

    def now() -> datetime:
        if next(looks) == after:
            _thread.interrupt_main()
        return datetime.now(UTC)

    return now


@pytest.fixture
def listening():
    """Ctrl-C interrupts, also where whoever runs the tests ignores it."""
    former = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, former)


@pytest.mark.usefixtures("listening")
def test_ctrl_c_ends_all_writers_and_what_was_done_so_far_is_returned_and_proven():
    lab = fl.Lab(clock=pressing_stop(40))
    storm = stormed(lab=lab, appends=500, retry=["backoff", "none"])
    assert storm.interrupted
    assert list(storm.df().interrupted) == [True]  # the second storm did not begin
    assert 0 < storm.df().accepted[0] == len(lab.log) < 1000
    assert storm.proven
    assert "interrupted" in repr(storm)


@pytest.mark.usefixtures("listening")
def test_ctrl_c_ends_a_long_wait_too():
    pressed: list[bool] = []

    class Sleeper(Policy):
        name = "sleeper"

        def pause(self, lost, chance):
            if not pressed:
                pressed.append(True)
                _thread.interrupt_main()
            return 60.0

    began = time.monotonic()
    storm = stormed(retry=Sleeper(), streams=1, appends=200)
    assert storm.interrupted
    assert storm.proven
    assert storm.df().given_up[0] == 0
    assert time.monotonic() - began < 30


def test_ctrl_c_before_anything_began_is_raised():
    def events(chance: Random, number: int) -> fl.Event:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stormed(events=events)


def test_an_exception_in_a_writer_ends_the_storm_and_is_raised():
    lab = fl.Lab()
    with pytest.raises(fl.ProjectionError, match="the block broke") as caught:
        stormed(CounterStream, events=storms.one_breaks, lab=lab, appends=500)
    assert caught.value.__notes__ == ["raised in writer 3 of 4 of the storm"]
    assert len(lab.log) < 1000


# --- arguments ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"stream_class": Policy}, "stream_class must be a subclass of fl.EventStream"),
        ({"writers": 0}, "writers must be from 1 to 256, got 0"),
        ({"writers": 257}, "writers must be from 1 to 256"),
        ({"writers": True}, "writers must be an int"),
        ({"writers": "8"}, "writers must be an int"),
        ({"writers": []}, "writers must be a number, or a list of different ones"),
        ({"writers": [2, 2]}, "writers must be a number, or a list of different ones"),
        ({"appends": 0}, "appends must be 1 or more"),
        ({"appends": 1.5}, "appends must be an int"),
        ({"streams": -1}, "streams must be 1 or more"),
        ({"seed": "1"}, "seed must be an int"),
        ({"retry": "later"}, "retry must be"),
        ({"processes": 1}, "processes must be True or False"),
        ({"progress": None}, "progress must be True or False"),
        ({"events": 3}, "events must be a function"),
        ({"events": None}, "events must be given: no projection of NoteStream"),
        ({"events": lambda chance, number: number}, "events must give an event, got 0 for the number 0"),
        ({"given": noted()}, "given must be a list of events"),
        ({"given": [3]}, "event must be an instance of"),
        ({"lab": "ledger.duckdb"}, "lab must be an fl.Lab"),
        ({"prefix": ""}, "prefix must not be empty"),
        ({"prefix": 3}, "prefix must be a str"),
    ],
)
def test_a_wrong_argument_is_refused_at_the_door(options, told):
    with pytest.raises((TypeError, ValueError), match=told):
        stormed(**{"stream_class": NoteStream, **options})


def test_a_stream_in_place_of_its_class_is_told():
    with pytest.raises(TypeError, match="got an instance; write NoteStream"):
        stormed(NoteStream.for_("n", lab=fl.Lab()))


def test_one_event_object_for_two_numbers_is_told():
    always = noted()
    with pytest.raises(ValueError, match="the same Debts::Noted object twice"):
        stormed(events=lambda chance, number: always)


def test_a_lab_that_cannot_be_written_to_now_is_told(lab, path):
    with lab.transaction(), pytest.raises(fl.TransactionError, match="begin the storm outside"):
        stormed(lab=lab)
    fl.Lab(path).close()
    with fl.Lab(path, read_only=True) as reading, pytest.raises(fl.ReadOnlyError):
        stormed(lab=reading)
    with pytest.raises(fl.ReadOnlyError):
        stormed(lab=reading)


# --- processes ----------------------------------------------------------------------------------------------------


def test_processes_race_on_one_file_and_the_proof_holds(path):
    with fl.Lab(path, shared=True) as lab:
        options = {"lab": lab, "processes": True, "writers": 2, "streams": 1}
        storm = stormed(DebtEventStream, events=payment, given=[issued(10_000)], retry="immediate", **options)
        assert storm.proven
        assert (storm.df().accepted[0], len(lab.log)) == (30, 31)
        assert len(lab.rejections) == storm.df().conflicts[0]
        assert set(storm.writers.accepted) == {15}
    assert "2 processes" in repr(storm)


def test_an_exception_in_a_process_is_raised_here_with_its_traceback():
    with pytest.raises(fl.FunesLabError, match=r"ProjectionError: .*the block broke") as caught:
        stormed(CounterStream, events=storms.one_breaks, processes=True, writers=1)
    assert "in ticked" in caught.value.__notes__[0]


def test_a_process_that_dies_is_told_with_its_exit_code():
    with pytest.raises(ChildProcessError, match=r"writer 0 of the storm \(process \d+\) ended with exit code 7"):
        stormed(CounterStream, events=storms.one_dies, processes=True, writers=1)


@pytest.mark.usefixtures("listening")
def test_ctrl_c_ends_processes_too_and_what_they_were_told_is_in_the_log(path):
    with fl.Lab(path, shared=True) as lab:

        def press() -> None:
            while NoteStream.for_("storm-1", lab=lab).version < 5:
                time.sleep(0.02)
            _thread.interrupt_main()

        pressing = threading.Thread(target=press)
        pressing.start()
        storm = stormed(lab=lab, processes=True, writers=2, appends=5000, streams=1)
        pressing.join()
        assert storm.interrupted
        assert storm.proven
        assert storm.df().accepted[0] == len(lab.log) < 5000


def test_what_no_module_has_is_refused_before_a_process_is_started(monkeypatch, path):
    class Local(NoteStream):
        pass

    with pytest.raises(TypeError, match=r"Local cannot be taken along, no module has it.*%%writefile domain.py"):
        stormed(Local, processes=True)
    with pytest.raises(TypeError, match="<lambda> cannot be taken along"):
        stormed(events=lambda chance, number: noted(), processes=True)


def test_a_class_of_a_notebook_is_refused_with_the_way_out():
    import subprocess
    import sys

    cell = (
        "import funes_lab as fl\nclass Said(fl.Event):\n    text: str\nclass Talk(fl.EventStream):\n    pass\n"
        "def say(chance, number):\n    return Said(text=str(number))\n"
        "fl.storm(Talk, events=say, processes=True)"
    )
    done = subprocess.run([sys.executable, "-c", cell], check=False, capture_output=True, text=True)
    assert "TypeError: processes=True: Talk cannot be taken along, this notebook or prompt defines it" in done.stderr


def test_processes_need_a_lab_that_is_shared(path):
    with fl.Lab(path) as lab, pytest.raises(ValueError, match=r"lab must be shared .*fl.Lab\(path, shared=True\)"):
        stormed(lab=lab, processes=True)
    with pytest.raises(ValueError, match="lab must be shared"):
        stormed(lab=fl.Lab(), processes=True)


# --- how it looks -------------------------------------------------------------------------------------------------


def test_the_picture_has_every_policy_every_figure_and_the_proof_in_text(tmp_path):
    storm = stormed(retry=["none", "backoff"], writers=[1, 2, 4], appends=5)
    picture = storm.static().svg
    texts = [
        "".join(one.itertext()) for one in ElementTree.fromstring(picture).iter("{http://www.w3.org/2000/svg}text")
    ]
    assert {"NoteStream", "1, 2, 4 threads, 5 appends each over 2 streams", "writers"} <= set(texts)
    assert texts.count("none") == texts.count("backoff") == 2  # where the lines end
    for row in storm.df().itertuples():
        assert f"{row.accepted:,}" in texts
        assert f"{row.fairness:.2f}" in texts
    assert texts.count("✓") == 7
    assert any(re.match("Versions contiguous, nothing lost, nothing twice: all [0-9]+ ack", text) for text in texts)
    for name in ("storm.svg", "storm.html"):
        storm.save(tmp_path / name)
        assert "NoteStream" in Path(tmp_path / name).read_text("utf-8")


def test_a_name_is_text_in_the_picture():
    class Sharp(Immediate):
        name = "<b> & \x1b"

    storm = stormed(retry=Sharp(), appends=2)
    assert "&lt;b&gt; &amp; \\x1b" in storm.static().svg
    assert "\x1b" not in repr(storm)
    assert "<b>" not in storm._repr_html_()


def test_a_terminal_gets_the_table_and_the_proof():
    lines = repr(stormed(appends=2, retry="none", writers=1)).splitlines()
    assert lines[0] == "Storm on NoteStream: 1 thread, 2 appends each over 2 streams"
    assert lines[1].split()[:4] == ["policy", "writers", "accepted", "lost"]
    assert lines[2].split()[:6] == ["none", "1", "2", "0", "0", "0"]
    assert lines[3] == "✓ Versions contiguous, nothing lost, nothing twice: all 2 acknowledged events are in the log."


def test_many_storms_are_told_by_the_first_and_how_many_more():
    storm = stormed(writers=1, appends=1)
    told, (row,), _ = storm._shown()
    told = {**told, "words": {f"policy {number}": "waits" for number in range(26)}}
    svg, label = picture(told, [{**row, "policy": f"policy {number}"} for number in range(26)], [])
    assert "… 2 more in storm.df()" in svg
    assert label.count("fairness") == 8
    assert "18 more in storm.df()." in label


def test_a_proof_that_fails_is_written_out_in_lines_that_fit():
    told, rows, _ = stormed(writers=1, appends=1)._shown()
    svg, label = picture(told, rows, ["nothing lost: " + "version 7 of a stream, " * 12, "nothing twice: of two"])
    assert "✗" in svg
    assert "(1 more rule broken, see storm.proof)" in label
    assert max(len(line) for line in re.findall("<text[^>]*font-size=.13[^>]*>([^<]*)<", svg)) < 130
