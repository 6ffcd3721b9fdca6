"""The program `git`, asked for the history of a branch in its form for machines.

A repository may be anybody's, and its configuration can name programs. So nothing of it is run: no diff or filter of
its own, no signature is checked, nothing is fetched; and the attributes of a checkout, which differ from one to the
next, are not looked at.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final, NamedTuple

#: The mode of a submodule: what is there is a commit of another repository, and no content.
SUBMODULE: Final = "160000"

_FIELDS: Final = ("%aN", "%at", "%ct", "%s")
#: What the user's or the repository's configuration could say otherwise.
_LOG: Final = (
    "log", "-z", "--reverse", "--first-parent", "--diff-merges=first-parent", "--root", "--raw", "--numstat",
    "--no-abbrev", "--find-renames=50%", "--no-rename-empty", "-l1000", f"-O{os.devnull}", "--diff-algorithm=myers",
    "--no-relative", "--ignore-submodules=none", "--submodule=short", "--no-ext-diff", "--no-textconv", "--no-notes",
    "--no-show-signature", "--no-color", "--no-decorate", "--encoding=UTF-8",
    f"--format=commit %H%x00{'%x00'.join(_FIELDS)}",
)  # fmt: skip
_SAFE: Final = ("--no-pager", "-c", "core.fsmonitor=false", "-c", "core.attributesFile=")
_ENVIRONMENT: Final = {
    "GIT_ALLOW_PROTOCOL": "",  # a clone without all contents would fetch them, by a command that it names itself
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_ATTR_NOSYSTEM": "1",
    "LC_ALL": "C",
}
_PIECE: Final = 2**16
#: As far as git itself looks for a NUL.
_SNIFFED: Final = 8_000


class Change(NamedTuple):
    """What a commit did to one path; lines are None where git does not count them: one side is binary."""

    status: str
    mode: str
    old_mode: str
    blob: str
    path: bytes
    old_path: bytes | None
    lines: tuple[int, int] | None = (0, 0)


class Commit(NamedTuple):
    """A commit of the branch and its changes against its first parent; times are what git has, in seconds of 1970."""

    name: str
    author: str
    authored: str
    committed: str
    subject: str
    changes: dict[bytes, Change]


class Content(NamedTuple):
    """What is in a blob, as git's own counting sees it."""

    binary: bool
    lines: int


@dataclass(frozen=True, slots=True)
class Repository:
    """A repository that git was willing to open.

    Parameters
    ----------
    git : str
        The program.
    folder : str
        Its folder of objects and references, in a checkout `.git`.
    """

    git: str
    folder: str

    @classmethod
    def at(cls, path: str | os.PathLike[str]) -> Repository:
        """Open the repository that a folder is, or lies in.

        Raises
        ------
        TypeError
            If it is no path.
        OSError
            If there is no such folder, or no git.
        ValueError
            If it belongs to no repository, or to one that git does not read.
        """
        if not isinstance(path, (str, os.PathLike)):
            raise TypeError(f"repository must be the folder of a git repository, got {path!r}")
        folder = Path(path).expanduser()
        if "\0" in str(folder) or not folder.exists():
            raise FileNotFoundError(
                f"repository must be the folder of a git repository, and there is none at {str(folder)!r}; "
                "what is elsewhere must be cloned first"
            )
        if not folder.is_dir():
            raise NotADirectoryError(f"repository must be the folder of a git repository, and {folder} is a file")
        git = shutil.which("git")
        if git is None:
            raise FileNotFoundError("repository is read by the program git, which is not on the PATH; install git")
        found = _ask([git, "-C", str(folder), "rev-parse", "--absolute-git-dir"])
        if found.returncode == 0:
            return cls(git, os.fsdecode(found.stdout.removesuffix(b"\n")))
        raise ValueError(_refused(folder, _told(found.stderr)))

    def tip(self, branch: str) -> str | None:
        """The commit that a branch, a tag or any other revision leads to; None for a HEAD that has no commit yet.

        Raises
        ------
        TypeError, ValueError
            If it names none.
        """
        if not isinstance(branch, str):
            raise TypeError(f"branch must be the name of a branch, a tag or a commit, got {branch!r}")
        if branch and "\0" not in branch:
            arguments = ["rev-parse", "--verify", "--quiet", "--end-of-options", f"{branch}^{{commit}}"]
            found = _ask([self.git, f"--git-dir={self.folder}", *arguments])
            if found.returncode == 0:
                return found.stdout.decode().strip()
            if branch == "HEAD":
                return None
        raise ValueError(
            f"branch {branch!r} is no branch, tag or commit of {self.folder}; `git branch --all` lists the branches"
        )

    @property
    def is_shallow(self) -> bool:
        """Whether the beginning of the history is missing."""
        found = _ask([self.git, f"--git-dir={self.folder}", "rev-parse", "--is-shallow-repository"])
        return found.stdout.strip() == b"true"

    def length(self, tip: str) -> int:
        """How many commits lead there, by way of the first parents."""
        found = _ask([self.git, f"--git-dir={self.folder}", "rev-list", "--count", "--first-parent", tip])
        return int(found.stdout or 0)

    def commits(self, tip: str) -> Iterator[Commit]:
        """The commits that lead there, oldest first, by way of the first parents.

        Raises
        ------
        ValueError
            If git gives up: something is missing or damaged.
        """
        # people who renamed themselves said so in the history
        command = ["-c", f"mailmap.blob={tip}:.mailmap", *_LOG, tip, "--"]
        with self.running(command) as (process, complaints):
            yield from _commits(_tokens(process, complaints, self.folder))

    @contextmanager
    def contents(self) -> Iterator[Contents]:
        """What reads blobs, one after the other."""
        with ExitStack() as stack:
            yield Contents(self, stack)

    @contextmanager
    def running(self, command: list[str]) -> Iterator[tuple[subprocess.Popen[bytes], IO[bytes]]]:
        """Run git on this repository and nothing else, and end it with the block; with it, what it complains of."""
        with tempfile.TemporaryDirectory() as nowhere, tempfile.TemporaryFile() as complaints:
            process = subprocess.Popen(
                [self.git, *_SAFE, f"--git-dir={self.folder}", *command],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=complaints,
                cwd=nowhere, env=_environment(),  # the attributes of a checkout are looked for where git is started
            )  # fmt: skip
            try:
                yield process, complaints
            finally:
                process.kill()
                for pipe in (process.stdin, process.stdout):
                    with suppress(OSError):
                        pipe.close()  # type: ignore[union-attr]
                process.wait()


