"""A copy of a database that is in use, made by DuckDB itself: copying the file would drop its lock."""

from __future__ import annotations

import os
from itertools import count
from pathlib import Path

import duckdb

from funes_lab.errors import StoreError
from funes_lab.store.failures import told
from funes_lab.store.kinds import literal
from funes_lab.store.tables import quoted

_numbers = count(1)


def copy_database(cursor: duckdb.DuckDBPyConnection, path: str | os.PathLike[str]) -> None:
    """Write everything that is committed into a new file; it gets its name when it is whole."""
    target = Path(path).expanduser().resolve()
    if target.exists() or not target.parent.is_dir():
        what = "exists already" if target.exists() else f"lies in {target.parent}, which does not exist"
        raise StoreError(f"path {str(target)!r} {what}; give the name of a new file")
    number = next(_numbers)
    alias, partial = f"funes_lab_backup_{number}", target.with_name(f".{target.name}.{os.getpid()}.{number}.part")
    try:
        (name,) = cursor.execute("SELECT current_database()").fetchone() or ("",)
        cursor.execute(f"ATTACH {literal(str(partial))} AS {alias}")
        try:
            cursor.execute(f"COPY FROM DATABASE {quoted(name)} TO {alias}")
        finally:
            cursor.execute(f"DETACH {alias}")
        partial.rename(target)
    except duckdb.Error as failure:
        raise told(failure, str(target)) from failure
    finally:
        for left in (partial, partial.with_name(f"{partial.name}.wal")):
            left.unlink(missing_ok=True)
