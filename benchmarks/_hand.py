"""The limit: the replay as one would write it by hand, for this log, this projection and nothing else.

One ordered scan in Arrow, pydantic's `validate_json` bound once a type, a plain object as the state, a chain of ifs in
place of blocks, one validation of the state a stream, and the same columns at the end. It checks nothing, cannot be
asked for another projection and would not say which event broke it. The collector of cycles is off, as for everything
that is measured beside it.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from duckdb import DuckDBPyConnection
from pydantic import BaseModel, Field

from benchmarks._ledger import OutstandingBalance

_SCAN = """
SELECT idx, version, klass AS event, occurred_at, created_at, props
FROM event_entries ORDER BY idx, occurred_at, version
"""
_TIME = pa.timestamp("us", tz="UTC")
#: Rows that are Python objects at a time.
_WINDOW = 65_536


class _Issued(BaseModel):
    amount: Decimal = Field(gt=0)
    interest_rate: Decimal = Field(ge=0)
    at: datetime


class _PaymentReceived(BaseModel):
    principal_amount: Decimal
    interest_amount: Decimal
    at: datetime


class _State:
    def __init__(self) -> None:
        self.outstanding_balance = Decimal(0)
        self.last_payment_at: datetime | None = None


#: What the scan gives of an event: whether it is an Issued, its payload, when it occurred.
_Row = tuple[bool, str, datetime]

_issued = _Issued.__pydantic_validator__.validate_json
_received = _PaymentReceived.__pydantic_validator__.validate_json
_valid = OutstandingBalance.__pydantic_validator__.validate_python


def replay(cursor: DuckDBPyConnection) -> pd.DataFrame:
    """Give what `lab.replay(P)` gives: a row a stream."""
    table, bounds = _scan(cursor)
    rows = _rows(table)
    balances: list[Decimal] = []
    times: list[datetime | None] = []
    for first, last in itertools.pairwise(bounds):
        state = _State()
        for is_issued, props, occurred_at in itertools.islice(rows, last - first):
            if is_issued:
                state.outstanding_balance = _issued(props).amount
            else:
                state.outstanding_balance -= _received(props).principal_amount
                state.last_payment_at = occurred_at
        valid = _valid(state.__dict__)
        balances.append(valid.outstanding_balance)
        times.append(valid.last_payment_at)
    return _frame(table.take(np.array(bounds[1:]) - 1), balances, times)


def steps(cursor: DuckDBPyConnection) -> pd.DataFrame:
    """Give what `lab.replay(P, steps=True)` gives: a row an event."""
    table, bounds = _scan(cursor)
    rows = _rows(table)
    balances: list[Decimal] = []
    times: list[datetime | None] = []
    for first, last in itertools.pairwise(bounds):
        state = _State()
        for is_issued, props, occurred_at in itertools.islice(rows, last - first):
            if is_issued:
                state.outstanding_balance = _issued(props).amount
            else:
                state.outstanding_balance -= _received(props).principal_amount
                state.last_payment_at = occurred_at
            balances.append(state.outstanding_balance)
            times.append(state.last_payment_at)
        _valid(state.__dict__)
    return _frame(table, balances, times)


def _scan(cursor: DuckDBPyConnection) -> tuple[pa.Table, list[int]]:
    """All rows, and where each stream begins and the last one ends."""
    table = cursor.sql(_SCAN).to_arrow_table()
    streams = table["idx"].combine_chunks().dictionary_encode().indices.to_numpy()
    return table, [0, *(np.flatnonzero(np.diff(streams)) + 1).tolist(), len(streams)]


def _rows(table: pa.Table) -> Iterator[_Row]:
    for first in range(0, table.num_rows, _WINDOW):
        part = table.slice(first, _WINDOW)
        is_issued = pc.equal(part["event"], "Debt::Issued").to_pylist()
        yield from zip(is_issued, part["props"].to_pylist(), _datetimes(part["occurred_at"]), strict=True)


def _datetimes(column: pa.ChunkedArray) -> list[datetime]:
    moments = pd.DatetimeIndex(column.cast(pa.timestamp("us")).to_numpy())
    listed: list[datetime] = moments.tz_localize("UTC").to_pydatetime().tolist()
    return listed


def _frame(table: pa.Table, balances: list[Decimal], times: list[datetime | None]) -> pd.DataFrame:
    keys = table.drop_columns("props")
    for name in ("occurred_at", "created_at"):
        keys = keys.set_column(keys.column_names.index(name), name, keys[name].cast(_TIME))
    frame: pd.DataFrame = keys.to_pandas(categories=["idx", "event"])
    frame["outstanding_balance"] = pd.Series(balances, dtype=object)
    frame["last_payment_at"] = pd.Series(times, dtype="datetime64[us, UTC]")
    return frame
