"""A view an event name, made when a query asks for it.

DuckDB resolves the names of a query itself. Where it finds none, and the name is that of an event, a temporary view is
made in the cursor of the query, and the query is tried again; so a real table or view wins, and a query that needs no
view pays nothing. The view reads the payloads where they are; only rows of an older shape are handed up, brought up
to date there, and come back as payloads, so that both are typed by the same expressions.
"""

from __future__ import annotations

import contextlib
import json
import string
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

import duckdb
import pyarrow as pa

from funes_lab.formats import FILTERED
from funes_lab.store import LOG_SCHEMA
from funes_lab.store.kinds import (
    Attribute,
    fitting,
    has_powers,
    json_of,
    literal,
    losing,
    measuring,
    measuring_powers,
    text_of,
)
from funes_lab.store.tables import quoted
from funes_lab.upcast import SHAPE_KEY

#: The columns of every view, before those of the payload.
KEYS: Final = ("idx", "version", "event", "occurred_at", "created_at")

#: How many names an error lists, and of how many views is remembered what their values are.
LISTED, REMEMBERED = 20, 64

_SAID: Final = "Catalog Error: Table with name {} does not exist!"

_META: Final = 'TRY_CAST("meta_info" AS JSON)'
_SHAPE_POINTER: Final = literal("/" + SHAPE_KEY)
#: The shape that a row says its payload has; what is no whole number above 0 says nothing.
SHAPE: Final = (
    f"CASE WHEN json_type({_META}, {_SHAPE_POINTER}) = 'UBIGINT' "
    f"THEN coalesce(greatest(1, TRY_CAST(json_extract_string({_META}, {_SHAPE_POINTER}) AS BIGINT)), 1) ELSE 1 END"
)
_PAYLOADS: Final = 'SELECT "idx", "version", "occurred_at", "created_at", TRY_CAST("props" AS JSON) AS props FROM'
_ROWS: Final = ", ".join(quoted(name) for name in LOG_SCHEMA.names)
# in the order in which the log learned of them
_FOUND: Final = """
SELECT json_keys(props) AS keys, bool_or(json_type(props) NOT IN ('OBJECT', 'NULL')) AS odd,
       epoch_us(min("created_at")) AS first_seen, min("version") AS first_version
FROM ({source}) GROUP BY keys ORDER BY first_seen, first_version, keys"""
_TABLES: Final = """
SELECT table_name FROM duckdb_tables() UNION SELECT view_name FROM duckdb_views() WHERE NOT internal
ORDER BY ALL"""

_ASCII_LOWER: Final = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)


@dataclass(frozen=True, slots=True)
class View:
    """What a view of an event name shows.

    Attributes
    ----------
    event : str
        The name that its rows have in the column `event`.
    names : tuple of str
        The names that the log may have for it.
    attributes : tuple of Attribute or None
        The columns of the payload; None for those that are found.
    secret : frozenset of str
        Keys, at any depth, whose values are not shown.
    older : tuple of (str, int)
        Names of which rows with a shape below the number go through `today`.
    today : callable, optional
        Takes rows of the log and gives rows of this event, with payloads of today's shape.
    """

    event: str
    names: tuple[str, ...]
    attributes: tuple[Attribute, ...] | None = None
    secret: frozenset[str] = frozenset()
    older: tuple[tuple[str, int], ...] = ()
    today: Callable[[pa.Table], pa.Table] | None = field(default=None, compare=False)


class Events(Protocol):
    """What is known of the events, above the store."""

    def names(self) -> Collection[str]:
        """The names that classes have."""
        ...

    def view(self, name: str) -> View:
        """What the view of a name shows."""
        ...


#: The attributes of a view, and the types of their columns.
Columns = tuple[tuple[Attribute, ...], tuple[str, ...]]

#: For a view the number of rows that the log had, and the columns that they gave.
Known = dict[View, tuple[int, Columns]]


@dataclass(frozen=True, slots=True)
class _Source:
    """The query for the payloads of a view, and whether all of them are in the store as they are."""

    sql: str
    is_stored: bool = True


def folded(name: str) -> str:
    """A name as DuckDB compares identifiers."""
    return name.translate(_ASCII_LOWER)


