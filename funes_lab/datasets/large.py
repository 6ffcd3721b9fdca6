"""A log as large as you like, of the kind of a data set: for tools that must not be slow, and for races with many."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from random import Random
from types import ModuleType
from typing import Any

import pyarrow as pa

from funes_lab import formats
from funes_lab.audience import bar
from funes_lab.datasets import files
from funes_lab.datasets.files import LOG, checked, script
from funes_lab.lab import Lab

#: So many rows become a part of a table at once.
_BATCH = 10_000
#: What numpy and Python take as a seed alike.
_SEEDS = 2**32


def generate(
    name: str, events: int, path: str | Path = ":memory:", *, seed: int | None = None, progress: bool = True
) -> Lab:
    """Make a large log of the kind of a data set, and open a lab on it, the current one.

    Its events are new ones, made up by the script that made the data set: lives of streams like those in it, one after
    the other, in the same years. They are loaded as they are, at once or not at all, and nothing is judged; yet the
    rules of the data set (`classes` gives them) would let in every one, in the order in which they were recorded.
    There are no attempts.

    Parameters
    ----------
    name : str
        One of the names in `list()` whose data were invented: ``"debts"``, for instance.
    events : int
        How many; exactly so many are made, and the stream that was made last may be cut short.
    path : str or pathlib.Path
        Where the lab keeps its log; by default in memory. A file must have no events yet.
    seed : int, optional
        Of the events: the same seed gives the same ones. Default the seed of the data set itself.
    progress : bool
        Show a bar when it takes longer than a second.

    Returns
    -------
    Lab

    Raises
    ------
    ValueError
        There is no such data set, or it is no invented one; the number or the seed is none; the file has events.

    Examples
    --------
    >>> lab = generate("debts", events=1_000)
    >>> len(lab.log)
    1000
    >>> lab.close()
    """
    events = _whole("events", events, 1)
    if seed is not None:
        seed = _whole("seed", seed, 0)
    with script(_invented(name)) as generator:
        context = getattr(generator, "CONTEXT", None)
        lab = Lab(path, metainformation_model=context)
        try:
            if there := len(lab.log):
                raise ValueError(
                    f"path {lab.path!r} has {formats.count(there, 'event')} already; give the path of a new file"
                )
            with bar(events, " events", progress=progress) as tick:
                rows = _rows(generator, events, generator.SEED if seed is None else seed)
                lab.load(_table(rows, tick))
        except BaseException:
            lab.close()
            raise
    return lab


def _invented(name: object) -> str:
    """Refuse what no script can make more of."""
    known, listed = checked(name), files.list()
    invented = listed["name"][listed["source"].str.startswith("invented")].tolist()
    if known not in invented:
        raise ValueError(
            f"name must be that of an invented data set, {', '.join(map(repr, invented))}; got {known!r}: there is no "
            f"more of it in the world than load({known!r}) gives"
        )
    return known


def _whole(argument: str, value: object, least: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise ValueError(f"{argument} must be a whole number, {least} or more, got {value!r}")
    if not least <= value < _SEEDS:
        raise ValueError(f"{argument} must be from {least} to {_SEEDS - 1:,}, got {value!r}")
    return value


def _rows(generator: ModuleType, events: int, seed: int) -> Iterator[dict[str, Any]]:
    """Give the rows of one stream after the other, each in the order of its versions."""
    width = len(str(events))
    lives = generator.lives(Random(seed), width)
    rows = (entry.row(version) for life in lives for version, entry in enumerate(life, start=1))
    return islice(rows, events)


def _table(rows: Iterator[dict[str, Any]], tick: Callable[[int], object]) -> pa.Table:
    """The rows as a table in the order of record time, as a log would have grown."""
    parts = []
    while batch := [*islice(rows, _BATCH)]:
        parts.append(pa.Table.from_pylist(batch, LOG))
        tick(len(batch))
    return pa.concat_tables(parts).sort_by(
        [("created_at", "ascending"), ("idx", "ascending"), ("version", "ascending")]
    )
