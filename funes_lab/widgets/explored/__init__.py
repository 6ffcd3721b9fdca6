"""What was explored, for a notebook: an audit, why not, and where a rule draws its line.

Static: a card of plain data in, HTML out, as for the reprs. What is drawn is drawn in the tokens of the theme, stands
in the page itself and follows its colours; no script, no network.
"""

from __future__ import annotations

from funes_lab.widgets.explored.audit import AuditCard, AuditRow, RuleRow, audit_card, audit_html
from funes_lab.widgets.explored.boundary import BoundaryCard, FieldLine, boundary_card, boundary_html
from funes_lab.widgets.explored.why import Mark, WhyCard, why_card, why_html

__all__ = [
    "AuditCard",
    "AuditRow",
    "BoundaryCard",
    "FieldLine",
    "Mark",
    "RuleRow",
    "WhyCard",
    "audit_card",
    "audit_html",
    "boundary_card",
    "boundary_html",
    "why_card",
    "why_html",
]