class Shown:
    """The views that were made for one query; they are gone at the end of the block.

    Parameters
    ----------
    cursor : DuckDBPyConnection
        That of the query, in its transaction.
    events : Events
    known : dict or None
        What is known of the values in the committed log; it only grows, so as many rows are the same rows. None
        inside a transaction, whose rows may yet be undone.
    """

    def __init__(self, cursor: duckdb.DuckDBPyConnection, events: Events, known: Known | None) -> None:
        self._cursor, self._events, self._known = cursor, events, known
        self._made: list[str] = []
        self._upcast: list[str] = []

    def __enter__(self) -> Shown:
        return self

    def __exit__(self, *_: object) -> None:
        # in a transaction that has just failed this fails too, and its end takes the views along
        with contextlib.suppress(duckdb.Error):
            for name in self._made:
                self._cursor.execute(f"DROP VIEW IF EXISTS temp.{quoted(name)}")
            for name in self._upcast:
                self._cursor.unregister(name)

    def show(self, failure: duckdb.CatalogException, sql: str) -> None:
        """Make the view that a query failed for; if there is none to make, raise the failure and say what there is."""
        found = self._cursor.execute(
            'SELECT DISTINCT "klass" FROM "event_entries" WHERE "klass" IS NOT NULL'
        ).fetchall()
        names = {*self._events.names(), *(name for (name,) in found)}
        name = self._missing(str(failure), names)
        if name is None or name in self._made:
            raise self._told(failure, names) from failure
        view = self._events.view(name)
        for twin in self._twins(name, names):
            if twin in sql:
                raise _ambiguous(name, twin)
        source = self._source(view)
        columns = ", ".join(_columns(view, *self._columns(view, source)))
        self._cursor.execute(f"CREATE TEMP VIEW {quoted(name)} AS SELECT {columns} FROM ({source.sql})")
        self._made.append(name)

    # --- which name it is ------------------------------------------------------------------------------------

    def _missing(self, said: str, names: Collection[str]) -> str | None:
        """The event that DuckDB knows no table for, as DuckDB compares names."""
        exact = [name for name in names if said.startswith(_SAID.format(name))]
        if exact:
            return max(exact, key=len)
        alike = sorted(name for name in names if folded(said).startswith(folded(_SAID.format(name))))
        if alike and (twins := self._twins(alike[0], alike)):
            raise _ambiguous(alike[0], twins[0])
        return alike[0] if alike else None

    def _twins(self, name: str, names: Iterable[str]) -> list[str]:
        """Other events whose names differ from this one in case only, which are one name to DuckDB."""
        twins = [other for other in names if other != name and folded(other) == folded(name)]
        return [other for other in twins if self._events.view(other).event != self._events.view(name).event]

    def _told(self, failure: duckdb.CatalogException, names: Iterable[str]) -> duckdb.CatalogException:
        if not str(failure).startswith(_SAID.partition("{}")[0]):
            return failure
        tables = [name for (name,) in self._cursor.execute(_TABLES).fetchall()]
        return duckdb.CatalogException(
            f"{failure}\n\nThere are the tables {_listed(tables)} and the events {_listed(sorted(names))}"
        )

    # --- what is in it ---------------------------------------------------------------------------------------

    def _source(self, view: View) -> _Source:
        """The payloads in today's shape; rows of an older one come through Python."""
        names = ", ".join(literal(name) for name in view.names)
        payloads = f'{_PAYLOADS} "event_entries" WHERE "klass" IN ({names})'
        if view.today is None:
            return _Source(payloads)
        is_older = " OR ".join(f'("klass" = {literal(name)} AND {SHAPE} < {shape})' for name, shape in view.older)
        wanted = f'SELECT {_ROWS} FROM "event_entries" WHERE {is_older} ORDER BY "idx", "occurred_at", "version"'
        older = self._cursor.sql(wanted).to_arrow_table().cast(LOG_SCHEMA)
        if not older.num_rows:
            return _Source(payloads)
        name = f"funes_lab_upcast_{len(self._upcast)}"
        self._cursor.register(name, view.today(older))
        self._upcast.append(name)
        return _Source(f"{payloads} AND NOT ({is_older}) UNION ALL {_PAYLOADS} {name}", is_stored=False)

    def _columns(self, view: View, source: _Source) -> Columns:
        """The attributes and the types of their columns, from memory if the log is as it was."""
        if self._known is None or not source.is_stored:
            return self._measured(view, source)
        (rows,) = self._cursor.execute('SELECT count(*) FROM "event_entries"').fetchone() or (0,)
        known = self._known.get(view)
        if known is None or known[0] != rows:
            known = (rows, self._measured(view, source))
            if len(self._known) >= REMEMBERED:
                self._known.clear()
            self._known[view] = known
        return known[1]

    def _measured(self, view: View, source: _Source) -> Columns:
        attributes = self._found(source) if view.attributes is None else view.attributes
        asked = [a for a in attributes if not a.settled and view.secret.isdisjoint(a.keys)]
        kinds = {}
        if asked:
            measures = self._cursor.execute(measuring(asked, source.sql)).fetchone() or ()
            kinds = {a: self._kind(a, measure, source) for a, measure in zip(asked, measures, strict=True)}
        return attributes, tuple(kinds.get(a, a.kind) for a in attributes)

    def _kind(self, attribute: Attribute, measure: Sequence[int], source: _Source) -> str:
        if not has_powers(attribute.kind, measure):
            return fitting(attribute.kind, measure)
        ((measure,),) = self._cursor.execute(measuring_powers(attribute, source.sql)).fetchall()
        kind = fitting(attribute.kind, measure)
        # DuckDB makes NULL of some of them that would fit
        return "VARCHAR" if self._cursor.execute(losing(attribute, kind, source.sql)).fetchall() else kind

    def _found(self, source: _Source) -> tuple[Attribute, ...]:
        """The attributes of payloads that no class tells of, in order of first appearance."""
        found = self._cursor.execute(_FOUND.format(source=source.sql)).fetchall()
        attributes = [Attribute((key,)) for key in dict.fromkeys(key for keys, *_ in found for key in keys or ())]
        if any(odd for _, odd, *_ in found):
            attributes.append(Attribute((), "JSON"))
        return tuple(attributes)


