"""What may become a row of the log.

DuckDB takes an idx that is no text, NaN in JSON, NUL characters and versions of 1.5; a log must not. Single
appends are checked value by value, bulk loads in SQL over all their rows, with a closer look in Python at the few
that need one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final, NoReturn

import duckdb

from funes_lab import formats
from funes_lab.storable import text_problem

_LONGEST_IDX: Final = 1024

_NO_TIME: Final = (
    '"{column}" IS NULL OR NOT isfinite("{column}") OR '
    "\"{column}\" NOT BETWEEN '0001-01-01 00:00:00+00'::TIMESTAMPTZ AND '9999-12-31 23:59:59.999999+00'::TIMESTAMPTZ"
)

#: Each rule of a bulk load: the column, a condition that finds what breaks it, and what is wrong.
_RULES: Final = [
    ("klass", "\"klass\" IS NULL OR \"klass\" = '' OR contains(\"klass\", chr(0))", "must be a text that is not empty"),
    (
        "idx",
        f"\"idx\" IS NULL OR \"idx\" = '' OR length(\"idx\") > {_LONGEST_IDX} OR contains(\"idx\", chr(0))",
        f"must be a text of 1 to {_LONGEST_IDX} characters without NUL",
    ),
    ("version", '"version" IS NULL OR "version" < 1', "must be a whole number from 1 on"),
    ("created_at", _NO_TIME.format(column="created_at"), "must be a time in the years 1 to 9999 in UTC"),
    ("occurred_at", _NO_TIME.format(column="occurred_at"), "must be a time in the years 1 to 9999 in UTC"),
    (
        "props",
        "\"props\" IS NULL OR NOT json_valid(\"props\") OR json_type(\"props\") <> 'OBJECT'",
        "must be a JSON object",
    ),
    (
        "meta_info",
        (
            "\"meta_info\" IS NOT NULL AND (NOT json_valid(\"meta_info\") "
            "OR json_type(\"meta_info\") NOT IN ('OBJECT', 'NULL'))"
        ),
        "must be a JSON object or empty",
    ),
]  # fmt: skip

#: Texts that DuckDB takes for JSON and that may hide what JSON is not, or what Python cannot read: a NaN or an
#: Infinity in any spelling, a comma too much, a number too large, a NUL, half a surrogate pair.
_SUSPICIOUS: Final = r"""regexp_matches(COLUMN, '(?i)nan|inf|\\u0000|\\ud[89a-f]|,\s*[}\]]|e\+?[0-9]{3}|[0-9]{400}')"""


def check_idx(idx: object, argument: str = "idx") -> str:
    """The idx of a stream: a text of 1 to 1024 characters.

    Raises
    ------
    TypeError
        If it is not a str.
    ValueError
        If it is empty, too long, or has a NUL or half a surrogate pair.
    """
    if not isinstance(idx, str):
        raise TypeError(
            f"{argument} must be a str, got {idx!r} ({type(idx).__name__}); write {str(idx)!r} if you mean that"
        )
    if not idx:
        raise ValueError(f"{argument} must not be empty; it names the stream, for example 'debts-123'")
    if len(idx) > _LONGEST_IDX:
        raise ValueError(f"{argument} must have at most {_LONGEST_IDX} characters, got {len(idx):,}")
    problem = text_problem(idx)
    if problem:
        raise ValueError(f"{argument} {problem}, got {idx!r}")
    return str(idx)


def check_version(version: object, argument: str = "version", *, least: int = 1) -> int:
    """A version: a whole number from `least` on; True and 1.0 are none."""
    if isinstance(version, bool) or not isinstance(version, int):
        raise TypeError(f"{argument} must be an int, got {version!r} ({type(version).__name__})")
    if version < least:
        raise ValueError(f"{argument} must be {least} or more, got {version}")
    if version >= 2**63:
        raise ValueError(f"{argument} must be less than 2**63, got {formats.value(version)}")
    return version


def refuse_bad_rows(cursor: duckdb.DuckDBPyConnection) -> None:
    """Look at every row of the relation `incoming` before any of them is written.

    Raises
    ------
    ValueError
        For the first row that cannot be a fact; it names row, column and value.
    """
    for column, broken, what in _RULES:
        shown = f'"{column}"::VARCHAR, "row_number"'
        found = cursor.execute(f"SELECT {shown} FROM incoming WHERE {broken} LIMIT 1").fetchone()
        if found is not None:
            _refuse(found[1], column, found[0], what)
    for column in ("props", "meta_info"):
        where = _SUSPICIOUS.replace("COLUMN", f'"{column}"')
        for text, row in cursor.execute(f'SELECT "{column}", "row_number" FROM incoming WHERE {where}').fetchall():
            _look_closer(text, row, column)
    _refuse_taken_versions(cursor)


def _refuse_taken_versions(cursor: duckdb.DuckDBPyConnection) -> None:
    twice = cursor.execute(
        'SELECT "idx", "version" FROM incoming GROUP BY ALL HAVING count(*) > 1 ORDER BY ALL LIMIT 1'
    ).fetchone()
    if twice is not None:
        raise ValueError(f"rows holds version {twice[1]} of {twice[0]!r} twice; a version is one event")
    behind = cursor.execute(
        'SELECT i."idx", i."version", h."head" FROM incoming i JOIN '
        '(SELECT "idx", max("version") AS "head" FROM "event_entries" '
        'WHERE "idx" IN (SELECT "idx" FROM incoming) GROUP BY "idx") h '
        'ON i."idx" = h."idx" AND i."version" <= h."head" ORDER BY ALL LIMIT 1'
    ).fetchone()
    if behind is not None:
        raise ValueError(
            f"rows holds version {behind[1]} of {behind[0]!r}, which is at version {behind[2]} in this log already; "
            "load only goes on after what is there"
        )


def _look_closer(text: str, row: int, column: str) -> None:
    try:
        data = json.loads(text, parse_constant=_not_json, parse_float=_finite)
    except ValueError:
        _refuse(row, column, text, "must be JSON without NaN, Infinity and numbers that no float holds")
    problem = _text_problem_in(data)
    if problem:
        _refuse(row, column, text, problem)


def _text_problem_in(data: Any) -> str | None:
    if isinstance(data, str):
        return text_problem(data)
    if isinstance(data, Mapping):
        return next((p for part in (*data.keys(), *data.values()) if (p := _text_problem_in(part))), None)
    if isinstance(data, list):
        return next((p for part in data if (p := _text_problem_in(part))), None)
    return None


def _not_json(constant: str) -> NoReturn:
    raise ValueError(constant)


def _finite(text: str) -> float:
    number = float(text)
    if number - number != 0:
        raise ValueError(text)
    return number


def _refuse(row: int, column: str, value: object, what: str) -> NoReturn:
    shown = repr(value)
    raise ValueError(f"rows: {column} of row {row} {what}, got {shown[:120]}; nothing was loaded")
