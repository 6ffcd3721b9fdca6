"""What the values found in one place of many payloads have in common: a type that reads them and loses nothing.

A type is chosen only if every value found is written back as it was. So "100.10" is a Decimal and "007" is not,
a time is one only in the spelling of the log ("…Z", no fraction or six digits of it), and whole numbers that no
float holds are no floats. Where nothing fits, values are taken as they are.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any, Final

#: Lists and objects further down are taken as they are.
DEEPEST: Final = 6
#: An object with more keys than this is a mapping, not a model.
_MOST_KEYS: Final = 100
_EXAMPLES: Final = 2
_LONGEST_EXAMPLE: Final = 40
#: From this length on, whole numbers in texts that are all equally long may be codes, like post codes.
_CODE: Final = 5
#: Whole numbers in texts with more digits are rather those of a telephone or an account.
_LONGEST_WHOLE: Final = 9

_CLOCK: Final = r"(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.(?!000000)[0-9]{6})?"
_DAY: Final = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
_DECIMAL: Final = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?|-?[0-9](?:\.[0-9]+)?E[+-][0-9]{1,3}")
_DATETIME: Final = re.compile(f"{_DAY}T{_CLOCK}Z")
_DATE: Final = re.compile(_DAY)
_TIME: Final = re.compile(_CLOCK)
_UUID: Final = re.compile("[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


def _is_decimal(text: str) -> bool:
    return _DECIMAL.fullmatch(text) is not None and str(Decimal(text)) == text


def _is_iso(pattern: re.Pattern[str], read: Callable[[str], object]) -> Callable[[str], bool]:
    def check(text: str) -> bool:
        if pattern.fullmatch(text) is None:
            return False
        try:
            read(text)
        except ValueError:
            return False
        return True

    return check


#: The types that a text may stand for; no text stands for two of them.
_TEXTS: Final[Mapping[str, Callable[[str], bool]]] = {
    "Decimal": _is_decimal,
    "datetime": _is_iso(_DATETIME, datetime.fromisoformat),
    "date": _is_iso(_DATE, date.fromisoformat),
    "time": _is_iso(_TIME, time.fromisoformat),
    "UUID": lambda text: _UUID.fullmatch(text) is not None,
}


class Place:
    """What was found in one place: an attribute, the items of a list, a key of an object.

    Attributes
    ----------
    seen, nulls : int
        How many values there were, and how many of them were null.
    items : Place or None
        What the lists here hold.
    keys : dict of str to Place, or None
        What the objects here hold; None if their keys differ.
    examples : list
        Up to two short values.
    """

    __slots__ = (
        "_depth", "_is_a_number", "_kinds", "_longest", "_shortest", "_text", "_whole_fit", "examples", "items", "keys",
        "nulls", "seen",
    )  # fmt: skip

    def __init__(self, depth: int = 0) -> None:
        self.seen = self.nulls = 0
        self.items: Place | None = None
        self.keys: dict[str, Place] | None = None
        self.examples: list[Any] = []
        self._depth = depth
        self._kinds: set[type] = set()
        self._text: str | None = None
        #: Of texts that may be Decimals: whether one of them can be no code, and the lengths of the others.
        self._is_a_number = False
        self._shortest, self._longest = 99, 0
        self._whole_fit = True

    def add(self, value: Any) -> None:
        """Look at one more value."""
        self.seen += 1
        if value is None:
            self.nulls += 1
            return
        kind = type(value)
        self._kinds.add(kind)
        if kind is str:
            if self._text != "str":
                self._look_at_text(value)
        elif kind is list:
            self._look_at_list(value)
        elif kind is dict:
            self._look_at_object(value)
        elif kind is int:
            self._whole_fit = self._whole_fit and _is_float_too(value)
        elif kind is float and not math.isfinite(value):
            self._kinds.add(object)
        if len(self.examples) < _EXAMPLES and kind in (str, int, float):
            self._keep_example(value)

    def annotation(self, model: Callable[[Place], str]) -> str:
        """The type that reads every value found, as Python writes it, without a word about null.

        Parameters
        ----------
        model : callable
            Gives the name of the class for a place whose objects always have the same keys.
        """
        kinds = self._kinds
        if kinds == {str}:
            return self._type_of_texts()
        if kinds == {list} and self.items is not None:
            return f"list[{self.items.annotation_or_none(model)}]"
        if kinds == {dict}:
            return model(self) if self.keys else "dict[str, Any]"
        if kinds == {int, float} and self._whole_fit:
            return "float"
        if kinds and kinds <= {bool, int, float, str}:
            return " | ".join(kind.__name__ for kind in (bool, int, float, str) if kind in kinds)
        return "Any"

    def annotation_or_none(self, model: Callable[[Place], str]) -> str:
        """The same, with None where null was found."""
        found = self.annotation(model)
        return f"{found} | None" if self.nulls and found != "Any" else found

    def model_place(self) -> Place | None:
        """The place of the objects that a class is written for: here, or in the lists here."""
        if self._kinds == {list} and self.items is not None:
            return self.items.model_place()
        return self if self._kinds == {dict} and self.keys else None

    # --- kinds of values -------------------------------------------------------------------------------------

    def _look_at_text(self, text: str) -> None:
        if self._text is None:
            self._text = next((name for name, fits in _TEXTS.items() if fits(text)), "str")
        elif not _TEXTS[self._text](text):
            self._text = "str"
        if self._text == "Decimal":
            self._is_a_number = self._is_a_number or "." in text or text[0] == "-"
            length = 99 if "E" in text else len(text)
            self._shortest, self._longest = min(self._shortest, length), max(self._longest, length)

    def _type_of_texts(self) -> str:
        if self._text != "Decimal" or self._is_a_number:
            return str(self._text)
        may_be_codes = self._longest > _LONGEST_WHOLE or self._shortest == self._longest >= _CODE
        return "str" if may_be_codes else "Decimal"

    def _look_at_list(self, values: list[Any]) -> None:
        if self._depth == DEEPEST:
            self._kinds.add(object)
            return
        if self.items is None:
            self.items = Place(self._depth + 1)
        add = self.items.add
        for value in values:
            add(value)

    def _look_at_object(self, value: dict[str, Any]) -> None:
        if self._depth == DEEPEST:
            self._kinds.add(object)
            return
        if self.keys is None:
            if self.seen - self.nulls > 1 or len(value) > _MOST_KEYS:
                return
            self.keys = {key: Place(self._depth + 1) for key in value}
        if self.keys.keys() != value.keys():
            self.keys = None
            return
        for key, part in value.items():
            self.keys[key].add(part)

    def _keep_example(self, value: Any) -> None:
        short = len(value) <= _LONGEST_EXAMPLE if isinstance(value, str) else abs(value) < 10**20
        if short and not any(type(value) is type(other) and value == other for other in self.examples):
            self.examples.append(value)


def _is_float_too(number: int) -> bool:
    try:
        return float(number) == number
    except OverflowError:
        return False
