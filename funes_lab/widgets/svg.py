"""SVG for static pictures: shapes and texts in the colours of the theme, laid out by hand.

An image in a data URI can ask its page for nothing, neither fonts nor colours: the colours are those of the light
theme, on a ground of its own, and the width of a text is estimated, on the wide side.
"""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import Final

from funes_lab import formats
from funes_lab.widgets import theme

#: Widths of the letters, in the size of the font: a little more than common fonts need.
_WIDE, _MONO, _BOLD = 0.56, 0.62, 1.06
_SANS: Final = "system-ui,-apple-system,'Segoe UI',Helvetica,Arial,'DejaVu Sans',sans-serif"
_CODE: Final = "ui-monospace,Menlo,Consolas,'DejaVu Sans Mono',monospace"

#: The sizes of texts: captions and axes, whatever works, messages and titles, the one number.
T1, T2, T3, T4 = 11, 12, 13, 18


class Sheet:
    """An SVG document that is written from top to bottom.

    Parameters
    ----------
    width : int
        In pixels.

    Examples
    --------
    >>> sheet = Sheet(300)
    >>> sheet.text(12, 20, "a < b", bold=True)
    >>> sheet.line(0, 30, 300, 30)
    >>> "a &lt; b" in sheet.svg(40, "A comparison")
    True
    """

    def __init__(self, width: int = 960) -> None:
        self.width = width
        self._parts: list[str] = []

    def text(
        self,
        x: float,
        y: float,
        shown: str,
        *,
        size: int = T2,
        colour: str = "ink",
        bold: bool = False,
        mono: bool = False,
        struck: bool = False,
        anchor: str = "start",
        room: float | None = None,
    ) -> None:
        """Write a line of text with its base line at y, cut at the end to the room there is."""
        if room is not None:
            shown = fitted(shown, room, size=size, mono=mono, bold=bold)
        styles = f' font-size="{size}" fill="{_colour(colour)}"'
        styles += ' font-weight="600"' if bold else ""
        styles += f' font-family="{_CODE}"' if mono else ""
        styles += ' text-decoration="line-through"' if struck else ""
        styles += f' text-anchor="{anchor}"' if anchor != "start" else ""
        self._parts.append(f'<text x="{_n(x)}" y="{_n(y)}"{styles}>{escape(formats.visible(shown))}</text>')

    def runs(
        self, x: float, y: float, pieces: Iterable[tuple[str, bool]], *, size: int = T2, colour: str = "ink"
    ) -> None:
        """Write a line in pieces: what matters is bold and in ink, the rest in the colour."""
        written = ((escape(formats.visible(text)), matters) for text, matters in pieces)
        bold = f'<tspan fill="{_colour("ink")}" font-weight="600">'
        told = "".join(f"{bold}{text}</tspan>" if matters else text for text, matters in written)
        styles = f'font-size="{size}" fill="{_colour(colour)}" xml:space="preserve"'
        self._parts.append(f'<text x="{_n(x)}" y="{_n(y)}" {styles}>{told}</text>')

    def line(
        self, x1: float, y1: float, x2: float, y2: float, *, colour: str = "line", width: float = 1, dash: str = ""
    ) -> None:
        """Draw a straight line."""
        dashed = f' stroke-dasharray="{dash}"' if dash else ""
        self._parts.append(
            f'<path d="M{_n(x1)} {_n(y1)}L{_n(x2)} {_n(y2)}" stroke="{_colour(colour)}" stroke-width="{_n(width)}" '
            f'fill="none"{dashed}/>'
        )

    def rect(
        self, x: float, y: float, width: float, height: float, *, fill: str = "", stroke: str = "", radius: float = 0
    ) -> None:
        """Draw a box."""
        filled, edged = _colour(fill) if fill else "none", f' stroke="{_colour(stroke)}"' if stroke else ""
        round_ = f' rx="{_n(radius)}"' if radius else ""
        self._parts.append(
            f'<rect x="{_n(x)}" y="{_n(y)}" width="{_n(width)}" height="{_n(height)}" fill="{filled}"{edged}{round_}/>'
        )

    def circle(self, x: float, y: float, radius: float, *, fill: str = "", stroke: str = "", width: float = 1) -> None:
        """Draw a dot, or a ring."""
        filled = _colour(fill) if fill else "none"
        edged = f' stroke="{_colour(stroke)}" stroke-width="{_n(width)}"' if stroke else ""
        self._parts.append(f'<circle cx="{_n(x)}" cy="{_n(y)}" r="{_n(radius)}" fill="{filled}"{edged}/>')

    def path(
        self, d: str, *, stroke: str = "", fill: str = "", width: float = 1, dash: str = "", move: str = ""
    ) -> None:
        """Draw a path; `move` is "x y" of where it stands."""
        edged = f' stroke="{_colour(stroke)}" stroke-width="{_n(width)}"' if stroke else ""
        dashed = f' stroke-dasharray="{dash}"' if dash else ""
        moved = f' transform="translate({move})"' if move else ""
        filled = _colour(fill) if fill else "none"
        self._parts.append(f'<path d="{d}" fill="{filled}"{edged}{dashed}{moved}/>')

    def svg(self, height: float, label: str) -> str:
        """The whole document, with its ground, its hairline and what it shows in words."""
        ground, line = _colour("surface"), _colour("line")
        size = f'width="{self.width}" height="{_n(height)}" viewBox="0 0 {self.width} {_n(height)}"'
        frame = f'<rect x=".5" y=".5" width="{self.width - 1}" height="{_n(height - 1)}" rx="3" fill="{ground}" '
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" font-family="{_SANS}">'
            f"<title>{escape(formats.visible(label))}</title>"
            f'{frame}stroke="{line}"/>{"".join(self._parts)}</svg>'
        )


def wide(shown: str, *, size: int = T2, mono: bool = False, bold: bool = False) -> float:
    """How much room a text takes, in pixels, estimated."""
    letters = sum(1.7 if ord(letter) > 0x2E7F else 1.0 for letter in shown)
    return letters * size * (_MONO if mono else _WIDE) * (_BOLD if bold else 1)


def fitted(shown: str, room: float, *, size: int = T2, mono: bool = False, bold: bool = False) -> str:
    """Cut a text at its end so that it fits."""
    if wide(shown, size=size, mono=mono, bold=bold) <= room:
        return shown
    return formats.shorten(shown, max(1, int(room / (wide("n", size=size, mono=mono, bold=bold)))))


def _colour(name: str) -> str:
    """A colour of the theme by its name."""
    return theme.light()[name]


def _n(number: float) -> str:
    """A number without digits that nobody sees."""
    return f"{round(number, 2):g}"
