"""What keeps a lab whole: read models made anew, the file checkpointed, a copy put aside."""

from __future__ import annotations

import os
from typing import Any

from funes_lab.current import Workspace
from funes_lab.errors import TransactionError
from funes_lab.projection import Projection


class Keeping:
    """The side of a lab that looks after its file."""

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
