"""What an audit costs: beside a replay with steps of the same rule over the same log, in one run, in turn.

A replay with steps also gives a state after every event; an audit looks at each of them, and keeps what a rule would
have refused. How much that costs depends on how much is refused, so it is measured with nothing, with about one in a
hundred, and with about one in eleven events refused, spread over all streams; by the state, and by a block.

`FUNES_LAB_BENCH_EVENTS=20000` measures a small log, to see whether it runs; its figures say little.
"""

from __future__ import annotations

import os
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Any, NamedTuple

from pydantic import BaseModel, Field

import funes_lab as fl
from benchmarks._ledger import LENGTH, Issued, PaymentReceived, VirtualOutstandingBalance, ledger
from benchmarks._turns import Timed, in_turn

EVENTS = 1_000_000
ROUNDS = 5
#: Of the speed of a replay with steps, at least.
WANTED = 0.5

Rule = type[fl.Projection[Any]]


class Measured(NamedTuple):
    """One rule: what share of the events it refused, and how long audit and replay took."""

    name: str
    refused: float
    audit: Timed
    replay: Timed

    @property
    def ratio(self) -> float:
        """How many times as fast as the replay, by the medians of the clock."""
        return self.replay.median / self.audit.median

    @property
    def cpu(self) -> float:
        """The same by the time of the processor."""
        return self.replay.cpu / self.audit.cpu


def main() -> None:
    """Measure and print the ratios."""
    events = int(os.environ.get("FUNES_LAB_BENCH_EVENTS", EVENTS))
    with ledger(events) as lab:
        load = os.getloadavg()[0]
        found = [_measured(lab, name, rule) for name, rule in _rules().items()]
    print(f"{events:,} events in {events // LENGTH:,} streams; median of {ROUNDS} rounds, in turn;")
    print(f"{os.cpu_count()} cores, load {load:.1f} before and {os.getloadavg()[0]:.1f} after\n")
    title = "lab.audit(P) / lab.replay(P, steps=True)"
    print(f"{title:42}{'refused':>9}{'events/s':>11}{'ratio':>8}{'by CPU time':>13}")
    for one in found:
        rate = events / one.audit.median
        print(f"  {one.name:40}{one.refused:>9.1%}{rate:>11,.0f}{one.ratio:>8.2f}{one.cpu:>13.2f}")
    missed = [one.name for one in found if one.ratio < WANTED]
    told = f"; missed: {', '.join(missed)}" if missed else ""
    print(f"\nwanted: ≥ {WANTED:g}; reached: {len(found) - len(missed)} of {len(found)}{told}")


def _measured(lab: fl.Lab, name: str, rule: Rule) -> Measured:
    audit = partial(lab.audit, rule, progress=False)
    # a replay logs what a block says, since nobody listens; that is no part of it
    replayed = VirtualOutstandingBalance if name.endswith("block") else rule
    replay = partial(lab.replay, replayed, steps=True, progress=False)
    refused = len(audit()) / len(replay())
    times = in_turn({"audit": audit, "replay": replay}, ROUNDS)
    return Measured(name, refused, times["audit"], times["replay"])


def _rules() -> dict[str, Rule]:
    """Payments are spread evenly from 0 to 90."""
    return {
        "nothing is refused": _by_state(Decimal(90)),
        "one in a hundred, by the state": _by_state(Decimal(89)),
        "one in eleven, by the state": _by_state(Decimal(82)),
        "one in eleven, by a block": _by_block(Decimal(82)),
    }


def _by_state(most: Decimal) -> Rule:
    class Careful(BaseModel):
        outstanding_balance: Decimal = Field(default=Decimal(0), ge=0)
        last_payment_at: datetime | None = None
        last_payment: Decimal = Field(default=Decimal(0), le=most)

    class CarefulBalance(fl.Projection[Careful]):
        @fl.interpretation_for(Issued)
        def issued(state: Careful, event: Issued) -> None:
            state.outstanding_balance = event.amount

        @fl.interpretation_for(PaymentReceived)
        def paid(state: Careful, event: PaymentReceived, at: datetime) -> None:
            state.outstanding_balance -= event.principal_amount
            state.last_payment_at = at
            state.last_payment = event.principal_amount

    return CarefulBalance


def _by_block(most: Decimal) -> Rule:
    class WatchfulBalance(VirtualOutstandingBalance):
        @fl.interpretation_for(PaymentReceived)
        def paid(state: Any, event: PaymentReceived, at: datetime) -> None:
            state.outstanding_balance -= event.principal_amount
            state.last_payment_at = at
            if event.principal_amount > most:
                event.errors.add("principal_amount", "must not be so much at once")

    return WatchfulBalance
