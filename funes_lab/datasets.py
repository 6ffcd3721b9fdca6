"""The event logs that come with the package: `list` names them, `load` opens one as a lab.

A data set is a parquet file with the columns of the log. Rows with an `attempt` are no facts: they were tried
and must be refused, and the column names the gate that refuses them.
"""

from __future__ import annotations

import builtins
import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pydantic import BaseModel, Field

from funes_lab import registry
from funes_lab.event import Event
from funes_lab.lab import Lab
from funes_lab.projection import Projection, interpretation_for
from funes_lab.stream import EventStream

_LOG = pa.schema(
    [
        ("klass", pa.string()),
        ("idx", pa.string()),
        ("props", pa.string()),
        ("meta_info", pa.string()),
        ("version", pa.int32()),
        ("created_at", pa.timestamp("us", "UTC")),
        ("occurred_at", pa.timestamp("us", "UTC")),
    ]
)
_ABOUT = b"funes_lab"


def list() -> pd.DataFrame:
    """List the bundled data sets.

    Returns
    -------
    pandas.DataFrame
        A row a data set, in order of the alphabet: `name` (for `load`), `events` and `streams` in the log,
        `refused` (attempts that `load` makes and that are refused), `about`, `source`.

    Examples
    --------
    >>> list()[["name", "streams", "refused"]]
            name  streams  refused
    0      debts      500      123
    1  timezones      598        0
    """
    rows = []
    for name, file in _files().items():
        with file.open("rb") as content:
            metadata = pq.read_schema(content).metadata
        rows.append({"name": name, **json.loads(metadata[_ABOUT])})
    return pd.DataFrame(rows, columns=["name", "events", "streams", "refused", "about", "source"])


def load(name: str, path: str | Path = ":memory:") -> Lab:
    """Open a lab that holds a data set, and make it the current one.

    The attempts of a data set are really made: `lab.rejections` holds them. The classes that judge them are
    gone afterwards, so that a notebook can define its own with the same names. A file that holds the data set
    already is opened as it is.

    Parameters
    ----------
    name : str
        One of the names in `list()`: ``"debts"`` or ``"timezones"``.
    path : str or pathlib.Path
        Where the lab keeps its log; by default in memory.

    Returns
    -------
    Lab

    Raises
    ------
    ValueError
        There is no data set of that name, or the file has other events in its streams.

    Examples
    --------
    >>> lab = load("debts")
    >>> set(lab.rejections.df()["stage"]) == {"own", "interpretation", "state"}
    True
    >>> lab.close()
    """
    known = _files()
    if name not in known:
        raise ValueError(f"name must be one of {', '.join(map(repr, known))}; got {name!r}")
    with known[name].open("rb") as content:
        rows = pq.read_table(content)
    lab = Lab(path)
    try:
        if not _holds(lab, rows):
            _fill(lab, rows)
    except BaseException:
        lab.close()
        raise
    return lab


def write(path: Path, rows: Iterable[Mapping[str, Any]], *, about: str, source: str) -> None:
    """Write a data set; the generators in ``datasets/`` use it.

    The same rows give the same bytes, as long as the version of pyarrow is the same.

    Parameters
    ----------
    path : pathlib.Path
        The parquet file.
    rows : iterable of mapping
        The columns of the log, and `attempt` where some rows are no facts: the stage by which such a row must
        be refused, None for a fact. An attempt has no version.
    about, source : str
        A line each for `list()`: what it is, and where it comes from.
    """
    found = [*rows]
    attempts = sum(row.get("attempt") is not None for row in found)
    schema = _LOG.append(pa.field("attempt", pa.string())) if attempts else _LOG
    streams = len({row["idx"] for row in found if row.get("attempt") is None})
    summary = {
        "events": len(found) - attempts,
        "streams": streams,
        "refused": attempts,
        "about": about,
        "source": source,
    }
    table = pa.Table.from_pylist(found, schema.with_metadata({_ABOUT: json.dumps(summary)}))
    times = ["created_at", "occurred_at"]
    pq.write_table(
        table,
        path,
        compression="zstd",
        compression_level=19,
        use_dictionary=[column for column in schema.names if column not in times],
        column_encoding=dict.fromkeys(times, "DELTA_BINARY_PACKED"),
    )


