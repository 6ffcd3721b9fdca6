"""Event classes written from the payloads of a log: an unknown log becomes a typed one.

One pass over the rows; what is kept is what the values of each attribute have in common, never the payloads. The
source is deterministic: the same log gives the same text.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from html import escape
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import BaseModel

from funes_lab import formats, registry
from funes_lab.event import UNKNOWN, Event
from funes_lab.interchange.identifiers import quoted
from funes_lab.interchange.inference import Place
from funes_lab.interchange.writing import Model, source_of
from funes_lab.storable import text_problem

_BATCH: Final = 8_192
_NAMED: Final = 20
_LONGEST_NAME: Final = 255
_EMPTY: Final = "# The log has no events yet: append or load some, then call lab.log.to_classes() again."


class Source(str):
    """Python source that shows itself as it is, in the terminal and in a notebook."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        return f"<pre>{escape(self)}</pre>"


class _Found:
    """What was found of the events of one name."""

    def __init__(self) -> None:
        self.attributes: dict[str, Place] = {}
        #: How many payloads are JSON objects, and how many are something else.
        self.objects = self.others = 0
        self._first_at = datetime.max.replace(tzinfo=UTC)
        self._last_at = datetime.min.replace(tzinfo=UTC)

    @property
    def about(self) -> str:
        count = formats.count(self.objects + self.others, "event")
        return f"{count}, first {_moment(self._first_at)}, last {_moment(self._last_at)}."

    def span(self, first_at: datetime, last_at: datetime) -> None:
        self._first_at, self._last_at = min(self._first_at, first_at), max(self._last_at, last_at)

    def add(self, props: str) -> None:
        try:
            payload = json.loads(props)
        except (ValueError, TypeError, RecursionError):
            payload = None
        if type(payload) is not dict:
            self.others += 1
            return
        self.objects += 1
        places = self.attributes
        for key, value in payload.items():
            place = places.get(key)
            if place is None:
                place = places[key] = Place()
            place.add(value)


def to_classes(log: Iterable[pa.Table], names: object = None) -> Source:
    """Write event classes from the payloads of a log.

    Parameters
    ----------
    log : iterable of Arrow tables
        Rows with the columns of the log, in one or more parts.
    names : str, event class or iterable of these, optional
        Which events; default all.

    Returns
    -------
    Source

    Raises
    ------
    ValueError
        If there are no events of such a name.
    TypeError
        If `names` is something else.
    """
    asked = None if names is None else _asked(names)
    found: dict[str, _Found] = {}
    others: set[str] = set()
    for table in log:
        _look_at(table, asked, found, others)
    for name in sorted(asked or ()):
        if name not in found:
            raise ValueError(_no_such_event(name, sorted(others.union(found))))
    return _source(dict(sorted(found.items()))) if found else Source(_EMPTY)


def _look_at(table: pa.Table, asked: set[str] | None, found: dict[str, _Found], others: set[str]) -> None:
    spans = table.group_by("klass").aggregate([("occurred_at", "min"), ("occurred_at", "max")])
    for row in spans.to_pylist():
        if asked is None or row["klass"] in asked:
            found.setdefault(row["klass"], _Found()).span(row["occurred_at_min"], row["occurred_at_max"])
        else:
            others.add(row["klass"])
    if asked is not None:
        table = table.filter(pc.is_in(table["klass"], pa.array(sorted(asked), pa.string())))
    for batch in table.select(["klass", "props"]).to_batches(max_chunksize=_BATCH):
        for name, props in zip(batch["klass"].to_pylist(), batch["props"].to_pylist(), strict=True):
            found[name].add(props)


def _source(found: dict[str, _Found]) -> Source:
    comments = [
        f"# {formats.count(one.others, 'payload')} of {_short(name)}: no JSON objects, left out."
        for name, one in found.items()
        if one.others
    ]
    models = []
    for name, one in found.items():
        if not one.objects:
            continue
        if _is_no_name(name):
            comments.append(f"# {formats.count(one.objects, 'event')} of {_short(name)}: no class can have that name.")
        else:
            models.append(Model(one.attributes, one.objects, event=name, about=one.about, secret=_secret(name)))
    return Source("\n".join([*comments, *([source_of(models)] if models else [])]))


def _asked(names: object) -> set[str]:
    listed: Sequence[Any] = [names] if isinstance(names, (str, type)) or not isinstance(names, Iterable) else [*names]
    asked = set()
    for name in listed:
        is_event = isinstance(name, type) and issubclass(name, Event)
        if not is_event and not isinstance(name, str):
            raise TypeError(f"names must be names of events or event classes, got {name!r}")
        asked.add(name.event_name if is_event else name)
    if not asked:
        raise ValueError("names is empty; name an event, or leave it out for all")
    return asked


def _no_such_event(name: str, there: Sequence[str]) -> str:
    more = f" and {len(there) - _NAMED:,} more" if len(there) > _NAMED else ""
    shown = ", ".join(map(repr, there[:_NAMED])) + more if there else "none: the log is empty"
    return f"names holds {name!r}, and the log has no such event; there are {shown}"


def _secret(name: str) -> list[str]:
    """What the class that has the name now keeps secret: its attributes, and what the log may call them."""
    cls: type[BaseModel] | None = registry.find(name)
    secret = [*dict.fromkeys(getattr(cls, "filter_attributes", ()))]
    if cls is not None:
        infos = [cls.model_fields[attribute] for attribute in secret if attribute in cls.model_fields]
        aliases = [alias for info in infos for alias in (info.alias, info.validation_alias) if isinstance(alias, str)]
        secret += [alias for alias in dict.fromkeys(aliases) if alias not in secret]
    return secret


def _is_no_name(name: str) -> bool:
    return not name or len(name) > _LONGEST_NAME or name == UNKNOWN or text_problem(name) is not None


def _short(name: str) -> str:
    return quoted(formats.middle(name, 40))


def _moment(moment: datetime) -> str:
    return f"{formats.time(moment, seconds=True)} UTC"
