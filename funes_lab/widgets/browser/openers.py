"""What can be opened of a stream, or of a whole lab."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from funes_lab import formats
from funes_lab.widgets.browser.catalogue import event_types
from funes_lab.widgets.browser.rows import Shown, actions

if TYPE_CHECKING:
    from funes_lab.lab import Lab

#: What each kind says that it shows.
_TOLD = {
    "form": "Append to",
    "timeline": "Timeline of",
    "scrub": "Replay of",
    "bitemporal": "Bitemporal map of",
    "inspect": "Refused attempts on",
}
_WHOLE = ("timeline", "inspect")


def made(lab: Lab, kind: str, shown: Shown | None) -> tuple[Any, str]:
    """Make the widget of a kind, of a stream or of the whole lab (None).

    Returns
    -------
    widget
    str
        What it shows.
    """
    if kind not in _TOLD:
        raise ValueError(f"kind must be one of {list(_TOLD)}, got {kind!r}")
    if shown is None:
        if kind not in _WHOLE:
            raise ValueError(f"{kind} is of a stream; set selection to an idx first")
        return (lab.timeline() if kind == "timeline" else _inspected(lab)), f"{_TOLD[kind]} the lab"
    why = next((why for one, _, why in actions(shown, read_only=lab.read_only) if one == kind), "")
    if why:
        raise ValueError(f"{kind} of {shown.idx!r} cannot be opened: {why}")
    return _of_stream(lab, kind, shown), f"{_TOLD[kind]} {formats.middle(shown.idx, 60)}"


def _of_stream(lab: Lab, kind: str, shown: Shown) -> Any:
    stream = shown.stream_class.for_(shown.idx, lab)
    if kind == "form":
        return stream.form(*event_types(shown.stream_class, shown.names))
    if kind == "timeline":
        return stream.timeline()
    if kind == "inspect":
        return _inspected(stream)
    assert shown.projection is not None
    return stream.scrub(shown.projection) if kind == "scrub" else stream.bitemporal(shown.projection)


def _inspected(side: Any) -> Any:
    return side.rejections.inspect()
