"""The door for the shell: ``funes-lab``.

``funes-lab lab`` opens JupyterLab on the tour. In a checkout it opens the notebooks where they are. An
installed package carries them along: they are copied into a folder of the user's, and nothing there is
overwritten.
"""

import filecmp
import os
import shutil
import subprocess
from contextlib import closing
from datetime import UTC, datetime
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, NamedTuple, NoReturn

import typer

from funes_lab import formats

TOUR = "00_tour.ipynb"
DEFAULT_FOLDER = Path("funes-lab-notebooks")

_PACKAGE = Path(__file__).resolve().parent

app = typer.Typer(
    name="funes-lab",
    help="An event sourcing laboratory for the notebook.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)


class Copied(NamedTuple):
    """What `copy_notebooks` did: the files it wrote and the ones it kept, relative to the folder."""

    written: list[Path]
    kept: list[Path]


def copy_notebooks(source: Path, folder: Path) -> Copied:
    """Copy the notebooks of a folder, and what lies beside them, without overwriting anything.

    Parameters
    ----------
    source : Path
        The folder to copy.
    folder : Path
        Where to; made when it is not there.

    Returns
    -------
    Copied
        The files that were written, and those that were kept because they differ from the ones in `source`.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as name:
    ...     source, folder = Path(name, "source"), Path(name, "mine")
    ...     source.mkdir()
    ...     _ = Path(source, "00_tour.ipynb").write_text("new")
    ...     first = copy_notebooks(source, folder)
    ...     _ = Path(folder, "00_tour.ipynb").write_text("mine")
    ...     second = copy_notebooks(source, folder)
    >>> len(first.written), len(first.kept), len(second.written), len(second.kept)
    (1, 0, 0, 1)
    """
    copied = Copied([], [])
    for path in sorted(source.rglob("*")):
        relative = path.relative_to(source)
        if not path.is_file() or ".ipynb_checkpoints" in relative.parts:
            continue
        target = folder / relative
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
            copied.written.append(relative)
        elif not filecmp.cmp(path, target, shallow=False):
            copied.kept.append(relative)
    return copied


def trust_notebooks(folder: Path) -> list[str]:
    """Sign the notebooks of a folder that are exactly as funes_lab ships them.

    JupyterLab strips the style from the outputs of a notebook that it does not trust. Signed is a notebook that
    equals, byte for byte, the one of its name in the installed package; in a checkout the one that git has committed,
    and none where there is no git. Whatever was changed, and whatever somebody else wrote, is left alone.

    Parameters
    ----------
    folder : Path
        The shipped notebooks, or a copy of them.

    Returns
    -------
    list of str
        The names of those that were signed. The signatures lie in Jupyter's data folder, as those of `jupyter trust`.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as name:
    ...     _ = Path(name, "mine.ipynb").write_text("{}")
    ...     trust_notebooks(Path(name))
    []
    """
    ours = [path for path in sorted(folder.glob("*.ipynb")) if _is_ours(path)]
    if not ours:
        return []
    import nbformat
    from nbformat.sign import NotebookNotary

    notary = NotebookNotary()
    with closing(notary.store):
        for path in ours:
            notary.sign(nbformat.read(path, as_version=4))
    return [path.name for path in ours]


def _is_ours(path: Path) -> bool:
    """Tell whether a notebook is exactly as funes_lab ships it."""
    shipped = _notebooks() / path.name
    if not shipped.is_file() or not filecmp.cmp(path, shipped, shallow=False):
        return False
    return shipped.is_relative_to(_PACKAGE) or _is_committed(shipped)


def _is_committed(path: Path) -> bool:
    """Tell whether git has the file as it is; False where there is no git."""
    if shutil.which("git") is None:
        return False
    git = ["git", "-C", str(path.parent)]
    tracked = subprocess.run([*git, "ls-files", "--error-unmatch", path.name], capture_output=True, check=False)
    changed = subprocess.run([*git, "diff", "--quiet", "HEAD", "--", path.name], capture_output=True, check=False)
    return tracked.returncode == 0 and changed.returncode == 0


def main() -> None:
    """Run the command line."""
    app()


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
        _fail('JupyterLab is not installed. Install it with: pip install "funes-lab[lab]"')
    notebooks = _notebooks()
    if not (notebooks / TOUR).is_file():
        _fail(f"The tour is missing: {notebooks / TOUR}. Install funes_lab again.")
    if folder is None and notebooks.is_relative_to(_PACKAGE):
        folder = DEFAULT_FOLDER
    if folder is not None:
        notebooks = _own_copy(notebooks, folder)
    try:
        trust_notebooks(notebooks)
    except Exception as error:  # noqa: BLE001  (the notebooks open without it, only plainer)
        told = formats.shorten(f"{type(error).__name__}: {error}", 200)
        typer.echo(f"The notebooks could not be signed, so their pictures show plainly: {told}", err=True)
    _start_jupyterlab(_jupyterlab_arguments(notebooks / TOUR, browser=not no_browser, port=port))


@app.command()
def check(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The file of a lab.")],
) -> None:
    """Look a log over: versions, times, payloads, indexes.

    One line for each thing that is not as it must be. The exit status is 0 for a sound log, 1 for one with findings,
    and 2 for a file that cannot be opened.

    Example: funes-lab check ledger.duckdb
    """
    if not file.is_file():
        _refuse(f"{file} does not exist, or is no file.")
    from funes_lab.errors import StoreError
    from funes_lab.store.checkup import findings
    from funes_lab.store.doors import open_store

    try:
        store = open_store(file, read_only=True)
    except StoreError as error:
        _refuse(str(error))
    try:
        found = 0
        for line in findings(store, datetime.now(UTC)):
            typer.echo(line)
            found += 1
        if found:
            raise typer.Exit(1)
        with store.scan() as scan:
            events = scan.rows
    finally:
        store.close()
    typer.echo(f"{file}: {events:,} events, sound")


def _notebooks() -> Path:
    """Return the checkout's notebooks, or those that the installed package carries."""
    checkout = _PACKAGE.parent
    if (checkout / "pyproject.toml").is_file():
        return checkout / "notebooks"
    return _PACKAGE / "_data" / "notebooks"


def _own_copy(notebooks: Path, folder: Path) -> Path:
    try:
        copied = copy_notebooks(notebooks, folder)
    except OSError as error:
        _fail(f"Cannot write to {folder}: {error.strerror}. Name another folder: funes-lab lab FOLDER")
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
    from jupyterlab.labapp import main as jupyterlab

    jupyterlab(arguments)


def _refuse(message: str) -> NoReturn:
    typer.echo(message, err=True)
    raise typer.Exit(2)


def _fail(message: str) -> NoReturn:
    typer.echo(message, err=True)
    raise typer.Exit(1)
