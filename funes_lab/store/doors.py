"""The way to a store: a new one in memory or on a file, or the one that this process has open already."""

from __future__ import annotations

import math
import os
from pathlib import Path

from funes_lab.errors import ForkedProcessError, StoreError
from funes_lab.store import open_stores
from funes_lab.store.duckdb import DuckDBStore
from funes_lab.store.file_lock import check_lockable
from funes_lab.store.shared_file import SharedFileStore


def open_store(
    path: str | os.PathLike[str], *, read_only: bool = False, shared: bool = False, lock_timeout: float = 10
) -> DuckDBStore:
    """Open a log; the same file opened again in this process is the same store.

    Parameters
    ----------
    path : str or path
        A file, made if it is missing, or ":memory:".
    read_only : bool
        Open an existing file without the right to write.
    shared : bool
        Have the file open only while something is done in it, so that other processes can take turns.
    lock_timeout : float
        Seconds to wait for a file that another process works in.

    Returns
    -------
    DuckDBStore

    Raises
    ------
    StoreLockedError
        If another process holds the file.
    CorruptLogError
        If the file is damaged or is no event log.
    """
    name = _checked(path)
    _check_sharing(name, shared=shared, lock_timeout=lock_timeout)
    if name == ":memory:":
        if read_only:
            raise ValueError("read_only=True needs a file: a new lab in memory has nothing to read")
        store = DuckDBStore(name, read_only=False)
        store.open(lock_timeout)
        return store
    real = os.path.realpath(Path(name).expanduser())
    with open_stores.lock:
        known = open_stores.by_path.get(real)
        if known is None:
            store = (SharedFileStore if shared else DuckDBStore)(real, read_only=read_only)
            store.open(lock_timeout)
            open_stores.by_path[real] = store
            return store
        known.users += 1  # first, so that nobody closes it meanwhile
        if problem := _why_not(known, real, read_only=read_only, shared=shared):
            known.users -= 1
            raise problem
    if isinstance(known, SharedFileStore):
        known.lock_timeout = lock_timeout
    return known


def _checked(path: str | os.PathLike[str]) -> str:
    if not isinstance(path, (str, os.PathLike)):
        raise TypeError(f"path must be the name of a file or ':memory:', got {path!r}")
    name = os.fspath(path)
    if isinstance(name, bytes) or not name or "\x00" in name:
        raise ValueError(f"path must be the name of a file or ':memory:', got {path!r}")
    return name


def _check_sharing(name: str, *, shared: bool, lock_timeout: float) -> None:
    if not isinstance(shared, bool):
        raise TypeError(f"shared must be True or False, got {shared!r}")
    if isinstance(lock_timeout, bool) or not isinstance(lock_timeout, (int, float)):
        raise TypeError(f"lock_timeout must be a number of seconds, got {lock_timeout!r}")
    if not (lock_timeout >= 0 and math.isfinite(lock_timeout)):
        raise ValueError(f"lock_timeout must be a number of seconds from 0 on, got {lock_timeout!r}")
    if shared and name == ":memory:":
        raise ValueError(
            "shared=True needs a file that other processes can open too; give its name, fl.Lab('ledger.duckdb', "
            "shared=True), or leave shared=True away: what is in memory is this process's own"
        )
    if shared:
        check_lockable()


def _why_not(store: DuckDBStore, path: str, *, read_only: bool, shared: bool) -> StoreError | None:
    """Why a store that is open in this process cannot be used once more."""
    if store.pid != os.getpid():
        return ForkedProcessError(
            f"process {store.pid} had {path} open when it forked this one, {os.getpid()}, and DuckDB would give both "
            "the same database, past its lock. Close the lab before the fork, or start the child with spawn"
        )
    if isinstance(store, SharedFileStore) != shared:
        there, asked = ("with shared=True", "without it") if not shared else ("without shared=True", "with it")
        return StoreError(f"{path} is open {there} in this process, and was asked for {asked}; close that lab first")
    if store.read_only and not read_only:
        return StoreError(f"{path} is open for reading only in this process; close that lab first")
    return None
