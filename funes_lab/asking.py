"""What can be asked of a lab's database: the log, SQL, the tables of read models."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, cast

from funes_lab.current import Workspace
from funes_lab.log import Log
from funes_lab.views import ByClass

if TYPE_CHECKING:
    import pandas as pd

    from funes_lab.lab import Lab
    from funes_lab.widgets.browser import LabBrowser
    from funes_lab.widgets.timeline import StreamTimeline


class Asking:
    """The side of a lab that answers."""

    @property
    def log(self: Workspace) -> Log:
        """The event log."""
        return Log(self)

    def sql(self: Workspace, query: str, params: Sequence[Any] | Mapping[str, Any] | None = None) -> pd.DataFrame:
        """Ask the log, its events by name, and your own tables, in SQL.

        Every event name, of the log or of a class, can be queried as a table, unless a table or a view has that name.
        Its columns are idx, version, event, occurred_at, created_at, then the attributes in the order of the class
        (`payload.x` where one is called like a column before it; DuckDB takes no notice of case). They are typed by the
        class: BIGINT or HUGEINT, DOUBLE, BOOLEAN, VARCHAR, TIMESTAMPTZ, DATE, TIME, UUID, and DECIMAL with as many
        places as the values need; nested values are JSON. Values are never lost or rounded: where one does not fit, the
        column is VARCHAR, with the texts as they are. What a payload lacks has the default of the class, if that is
        no function; what the class has no attribute for stays in `event_entries`. Without a class there is a column for
        each key that is found, typed by the values. `filter_attributes` are masked, and so are nested values that hold
        one, as a whole.

        Aliases are read as the class that has them. Payloads of older shapes are upcast, in Python; events that an
        upcaster made of another name's payload are under their own name. All other payloads are read by DuckDB alone.

        Parameters
        ----------
        query : str
            Exactly one SELECT. The log is the table `event_entries` with the columns klass, idx, props (JSON),
            meta_info (JSON), version, created_at and occurred_at. What is more than letters and digits, or a word
            of SQL such as "at", needs quotes: `SELECT "at" FROM "Debt::Issued"`.
        params : sequence or mapping, optional
            Values for `?` or `$name`.

        Returns
        -------
        DataFrame
            RangeIndex; Decimals are Decimal objects, times datetime64[us, UTC].

        Raises
        ------
        ValueError
            For anything but one SELECT, and for names of two events that differ in case only.
        UpcastError
            If an upcaster breaks.
        duckdb.Error
            What DuckDB says of the query.

        Examples
        --------
        >>> import funes_lab as fl
        >>> lab = fl.Lab()
        >>> int(lab.sql("SELECT count(*) AS n FROM event_entries").n[0])
        0
        >>> from decimal import Decimal
        >>> class Repaid(fl.Event, name="Example::Repaid"):
        ...     amount: Decimal
        >>> for amount in ("30", "12.50"):
        ...     _ = fl.EventStream.for_("debt-1").append(Repaid(amount=amount))
        >>> lab.sql('SELECT version, amount FROM "Example::Repaid" ORDER BY version')
           version amount
        0        1  30.00
        1        2  12.50
        >>> lab.sql('SELECT sum(amount) AS total FROM "Example::Repaid"').total[0]
        Decimal('42.50')
        """
        if not isinstance(query, str):
            raise TypeError(f"query must be a str, got {query!r}")
        from funes_lab.replay import frames

        return frames.of_arrow(self.store.query(query, params, self.unit, ByClass()))

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

    def timeline(
        self: Workspace, idx: str | Iterable[str] | None = None, *, by: Literal["record", "actual"] = "record"
    ) -> StreamTimeline:
        """A picture of what was accepted, what was refused, and when, over streams; it moves, and follows the log.

        Parameters
        ----------
        idx : str or list of str, optional
            Only one stream, those that match a pattern (`"debts-*"`), or those that are listed.
        by : {"record", "actual"}
            Whether marks stand where they were recorded, or where they happened.

        Returns
        -------
        StreamTimeline
            A lane a stream. `.selection` is what is selected: `(idx, version)` of an event, or the `Rejection` of an
            attempt; it can be set. `.static()` and `.save("x.svg" | "x.html")` give the picture.

        Raises
        ------
        ValueError
            If `by` is neither.

        Examples
        --------
        >>> import funes_lab as fl
        >>> class Heard(fl.Event, name="Example::Heard"):
        ...     text: str
        >>> lab = fl.Lab(clock=fl.testing.Clock("2026-01-01"))
        >>> for name in ("debts-1", "debts-2", "loans-1"):
        ...     event = fl.EventStream.for_(name, lab=lab).append(Heard(text="hello"))
        >>> lab.timeline("debts-*")
        Timeline of debts-* by record time: 2 events, none refused, 1 Jan 2026
        """
        from funes_lab.widgets import timeline

        return timeline.of_lab(self, idx, by)

    def browse(self) -> LabBrowser:
        """What is in the lab and where it was refused, as a widget; a notebook shows it for `lab` itself.

        A table of the streams, searched, ordered and paged, with the state of each in a line and the refused attempts
        below it. A stream is shown with the `EventStream` subclass whose projections interpret its events; another one
        can be chosen. The form, the scrubber, the timeline and the bitemporal map open below the table.

        Returns
        -------
        LabBrowser
            A widget that follows the log. `selection` is the idx of the selected stream, `search`, `order` and `page`
            say which streams are shown; all can be set. `show("form")` opens a widget below the table, `opened` is
            the one that stands there. `static()` is the picture, `save("x.svg" | "x.html")` writes it.

        Raises
        ------
        ClosedError
            If the lab was closed.

        Examples
        --------
        >>> import funes_lab as fl
        >>> class Shelved(fl.Event, name="Example::Shelved"):
        ...     title: str
        >>> lab = fl.Lab(clock=fl.testing.Clock("2026-05-01"))
        >>> event = fl.EventStream.for_("shelf-1", lab=lab).append(Shelved(title="Ficciones"))
        >>> browser = lab.browse()
        >>> browser.selection = "shelf-1"
        >>> form = browser.show("form")
        >>> form.values = {"title": "El Aleph"}
        >>> form.append().version
        2
        """
        from funes_lab.widgets.browser import LabBrowser

        return LabBrowser(cast("Lab", self))

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, Any]:
        from funes_lab.widgets import browser

        return browser.bundle(cast("Lab", self), **kwargs)
