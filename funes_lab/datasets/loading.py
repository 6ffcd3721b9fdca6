"""A data set becomes a lab: its facts as they are, and its attempts made once more."""

from __future__ import annotations

import builtins
import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from funes_lab import registry
from funes_lab.codec import decode_context
from funes_lab.datasets.files import LOG, checked, rows_of, run, script
from funes_lab.datasets.recording import Hands, event_of
from funes_lab.errors import DefinitionError
from funes_lab.lab import Lab
from funes_lab.seen import Seen
from funes_lab.store import Head
from funes_lab.stream import EventStream, Reading


def load(name: str, path: str | Path = ":memory:", *, clock: Callable[[], datetime] | None = None) -> Lab:
    """Open a lab that holds a data set, and make it the current one.

    The attempts of a data set are really made, each at its time and by a writer who saw what was there then:
    `lab.rejections` holds them. The classes that judge them are gone afterwards, so that a notebook can define its
    own with the same names; `classes` gives them. A file that holds the data set already is opened as it is.

    Parameters
    ----------
    name : str
        One of the names in `list()`: ``"debts"``, for instance.
    path : str or pathlib.Path
        Where the lab keeps its log; by default in memory.
    clock : callable, optional
        As for `fl.Lab`: the time of what is appended later.

    Returns
    -------
    Lab
        With the `metainformation_model` of the data set, if it has one.

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
    if clock is not None and not callable(clock):
        raise TypeError(f"clock must be a function that gives a datetime, got {clock!r}")
    rows = rows_of(checked(name))
    if "attempt" not in rows.column_names:
        return _opened(rows, Lab(path, clock=clock), None, Hands())
    hands = Hands(clock)
    with script(name) as generator:
        context = getattr(generator, "CONTEXT", None)
        return _opened(rows, Lab(path, clock=hands, metainformation_model=context), generator, hands)


def classes(name: str) -> SimpleNamespace:
    """Give the classes of a data set: its events, what they are judged by, and its stream.

    From then on their names belong to them, as if their script had been imported: a notebook that is to define
    classes of these names itself does without.

    Parameters
    ----------
    name : str
        One of the names in `list()`.

    Returns
    -------
    types.SimpleNamespace
        The classes by their names in Python; today's, where there were others before.

    Raises
    ------
    ValueError
        There is no data set of that name.
    DefinitionError
        A class of yours has one of the names. Nothing has changed then.

    Examples
    --------
    >>> from funes_lab import testing
    >>> lab = load("debts")
    >>> with testing.registry():
    ...     debts = classes("debts")
    ...     debts.DebtEventStream.for_("debts-001").projected_with(debts.VirtualOutstandingBalance).outstanding_balance
    Decimal('0.00')
    >>> lab.close()
    """
    for event in pc.unique(rows_of(checked(name))["klass"]).to_pylist():
        holder = registry.find(event)
        if holder is not None and not holder.__module__.startswith("funes_lab."):
            raise DefinitionError(
                f"the event name {event!r} of {name!r} is taken by {registry.called(holder)}; take the class there, or "
                "ask for those of the data set inside `with fl.testing.registry():`"
            )
    module = run(name, f"funes_lab.datasets.{name}")
    return SimpleNamespace(**{exported: getattr(module, exported) for exported in module.__all__})


def _opened(rows: pa.Table, lab: Lab, generator: ModuleType | None, hands: Hands) -> Lab:
    """Fill a lab, unless it is full already; one that cannot be is closed."""
    try:
        facts = rows if generator is None else rows.filter(pc.field("attempt").is_null())
        if not _holds(lab, facts):
            lab.load(facts.select(LOG.names))
            if generator is not None:
                _try_again(lab, rows, generator.STREAM, hands)
    except BaseException:
        lab.close()
        raise
    return lab


def _holds(lab: Lab, facts: pa.Table) -> bool:
    """Tell whether the lab holds the data set; other events in the same streams are an error."""
    held = lab.sql("SELECT idx, count(*) AS events FROM event_entries GROUP BY idx")
    lengths = dict(zip(held["idx"], held["events"], strict=True))
    streams = facts.group_by("idx").aggregate([("version", "max")]).to_pylist()
    missing = [stream["idx"] for stream in streams if lengths.get(stream["idx"], 0) < stream["version_max"]]
    taken = [idx for idx in missing if idx in lengths]
    if taken or 0 < len(missing) < len(streams):
        raise ValueError(
            f"path {lab.path!r} has events in streams of this data set, and not those of it, "
            f"for instance in {(taken or missing)[0]!r}; give the path of a new file"
        )
    return not missing


def _try_again(lab: Lab, rows: pa.Table, stream: type[EventStream], hands: Hands) -> None:
    """Make the attempts of a data set, each as the writer made it who had seen the version before."""
    times: dict[str, builtins.list[datetime]] = {}
    wanted = {row["idx"] for row in rows.filter(pc.field("attempt").is_valid()).to_pylist()}
    attempts: builtins.list[dict[str, Any]] = []
    for row in rows.filter(pc.field("idx").isin([*wanted])).to_pylist():
        if row["attempt"] is None:
            times.setdefault(row["idx"], []).append(row["occurred_at"])
        else:
            attempts.append(row)
    for row in attempts:
        idx, read = row["idx"], row["version"] - 1
        seen = Seen.at(idx, Head(read, max(times.get(idx, [])[:read], default=None)))
        hands.now = row["created_at"]
        reading, event = Reading(stream.for_(idx, lab), seen), event_of(row["klass"], json.loads(row["props"]))
        context = decode_context(row["meta_info"])
        if context:
            with lab.metainformation(**context):
                reading.append(event)
        else:
            reading.append(event)
    hands.now = None
