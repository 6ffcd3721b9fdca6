"""Event classes written from the payloads of a log: an unknown log becomes a typed one.

One pass over the rows; what is kept is what the values of each attribute have in common, never the payloads. The
source is deterministic: the same log gives the same text.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
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

    def __init__(self, events: int, first_at: datetime, last_at: datetime) -> None:
        self.about = f"{formats.count(events, 'event')}, first {_moment(first_at)}, last {_moment(last_at)}."
        self.attributes: dict[str, Place] = {}
        #: How many payloads are JSON objects, and how many are something else.
        self.objects = self.others = 0

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


def to_classes(log: pa.Table, names: object = None) -> Source:
    """Write event classes from the payloads of a log.

    Parameters
    ----------
    log : Arrow table
        Rows with the columns of the log.
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
    counts = log.group_by("klass").aggregate([("occurred_at", "min"), ("occurred_at", "max"), ("klass", "count")])
    there = {row["klass"]: row for row in counts.to_pylist()}
    chosen = sorted(there) if names is None else _chosen(names, there)
    if not chosen:
        return Source(_EMPTY)
    found = {
        name: _Found(row["klass_count"], row["occurred_at_min"], row["occurred_at_max"])
        for name in chosen
        for row in (there[name],)
    }
    if names is not None:
        log = log.filter(pc.is_in(log["klass"], pa.array(chosen, pa.string())))
    for batch in log.select(["klass", "props"]).to_batches(max_chunksize=_BATCH):
        for name, props in zip(batch["klass"].to_pylist(), batch["props"].to_pylist(), strict=True):
            found[name].add(props)
    return _source(found)


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


def _chosen(names: object, there: Iterable[str]) -> list[str]:
    listed: Sequence[Any] = [names] if isinstance(names, (str, type)) or not isinstance(names, Iterable) else [*names]
    asked = []
    for name in listed:
        is_event = isinstance(name, type) and issubclass(name, Event)
        if not is_event and not isinstance(name, str):
            raise TypeError(f"names must be names of events or event classes, got {name!r}")
        asked.append(name.event_name if is_event else name)
    unknown = [name for name in asked if name not in there]
    if unknown:
        known = [repr(name) for name in sorted(there)]
        more = f" and {len(known) - _NAMED:,} more" if len(known) > _NAMED else ""
        shown = ", ".join(known[:_NAMED]) + more if known else "none: the log is empty"
        raise ValueError(f"names holds {unknown[0]!r}, and the log has no such event; there are {shown}")
    if not asked:
        raise ValueError("names is empty; name an event, or leave it out for all")
    return sorted(set(asked))


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
