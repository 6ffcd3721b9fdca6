"""Where the data sets lie, what they are made of, and the scripts beside them."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from importlib.resources import as_file, files
from importlib.resources.abc import Traversable
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from funes_lab import registry

#: The columns of a data set; `attempt` comes after them where some rows are no facts.
LOG = pa.schema(
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
    >>> list().set_index("name").loc[["debts", "timezones"], ["streams", "refused"]]
               streams  refused
    name
    debts          500      123
    timezones      598        0
    """
    rows = []
    for name, file in found().items():
        with file.open("rb") as content:
            metadata = pq.read_schema(content).metadata
        rows.append({"name": name, **json.loads(metadata[_ABOUT])})
    return pd.DataFrame(rows, columns=["name", "events", "streams", "refused", "about", "source"])


def write(path: Path, rows: Iterable[Mapping[str, Any]], *, about: str, source: str) -> None:
    """Write a data set; the generators in ``datasets/`` use it.

    The same rows give the same bytes, as long as the version of pyarrow is the same.

    Parameters
    ----------
    path : pathlib.Path
        The parquet file.
    rows : iterable of mapping
        The columns of the log, and `attempt` where some rows are no facts: the stage by which such a row must
        be refused, None for a fact. The version of an attempt is the one it was to become.
    about, source : str
        A line each for `list()`: what it is, and where it comes from.
    """
    given = [*rows]
    attempts = sum(row.get("attempt") is not None for row in given)
    schema = LOG.append(pa.field("attempt", pa.string())) if attempts else LOG
    streams = len({row["idx"] for row in given if row.get("attempt") is None})
    summary = {
        "events": len(given) - attempts,
        "streams": streams,
        "refused": attempts,
        "about": about,
        "source": source,
    }
    table = pa.Table.from_pylist(given, schema.with_metadata({_ABOUT: json.dumps(summary)}))
    times = ["created_at", "occurred_at"]
    pq.write_table(
        table,
        path,
        compression="zstd",
        compression_level=19,
        use_dictionary=[column for column in schema.names if column not in times],
        column_encoding=dict.fromkeys(times, "DELTA_BINARY_PACKED"),
    )


def found() -> dict[str, Traversable]:
    """Find the data sets of the checkout that the package lies in, else those installed with it."""
    checkout = Path(__file__).parents[2] / "datasets"
    folders = (checkout, files("funes_lab").joinpath("_data", "datasets"))
    for folder in folders:
        there = {
            entry.name.removesuffix(".parquet"): entry
            for entry in (folder.iterdir() if folder.is_dir() else ())
            if entry.name.endswith(".parquet")
        }
        if there:
            return dict(sorted(there.items()))
    return {}


def checked(name: object) -> str:
    """Refuse a name that no data set has."""
    known = found()
    if not isinstance(name, str) or name not in known:
        raise ValueError(f"name must be one of {', '.join(map(repr, known))}; got {name!r}")
    return name


def rows_of(name: str) -> pa.Table:
    """Read a data set: facts and attempts."""
    with found()[name].open("rb") as content:
        return pq.read_table(content)


@contextmanager
def script(name: str) -> Iterator[ModuleType]:
    """Run the script of a data set in a scope of its own.

    The scope is dropped with the classes in it: their names stay free for those of the notebook.
    """
    with registry.layer():
        module = run(name, f"funes_lab.datasets.of.{name}")
        try:
            yield module
        finally:
            del sys.modules[module.__name__]


def run(name: str, as_module: str) -> ModuleType:
    """Run the script that lies beside a data set, as a module; one that breaks leaves none behind."""
    file = found()[name]
    with as_file(file) as parquet:
        path = parquet.with_suffix(".py")
        spec = spec_from_file_location(as_module, path)
        if spec is None or spec.loader is None or not path.is_file():
            raise FileNotFoundError(f"the script of {name!r} is missing beside {parquet}; install funes_lab anew")
        module = module_from_spec(spec)
        sys.modules[as_module] = module  # pydantic looks there for the types of the fields
        try:
            spec.loader.exec_module(module)
        except BaseException:
            del sys.modules[as_module]
            raise
    return module
