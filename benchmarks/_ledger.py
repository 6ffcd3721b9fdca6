"""The log that the replays are measured on: debts that are issued and paid back, month by month.

Streams overlap as in a real log: each begins at a time of its own, and rows are stored in the order in which they
were learned of. Nothing is random: the same number of events is the same log.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

import duckdb
import pyarrow as pa
from pydantic import BaseModel, Field

import funes_lab as fl

#: Events of a stream: one Issued, the others PaymentReceived.
LENGTH = 100
#: Rows that are handed over at a time.
CHUNK = 500_000

# idx: the streams are spread over six digits, so that `debt-00*` names a hundredth of them however many there are.
# 7919 is a prime: neighbours in name are none in time. Payments come 30 days apart, give or take some minutes.
_ROWS = """
CREATE TABLE rows AS
SELECT
    CASE v WHEN 1 THEN 'Debt::Issued' ELSE 'Debt::PaymentReceived' END AS klass,
    printf('debt-%06d', s * 1000000 // $streams) AS idx,
    CASE v
        WHEN 1 THEN printf('{"amount":"%d.00","interest_rate":"0.05","at":"%s"}', 10000 + s % 5000, moment)
        ELSE printf('{"principal_amount":"%d.%02d","interest_amount":"%d.%02d","at":"%s"}',
                    i * 37 % 90, i * 7 % 100, i * 13 % 5, i * 3 % 100, moment)
    END AS props,
    v AS version,
    occurred_at + to_seconds(i * 31 % 60) AS created_at,
    occurred_at
FROM (
    SELECT *, strftime(occurred_at, '%Y-%m-%dT%H:%M:%SZ') AS moment
    FROM (
        SELECT
            i, i // $length AS s, i % $length + 1 AS v,
            TIMESTAMP '2000-01-01' + to_seconds(s * 7919 % $streams * 315360000 // $streams + (v - 1) * 2592000
                                                + i * 101 % 3600) AS occurred_at
        FROM range($streams * $length) numbers(i)
    )
)
ORDER BY created_at, idx, version
"""


class Issued(fl.Event, name="Debt::Issued"):
    """A debt begins."""

    amount: Decimal = Field(gt=0)
    interest_rate: Decimal = Field(ge=0)
    at: datetime


class PaymentReceived(fl.Event, name="Debt::PaymentReceived"):
    """A part of it was paid."""

    principal_amount: Decimal
    interest_amount: Decimal
    at: datetime


class OutstandingBalance(BaseModel):
    """What is left of a debt."""

    outstanding_balance: Decimal = Field(default=Decimal(0), ge=0)
    last_payment_at: datetime | None = None


class VirtualOutstandingBalance(fl.Projection[OutstandingBalance]):
    """The projection that is measured."""

    @fl.interpretation_for(Issued)
    def issued(state: OutstandingBalance, event: Issued, at: datetime) -> OutstandingBalance:  # noqa: ARG004
        state.outstanding_balance = event.amount
        return state

    @fl.interpretation_for(PaymentReceived)
    def paid(state: OutstandingBalance, event: PaymentReceived, at: datetime) -> OutstandingBalance:
        state.outstanding_balance -= event.principal_amount
        state.last_payment_at = at
        return state


class DebtEventStream(fl.EventStream):
    """A debt."""


def ledger(events: int, path: str = ":memory:") -> fl.Lab:
    """Open a lab at `path` and fill it with so many events."""
    lab = fl.Lab(path)
    with duckdb.connect() as source:
        source.execute(_ROWS, {"streams": events // LENGTH, "length": LENGTH})
        for first in range(0, events, CHUNK):
            lab.load(_chunk(source, first))
    lab.checkpoint()
    return lab


def _chunk(source: duckdb.DuckDBPyConnection, first: int) -> pa.Table:
    return source.sql(f"SELECT * FROM rows WHERE rowid >= {first} AND rowid < {first + CHUNK}").to_arrow_table()
