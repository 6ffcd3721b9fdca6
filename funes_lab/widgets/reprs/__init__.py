"""The static reprs: every card of `cards.py` as text for a terminal and as HTML for a notebook.

Pure functions: the same card gives the same bytes. The HTML needs no script and no network, follows the
host's theme, and escapes whatever a card holds. Neither grows with the size of a payload.
"""

from __future__ import annotations

from funes_lab.widgets.cards import (
    AroundRow,
    ChangedCard,
    ErrorRow,
    ErrorsCard,
    EventCard,
    EventRow,
    ExplanationCard,
    LabCard,
    LinkRow,
    RejectionCard,
    RejectionRow,
    RejectionsCard,
    StateLine,
    StreamCard,
    StreamRow,
    Winner,
)
from funes_lab.widgets.reprs.event import event_html, event_text
from funes_lab.widgets.reprs.explanation import explanation_html, explanation_text
from funes_lab.widgets.reprs.log import lab_html, lab_text, stream_html, stream_text
from funes_lab.widgets.reprs.rejection import (
    errors_html,
    errors_text,
    rejection_html,
    rejection_text,
    rejections_html,
    rejections_text,
)

__all__ = [
    "AroundRow",
    "ChangedCard",
    "ErrorRow",
    "ErrorsCard",
    "EventCard",
    "EventRow",
    "ExplanationCard",
    "LabCard",
    "LinkRow",
    "RejectionCard",
    "RejectionRow",
    "RejectionsCard",
    "StateLine",
    "StreamCard",
    "StreamRow",
    "Winner",
    "errors_html",
    "errors_text",
    "event_html",
    "event_text",
    "explanation_html",
    "explanation_text",
    "lab_html",
    "lab_text",
    "rejection_html",
    "rejection_text",
    "rejections_html",
    "rejections_text",
    "stream_html",
    "stream_text",
]
