"""Files of events: parquet as it is typed, CSV as texts, JSON lines without a digit lost.

Nothing is guessed of a file but its kind, from its suffix. What the rows must be is checked where all rows are.
"""

from __future__ import annotations

import gzip
import json
import os
import re
import zlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import csv

from funes_lab.store.cells import JsonText
from funes_lab.store.columns import check_renaming, sort_out
from funes_lab.store.loading import log_table

#: A cell of a CSV file must fit into one block, with the rest of its row.
_BLOCK: Final = 64 * 2**20
_CHUNK: Final = 2**20
_SPACE: Final = re.compile(r"[ \t\n\r]*")
_INDEX: Final = re.compile(r"__index_level_[0-9]+__")
_DECODER: Final = json.JSONDecoder()
_LARGEST: Final = 2**63


def log_table_of_file(path: str | os.PathLike[str], columns: Mapping[str, str] | None = None) -> pa.Table:
    """The events of a file, as `log_table` makes them of rows.

    Parameters
    ----------
    path : str or path
        A .parquet, .csv, .csv.gz, .jsonl or .jsonl.gz file.
    columns : mapping of str to str, optional
        What the file's names of columns are in the log.

    Raises
    ------
    FileNotFoundError, IsADirectoryError
        If there is no such file.
    ValueError, TypeError
        If it is of another kind, empty or damaged, or holds what cannot be facts; the message begins with its name.
    """
    renamed = check_renaming(columns)
    file = Path(path).expanduser()
    read = _reader(file)
    try:
        return log_table(read(file, renamed), renamed, whole=True)
    except UnicodeDecodeError as failure:
        raise ValueError(f"{file}: is not written in UTF-8 ({failure.reason}); write it anew in UTF-8") from None
    except (pa.ArrowException, OSError, EOFError, zlib.error) as failure:
        if isinstance(failure, OSError) and failure.errno:  # no right to read it, no such disk
            raise
        raise ValueError(f"{file}: cannot be read: {failure}; it is damaged or no {file.suffix} file") from None
    except TypeError as failure:
        raise TypeError(f"{file}: {failure}") from None
    except ValueError as failure:
        raise ValueError(f"{file}: {failure}") from None


def _reader(file: Path) -> Callable[[Path, Mapping[str, str]], Any]:
    suffix = file.name.lower().removesuffix(".gz")
    kinds = {".parquet": _parquet, ".csv": _csv, ".jsonl": _json_lines}
    kind = next((kind for kind in kinds if suffix.endswith(kind)), None)
    if kind is None or (kind == ".parquet" and suffix != file.name.lower()):
        raise ValueError(
            f"rows must be the path of a .parquet, .csv or .jsonl file (the last two also .gz), got {str(file)!r}; "
            "what pandas reads can be loaded as a DataFrame"
        )
    if file.is_dir():
        raise IsADirectoryError(f"rows must be the path of one file, and {file} is a folder; load its files one by one")
    if not file.exists():
        raise FileNotFoundError(f"rows must be the path of a file, and there is none at {file.absolute()}")
    if file.stat().st_size == 0:
        raise ValueError(f"{file}: is empty, without even the names of columns; write it anew")
    return kinds[kind]


def _parquet(file: Path, _renamed: Mapping[str, str]) -> pa.Table:
    with file.open("rb") as content:  # a path would add the columns that it spells: year=2026/…
        table = pq.ParquetFile(content).read()
    table.validate(full=True)  # bytes that are no UTF-8 would only be found when somebody reads them
    # the nameless index of a frame; nobody made it a column
    return table.drop_columns([name for name in table.column_names if _INDEX.fullmatch(name)])


def _csv(file: Path, renamed: Mapping[str, str]) -> pa.Table:
    _check_quotes(file)
    reading = {
        "read_options": csv.ReadOptions(block_size=_BLOCK),
        "parse_options": csv.ParseOptions(newlines_in_values=True),
    }
    with csv.open_csv(file, **reading) as head:
        names = head.schema.names
    as_texts = csv.ConvertOptions(
        column_types=dict.fromkeys(names, pa.string()),
        null_values=[""],
        strings_can_be_null=True,
        quoted_strings_can_be_null=True,
    )
    table = csv.read_csv(file, convert_options=as_texts, **reading)
    version = sort_out(names, renamed).ours.get("version")
    if version is None:
        return table
    numbers = [_whole_number(text, number) for number, text in enumerate(table[version].to_pylist())]
    return table.set_column(names.index(version), version, pa.array(numbers, type=pa.int64()))


def _check_quotes(file: Path) -> None:
    """A cell that is never closed would take in the rest of the file."""
    with pa.input_stream(file, compression="detect") as content:
        marks = sum(part.count(b'"') for part in iter(lambda: content.read(_CHUNK), b""))
    if marks % 2:
        raise ValueError(
            'has a quoted cell that is never closed; write a " within a cell as "", and the cell in quotes'
        )


def _whole_number(text: str | None, row: int) -> int | None:
    if text is None:
        return None
    if not (text.isascii() and text.isdigit()) or int(text) >= _LARGEST:
        raise ValueError(f"rows: row {row}: version must be a whole number from 1 on, got {text!r}; nothing was loaded")
    return int(text)


def _json_lines(file: Path, _renamed: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    with gzip.open(file, "rb") if file.name.lower().endswith(".gz") else file.open("rb") as content:
        for number, line in enumerate(content, 1):
            text = line.decode("utf-8-sig" if number == 1 else "utf-8")
            if text.strip():
                yield _members(text, number)


def _members(line: str, number: int) -> dict[str, Any]:
    """The members of a JSON object; what Python would not write as it was is kept as text.

    Raises
    ------
    ValueError
        If the line is something else.
    """
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        shown = line.strip()
        raise ValueError(f"line {number} must be a JSON object, got {shown[:80]!r}{'…' if len(shown) > 80 else ''}")
    if any(isinstance(value, (float, dict, list)) for value in found.values()):
        return _as_written(line)
    return found


def _as_written(line: str) -> dict[str, Any]:
    """The members of what is known to be a JSON object."""
    found: dict[str, Any] = {}
    at = _skip(line, line.index("{") + 1)
    while line[at] != "}":
        key, at = _DECODER.raw_decode(line, at)
        start = _skip(line, line.index(":", at) + 1)
        value, at = _DECODER.raw_decode(line, start)
        found[key] = JsonText(line[start:at]) if isinstance(value, (float, dict, list)) else value
        at = _skip(line, at)
        if line[at] == ",":
            at = _skip(line, at + 1)
    return found


def _skip(line: str, at: int) -> int:
    space = _SPACE.match(line, at)
    assert space is not None
    return space.end()
