"""The notebooks that come with funes_lab: where they are, a copy for the user, and which of them Jupyter may trust."""

from __future__ import annotations

import filecmp
import shutil
import subprocess
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

_PACKAGE = Path(__file__).resolve().parents[1]


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
        The paths in the folder of those that were signed. The signatures lie in Jupyter's data folder, as those of
        `jupyter trust`.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as name:
    ...     _ = Path(name, "mine.ipynb").write_text("{}")
    ...     trust_notebooks(Path(name))
    []
    """
    shipped = shipped_notebooks()
    names = [path.relative_to(shipped) for path in sorted(shipped.rglob("*.ipynb"))]
    ours = [name for name in names if _is_ours(folder / name, shipped / name)]
    if not ours:
        return []
    import nbformat
    from nbformat.sign import NotebookNotary

    notary = NotebookNotary()
    with closing(notary.store):
        for name in ours:
            notary.sign(nbformat.read(folder / name, as_version=4))
    return [name.as_posix() for name in ours]


def _is_ours(path: Path, shipped: Path) -> bool:
    """Tell whether a notebook is exactly as funes_lab ships it."""
    if not path.is_file() or not filecmp.cmp(path, shipped, shallow=False):
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


def shipped_notebooks() -> Path:
    """Return the checkout's notebooks, or those that the installed package carries."""
    checkout = _PACKAGE.parent
    if (checkout / "pyproject.toml").is_file():
        return checkout / "notebooks"
    return _PACKAGE / "_data" / "notebooks"


def is_installed(notebooks: Path) -> bool:
    """Tell whether they are those of an installed package, which nobody should write in."""
    return notebooks.is_relative_to(_PACKAGE)
