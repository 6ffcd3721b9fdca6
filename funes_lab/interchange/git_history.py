"""A git repository as an event log: a stream a file, an event each time a commit touched it.

For example::

    from funes_lab.interchange import git_history

    lab = git_history.read("path/to/repository")
    lab.replay(git_history.FileAtTime)                       # every file: its path now, its lines, who changed it last
    lab.replay(git_history.FileAtTime, at="2024-01-01")      # what had been written by then
    lab.replay(git_history.FileAtTime, as_of="2024-01-01")   # what was on the branch then

It is the history of one branch, from first parent to first parent: what became true there, in the order in which it
did. What others committed elsewhere becomes true with the commit that merges it, and is that commit's.

`occurred_at` is the author's date: when it was written. `created_at` is the committer's: when it got to where it is.
A log learns one thing after the other, so where a committer's clock was behind the commit before it, or is ahead of
today, `created_at` is that of the commit before, and the event's `meta_info` has the date as it was.
"""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from funes_lab.audience import bar, somebody_is_there
from funes_lab.interchange.git import Repository
from funes_lab.interchange.git_events import (
    FileAdded,
    FileAtTime,
    FileChanged,
    FileEvent,
    FileRemoved,
    FileRenamed,
    FileState,
    FileStream,
)
from funes_lab.interchange.git_files import Clock, Files
from funes_lab.lab import Lab

__all__ = [
    "FileAdded",
    "FileAtTime",
    "FileChanged",
    "FileEvent",
    "FileRemoved",
    "FileRenamed",
    "FileState",
    "FileStream",
    "log_rows",
    "read",
]


def read(
    repository: str | os.PathLike[str], path: str | Path = ":memory:", *, branch: str = "HEAD", progress: bool = True
) -> Lab:
    r"""Open a lab that holds the history of a git repository, and make it the current one.

    Parameters
    ----------
    repository : str or path
        The folder of a repository, with or without a checkout, or a folder in it. It is only read, nothing that its
        configuration names is run, and nothing is fetched. The program `git` must be installed, 2.31 or newer.
    path : str or pathlib.Path
        Where the lab keeps its log; by default in memory.
    branch : str
        A branch, a tag or any other revision.
    progress : bool
        Show a bar when it takes longer than a second.

    Returns
    -------
    Lab
        Without an event, if there is no commit yet.

    Raises
    ------
    TypeError, OSError
        If it is no path, there is no such folder, or no git.
    ValueError
        If it is no repository, has no such branch, is damaged, or the file has events of these streams already.

    Warns
    -----
    UserWarning
        If the clone is shallow: the files that were there before its first commit seem to be added by it.

    Examples
    --------
    >>> import subprocess
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     git = ["git", "-C", folder, "-c", "user.name=Ada", "-c", "user.email=ada@example.org"]
    ...     _ = Path(folder, "poem.txt").write_text("one\ntwo\n")
    ...     for command in (["init", "-q"], ["add", "."], ["commit", "-qm", "A poem"]):
    ...         _ = subprocess.run([*git, *command], check=True)
    ...     lab = read(folder)
    >>> lab.replay(FileAtTime)[["path", "lines", "last_author"]].to_dict("records")
    [{'path': 'poem.txt', 'lines': 2, 'last_author': 'Ada'}]
    >>> lab.close()
    """
    rows = log_rows(repository, branch=branch, progress=progress)
    lab = Lab(path)
    try:
        lab.load(rows)
    except BaseException:
        lab.close()
        raise
    return lab


def log_rows(
    repository: str | os.PathLike[str], *, branch: str = "HEAD", progress: bool = False
) -> Iterator[dict[str, Any]]:
    """Give the history of a git repository as rows of an event log, as `Lab.load` takes them.

    Parameters
    ----------
    repository, branch, progress
        As those of `read`; what is wrong with them is told at once.

    Returns
    -------
    iterator of dict
        `klass`, `idx` (the file's first path), `props` (JSON text), `meta_info` (None, or the dates that could not
        be taken as they are), `version` (from 1 in each stream), `created_at`, `occurred_at`. Oldest commit first;
        nothing but the files that are there is held in memory.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     log_rows(folder)
    Traceback (most recent call last):
        ...
    ValueError: repository must be the folder of a git repository, and ... is in none
    """
    opened = Repository.at(repository)
    tip = opened.tip(branch)
    if opened.is_shallow:
        warnings.warn(
            f"repository {os.fspath(repository)!r} is a shallow clone: what is older than its first commit seems to be "
            "added by that one; `git fetch --unshallow` brings the rest",
            stacklevel=2,
        )
    return iter(()) if tip is None else _rows(opened, tip, progress=progress)


def _rows(repository: Repository, tip: str, *, progress: bool) -> Iterator[dict[str, Any]]:
    total = repository.length(tip) if progress and somebody_is_there() else None
    with bar(total, " commits", progress=progress) as tick, repository.contents() as contents:
        files, clock = Files(contents), Clock(datetime.now(UTC))
        for commit in repository.commits(tip):
            times = clock.times(commit)
            said = {"commit": commit.name, "author": commit.author, "subject": commit.subject}
            for klass, life, payload in files.touched(commit.changes.values()):
                yield {
                    "klass": klass.event_name,
                    "idx": life.idx,
                    "props": json.dumps(payload | said, ensure_ascii=False),
                    "version": life.version,
                    **times,
                }
            tick(1)
