"""kill -9 at any moment: the file opens, what was acknowledged is there, and nothing is there by half."""

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
from pathlib import Path
from typing import Any

import pytest

import funes_lab as fl
from tests.proof import writer

ROOT = Path(__file__).parents[2]

#: So many kills; `FUNES_LAB_KILLS=100` for the record.
KILLS = int(os.environ.get("FUNES_LAB_KILLS", "12"))

#: Of one file before a new one is begun.
ROUNDS = 6


class Writers:
    """The process that forks the writers, and what came through its pipe."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.proof.writer"],
            cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert self.hear() == {"ready": True}

    def hear(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        return json.loads(self.process.stdout.readline())

    def kill_one(self, path: Path, seed: int, after: float, *, shared: bool) -> list[tuple[str, str]]:
        """Let one work on the file for so many seconds; gives the steps that it acknowledged."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps([str(path), seed, shared]) + "\n")
        self.process.stdin.flush()
        done: list[tuple[str, str]] = []
        while "started" not in (message := self.hear()):
            done.append((message["done"], message["what"]))
        time.sleep(after)
        os.kill(message["started"], signal.SIGKILL)
        while "gone" not in (message := self.hear()):
            done.append((message["done"], message["what"]))
        return done

    def close(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait(10)
        assert self.process.stdout is not None
        self.process.stdout.close()


@pytest.fixture
def writers() -> Iterator[Writers]:
    writers = Writers()
    yield writers
    writers.close()


@pytest.mark.parametrize("shared", [False, True], ids=["a file of its own", "a shared file"])
def test_kill_9_loses_nothing_that_was_acknowledged_and_leaves_nothing_by_half(writers, tmp_path, shared):
    chance, found = random.Random(os.environ.get("FUNES_LAB_KILLS", "a few")), Counter()
    acknowledged: dict[str, str] = {}
    for number in range(KILLS):
        path = tmp_path / f"{number // ROUNDS}.duckdb"
        if number % ROUNDS == 0:
            acknowledged.clear()
        done = writers.kill_one(path, seed=number, after=chance.uniform(0.0, 0.5), shared=shared)
        acknowledged.update(done)
        with fl.Lab(path, shared=shared) as lab:
            steps = what_is_there(lab)
            check_acknowledged(lab, acknowledged, steps)
            found["committed, not acknowledged"] += len(steps - acknowledged.keys())
            # and there for good
            acknowledged.update(dict.fromkeys(steps - acknowledged.keys(), "found"))
        found["kills"] += 1
        found["acknowledged"] += len(done)
        found["before the first step"] += not done
    print(dict(found))
    assert found["acknowledged"] > KILLS


def what_is_there(lab: fl.Lab) -> set[str]:
    """The steps in the log, every one of them whole; read models and own tables agree with it."""
    log = lab.log.df()
    if log.empty:
        return set()
    for idx, version in log.groupby("idx", observed=True).version:
        assert sorted(version) == list(range(1, len(version) + 1)), idx
    for step, of in log.groupby("step").of:
        assert set(of) == {len(of)}, f"{len(of)} of {set(of)} events of step {step}"
    check_read_models(lab)
    transfers = set(log.step[(log.of == 2) & log.idx.isin(writer.ACCOUNTS)])
    assert set(lab.table("transfers").step) == transfers
    return set(log.step)


def check_read_models(lab: fl.Lab) -> None:
    """The rows are the fold of the log, whatever was going on."""
    levels = {}
    for idx in writer.ACCOUNTS:
        events = writer.stream(idx, lab).events
        if events:
            levels[idx] = (sum(e.amount for e in events), len(events), events[-1].step)
    there = set(lab.sql("SELECT table_name FROM duckdb_tables()").table_name)
    rows = lab.table("levels").to_dict("records") if "levels" in there else []
    levels.update({row["idx"]: bulk_level(row["idx"], lab) for row in rows if row["idx"] in writer.BULKS})
    assert {row["idx"]: (row["total"], row["events"], row["last_step"]) for row in rows} == levels


def bulk_level(idx: str, lab: fl.Lab) -> tuple[int, int, str]:
    """A rebuild gives the streams that keep no row of their own one too, as they were then."""
    row = lab.table("levels").set_index("idx").loc[idx]
    events = sorted(writer.stream(idx, lab).events, key=lambda event: event.version)[: row.events]
    return sum(e.amount for e in events), len(events), events[-1].step


def check_acknowledged(lab: fl.Lab, acknowledged: dict[str, str], steps: set[str]) -> None:
    wrote = {step for step, what in acknowledged.items() if what in ("single", "transfer", "batch", "found")}
    assert wrote <= steps, f"lost: {sorted(wrote - steps)}"
    refused = {step for step, what in acknowledged.items() if what == "refusal"}
    assert refused <= {rejection.payload["step"] for rejection in lab.rejections}
    assert not refused & steps
