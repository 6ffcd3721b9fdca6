"""Python names for names from elsewhere, and their texts as Python writes them.

What stands in a log was written by anybody. A name becomes an identifier that hides nothing, or it is kept as a
text; a text is written by `repr`, which no text gets out of.
"""

from __future__ import annotations

import builtins
import keyword
import re
import unicodedata
from collections.abc import Collection, Sequence
from typing import Final

from pydantic import BaseModel

from funes_lab.event import Event

_LONGEST: Final = 60
_CHUNK: Final = 80
#: Easily taken for digits; style checkers refuse them.
_AMBIGUOUS: Final = frozenset({"l", "O", "I"})
#: What every event and every model has.
_INHERITED: Final = frozenset(dir(Event)) | frozenset(dir(BaseModel))


def field_names(keys: Sequence[str], used: Collection[str]) -> dict[str, str]:
    """A name for each attribute: its own, if Python and pydantic let it be one.

    Parameters
    ----------
    keys : sequence of str
        All attributes of one class.
    used : collection of str
        Names that the class body itself uses, such as those of types.

    Examples
    --------
    >>> field_names(["amount", "first-name", "class", "first_name"], used=())
    {'amount': 'amount', 'first-name': 'first_name_2', 'class': 'class_', 'first_name': 'first_name'}
    """
    taken = {*keys, *used}
    names = {}
    for key in keys:
        names[key] = key if key not in used and _is_field_name(key) else _free(_as_field_name(key, used), taken)
        taken.add(names[key])
    return names


def _is_field_name(name: str) -> bool:
    return (
        _is_identifier(name)
        and not name.startswith(("_", "model_"))
        and name not in _INHERITED
        and name not in _AMBIGUOUS
    )


def _as_field_name(key: str, used: Collection[str]) -> str:
    name = re.sub(r"\W+|__+", "_", _normal(key)).strip("_")
    name = name if name[:1].isidentifier() else f"field_{name}".rstrip("_")
    name = name.removeprefix("model_") or name
    return name if name not in used and _is_field_name(name) else f"{name}_"


def class_names(paths: Sequence[Sequence[str]], taken: Collection[str]) -> list[str]:
    """A name for each class; two that meet get more of their path.

    Parameters
    ----------
    paths : sequence of sequences of str
        For each class the parts of its path, the nearest last; as few of them as will do are used.
    taken : collection of str
        Names that are not free.

    Examples
    --------
    >>> class_names([["Debt", "Paid"], ["Loan", "Paid"], ["order.shipped"], ["Exception"]], taken=())
    ['DebtPaid', 'LoanPaid', 'OrderShipped', 'ExceptionEvent']
    """
    parts = [1] * len(paths)
    names = [_as_class_name(path[-1:]) for path in paths]
    while True:
        meet = [n for n, name in enumerate(names) if not _is_free(name, taken) or names.count(name) > 1]
        longer = [n for n in meet if parts[n] < len(paths[n])]
        if not longer:
            break
        for n in longer:
            parts[n] += 1
            names[n] = _as_class_name(paths[n][-parts[n] :])
    given = {*taken, *(name for n, name in enumerate(names) if n not in meet)}
    for n in meet:
        wanted = names[n] if _is_free(names[n], taken) else f"{names[n]}Event"
        names[n] = _free(wanted, given)
        given.add(names[n])
    return names


def _is_free(name: str, taken: Collection[str]) -> bool:
    return name not in taken and not hasattr(builtins, name) and name not in _AMBIGUOUS


def _as_class_name(path: Sequence[str]) -> str:
    words = [word for part in path for word in re.split(r"[\W_]+", _normal(part)) if word]
    name = "".join(word[0].upper() + word[1:] for word in words)[:_LONGEST]
    safe = (name, f"{name}Event", f"Event{name}") if name else ("UnnamedEvent",)
    return next((candidate for candidate in safe if _is_identifier(candidate)), "UnnamedEvent")


def _is_identifier(name: str) -> bool:
    # Python reads identifiers in their normal form: another spelling would be another name
    return name.isidentifier() and not keyword.iskeyword(name) and _normal(name) == name and len(name) <= _LONGEST


def _normal(name: str) -> str:
    return unicodedata.normalize("NFKC", name)[: 4 * _LONGEST]


def _free(name: str, taken: Collection[str]) -> str:
    name = name[: _LONGEST - 6]
    number = 1
    candidate = name
    while candidate in taken:
        number += 1
        candidate = f"{name.rstrip('_')}_{number}"
    return candidate


def quoted(text: str) -> str:
    r"""A text as a Python literal, in double quotes where that needs no escapes.

    Examples
    --------
    >>> print(quoted("plain"), quoted('a "word"'), quoted("it's\n"))
    "plain" 'a "word"' "it's\n"
    """
    literal = repr(str(text))
    return f'"{literal[1:-1]}"' if literal[0] == "'" and '"' not in literal else literal


def chunks(text: str) -> list[str]:
    """The same in pieces that Python puts together again, each short enough for a line."""
    pieces, piece = [], ""
    for character in text:
        if piece and len(repr(piece + character)) > _CHUNK:
            pieces.append(piece)
            piece = ""
        piece += character
    return [quoted(piece) for piece in (*pieces, piece)]
