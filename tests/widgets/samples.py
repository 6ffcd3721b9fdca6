"""The cards of the debt story, for the tests of the static reprs."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from funes_lab.widgets import reprs

PAYMENT = "Debt::PaymentReceived"


def at(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)


def paid(version: int | None, amount: str, interest: str, when: datetime | None) -> reprs.EventRow:
    payload = {"principal_amount": Decimal(amount), "interest_amount": Decimal(interest)}
    return reprs.EventRow(version, PAYMENT, payload, when, when)


ISSUED = reprs.EventRow(
    1,
    "Debt::Issued",
    {"amount": Decimal("600.00"), "interest_rate": Decimal("0.05")},
    at(2026, 1, 5, 9),
    at(2026, 1, 5, 9),
)
LAST = [
    paid(9, "70.00", "0.67", at(2026, 7, 1, 9)),
    paid(10, "50.00", "0.52", at(2026, 8, 3, 9)),
    replace(paid(11, "50.00", "0.42", at(2026, 9, 1, 9)), created_at=at(2026, 9, 1, 9, 0, 0, 38_000)),
    replace(paid(12, "50.00", "0.31", at(2026, 10, 1, 9)), created_at=at(2026, 10, 3, 9)),
]
TYPES = ["Debt::Issued", "Debt::FeeCharged", PAYMENT]
STREAM = reprs.StreamCard("debts-123", "DebtEventStream", 12, 5, [ISSUED], 7, LAST, "debt", TYPES)
EMPTY_STREAM = reprs.StreamCard("debts-999", "DebtEventStream", 0, 0, [], 0, [], "debt")

EXCEEDS = reprs.ErrorRow(
    "interpretation",
    "base",
    "payment 999,999.00 exceeds the outstanding balance 100.00",
    "VirtualOutstandingBalance.paid",
)
NEGATIVE = reprs.ErrorRow(
    "state",
    "outstanding_balance",
    "must be greater than or equal to 0",
    "OutstandingBalance",
    Decimal("-999899.00"),
    True,
)
OWN = [
    reprs.ErrorRow("own", "interest_amount", "“ten” is not a decimal number", PAYMENT, "ten", True),
    reprs.ErrorRow("own", "principal_amount", "must be greater than 0", PAYMENT, Decimal(-5), True),
    reprs.ErrorRow("own", "at", "can't be blank", PAYMENT, {"the": "payload"}, True),
]
TAKEN = reprs.ErrorRow("conflict", "base", "version 13 was taken by another writer", None)
ERRORS = reprs.ErrorsCard([EXCEEDS, NEGATIVE], "debts-123")
OWN_ERRORS = reprs.ErrorsCard(OWN, None)
CONFLICT = reprs.ErrorsCard([TAKEN], "debts-123")
NO_ERRORS = reprs.ErrorsCard([], None)

TRIED = {"principal_amount": Decimal("999999.00"), "interest_amount": Decimal("0.00")}
_OCTOBER = at(2026, 10, 1, 9)
_TRIED_AT = at(2026, 10, 10, 14, 2, 11)
BY_STATE = reprs.RejectionCard(
    idx="debts-123",
    stream_class="DebtEventStream",
    event=PAYMENT,
    payload=TRIED,
    stage="state",
    errors=[EXCEEDS, NEGATIVE],
    at=None,
    tried_version=13,
    version_read=12,
    last=LAST[-1],
    before=[
        ("outstanding_balance", Decimal("100.00")),
        ("last_payment_at", _OCTOBER),
        ("fees_charged", Decimal("35.00")),
    ],
    after=[
        reprs.StateLine("fees_charged", Decimal("35.00"), Decimal("35.00"), "same"),
        reprs.StateLine("last_payment_at", _OCTOBER, at(2026, 10, 10, 14, 2), "changed"),
        reprs.StateLine("outstanding_balance", Decimal("100.00"), Decimal("-999899.00"), "offending"),
    ],
    projection="VirtualOutstandingBalance",
    place=None,
    winner=None,
    time=_TRIED_AT,
)
BY_OWN_RULES = replace(
    BY_STATE,
    stage="own",
    errors=OWN,
    before=[],
    after=[],
    tried_version=None,
    projection=None,
    payload={"principal_amount": Decimal(-5), "interest_amount": "ten"},
)
DENIED = replace(
    BY_STATE,
    stage="conflict",
    errors=[TAKEN],
    winner=reprs.Winner(13, PAYMENT, _TRIED_AT - timedelta(milliseconds=38), {"principal_amount": Decimal("60.00")}),
    after=[reprs.StateLine("outstanding_balance", Decimal("100.00"), Decimal("40.00"), "changed")],
)
DENIED_BY_NOBODY_KNOWN = replace(
    DENIED, winner=None, before=[], after=[], projection=None, version_read=0, last=None, tried_version=1
)
BACKDATED = replace(
    BY_STATE,
    stage="interpretation",
    errors=[EXCEEDS],
    place=2,
    at=at(2026, 2, 3, 9),
    last=paid(2, "50.00", "1.00", at(2026, 2, 1, 9)),
    after=[
        reprs.StateLine("late", None, True, "added"),
        reprs.StateLine("grace", 3, None, "removed"),
        reprs.StateLine("outstanding_balance", Decimal("500.00"), Decimal("500.00"), "same"),
    ],
)

ACCEPTED_EVENT = reprs.EventCard(LAST[-1], "accepted", "debts-123", [], {}, {"user": "ada"})
REFUSED_EVENT = reprs.EventCard(
    reprs.EventRow(None, PAYMENT, TRIED, _TRIED_AT, None),
    "refused",
    "debts-123",
    [EXCEEDS, NEGATIVE],
    {"colour": "red"},
    {},
)
NEW_EVENT = reprs.EventCard(
    reprs.EventRow(None, "Debt::Issued", {"amount": Decimal(100)}, None, None), "new", None, [], {}, {}
)
UNFIT_EVENT = replace(NEW_EVENT, errors=OWN)

LAB = reprs.LabCard(
    path="/data/ledger.duckdb",
    events=31_204,
    streams=2_417,
    refused=214,
    rows=[
        reprs.StreamRow("accounts-7", 1204, 1204, at(2024, 1, 2, 8), at(2026, 11, 2, 8, 59), "Withdrawn", 3),
        reprs.StreamRow("debts-125", 1, 1, at(2026, 11, 2, 8, 10), at(2026, 11, 2, 8, 10), "Debt::Issued", 0),
    ],
    more=2_415,
    read_only=False,
    closed=False,
)
EMPTY_LAB = reprs.LabCard(":memory:", 0, 0, 0, [], 0, False, False)

REJECTIONS = reprs.RejectionsCard(
    [
        reprs.RejectionRow(_TRIED_AT, "debts-123", PAYMENT, "state", EXCEEDS.message),
        reprs.RejectionRow(at(2026, 5, 4, 9), "debts-123", PAYMENT, "conflict", "version 6 was taken by " + PAYMENT),
    ],
    208,
)
NO_REJECTIONS = reprs.RejectionsCard([], 0)

_FIRST = reprs.LinkRow("mail-9#1", "Mail::SlipReceived", at(2026, 10, 1, 8))
EXPLAINED = reprs.ExplanationCard(
    id="debts-123#12",
    idx="debts-123",
    stream_class="DebtEventStream",
    parts=[LAST[-1]],
    place=10,
    meta_info={"user": "ada"},
    correlation="mail-9#1",
    shared=3,
    cause="mail-9#1",
    causes=[_FIRST],
    effects=[reprs.LinkRow("mail-9#2", "Mail::ReceiptSent", at(2026, 10, 3, 9, 1))],
    changed=[
        reprs.ChangedCard("VirtualOutstandingBalance", ["consistency"], [
            reprs.StateLine("outstanding_balance", Decimal("150.00"), Decimal("100.00"), "changed"),
            reprs.StateLine("late", None, True, "added"),
            reprs.StateLine("grace", 3, None, "removed"),
        ], ""),
        reprs.ChangedCard("Fees", ["transactional", "async"], [], "does not interpret Debt::PaymentReceived"),
    ],
    refused=[
        reprs.AroundRow("before it", reprs.RejectionRow(_TRIED_AT, "debts-123", PAYMENT, "state", EXCEEDS.message)),
        reprs.AroundRow("lost to it", reprs.RejectionRow(_TRIED_AT, "debts-123", PAYMENT, "conflict", "taken")),
    ],
)  # fmt: skip
EXPLAINED_PLAINLY = replace(
    EXPLAINED, parts=[ISSUED], place=None, meta_info={}, correlation="", shared=1, cause="", causes=[], effects=[],
    changed=[], refused=[],
)  # fmt: skip

_CARDS: dict[str, list[Any]] = {
    "stream": [STREAM, EMPTY_STREAM],
    "errors": [
        ERRORS,
        reprs.ErrorsCard(OWN, None),
        reprs.ErrorsCard([TAKEN], "debts-123"),
        reprs.ErrorsCard([], None),
    ],
    "rejection": [BY_STATE, BY_OWN_RULES, DENIED, DENIED_BY_NOBODY_KNOWN, BACKDATED],
    "event": [ACCEPTED_EVENT, REFUSED_EVENT, NEW_EVENT, UNFIT_EVENT],
    "lab": [LAB, EMPTY_LAB, replace(LAB, closed=True), replace(EMPTY_LAB, path="x.duckdb", read_only=True)],
    "rejections": [REJECTIONS, NO_REJECTIONS],
    "explanation": [EXPLAINED, EXPLAINED_PLAINLY, replace(EXPLAINED, causes=[], parts=[ISSUED, LAST[0]])],
}


#: Each card with the name of its repr.
EVERY_CARD = [(kind, card) for kind, cards in _CARDS.items() for card in cards]


def html(kind: str, card: Any) -> str:
    return getattr(reprs, f"{kind}_html")(card)


def text(kind: str, card: Any) -> str:
    return getattr(reprs, f"{kind}_text")(card)
