"""Several processes take turns in one file: nothing is lost or there twice, whoever is killed, at any moment."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import funes_lab as fl
from tests.other_process import ROOT
from tests.proof.profile import HISTORIES

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="processes cannot take turns on Windows")

#: Appends of each process, and processes killed; the figures of the record under `FUNES_LAB_PROOF=20000`.
PROCESSES, EACH = 4, 200 if HISTORIES > 1000 else 25
KILLS = 30 if HISTORIES > 1000 else 6


class Taker:
    """One of the processes, and what it acknowledged."""

    def __init__(self, path: Path, by: int, count: int) -> None:
        self.by, self.conflicts = by, 0
        self.acknowledged: list[tuple[int, int]] = []
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.proof.taker", str(path), str(by), str(count)],
            cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert self._process.stdout is not None
        assert json.loads(self._process.stdout.readline()) == {"ready": True}

    def go(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()

    def kill(self) -> None:
        self._process.send_signal(signal.SIGKILL)

    def end(self) -> bool:
        """Hear it to its end; whether it came to the end of its work."""
        told, complaints = self._process.communicate(timeout=120)
        for line in told.splitlines():
            message = json.loads(line)
            self.acknowledged += [tuple(pair) for pair in message.get("done", ())]
            self.conflicts += message.get("conflicts", 0)
        assert self._process.returncode in (0, -signal.SIGKILL), complaints
        return self._process.returncode == 0


@contextmanager
def takers(path: Path, numbers: range, count: int) -> Iterator[list[Taker]]:
    """Processes that are all up before the first one begins."""
    running: list[Taker] = []
    try:
        running.extend(Taker(path, number, count) for number in numbers)
        for taker in running:
            taker.go()
        yield running
    finally:
        for taker in running:
            taker.kill()


def check_log(path: Path) -> Counter[tuple[int, int]]:
    """Contiguous, every transaction whole; gives who wrote what how often."""
    with fl.Lab(path) as lab:
        log = lab.log.df()
    for idx, versions in log.groupby("idx", observed=True).version:
        assert sorted(versions) == list(range(1, len(versions) + 1)), idx
    for (by, step), of in log.groupby(["by", "step"]).of:
        assert set(of) == {len(of)}, f"half of step {step} of {by}"
    return Counter(zip(log.by, log.number, strict=True))


def test_four_processes_that_race_lose_nothing_and_write_nothing_twice(path):
    began = time.perf_counter()
    with takers(path, range(PROCESSES), EACH) as running:
        assert [taker.end() for taker in running] == [True] * PROCESSES
    there = check_log(path)
    assert there == {(by, number): 1 for by in range(PROCESSES) for number in range(EACH)}
    assert all(len(taker.acknowledged) == EACH for taker in running)
    print(sum(taker.conflicts for taker in running), "conflicts,", round(time.perf_counter() - began, 1), "s")
    assert list(path.parent.iterdir()) == [path]


def test_kill_9_of_one_of_them_loses_nothing_and_lets_the_others_go_on(path):
    """One is killed after the other, at any moment of its work, while the next ones work on."""
    chance, found = random.Random(os.environ.get("FUNES_LAB_KILLS", "a few")), Counter[str]()
    acknowledged: set[tuple[int, int]] = set()
    for turn in range(KILLS // 2):
        with takers(path, range(3 * turn, 3 * turn + 3), 25) as (one, another, survivor):
            for doomed in (one, another):
                time.sleep(chance.uniform(0.0, 0.25))
                doomed.kill()
            assert survivor.end()
            for taker in (one, another):
                found["done before the kill"] += taker.end()
            for taker in (one, another, survivor):
                acknowledged |= {(taker.by, number) for number, _ in taker.acknowledged}
        there = check_log(path)
        assert set(there.values()) == {1}
        assert acknowledged <= there.keys()
        found["committed, not acknowledged"] = len(there.keys() - acknowledged)
        found["kills"] += 2
    found["acknowledged"] = len(acknowledged)
    print(dict(found))
    assert found["done before the kill"] < found["kills"]
