"""The door for the shell: ``funes-lab``.

``funes-lab lab`` opens JupyterLab on the tour. In a checkout it opens the notebooks where they are. An
installed package carries them along: they are copied into a folder of the user's, and nothing there is
overwritten. ``funes-lab check`` looks a log over, ``funes-lab demo`` shows in the terminal what all of it is for.
"""

import os
import sys
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

import typer

from funes_lab import formats
from funes_lab.cli import checking, demonstration
from funes_lab.cli.notebooks import copy_notebooks, is_installed, shipped_notebooks, trust_notebooks
from funes_lab.cli.terminal import fail, take_every_character, terminal

TOUR = "00_tour.ipynb"
DEFAULT_FOLDER = Path("funes-lab-notebooks")

_NEWS = "@jupyterlab/apputils-extension:announcements"

app = typer.Typer(
    name="funes-lab",
    help="An event sourcing laboratory for the notebook. Begin with: funes-lab demo",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)

_NoColor = Annotated[bool, typer.Option("--no-color", help="Print plain text, as with NO_COLOR set or in a pipe.")]


def main() -> None:
    """Run the command line."""
    take_every_character()
    try:
        app()
    except OSError as error:  # the disk is full on which the output goes
        sys.exit(f"Nothing can be written: {error.strerror}.")


def _version() -> str:
    return metadata.version("funes-lab")


def _show_version(value: bool) -> None:  # noqa: FBT001 - typer calls it so
    if value:
        typer.echo(f"funes_lab {_version()}")
        raise typer.Exit


@app.callback()
def _options(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    pass


@app.command()
def demo(*, no_color: _NoColor = False) -> None:
    """See in a minute what event sourcing is, and what this does.

    A lab in memory: two facts, one refused, a race lost, the states replayed, what if it had been otherwise.
    Every line of code that is shown is run. Nothing is written to disk.

    Example: funes-lab demo
    """
    demonstration.show(terminal(no_color=no_color))


@app.command()
def check(
    file: Annotated[Path, typer.Argument(metavar="FILE", readable=False, help="The file of a lab.")],
    *,
    no_color: _NoColor = False,
) -> None:
    """Look a log over: versions, times, payloads, indexes, the journal of refused attempts.

    One line for each thing that is not as it must be. The file is only read. The exit status is 0 for a sound log,
    1 for one with findings, and 2 for a file that cannot be read.

    Example: funes-lab check ledger.duckdb
    """
    raise typer.Exit(checking.look_over(file, terminal(no_color=no_color)))


@app.command()
def lab(
    folder: Annotated[
        Path | None,
        typer.Argument(
            metavar="FOLDER",
            file_okay=False,
            help=f"Copy the notebooks into this folder and open them there. "
            f"Default: in a checkout where they are, else {DEFAULT_FOLDER}.",
        ),
    ] = None,
    *,
    no_browser: Annotated[bool, typer.Option("--no-browser", help="Only print the address to open.")] = False,
    port: Annotated[
        int | None,
        typer.Option(min=1, max=65535, help="The port to listen on. Default: the first free one from 8888."),
    ] = None,
) -> None:
    """Open JupyterLab on the tour.

    A notebook of yours that differs from the one in funes_lab is kept as it is.

    Example: funes-lab lab --no-browser --port 8899 course
    """
    if find_spec("jupyterlab") is None:
        fail('JupyterLab is not installed. Install it with: pip install "funes-lab[lab]"')
    notebooks = shipped_notebooks()
    if not (notebooks / TOUR).is_file():
        fail(f"The tour is missing: {notebooks / TOUR}. Install funes_lab again.")
    if folder is None and is_installed(notebooks):
        folder = DEFAULT_FOLDER
    if folder is not None:
        notebooks = _own_copy(notebooks, folder)
    try:
        trust_notebooks(notebooks)
    except Exception as error:  # noqa: BLE001  (the notebooks open without it, only plainer)
        told = formats.shorten(f"{type(error).__name__}: {error}", 200)
        typer.echo(f"The notebooks could not be signed, so their pictures show plainly: {told}", err=True)
    _start_jupyterlab(_jupyterlab_arguments(notebooks / TOUR, browser=not no_browser, port=port))


def _own_copy(notebooks: Path, folder: Path) -> Path:
    try:
        copied = copy_notebooks(notebooks, folder)
    except OSError as error:
        fail(f"Cannot write to {folder}: {error.strerror}. Name another folder: funes-lab lab FOLDER")
    if copied.written:
        typer.echo(f"Copied to {folder}: {', '.join(map(str, copied.written))}")
    if copied.kept:
        names = ", ".join(map(str, copied.kept))
        typer.echo(f"Kept yours, move it away for a copy of funes_lab {_version()}'s: {names}")
    return folder


def _jupyterlab_arguments(tour: Path, *, browser: bool, port: int | None) -> list[str]:
    arguments = [
        f"--ServerApp.root_dir={tour.resolve().parent}",
        # The printed address leads to the tour too; a file as argument would change only the browser's.
        f"--LabApp.default_url=/lab/tree/{tour.name}",
        # Nothing is ever fetched from a network: no news, no look for a newer JupyterLab.
        "--LabApp.news_url=None",
        "--LabApp.check_for_updates_class=jupyterlab.handlers.announcements.NeverCheckForUpdate",
    ]
    if _can_encrypt():
        # Else the kernel warns at each start that what is said to it could be overheard.
        arguments.append("--KernelManager.transport_encryption=auto")
    if not browser:
        arguments.append("--no-browser")
    if port is not None:
        # The port that was asked for or an error, never silently the next one.
        arguments += [f"--ServerApp.port={port}", "--ServerApp.port_retries=0"]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        arguments.append("--allow-root")
    return arguments


def _can_encrypt() -> bool:
    """Tell whether what is said to a kernel can be encrypted here: Jupyter stops at an option that it cannot meet."""
    import zmq
    from jupyter_client.manager import KernelManager

    return zmq.has("curve") and "transport_encryption" in KernelManager.class_trait_names()


def _start_jupyterlab(arguments: list[str]) -> None:
    # In this very process, so that Ctrl-C and signals are JupyterLab's own affair on every system.
    from jupyterlab.labapp import LabApp

    server = LabApp.initialize_server(arguments, tornado_settings={"page_config_hook": _without_news})
    server.start()


def _without_news(_handler: object, page: dict[str, Any]) -> dict[str, Any]:
    """Leave out the question whether news may be fetched: it lies over the notebook, and nothing is fetched here."""
    page["disabledExtensions"] = [*page.get("disabledExtensions", ()), _NEWS]
    return page
