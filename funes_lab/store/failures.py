"""What DuckDB says when something goes wrong, as what it means for a log."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import duckdb

from funes_lab.errors import (
    ClosedError,
    CorruptLogError,
    FunesLabError,
    SchemaVersionError,
    StoreError,
    StoreLockedError,
    TransactionError,
)
from funes_lab.store import VersionTaken


@contextmanager
def damage_told(path: str) -> Iterator[None]:
    """Say of a damaged file that it is damaged."""
    try:
        yield
    except duckdb.Error as failure:
        error = told(failure, path)
        known = (ClosedError, TransactionError, CorruptLogError, StoreLockedError)
        if isinstance(failure, duckdb.FatalException) or isinstance(error, known):
            raise error from failure
        raise


def told(failure: duckdb.Error, path: str) -> FunesLabError:
    """DuckDB's exception as one of the store's."""
    text = str(failure)
    if isinstance(failure, duckdb.FatalException):
        return StoreError(
            f"the database under this lab had to stop: {text} Nothing that was acknowledged is lost: close "
            f"every lab on {path} and open it again"
        )
    if "Read-only file system" in text or "Permission denied" in text:
        return StoreError(f"{path} cannot be written: {text}. To look at what is there, open it with read_only=True")
    if isinstance(failure, duckdb.ConnectionException) and "already closed" in text:
        return ClosedError(f"the lab on {path} was closed meanwhile; open it again with fl.Lab({path!r})")
    if "Could not set lock" in text or "Conflicting lock" in text:
        return _locked(text, path)
    if "Unique file handle conflict" in text:
        return StoreError(
            f"{path} is open in this process already, and not by a lab of the same kind: a duckdb.connect, or a cursor "
            f"that was kept. Close that first ({text})"
        )
    if "transaction is aborted" in text:
        return TransactionError(
            "a statement of this transaction had failed, and DuckDB gave the whole of it up; nothing of it is stored. "
            "Let the exception of that statement leave the block"
        )
    if "newer version of DuckDB" in text or "version number" in text:
        return SchemaVersionError(f"{path} was written by another version of DuckDB: {text}")
    if _is_damage(failure, text):
        return CorruptLogError(f"{path} is damaged, or is no DuckDB file: {text}")
    return StoreError(text)


def _is_damage(failure: duckdb.Error, text: str) -> bool:
    if isinstance(failure, (duckdb.ParserException, duckdb.BinderException, duckdb.CatalogException)):
        return False  # it quotes a query and names tables, whatever they are called
    words = ("corrupt", "not a valid duckdb", "checksum", "could not read enough bytes", "failed to deserialize",
             "replaying wal", "not a duckdb", "invalid unicode", "magic bytes", "sqlite")  # fmt: skip
    return isinstance(failure, (duckdb.SerializationException, duckdb.InternalException)) or any(
        word in text.lower() for word in words
    )


def _locked(text: str, path: str) -> StoreLockedError:
    found = re.search(r"held in (.+?) \(PID (\d+)\)", text)
    process, pid = (found[1], int(found[2])) if found else (None, None)
    who = f"{process} (process {pid})" if found else "another process"
    return StoreLockedError(
        f"{path} is held by {who}: DuckDB lets one process at a time open a file. Close the lab there "
        "(lab.close(), or shut that notebook's kernel down), or work on a copy",
        path=path, process=process, pid=pid,
    )  # fmt: skip


def is_duplicate(failure: duckdb.Error) -> bool:
    """Whether a row is there already; of which table, the statement that failed tells."""
    return (
        isinstance(failure, (duckdb.ConstraintException, duckdb.TransactionException))
        and "duplicate key" in str(failure).lower()
    )


def taken(failure: duckdb.Error) -> VersionTaken | None:
    """Whose version it was, as far as a failed COMMIT tells: it names no table, the caller looks it up."""
    if not is_duplicate(failure):
        return None
    found = re.search(r'duplicate key "(.*), (\d+)"', str(failure), re.DOTALL)
    return VersionTaken(found[1], int(found[2])) if found else VersionTaken("", 0)
