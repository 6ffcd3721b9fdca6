"""A program that takes turns in a shared file: it races on a few streams, and acknowledges every append on a pipe."""

from __future__ import annotations

import json
import os
import random
import sys
from typing import Any

import funes_lab as fl

STREAMS = 3


class Taken(fl.Event, name="Turns::Taken"):
    """Who wrote it, which of theirs it is, and how many are there with it or not at all."""

    by: int
    number: int
    step: int
    of: int = 1


def tell(**message: Any) -> None:
    """One line on the pipe, whole or not at all."""
    os.write(1, (json.dumps(message) + "\n").encode())


def take_turns(path: str, by: int, count: int) -> None:
    """Append so many events, in every way there is; each is told when it is there for good."""
    chance, lab = random.Random(by), fl.Lab(path, shared=True, lock_timeout=60)
    tell(ready=True)
    sys.stdin.readline()
    number = conflicts = 0
    while number < count:
        stream = fl.EventStream.for_(f"s{chance.randrange(STREAMS)}", lab=lab)
        way = chance.choice(["latest", "latest", "reading", "reading", "transaction", "batch"])
        size = min(2, count - number) if way in ("transaction", "batch") else 1
        if way == "transaction":
            events = [Taken(by=by, number=number + n, step=number, of=size) for n in range(size)]
        else:
            events = [Taken(by=by, number=number + n, step=number + n) for n in range(size)]
        if way == "reading":
            conflicts += _until_it_wins(stream, events[0])
        elif way == "transaction":
            with lab.transaction():
                for n, event in enumerate(events):
                    fl.EventStream.for_(f"s{(by + n) % STREAMS}", lab=lab).append_or_raise(event)
        else:
            with lab.batch():
                for event in events:
                    stream.append_or_raise(event)
        tell(done=[[event.number, event.version] for event in events])
        number += size
    lab.close()
    tell(conflicts=conflicts)


def _until_it_wins(stream: fl.EventStream, event: Taken) -> int:
    """As a careful writer would; gives how often another one was faster."""
    lost = 0
    while not stream.read().append(event).persisted:
        assert event.rejection is not None
        assert event.rejection.stage == "conflict"
        assert event.rejection.winner is not None
        assert event.rejection.winner.version == event.rejection.version_tried
        lost += 1
    return lost


if __name__ == "__main__":
    take_turns(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
