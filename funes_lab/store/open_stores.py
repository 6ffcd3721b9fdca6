"""The stores on files that this process has open: one a file, whoever asks for it."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from funes_lab.store.duckdb import DuckDBStore

#: By the real path of the file.
by_path: dict[str, DuckDBStore] = {}

# a lab that is collected while another is opened closes its store here, in the same thread
lock = threading.RLock()


def forget(path: str, store: DuckDBStore) -> None:
    """The store is closed; another one on its file may be there already."""
    if by_path.get(path) is store:
        del by_path[path]