def _columns(view: View, attributes: Iterable[Attribute], kinds: Iterable[str]) -> Iterator[str]:
    yield f'"idx", CAST("version" AS BIGINT) AS "version", {literal(view.event)} AS "event"'
    yield from (f"CAST({quoted(name)} AS TIMESTAMPTZ) AS {quoted(name)}" for name in KEYS[3:])
    taken = {*KEYS}
    for attribute, kind in zip(attributes, kinds, strict=True):
        # an identifier of SQL holds every character but this one
        name = attribute.keys[0].replace("\x00", "\\u0000") if attribute.keys else "props"
        while not name or folded(name) in taken:
            name = f"payload.{name}"
        taken.add(folded(name))
        yield f"{_value(view, attribute, kind)} AS {quoted(name)}"


def _value(view: View, attribute: Attribute, kind: str) -> str:
    """The expression of a column."""
    text = text_of(attribute)
    if not view.secret.isdisjoint(attribute.keys):
        return f"CASE WHEN {text} IS NOT NULL THEN {literal(FILTERED)} END"
    if kind not in ("VARCHAR", "JSON"):
        return f"TRY_CAST({text} AS {kind})"
    value = json_of(attribute) if kind == "JSON" else text
    if not view.secret:
        return value
    # a nested value with a secret anywhere in it is masked whole
    hides = " OR ".join(f"contains({text}, {literal(_as_key(name))})" for name in sorted(view.secret))
    masked = f"CAST({literal(_as_key(FILTERED))} AS JSON)" if kind == "JSON" else literal(FILTERED)
    return f"CASE WHEN ({text} LIKE '{{%' OR {text} LIKE '[%') AND ({hides}) THEN {masked} ELSE {value} END"


def _as_key(name: str) -> str:
    """A name between quotes, as it stands in JSON."""
    return json.dumps(name, ensure_ascii=False)


def _ambiguous(name: str, twin: str) -> ValueError:
    return ValueError(
        f"query names an event, and {name!r} and {twin!r} differ in case only, which is one name to DuckDB; ask for "
        "one of them at a time, written as it is, or read event_entries WHERE klass = …"
    )


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
    return (", ".join(names[:LISTED]) or "none") + more
