"""What can happen to a file in git, and what all of it comes to."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel

from funes_lab.event import Event
from funes_lab.projection import Projection, interpretation_for
from funes_lab.stream import EventStream

#: What can be at a path.
Kind = Literal["file", "executable", "link", "submodule"]


class FileEvent(Event, name="Git::FileEvent"):
    r"""What every event of a file says; a log has only those below it.

    Parameters
    ----------
    path : str
        Where the file is after the commit; where it was, if it was removed. Bytes that are no UTF-8 as ``\xff``.
    lines_added, lines_removed : int
        As git counts them; a binary file and a submodule have no lines.
    author : str
        Who wrote it, by the repository's `.mailmap`. Without the e-mail address.
    subject : str
        The first paragraph of the message, in one line.
    commit : str
        The commit's name, in full.
    binary : bool
        There is a NUL in the beginning of the file, by which git tells.
    kind : {"file", "executable", "link", "submodule"}
        What is at the path. The one line of a link is where it leads to.
    """

    path: str
    lines_added: int
    lines_removed: int
    author: str
    subject: str
    commit: str
    binary: bool
    kind: Kind


class FileAdded(FileEvent, name="Git::FileAdded"):
    """A file came to be, or came back."""


class FileChanged(FileEvent, name="Git::FileChanged"):
    """A file has another content, or is of another kind."""


class FileRenamed(FileEvent, name="Git::FileRenamed"):
    """A file is at another path; its content may have changed with it, by less than half.

    Parameters
    ----------
    old_path : str
        Where it was.
    """

    old_path: str


class FileRemoved(FileEvent, name="Git::FileRemoved"):
    """A file is gone."""


class FileState(BaseModel):
    """A file as its latest commit left it.

    `lines` is the sum of what was added and removed, so it is right whatever the order; `changes` counts events, the
    first and the last one too. `newest` is the version of the latest commit among those that are looked at.
    """

    path: str = ""
    present: bool = False
    kind: Kind = "file"
    lines: int = 0
    binary: bool = False
    changes: int = 0
    last_author: str = ""
    last_commit: str = ""
    newest: int = 0


class FileAtTime(Projection[FileState]):
    """A file at a point in time: where it is, how long, who touched it last.

    A replay goes by the author's date, and after a rebase or a merge of old patches that is not the order in which
    commits follow each other. So a path, an author, a kind are taken from an event only if its version is newer. With
    `at=` somewhere between such patches the lines are a sum of some of them, as in no commit; with `as_of=` never.
    """

    @interpretation_for(FileAdded)
    @interpretation_for(FileChanged)
    @interpretation_for(FileRenamed)
    @interpretation_for(FileRemoved)
    def touched(state: FileState, event: FileEvent) -> None:
        """Count it, and take from it what is newer."""
        state.lines += event.lines_added - event.lines_removed
        state.changes += 1
        version = event.version or 0
        if version > state.newest:
            state.newest = version
            state.path, state.kind, state.binary = event.path, event.kind, event.binary
            state.present = event.event_name != FileRemoved.event_name
            state.last_author, state.last_commit = event.author, event.commit


class FileStream(EventStream):
    """The life of one file; its idx is the path at which it began, e.g. ``"src/main.py"``.

    A renamed file is the same stream: its path is an attribute, its idx is not. A file that comes back to the path at
    which one was removed goes on with that one's stream; another file at a path whose name is taken (the first one
    lives on elsewhere) gets ``"src/main.py (2)"``.
    """
