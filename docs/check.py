"""``python docs/check.py build/docs`` looks over the built pages, and says what is wrong with them.

- Every link within the pages leads to a page and an anchor that are there.
- No page loads anything from another host: no script, style, font or picture. (A reader may follow links.)
- Every public name has an entry in the reference, the methods and properties of public classes included.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

from public import public_names

#: Attributes by which a page loads something, whoever reads it.
LOADS = {
    "audio": ["src"], "embed": ["src"], "iframe": ["src"], "image": ["href", "xlink:href"], "img": ["src", "srcset"],
    "input": ["src"], "link": ["href"], "object": ["data"], "script": ["src"], "source": ["src", "srcset"],
    "track": ["src"], "use": ["href", "xlink:href"], "video": ["src", "poster"],
}  # fmt: skip
#: Relations of a <link> that only tell of another page.
TELLS = {"author", "canonical", "help", "index", "next", "prev", "search", "up"}
#: What a style sheet loads, and what a script does at once.
STYLE = re.compile(r"""(?:url\(\s*["']?|@import\s+["'])([^"')]+)""")
SCRIPT = re.compile(r"""\b(?:import|fetch|importScripts)\s*\(?\s*["'`](https?:[^"'`]+)""")


class Page(HTMLParser):
    """What a page has and asks for: its anchors, its links, what it loads."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path
        self.anchors = {"", "top"}
        self.links: list[str] = []
        self.loads: list[str] = []
        self._within = ""
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attributes}
        self.anchors |= {found[name] for name in ("id", "name") if name in found}
        self._within = tag if tag in ("script", "style") else ""
        if tag == "a" and "href" in found:
            self.links.append(found["href"])
        if tag == "link" and TELLS & set(found.get("rel", "").split()):
            return
        for name in LOADS.get(tag, ()):
            if name in found:
                targets = found[name].split(",") if name == "srcset" else [found[name]]
                self.loads += [target.strip().split(" ")[0] for target in targets]
        self.loads += STYLE.findall(found.get("style", ""))

    def handle_endtag(self, tag: str) -> None:
        self._within = ""

    def handle_data(self, data: str) -> None:
        if self._within == "style":
            self.loads += STYLE.findall(data)
        elif self._within == "script":
            self.loads += SCRIPT.findall(data)


def pages(folder: Path) -> dict[Path, Page]:
    """Read every page of the folder."""
    return {path: Page(path) for path in sorted(folder.rglob("*.html")) if "_static" not in path.parts}


def is_elsewhere(target: str) -> bool:
    """Whether an address names another host."""
    parts = urlsplit(target)
    return bool(parts.netloc) or parts.scheme in ("http", "https", "ftp")


def broken_links(found: dict[Path, Page]) -> Iterator[str]:
    """Links and pictures of the pages that lead nowhere."""
    for path, page in found.items():
        for target in (*page.links, *page.loads):
            parts = urlsplit(target)
            if parts.scheme or parts.netloc:
                continue
            place = path if not parts.path else Path(path.parent, unquote(parts.path)).resolve()
            if not place.is_file():
                yield f"{path}: {target}: there is no such page"
            elif place in found and unquote(parts.fragment) not in found[place].anchors:
                yield f"{path}: {target}: there is no such place in the page"


def loaded_from_elsewhere(folder: Path, found: dict[Path, Page]) -> Iterator[str]:
    """What the pages and their style sheets load from another host."""
    for path, page in found.items():
        yield from (f"{path} loads {target}" for target in page.loads if is_elsewhere(target))
    for path in sorted(folder.rglob("*.css")):
        targets = STYLE.findall(path.read_text(encoding="utf-8"))
        yield from (f"{path} loads {target}" for target in targets if is_elsewhere(target))


def undocumented(folder: Path) -> Iterator[str]:
    """Public names that the reference does not know."""
    from sphinx.util.inventory import InventoryFile  # only the environment of the documentation has it

    with (folder / "objects.inv").open("rb") as file:
        known = InventoryFile.load(file, "", lambda base, place: place)
    entries = {name for kind, names in known.items() if kind.startswith("py:") for name in names}
    yield from (f"{name} has no entry in the reference" for name in public_names() if name not in entries)


def main(folder: Path) -> None:
    """Print what is wrong and fail, or say what was looked at."""
    found = pages(folder.resolve())
    if not found:
        sys.exit(f"there is no page in {folder}; build them first: make docs")
    wrong = [*broken_links(found), *loaded_from_elsewhere(folder, found), *undocumented(folder)]
    if wrong:
        sys.exit("\n".join(wrong).replace(f"{folder.resolve()}/", ""))
    links = sum(len(page.links) + len(page.loads) for page in found.values())
    print(f"{len(found)} pages, {links:,} links and loads, {len([*public_names()])} public names: all there")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
