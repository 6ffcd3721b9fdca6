"""What type a column of JSON values can have without losing one of them.

The values are looked at as texts, in one pass over the rows: a type is taken only if every value there is comes
through it unharmed. DuckDB by itself would make NULL of some, round others, and read '5.5' as the whole number 6.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from funes_lab.store.tables import DIGITS

#: The kind of an attribute that nobody knows a type for: its values tell.
BY_VALUES: Final = ""

#: The kind of an attribute that is a Decimal; how many places it has, its values tell.
DECIMAL: Final = "DECIMAL"

#: A payload that is no object; it has no attributes.
_WHOLE_PAYLOAD: Final = "CASE WHEN json_type(props) NOT IN ('OBJECT', 'NULL') THEN props END"

#: Kinds that hold whatever text there is.
_HOLD_ALL: Final = ("VARCHAR", "JSON")

# One bit a kind of value, so that what a column holds is an OR over its values.
_FITS, _HUGE, _POWER, _FOREIGN = 1, 2, 4, 8
_SMALL, _WIDE, _WIDER, _FLOAT, _BOOLEAN, _TEXT, _NESTED = 1, 2, 4, 8, 16, 32, 64

# The text stands for {t}, its type in JSON for {k}.
_TESTS: Final = {
    # what DuckDB makes of NaN, pandas would take for nothing
    "DOUBLE": "isfinite(TRY_CAST({t} AS DOUBLE))",
    "BOOLEAN": "{t} IN ('true', 'false')",
    # 'epoch' and 'infinity' are times and dates to DuckDB
    "TIMESTAMPTZ": "{t} LIKE '____-__-__%' AND TRY_CAST({t} AS TIMESTAMPTZ) IS NOT NULL",
    "DATE": "{t} LIKE '____-__-__' AND CAST(TRY_CAST({t} AS DATE) AS VARCHAR) = {t}",
    # DuckDB would drop an offset
    "TIME": r"regexp_full_match({t}, '([01]\d|2[0-3]):[0-5]\d(:[0-5]\d(\.\d{1,6})?)?')"
    " AND TRY_CAST({t} AS TIME) IS NOT NULL",
    "UUID": "TRY_CAST({t} AS UUID) IS NOT NULL",
}
_WHOLE: Final = rf"""
CASE WHEN NOT regexp_full_match({{t}}, '-?[0-9]{{1,38}}(\.0)?') THEN {_FOREIGN}
     WHEN TRY_CAST({{t}} AS BIGINT) IS NULL THEN {_HUGE} ELSE {_FITS} END"""
_DECIMAL: Final = rf"""
CASE WHEN regexp_full_match({{t}}, '-?[0-9]+(\.[0-9]+)?') THEN {_FITS}
     WHEN regexp_full_match({{t}}, '-?[0-9]+(\.[0-9]+)?[eE][+-]?[0-9]{{1,3}}') THEN {_POWER} ELSE {_FOREIGN} END"""
# a number of more than 64 bits is a DOUBLE to DuckDB, and its text has all the digits
_BY_VALUES: Final = f"""
CASE WHEN {{k}} IN ('UBIGINT', 'BIGINT')
     THEN CASE WHEN TRY_CAST({{t}} AS BIGINT) IS NULL THEN {_WIDER}
               WHEN abs(TRY_CAST({{t}} AS HUGEINT)) > 9007199254740992 THEN {_WIDE} ELSE {_SMALL} END
     WHEN {{k}} = 'DOUBLE'
     THEN CASE WHEN regexp_full_match({{t}}, '-?[0-9]{{1,38}}') THEN {_WIDER}
               WHEN (contains({{t}}, '.') OR contains({{t}}, 'e')) AND isfinite(TRY_CAST({{t}} AS DOUBLE)) THEN {_FLOAT}
               ELSE {_TEXT} END
     WHEN {{k}} = 'BOOLEAN' THEN {_BOOLEAN} WHEN {{k}} = 'VARCHAR' THEN {_TEXT} ELSE {_NESTED} END"""


@dataclass(frozen=True, slots=True)
class Attribute:
    """An attribute of a payload.

    Attributes
    ----------
    keys : tuple of str
        Its name, and other names that payloads may have for it. None: a payload that is no object, as a whole.
    kind : str
        A type of DuckDB, "DECIMAL" for one with the places that its values need, or "" for what its values tell.
    default : str or None
        What a payload without it means, as JSON text.
    """

    keys: tuple[str, ...]
    kind: str = BY_VALUES
    default: str | None = None

    @property
    def settled(self) -> bool:
        """Whether its type needs no look at the values."""
        return self.kind in _HOLD_ALL


def literal(text: str) -> str:
    """A text as a literal of SQL."""
    return "'" + text.replace("'", "''").replace("\x00", "' || chr(0) || '") + "'"


def pointer(key: str) -> str:
    """Where a key of a payload is, as a literal: a JSON pointer takes every name, and has no wildcards."""
    return f"({literal('/' + key.replace('~', '~0').replace('/', '~1'))})"


def text_of(attribute: Attribute, found: Mapping[str, str] | None = None) -> str:
    """The expression of its value as a text; `found` has the expressions of keys that are extracted already."""
    if not attribute.keys:
        return f"CAST({_WHOLE_PAYLOAD} AS VARCHAR)"
    parts = [found[key] if found else f"json_extract_string(props, {pointer(key)})" for key in attribute.keys]
    return _first_of(attribute, parts, "json_extract_string({}, '$')")


def json_of(attribute: Attribute) -> str:
    """The expression of its value as JSON."""
    if not attribute.keys:
        return _WHOLE_PAYLOAD
    return _first_of(
        attribute, [f"nullif(json_extract(props, {pointer(key)}), 'null')" for key in attribute.keys], "{}"
    )


def _type_of(attribute: Attribute) -> str:
    """The expression of the type that its value has in JSON; it is needed only where nothing else tells."""
    if attribute.kind != BY_VALUES:
        return "NULL"
    types = [f"nullif(json_type(props, {pointer(key)}), 'NULL')" for key in attribute.keys]
    return _first_of(attribute, types, "json_type({})")


def _first_of(attribute: Attribute, parts: list[str], default: str) -> str:
    if attribute.default is not None:
        there = " OR ".join(f"json_exists(props, {pointer(key)})" for key in attribute.keys)
        text = default.format(f"CAST({literal(attribute.default)} AS JSON)")
        parts = [*parts, f"CASE WHEN json_type(props) = 'OBJECT' AND NOT ({there}) THEN {text} END"]
    return parts[0] if len(parts) == 1 else f"coalesce({', '.join(parts)})"


# --- what the values are ------------------------------------------------------------------------------------------


def measuring(attributes: Sequence[Attribute], source: str) -> str:
    """The query that looks at the values of attributes that are not settled: a list of numbers for each."""
    keys = list(dict.fromkeys(key for attribute in attributes for key in attribute.keys))
    pointers = ", ".join(pointer(key) for key in keys)
    found = {key: f"texts[{number}]" for number, key in enumerate(keys, start=1)}
    numbered = list(enumerate(attributes))
    texts = ", ".join(f"{text_of(a, found)} AS t{n}" for n, a in numbered)
    types = ", ".join(f"{_type_of(a)} AS k{n}" for n, a in numbered)
    flags = ", ".join(f"{_flag(a.kind, f't{n}', f'k{n}')} AS f{n}" for n, a in numbered)
    sums = ", ".join(_sum(a.kind, f"t{n}", f"f{n}") for n, a in numbered)
    extracted = f"SELECT props, json_extract_string(props, [{pointers}]) AS texts FROM ({source})"
    return f"SELECT {sums} FROM (SELECT *, {flags} FROM (SELECT {texts}, {types} FROM ({extracted})))"


def _flag(kind: str, text: str, json_type: str) -> str:
    """The expression that says of a text what it is."""
    test = {"BIGINT": _WHOLE, DECIMAL: _DECIMAL, BY_VALUES: _BY_VALUES}.get(kind)
    if test is None:
        test = f"CASE WHEN {_TESTS[kind]} THEN {_FITS} ELSE {_FOREIGN} END"
    return f"CASE WHEN {text} IS NULL THEN 0 ELSE {test} END".replace("{t}", text).replace("{k}", json_type)


def _sum(kind: str, text: str, flag: str) -> str:
    """What is kept of all values: what kinds there are, and for Decimals the digits before and behind the point."""
    kinds = f"coalesce(bit_or({flag}), 0)"
    if kind != DECIMAL:
        return f"[{kinds}]"
    return f"[{kinds}, coalesce(max({_before(text)}), 0), coalesce(max({_behind(text)}), 0)]"


def _before(number: str) -> str:
    point = f"CASE WHEN contains({number}, '.') THEN strpos({number}, '.') - 1 ELSE strlen({number}) END"
    return f"{point} - CAST({number} < '0' AS INTEGER)"


def _behind(number: str) -> str:
    return f"CASE WHEN contains({number}, '.') THEN strlen({number}) - strpos({number}, '.') ELSE 0 END"


def measuring_powers(attribute: Attribute, source: str) -> str:
    """The same for one Decimal that has values such as 1.5E+3, which are rare and take longer to look at."""
    mantissa, power = "split_part(lower(t), 'e', 1)", "coalesce(TRY_CAST(split_part(lower(t), 'e', 2) AS INTEGER), 0)"
    before, behind = f"greatest(1, {_before(mantissa)} + {power})", f"greatest(0, {_behind(mantissa)} - {power})"
    return f"SELECT [{_FITS}, max({before}), max({behind})] FROM (SELECT {text_of(attribute)} AS t FROM ({source}))"


def losing(attribute: Attribute, kind: str, source: str) -> str:
    """The query that finds a value which a type would lose."""
    lost = f"t IS NOT NULL AND TRY_CAST(t AS {kind}) IS NULL"
    return f"SELECT 1 FROM (SELECT {text_of(attribute)} AS t FROM ({source})) WHERE {lost} LIMIT 1"


def fitting(kind: str, measured: Sequence[int]) -> str:
    """The type that holds all values that were measured; VARCHAR if there is no other."""
    kinds, *digits = measured
    if kind == BY_VALUES:
        return _told_by(kinds)
    if kinds & _FOREIGN or sum(digits) > DIGITS:
        return "VARCHAR"
    if kind == DECIMAL:
        return f"DECIMAL({DIGITS}, {digits[1]})"
    return "HUGEINT" if kinds & _HUGE else kind


def has_powers(kind: str, measured: Sequence[int]) -> bool:
    """Whether there are Decimals such as 1E+3, which are to be measured anew."""
    return kind == DECIMAL and _POWER <= measured[0] < _FOREIGN


def _told_by(kinds: int) -> str:
    if kinds & _NESTED:
        return "JSON"
    within = [
        ("BIGINT", _SMALL | _WIDE),
        ("HUGEINT", _SMALL | _WIDE | _WIDER),
        ("DOUBLE", _SMALL | _FLOAT),
        ("BOOLEAN", _BOOLEAN),
    ]
    return next((kind for kind, bits in within if kinds and not kinds & ~bits), "VARCHAR")
