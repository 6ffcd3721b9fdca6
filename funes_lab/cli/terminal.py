"""What the commands print on: a terminal with colours, or a pipe with plain lines."""

from __future__ import annotations

import io
import os
import sys
from typing import NoReturn

import typer
from rich.console import Console

#: Narrower than this, tables would be a letter a line.
_NARROWEST = 40


def terminal(*, no_color: bool) -> Console:
    """The standard output, as rich writes on it.

    Parameters
    ----------
    no_color : bool
        Print no colours, and nothing bold either; so it is with NO_COLOR set, whatever its value, and in a pipe.
    """
    plain = no_color or bool(os.environ.get("NO_COLOR"))
    console = Console(color_system=None if plain else "auto", highlight=False, emoji=False, markup=False)
    console.width = max(console.width, _NARROWEST)
    return console


def take_every_character() -> None:
    """Let an output that cannot show a character show another one instead of breaking."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def refuse(message: str) -> NoReturn:
    """Say in one line what cannot be read, and end with status 2."""
    typer.echo(" ".join(message.split()), err=True)
    raise typer.Exit(2)


def fail(message: str) -> NoReturn:
    """Say in one line what went wrong, and end with status 1."""
    typer.echo(" ".join(message.split()), err=True)
    raise typer.Exit(1)
