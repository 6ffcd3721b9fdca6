"""Git repositories for tests, made at once and the same each time: whole histories go through `git fast-import`."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

#: 2024-01-01T00:00:00Z
START = 1_704_067_200
DAY = 86_400
ENVIRONMENT = {
    **{name: value for name, value in os.environ.items() if not name.startswith("GIT_")},
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
}


def git(folder: Path, *arguments: str | bytes, said: bytes = b"") -> bytes:
    """What git says, asked in a folder."""
    command = ["git", "-C", folder, "-c", "protocol.file.allow=always", *arguments]
    return subprocess.run(command, input=said, env=ENVIRONMENT, check=True, stdout=subprocess.PIPE).stdout


class History:
    """A repository that is written commit by commit, and begins to be with `write`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.trees: list[dict[bytes, tuple[bytes, bytes]]] = []
        self._said = bytearray()

    def commit(
        self,
        files: dict[bytes, bytes | tuple[bytes, bytes]],
        *,
        branch: str = "main",
        parents: tuple[int, ...] | None = None,
        author: str = "Ada <ada@example.org>",
        authored: str | int | None = None,
        committed: str | int | None = None,
        subject: bytes = b"A commit",
    ) -> int:
        """Write a commit that has these files and no other; gives its number."""
        number = len(self.trees)
        if parents is None:
            parents = (number - 1,) if number else ()
        tree = {path: file if isinstance(file, tuple) else (b"100644", file) for path, file in files.items()}
        committed = committed if committed is not None else START + number * DAY
        authored = authored if authored is not None else committed
        self.trees.append(tree)
        say = self._said.extend
        say(f"commit refs/heads/{branch}\nmark :{number + 1}\n".encode())
        say(f"author {author} {_date(authored)}\ncommitter {author} {_date(committed)}\n".encode())
        say(b"data %d\n%b\n" % (len(subject), subject))
        for place, parent in enumerate(parents):
            say(b"%b :%d\n" % (b"merge" if place else b"from", parent + 1))
        say(b"deleteall\n")
        for path, (mode, content) in tree.items():
            if mode == b"160000":
                say(b"M 160000 %b %b\n" % (content, _quoted(path)))
            else:
                say(b"M %b inline %b\ndata %d\n%b\n" % (mode, _quoted(path), len(content), content))
        return number

    def write(self) -> Path:
        """Make the repository, without a checkout."""
        git(self.folder.parent, "init", "-q", "--bare", "-b", "main", os.fspath(self.folder))
        if self._said:
            git(
                self.folder, "fast-import", "--quiet", "--force", "--date-format=raw-permissive", said=bytes(self._said)
            )
        return self.folder


def _date(when: str | int) -> str:
    return when if isinstance(when, str) else f"{when} +0000"


def _quoted(path: bytes) -> bytes:
    return b'"' + b"".join(b"\\%03o" % byte for byte in path) + b'"'