def _files() -> dict[str, Traversable]:
    """Find the data sets of the checkout that the package lies in, else those installed with it."""
    checkout = Path(__file__).parents[1] / "datasets"
    folders = (checkout, files("funes_lab").joinpath("_data", "datasets"))
    for folder in folders:
        found = {
            entry.name.removesuffix(".parquet"): entry
            for entry in (folder.iterdir() if folder.is_dir() else ())
            if entry.name.endswith(".parquet")
        }
        if found:
            return dict(sorted(found.items()))
    return {}


def _holds(lab: Lab, rows: pa.Table) -> bool:
    """Tell whether the lab holds the data set; other events in the same streams are an error."""
    held = lab.sql("SELECT idx, count(*) AS events FROM event_entries GROUP BY idx")
    lengths = dict(zip(held["idx"], held["events"], strict=True))
    streams = rows.group_by("idx").aggregate([("version", "max")]).to_pylist()
    missing = [stream["idx"] for stream in streams if lengths.get(stream["idx"], 0) < stream["version_max"]]
    taken = [idx for idx in missing if idx in lengths]
    if taken or 0 < len(missing) < len(streams):
        raise ValueError(
            f"path {lab.path!r} has events in streams of this data set, and not those of it, "
            f"for instance in {(taken or missing)[0]!r}; give the path of a new file"
        )
    return not missing


def _fill(lab: Lab, rows: pa.Table) -> None:
    attempts: builtins.list[dict[str, Any]] = []
    if "attempt" in rows.column_names:
        attempts = rows.filter(pc.field("attempt").is_valid()).to_pylist()
        rows = rows.filter(pc.field("attempt").is_null())
    lab.load(rows.select(_LOG.names))
    # The layer is dropped with the classes in it: their names stay free for those of the notebook.
    with registry.layer():
        stream, events = _ledger()
        for attempt in attempts:
            event = events[attempt["klass"]](**json.loads(attempt["props"]))
            stream.for_(attempt["idx"], lab).append(event)


def _ledger() -> tuple[type[EventStream], dict[str, type[Event]]]:
    """Define the classes that judge the attempts of "debts", as its generator does."""

    class Issued(Event, name="Debt::Issued"):
        amount: Decimal = Field(gt=0)
        interest_rate: Decimal = Field(ge=0)
        at: datetime

    class PaymentReceived(Event, name="Debt::PaymentReceived"):
        principal_amount: Decimal
        interest_amount: Decimal
        at: datetime

    class OutstandingBalance(BaseModel):
        outstanding_balance: Decimal = Field(default=Decimal(0), ge=0)
        last_payment_at: datetime | None = None

    class VirtualOutstandingBalance(Projection[OutstandingBalance]):
        @interpretation_for(Issued)
        def issued(state: OutstandingBalance, event: Issued) -> None:
            if state.outstanding_balance or state.last_payment_at:
                event.errors.add("base", "Debt was issued already")
            state.outstanding_balance = event.amount

        @interpretation_for(PaymentReceived)
        def paid(state: OutstandingBalance, event: PaymentReceived, at: datetime) -> None:
            if event.principal_amount + event.interest_amount == 0:
                event.errors.add("base", "Payment must not be zero")
            state.outstanding_balance -= event.principal_amount
            state.last_payment_at = at

    class DebtEventStream(EventStream):
        consistency_projection = VirtualOutstandingBalance
        actual_time_attribute = "at"

    return DebtEventStream, {event.event_name: event for event in (Issued, PaymentReceived)}
