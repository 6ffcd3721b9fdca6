"""Whose columns are whose: names from elsewhere, brought to those of the log."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from funes_lab.store import LOG_SCHEMA

#: What a frame of events calls two of the columns.
_SYNONYMS: Final = {"event": "klass", "payload": "props"}
_TARGETS: Final = (*LOG_SCHEMA.names, *_SYNONYMS)
#: The first letters of columns that frames of events have for what was expanded.
_EXPANDED: Final = ("payload.", "meta_info.")
_SHOWN: Final = 30


class Columns(NamedTuple):
    """What the columns of a table are.

    Attributes
    ----------
    ours : dict of str to str
        For columns of the log how the table calls them.
    left : list of str
        The columns that are none of the log's, in their order.
    """

    ours: dict[str, str]
    left: list[str]

    @property
    def attributes(self) -> list[str]:
        """The columns that are attributes of the payload: what is left over, unless there are payloads."""
        return [] if "props" in self.ours else self.left


def check_renaming(columns: Mapping[str, str] | None) -> Mapping[str, str]:
    """The argument `columns`, looked at.

    Raises
    ------
    TypeError
        If it is no mapping of texts to texts.
    ValueError
        If a target is no column of the log, or two names have the same one.
    """
    if columns is None:
        return {}
    if not isinstance(columns, Mapping):
        raise TypeError(f"columns must be a dict of their names to those of the log, got {columns!r}")
    first: dict[str, str] = {}
    for theirs, target in columns.items():
        if not isinstance(theirs, str) or not isinstance(target, str):
            raise TypeError(f"columns must be a dict of texts to texts, got {theirs!r}: {target!r}")
        if target not in _TARGETS:
            raise ValueError(f"columns names {target!r}, which is no column of the log; those are {_list(_TARGETS)}")
        other = first.setdefault(_SYNONYMS.get(target, target), theirs)
        if other != theirs:
            raise ValueError(f"columns has both {other!r} and {theirs!r} for {target!r}; choose one")
    return columns


def refuse_unknown(unknown: Sequence[str], there: Sequence[str]) -> None:
    """Raise ValueError for what `columns` renames and the rows do not have."""
    if unknown:
        raise ValueError(f"columns names {_list(unknown)}, which rows does not have; it has {_list(there)}")


def sort_out(names: Sequence[str], renamed: Mapping[str, str]) -> Columns:
    """Tell the columns of the log from others.

    Parameters
    ----------
    names : sequence of str
        What a table calls its columns.
    renamed : mapping of str to str
        Some of these names, and what they are in the log.

    Raises
    ------
    ValueError
        If two columns are called the same, or a name of theirs is one of ours already.
    """
    if len(set(names)) < len(names):
        twice = next(name for number, name in enumerate(names) if name in names[:number])
        raise ValueError(f"rows has two columns {twice!r}; it has {_list(names)}")
    for theirs, target in renamed.items():
        for name in {target, _SYNONYMS.get(target, target)}.difference(renamed).intersection(names):
            if theirs in names:
                raise ValueError(f"columns makes {theirs!r} a second {name!r}, which rows has too; drop one of them")
    ours = {_SYNONYMS.get(target, target): theirs for theirs, target in renamed.items() if theirs in names}
    rest = [name for name in names if name not in renamed]
    for known in (LOG_SCHEMA.names, _SYNONYMS):  # a column `event` is only that if there is no `klass`
        for name in rest:
            if name in known:
                ours.setdefault(_SYNONYMS.get(name, name), name)
    return Columns(ours, [name for name in rest if name not in ours.values()])


def refuse_left_over(columns: Columns) -> None:
    """Raise ValueError for columns that nobody knows what to do with."""
    if "props" in columns.ours and columns.left:
        raise ValueError(
            f"rows has payloads in {columns.ours['props']!r}, and columns that are none of the log's: "
            f"{_list(columns.left)}; drop them, or say in columns= what they are"
        )


def check_attributes(attributes: Sequence[str]) -> None:
    """Raise for what cannot be an attribute: among others a frame of events whose payloads were taken apart."""
    for name in attributes:
        if not isinstance(name, str):
            raise TypeError(f"rows has attributes that are not named by texts: {name!r}")
    apart = [name for name in attributes if name.startswith(_EXPANDED)]
    if apart:
        raise ValueError(
            f"rows has the expanded columns of a frame of events ({_list(apart)}), which cannot be put together again "
            "exactly; write lab.log.df(expand=False) instead, or rename them"
        )


def _list(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(map(repr, names[:_SHOWN])) + more if names else "none"
