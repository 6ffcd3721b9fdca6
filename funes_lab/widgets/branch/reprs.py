"""A branch in a line or two: what was changed on it. What it holds is shown as a stream is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from funes_lab import formats
from funes_lab.widgets import columns, markup

#: More changes than these are left to `branch.changes`.
_CHANGES: Final = 6
_NONE: Final = "Nothing is changed yet."


def branch_text(idx: str, changes: Sequence[str]) -> str:
    """Write a branch for a terminal, above its stream."""
    lines = [f"A branch of {formats.visible(idx)}, in memory"]
    for change in _told(changes):
        lines += columns.sentence(formats.visible(change), "  ", "    ")
    return "\n".join(lines)


def branch_html(idx: str, changes: Sequence[str]) -> str:
    """Write a branch for a notebook, above its stream."""
    word = '<b class="o chg" style="margin-left:auto">what-if, not in the log</b>'
    head = markup.head(idx, markup.muted("a branch, in memory"), word)
    told = "".join(f"<div>{markup.text(change)}</div>" for change in _told(changes) or [_NONE])
    return markup.section(f"A branch of {formats.middle(idx, 60)}", head, f'<div class="fl-pad">{told}</div>')


def _told(changes: Sequence[str]) -> list[str]:
    more = len(changes) - _CHANGES
    return [*changes[:_CHANGES], *([f"… {formats.count(more, 'more change')}: branch.changes"] if more > 0 else [])]
