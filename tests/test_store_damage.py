"""A file that is damaged, or no log at all, is told as what it is and left alone."""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest

import funes_lab as fl
from tests.domain import NoteStream, noted


def written(path: Path, count: int = 3) -> list[fl.Event]:
    with fl.Lab(path) as lab:
        return NoteStream.for_("n", lab=lab).append_all([noted(str(number)) for number in range(count)])


def flip(path: Path, start: int, stop: int, seed: int = 1) -> None:
    data = bytearray(path.read_bytes())
    for place in random.Random(seed).sample(range(start, min(stop, len(data))), 64):
        data[place] ^= 0xFF
    path.write_bytes(data)


DAMAGE: dict[str, Callable[[Path], Any]] = {
    "cut after the headers": lambda path: os.truncate(path, 12_288),
    "cut in the headers": lambda path: os.truncate(path, 5_000),
    "a few bytes": lambda path: os.truncate(path, 10),
    "magic bytes": lambda path: flip(path, 8, 200),
    "all headers": lambda path: flip(path, 0, 12_288),
    "database headers": lambda path: flip(path, 4_096, 4_200) or flip(path, 8_192, 8_300),
    "random bytes": lambda path: path.write_bytes(random.Random(1).randbytes(50_000)),
    "text": lambda path: path.write_text("klass,idx\nNoted,n\n" * 5_000),
    "short text": lambda path: path.write_text("hello"),
    "zeros": lambda path: path.write_bytes(bytes(50_000)),
}


@pytest.mark.parametrize("options", [{}, {"read_only": True}], ids=["", "read_only"])
@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_file_is_told_as_damaged(path, damage, options):
    written(path, 2000)
    DAMAGE[damage](path)
    before = path.read_bytes()
    with pytest.raises(fl.CorruptLogError, match=r"ledger\.duckdb is damaged, or is no DuckDB file"):
        fl.Lab(path, **options)
    assert path.read_bytes() == before


def test_damage_further_on_is_told_or_harmless_and_never_wrong_data(path):
    events = written(path, 3000)
    copy = path.with_name("whole.duckdb")
    shutil.copy(path, copy)
    told = 0
    for seed in range(8):
        shutil.copy(copy, path)
        size = path.stat().st_size
        start = random.Random(seed).randrange(12_288, size - 4_096)
        flip(path, start, start + 4_096, seed)
        try:
            with fl.Lab(path) as lab:
                assert NoteStream.for_("n", lab=lab).events == events
                lab.log.df()
        except fl.CorruptLogError:
            told += 1
    assert told > 0


def test_an_empty_file_is_a_new_log_or_told(path):
    path.touch()
    try:
        lab = fl.Lab(path)
    except fl.CorruptLogError:
        return
    assert NoteStream.for_("n", lab=lab).append(noted()).version == 1


def test_a_file_of_another_database_is_told(path):
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE event_entries (a)")
    other.close()
    before = path.read_bytes()
    with pytest.raises(fl.StoreError, match=r"ledger\.duckdb"):
        fl.Lab(path)
    assert path.read_bytes() == before


def test_a_database_that_is_no_log_is_told_when_it_is_only_read(path):
    duckdb.connect(str(path)).close()
    with pytest.raises(fl.CorruptLogError, match="is no event log: it has no table event_entries"):
        fl.Lab(path, read_only=True)


def test_a_newer_schema_is_told_and_left_alone(path):
    written(path)
    with duckdb.connect(str(path)) as other:
        other.execute("UPDATE funes_lab_schema SET version = 999")
    for options in ({}, {"read_only": True}):
        with pytest.raises(fl.SchemaVersionError, match=r"newer funes_lab \(its tables have version 999.*upgrade with"):
            fl.Lab(path, **options)
    with duckdb.connect(str(path)) as other:
        assert other.execute("SELECT count(*) FROM event_entries").fetchone() == (3,)
