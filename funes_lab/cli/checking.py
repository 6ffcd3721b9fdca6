"""`funes-lab check`: what is not as it must be in a log, as lines for programs or as a table for people."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Final

import duckdb
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from funes_lab.cli.terminal import refuse
from funes_lab.errors import FunesLabError
from funes_lab.store.checkup import Finding, findings
from funes_lab.store.doors import open_store

if TYPE_CHECKING:
    from funes_lab.store.duckdb import DuckDBStore

#: So many findings are laid out in a table; who wants more of them wants a file.
_SHOWN: Final = 100


def look_over(file: Path, console: Console) -> int:
    """Print the findings of a log.

    Parameters
    ----------
    file : Path
        It is opened for reading only.
    console : Console
        A terminal gets a table, anything else one line each.

    Returns
    -------
    int
        The exit status: 0 for a sound log, 1 for findings. What cannot be read ends the command with 2.
    """
    try:
        _check_file(file)
        store = open_store(file, read_only=True, lock_timeout=0)
        try:
            found = _print(file, findings(store, datetime.now(UTC)), console)
            if not found:
                _print_sound(file, store, console)
        finally:
            store.close()
    except BrokenPipeError:  # whoever reads has seen enough
        raise
    except FunesLabError as error:
        refuse(str(error))
    except (OSError, duckdb.Error) as error:
        refuse(f"{file} cannot be read: {getattr(error, 'strerror', None) or error}")
    return 1 if found else 0


def _check_file(file: Path) -> None:
    if file.is_dir():
        refuse(f"{file} is a folder. Name the file of a lab: funes-lab check ledger.duckdb")
    if not file.exists():
        refuse(f"{file} does not exist. Name the file of a lab: funes-lab check ledger.duckdb")
    if not file.is_file():
        refuse(f"{file} is no file. Name the file of a lab: funes-lab check ledger.duckdb")
    if not os.access(file, os.R_OK):
        refuse(f"{file} cannot be read: you have no permission.")


def _print(file: Path, found: Iterator[Finding], console: Console) -> int:
    """Print what is found; gives how many there are."""
    if not console.is_terminal:
        count = 0
        for finding in found:
            typer.echo(str(finding))
            count += 1
        return count
    shown = list(islice(found, _SHOWN))
    count = len(shown) + sum(1 for _ in found)
    if count:
        console.print(f"{file}: {_counted(count, 'finding')}", soft_wrap=True)
        table = Table("where", "what is wrong")
        for finding in shown:
            table.add_row(Text(finding.where), Text(finding.what))
        console.print(table)
        if count > len(shown):
            console.print(
                f"… and {count - len(shown):,} more; see all with: funes-lab check {file} > findings.txt",
                soft_wrap=True,
            )
    return count


def _print_sound(file: Path, store: DuckDBStore, console: Console) -> None:
    counted = store.query('SELECT count(*) AS events, count(DISTINCT "idx") AS streams FROM "event_entries"')
    events, streams = (counted[name][0].as_py() for name in ("events", "streams"))
    told = f"{file}: {_counted(events, 'event')}, sound"
    if console.is_terminal:
        attempts = _counted(store.count_journalled(), "refused attempt")
        console.print(
            Text.assemble(("✓ ", "green"), f"{told} ({_counted(streams, 'stream')}, {attempts})"), soft_wrap=True
        )
    else:
        typer.echo(told)


def _counted(number: int, what: str) -> str:
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"
