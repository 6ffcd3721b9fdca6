"""What is done to a lab as a whole: events brought in, read models made anew, the file kept open or copied."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from funes_lab.current import Workspace
from funes_lab.errors import TransactionError
from funes_lab.projection import Projection
from funes_lab.store.loading import log_table, numbered

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa


class Keeping:
    """The side of a lab that looks after its file."""

    def load(
        self: Workspace,
        rows: str | os.PathLike[str] | pd.DataFrame | pa.Table | Iterable[Mapping[str, Any]],
        *,
        columns: Mapping[str, str] | None = None,
    ) -> int:
        """Load events as they are, with their versions and times: all of them, or none.

        Nothing is judged. Streams that are in the log already can only be continued.

        Parameters
        ----------
        rows : str, path, DataFrame, Arrow table or iterable of dicts
            A path is that of a `.parquet`, `.csv` or `.jsonl` file (the last two also `.gz`), for example of a frame
            `lab.log.df(expand=False)`. Columns: `klass` or `event`; `idx`; `props` or `payload`, JSON text or a dict
            (without them all other columns are attributes, and what is missing in a row is left out); `occurred_at`,
            a time with a zone or in UTC; optionally `created_at` (default `occurred_at`), `meta_info`, and
            `version` (default: in the given order, on from what the log has of the stream). In CSV all values are
            texts, and an empty cell is a missing value.
        columns : dict of str to str, optional
            Their names of columns to those above, as in pandas' `rename`.

        Returns
        -------
        int
            How many events were loaded.

        Raises
        ------
        ValueError, TypeError
            For the first row that cannot be a fact; it names row, column and value. For columns that are not there,
            are none of the log's, or are two for one; and in a file for columns beside the payload.
        OSError
            If there is no such file.

        Examples
        --------
        >>> import funes_lab as fl
        >>> lab = fl.Lab()
        >>> lab.load([{"type": "Shipped", "order": "o-1", "occurred_at": "2026-03-01T09:30:00Z", "parcels": 2}],
        ...          columns={"type": "event", "order": "idx"})
        1
        >>> lab.log.df()[["idx", "version", "event", "parcels"]].to_dict("records")
        [{'idx': 'o-1', 'version': 1, 'event': 'Shipped', 'parcels': 2}]
        """
        self.check_writable()
        if self.transaction_now is not None:
            raise TransactionError("load is a transaction of its own; call it outside of `with lab.transaction():`")
        if isinstance(rows, (str, os.PathLike)):
            from funes_lab.interchange.files import log_table_of_file

            table = log_table_of_file(rows, columns)
        else:
            table = log_table(rows, columns)
        # what is numbered here goes on after a head that nobody moves
        with self.store.writing, self.store.opened("a load"):
            self.store.load(numbered(table, self.store))
        self.store.checkpoint_softly()
        self.memory.clear()
        return int(table.num_rows)

    def rebuild(self: Workspace, projection: type[Projection[Any]], *, progress: bool = True) -> int:
        """Make the table of a read model anew, from the log.

        Parameters
        ----------
        projection : Projection class
            With a `table`; or with a state that has `persist_with`, which is called for every stream.
        progress : bool
            Show a bar when it takes longer than a second.

        Returns
        -------
        int
            How many streams were written: those with an event that the projection interprets, and those that had
            a row before.

        Raises
        ------
        TypeError
            For a virtual projection, which writes nothing.
        InvalidReadModelError
            If a stream leads to a state that does not hold; then the old table is still there.
        """
        self.check_writable()
        if self.transaction_now is not None:
            raise TransactionError("rebuild is a transaction of its own; call it outside of `with lab.transaction():`")
        from funes_lab.replay.rebuild import rebuild

        return rebuild(self.store, projection, progress=progress)

    @contextmanager
    def batch(self: Workspace) -> Iterator[None]:
        """Keep the file of a shared lab open for a block, so that many operations cost one opening.

        Each of them still stands for itself: what is appended is there for good at once. Other processes wait for the
        end of the block. A lab that is not shared has its file open all the time, and there this does nothing.

        Raises
        ------
        StoreLockedError
            If another process works in the file for longer than `lock_timeout`.

        Examples
        --------
        >>> import funes_lab as fl
        >>> class Tallied(fl.Event, name="Example::Tallied"):
        ...     number: int
        >>> lab = fl.Lab()  # fl.Lab("ledger.duckdb", shared=True) in earnest
        >>> with lab.batch():
        ...     for number in range(3):
        ...         event = fl.EventStream.for_("sheep").append(Tallied(number=number))
        >>> len(lab.log)
        3
        """
        with self.store.opened("a batch"):
            yield

    def checkpoint(self: Workspace) -> None:
        """Write everything into the file itself, so that no acknowledged event stands in the log beside it only."""
        self.check_writable()
        self.store.checkpoint()

    def backup(self: Workspace, path: str | os.PathLike[str]) -> None:
        """Copy the lab into a new file, consistent and while it is in use.

        Never copy the file of an open lab by other means: on Linux and macOS that drops DuckDB's lock.

        Parameters
        ----------
        path : str or path
            A file that does not exist yet.

        Raises
        ------
        StoreError
            If it exists, or cannot be written.
        """
        self.store.backup(path)
