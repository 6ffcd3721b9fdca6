"""Text for terminals: aligned columns in at most a hundred."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Final
from unicodedata import combining, east_asian_width

from funes_lab import formats

#: No line of a text repr is wider.
WIDTH: Final = 100

#: A cell: its text, or what gives its lines once the room for its column is known (one column of a table).
Cell = str | Callable[[int], Sequence[str]]


def width(text: str) -> int:
    """Count the columns that a terminal needs for a text.

    Examples
    --------
    >>> width("shows"), width("公演")
    (5, 4)
    """
    if text.isascii():
        return len(text)
    return sum(0 if combining(c) else 2 if east_asian_width(c) in "WF" else 1 for c in text)


def fit(text: str, room: int) -> str:
    """Cut a text at its end so that it needs no more than `room` columns."""
    if width(text) <= room:
        return text
    while text and width(text) >= room:
        text = text[:-1]
    return text.rstrip() + "…"


def wrap(text: str, room: int) -> list[str]:
    """Break a text at its spaces into lines of at most `room` columns; a wider word is cut into pieces.

    Examples
    --------
    >>> wrap("payment 999,999.00 exceeds the outstanding balance", 24)
    ['payment 999,999.00', 'exceeds the outstanding', 'balance']
    """
    lines = [""]
    for word in text.split(" "):
        longer = f"{lines[-1]} {word}" if lines[-1] else word
        if width(longer) <= room:
            lines[-1] = longer
            continue
        *full, rest = _pieces(word, room)
        lines = [*(lines if lines[-1] else lines[:-1]), *full, rest]
    return lines


def sentence(text: str, indent: str = "", hang: str | None = None) -> list[str]:
    """Break a sentence into lines, the first one indented, the others hanging."""
    hang = indent if hang is None else hang
    lines = wrap(text, WIDTH - max(width(indent), width(hang)))
    return [indent + lines[0], *(hang + line for line in lines[1:])]


def table(
    rows: Iterable[Sequence[Cell] | str], *, right: Collection[int] = (), indent: str = "", room: int = WIDTH
) -> list[str]:
    """Align rows of cells in columns, two spaces apart.

    Parameters
    ----------
    rows : iterable of sequence of Cell, or of str
        The head is a row like the others; a text is a line of its own.
    right : collection of int, default ()
        Columns aligned to the right.
    indent : str, default ""
        Before each line.
    room : int, default 100
        Columns of a line, the indent included.

    Examples
    --------
    >>> table([["#", "event"], ["12", "Debt::Issued"]], right=[0])
    [' #  event', '12  Debt::Issued']
    """
    listed = list(rows)
    filled = _filled([row for row in listed if not isinstance(row, str)], room - width(indent))
    widths = [max(width(line) for cell in column for line in cell) for column in zip(*filled, strict=True)]
    following = iter(filled)
    lines: list[str] = []
    for row in listed:
        texts = [row] if isinstance(row, str) else _lines(next(following), widths, right)
        lines += [fit((indent + text).rstrip(), room) for text in texts]
    return lines


def fields(listed: Sequence[tuple[str, object]], indent: str, way: str = "") -> list[str]:
    """Align the fields of a payload or a state; say how many more there are, and the code that shows them.

    Examples
    --------
    >>> fields([("amount", 600), ("rate", 0.05)], "  ")
    ['  amount  600', '  rate    0.05']
    """

    def shown(v: object) -> Cell:
        return lambda room: wrap(formats.value(v, limit=2 * room), room)

    rows: list[Sequence[Cell] | str] = [(formats.middle(name, 40), shown(v)) for name, v in listed[: formats.FIELDS]]
    if (more := len(listed) - formats.FIELDS) > 0:
        rows.append(f"… {formats.count(more, 'more field')}" + (f": {way}" if way else ""))
    return table(rows, indent=indent)


def _filled(rows: Sequence[Sequence[Cell]], room: int) -> list[list[Sequence[str]]]:
    """Give every cell its lines; the open ones share what the others leave."""
    known = [
        max((width(cell) for cell in column if isinstance(cell, str)), default=0) for column in zip(*rows, strict=True)
    ]
    spare = room - sum(known) - 2 * (len(known) - 1)
    return [[[cell] if isinstance(cell, str) else cell(spare + known[n]) for n, cell in enumerate(row)] for row in rows]


def _lines(row: Sequence[Sequence[str]], widths: Sequence[int], right: Collection[int]) -> list[str]:
    height = max(len(cell) for cell in row)
    lines = []
    for k in range(height):
        texts = [cell[k] if k < len(cell) else "" for cell in row]
        padded = (_padded(t, widths[n], n in right) for n, t in enumerate(texts))
        lines.append("  ".join(padded))
    return lines


def _padded(text: str, room: int, right: bool) -> str:  # noqa: FBT001
    space = " " * (room - width(text))
    return space + text if right else text + space


def _pieces(word: str, room: int) -> list[str]:
    pieces = [""]
    for c in word:
        if width(pieces[-1] + c) > room:
            pieces.append("")
        pieces[-1] += c
    return pieces
