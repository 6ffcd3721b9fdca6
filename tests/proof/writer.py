"""A program that is killed: it works on a lab without end and acknowledges every step on a pipe.

It is forked once a kill from a process that has everything imported, so that a hundred kills take a minute.
"""

from __future__ import annotations

import json
import os
import random
import sys
from typing import Any

from pydantic import BaseModel, Field

import funes_lab as fl

ACCOUNTS, BULKS = [f"account-{n}" for n in range(4)], [f"bulk-{n}" for n in range(2)]


class Moved(fl.Event, name="Kills::Moved"):
    """Money that moves; which step it belongs to, and how many events the step has."""

    amount: int = Field(le=100)
    step: str
    of: int = 1


class Level(BaseModel):
    total: int = 0
    events: int = 0
    last_step: str = ""


class Levels(fl.Projection[Level]):
    table = "levels"

    @fl.interpretation_for(Moved)
    def moved(state, event):
        state.total += event.amount
        state.events += 1
        state.last_step = event.step


class Account(fl.EventStream):
    """A stream with a row in the table of read models."""

    transactional_projections = [Levels]


class Bulk(fl.EventStream):
    """A stream without one."""


def stream(idx: str, lab: fl.Lab) -> fl.EventStream:
    """The stream of an idx, by its kind."""
    return (Account if idx in ACCOUNTS else Bulk).for_(idx, lab=lab)


def single(lab: fl.Lab, chance: random.Random, step: str) -> None:
    stream(chance.choice(ACCOUNTS), lab).append_or_raise(Moved(amount=chance.randint(-9, 9), step=step))


def transfer(lab: fl.Lab, chance: random.Random, step: str) -> None:
    """Two streams and a table of one's own."""
    source, target = chance.sample(ACCOUNTS, 2)
    with lab.transaction() as tx:
        stream(source, lab).append_or_raise(Moved(amount=-5, step=step, of=2))
        tx.execute("INSERT INTO transfers VALUES (?)", [step])
        stream(target, lab).append_or_raise(Moved(amount=5, step=step, of=2))


def batch(lab: fl.Lab, chance: random.Random, step: str) -> None:
    """Now and then so many that a checkpoint follows."""
    size = chance.choice([2, 30, 30, 200, 1200])
    stream(chance.choice(BULKS), lab).append_all([Moved(amount=1, step=step, of=size) for _ in range(size)])


def rebuild(lab: fl.Lab, chance: random.Random, step: str) -> None:
    lab.rebuild(Levels, progress=False)


def refusal(lab: fl.Lab, chance: random.Random, step: str) -> None:
    event = stream(chance.choice(ACCOUNTS), lab).append(Moved(amount=101, step=step))
    assert not event.persisted


def checkpoint(lab: fl.Lab, chance: random.Random, step: str) -> None:
    lab.checkpoint()


STEPS = [single, single, single, transfer, transfer, transfer, batch, batch, rebuild, refusal, checkpoint]


def tell(**message: Any) -> None:
    """One line on the pipe, whole or not at all."""
    os.write(1, (json.dumps(message) + "\n").encode())


def work(path: str, seed: int, *, shared: bool) -> None:
    """Without end."""
    chance = random.Random(seed)
    lab = fl.Lab(path, shared=shared)
    with lab.transaction() as tx:
        tx.execute("CREATE TABLE IF NOT EXISTS transfers (step VARCHAR PRIMARY KEY)")
    number = 0
    while True:
        number += 1
        do, step = chance.choice(STEPS), f"{seed}-{number}"
        do(lab, chance, step)
        tell(done=step, what=do.__name__)


def main() -> None:
    """Fork a writer for each line `path seed shared`, and say when it is gone."""
    tell(ready=True)
    for line in sys.stdin:
        path, seed, shared = json.loads(line)
        pid = os.fork()
        if pid == 0:
            work(path, seed, shared=shared)
        tell(started=pid)
        os.waitpid(pid, 0)
        tell(gone=pid)


if __name__ == "__main__":
    main()