class Contents:
    """Blobs by their names; git is started with the first one."""

    def __init__(self, repository: Repository, stack: ExitStack) -> None:
        self._repository, self._stack = repository, stack
        self._process: subprocess.Popen[bytes] | None = None

    def of(self, blob: str) -> Content:
        """Look at one, piece by piece."""
        if self._process is None:
            self._process, _ = self._stack.enter_context(self._repository.running(["cat-file", "--batch"]))
        asked, said = self._process.stdin, self._process.stdout
        assert asked is not None
        assert said is not None
        asked.write(blob.encode() + b"\n")
        asked.flush()
        size = said.readline().rpartition(b" ")[2].strip()
        if not size.isdigit():
            raise ValueError(f"repository {self._repository.folder} lacks the content {blob}; `git fsck` tells more")
        lines, last, binary = 0, b"\n", False
        for start in range(0, int(size), _PIECE):
            piece = said.read(min(_PIECE, int(size) - start))
            binary = binary or (start == 0 and b"\0" in piece[:_SNIFFED])
            lines, last = lines + piece.count(b"\n"), piece[-1:]
        said.read(1)
        return Content(binary=True, lines=0) if binary else Content(binary=False, lines=lines + (last != b"\n"))


# --- what git says ---------------------------------------------------------------------------------------------


def _commits(tokens: Iterator[bytes]) -> Iterator[Commit]:
    commit: Commit | None = None
    for token in tokens:
        lead = token.lstrip(b"\n")
        if lead.startswith(b"commit "):
            if commit is not None:
                yield commit
            author, authored, committed, subject = [next(tokens).decode(errors="replace") for _ in _FIELDS]
            commit = Commit(lead.removeprefix(b"commit ").decode(), author, authored, committed, subject, {})
        elif lead and commit is not None:
            change = _raw(lead, tokens) if lead.startswith(b":") else _counted(lead, tokens, commit)
            commit.changes[change.path] = change
    if commit is not None:
        yield commit


def _raw(lead: bytes, tokens: Iterator[bytes]) -> Change:
    """`:100644 100644 0fdf397… d5d0b8b… M`, and the path or, of a renamed file, both."""
    old_mode, mode, _, blob, status = lead.decode().removeprefix(":").split()
    path, old_path = next(tokens), None
    if status[0] == "R":
        path, old_path = next(tokens), path
    return Change(status[0], mode, old_mode, blob, path, old_path)


def _counted(lead: bytes, tokens: Iterator[bytes], commit: Commit) -> Change:
    """`2<tab>1<tab>path`; with both paths after it where a file was renamed, and dashes where one side is binary."""
    added, removed, path = lead.split(b"\t", 2)
    if not path:
        next(tokens)
        path = next(tokens)
    return commit.changes[path]._replace(lines=None if added == b"-" else (int(added), int(removed)))


def _tokens(process: subprocess.Popen[bytes], complaints: IO[bytes], folder: str) -> Iterator[bytes]:
    assert process.stdout is not None
    said, rest = process.stdout.fileno(), b""
    while piece := os.read(said, _PIECE):
        *tokens, rest = (rest + piece).split(b"\0")
        yield from tokens
    if process.wait():
        complaints.seek(0)
        raise ValueError(f"repository {folder} cannot be read to its end: {_told(complaints.read())}")
    if rest:
        yield rest


# --- asking it -------------------------------------------------------------------------------------------------


def _ask(command: list[str]) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(command, env=_environment(), stdin=subprocess.DEVNULL, capture_output=True, check=False)


def _environment() -> dict[str, str]:
    """Without what a hook or a shell says of another repository, with what says whom to trust."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    trust = {name: value for name, value in os.environ.items() if name.startswith(("GIT_CONFIG_", "GIT_CEILING_"))}
    return kept | trust | _ENVIRONMENT


def _refused(folder: Path, told: str) -> str:
    if "dubious ownership" in told:
        return (
            f"repository {folder} belongs to somebody else, so git does not read it; if you trust it: "
            f"git config --global --add safe.directory {folder.absolute()}"
        )
    if "not a git repository" in told:
        return f"repository must be the folder of a git repository, and {folder} is in none"
    return f"repository {folder} cannot be opened by git: {told}"


def _told(complaints: bytes) -> str:
    """The first thing that git complains about, in one line."""
    lines = complaints.decode(errors="replace").strip().splitlines()
    fatal = [line for line in lines if line.startswith(("fatal: ", "error: "))]
    first = (fatal or lines or ["git says nothing"])[0]
    return first.removeprefix("fatal: ").removeprefix("error: ")
