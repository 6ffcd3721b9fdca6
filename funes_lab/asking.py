"""What can be asked of a lab's database: the log, SQL, the tables of read models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from funes_lab.current import Workspace
from funes_lab.log import Log

if TYPE_CHECKING:
    import pandas as pd


class Asking:
    """The side of a lab that answers."""

    @property
    def log(self: Workspace) -> Log:
        """The event log."""
        return Log(self)

    def sql(self: Workspace, query: str, params: Sequence[Any] | Mapping[str, Any] | None = None) -> pd.DataFrame:
        """Ask the log, and your own tables, in SQL.

        Parameters
        ----------
        query : str
            Exactly one SELECT. The log is the table `event_entries` with the columns klass, idx, props (JSON),
            meta_info (JSON), version, created_at and occurred_at.
        params : sequence or mapping, optional
            Values for `?` or `$name`.

        Returns
        -------
        DataFrame
            RangeIndex; Decimals are Decimal objects, times datetime64[us, UTC].

        Raises
        ------
        ValueError
            For anything but one SELECT.
        duckdb.Error
            What DuckDB says of the query.

        Examples
        --------
        >>> import funes_lab as fl
        >>> int(fl.Lab().sql("SELECT count(*) AS n FROM event_entries").n[0])
        0
        """
        if not isinstance(query, str):
            raise TypeError(f"query must be a str, got {query!r}")
        from funes_lab.replay import frames

        return frames.of_arrow(self.store.query(query, params, self.unit))

    def table(self: Workspace, name: str) -> pd.DataFrame:
        """A table of read models, or one of your own.

        Parameters
        ----------
        name : str
            As in `table = "…"` of the projection.

        Returns
        -------
        DataFrame
            RangeIndex, a row a stream: `idx` (str), then the fields of the state; Decimals are Decimal objects
            with the digits of the column, times datetime64[us, UTC].

        Raises
        ------
        ValueError
            If there is no such table; it names those that there are.
        """
        from funes_lab.replay import frames

        return frames.of_arrow(self.store.table(name, self.unit))
