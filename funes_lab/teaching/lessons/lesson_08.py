"""Lesson 08, why was it refused, and what if: what is asked, and how a right answer is known."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from funes_lab.projection import Projection
from funes_lab.teaching.exercise import exercise, expect, kind, number, practice_lab

_START = datetime(2024, 1, 1, 9, tzinfo=UTC)


@exercise(
    "08.1",
    "As much as possible",
    "Find the rejection in lab.rejections by its idx, then ask it for the boundary of the field.",
    'A boundary is a DataFrame; its column "accepted" is what you want. Or work it out from what was still owed.',
)
def as_much_as_possible(answer: Any) -> str:
    """Take the largest principal that would have been accepted."""
    amount = number(answer)
    expect(amount != Decimal("3870.59"), "that is what was tried")
    expect(amount != Decimal("3869.60"), "that is the first value that is refused again, one cent too much")
    expect(amount <= Decimal("3869.59"), f"{amount:,} would still be refused")
    expect(amount == Decimal("3869.59"), f"{amount:,} would be accepted, and more than that as well")
    return "It is what was owed. The boundary was found without knowing the rule, only by trying."


@exercise(
    "08.2",
    "What stands in the way",
    "Debtor 063 has two refused attempts; one of them is a payment. Ask that one for its why().",
    'The answer of why() is a DataFrame with a column "version".',
)
def in_the_way(answer: Any) -> str:
    """Take the version of the event without which it would be let in."""
    versions = answer if isinstance(answer, Iterable) and not isinstance(answer, str) else [answer]
    found = {int(number(version)) for version in versions}
    expect(found, "there is one")
    expect(found == {13}, f"without {', '.join(f'#{one}' for one in sorted(found))} it would still be refused")
    return "The last payment of this debt: the same amounts and the same second. It was written down twice."


@exercise(
    "08.3",
    "What if it had never come",
    "stream.branch() is a copy, and skip leaves an event out of it.",
    "A branch is asked like a stream: projected_with(VirtualOutstandingBalance) is its state at the end.",
)
def never_came(answer: Any) -> str:
    """Take what would be owed at the end."""
    amount = number(getattr(answer, "outstanding_balance", answer))
    expect(amount != 0, "that is what is owed with the payment #2; leave it out")
    expect(amount != Decimal("552.79"), "that is what would be owed without the payment #3; this asks for #2")
    expect(amount == Decimal("47.21"), f"without the payment #2 not {amount:,} would be owed")
    return "The log still says that the payment came: a branch is a question, not a change."


@exercise(
    "08.4",
    "A rule of your own",
    "The block for PaymentReceived sees the state before it, and the payment. It may object: event.errors.add(…).",
    "Object before you subtract: after the subtraction it is another balance.",
)
def no_small_payments(answer: Any) -> str:
    """Take a projection that refuses payments below 50 while more than 1,000 is owed."""
    expect(isinstance(answer, type), "this wants the class itself: NoSmallPayments, without brackets")
    kind(answer, Projection, "a projection class")
    expect(not _refused(answer, "800", "10"), "10 of a debt of 800 is refused; the rule is for more than 1,000")
    expect(_refused(answer, "5000", "10"), "10 of a debt of 5,000 is let in, and should not be")
    expect(not _refused(answer, "5000", "50"), "50 of a debt of 5,000 is refused; less than 50 was forbidden, not 50")
    expect(not _refused(answer, "1000", "10"), "10 of a debt of 1,000 is refused; the rule is for more than 1,000")
    expect(
        _refused(answer, "1030", "49.99"), "49.99 of a debt of 1,030 is let in: look at what is owed before the payment"
    )
    expect(_refused(answer, "5000", "10") == {"principal_amount"}, "it is refused, but not on principal_amount")
    return "A rule that looks at what came before: that is what a consistency projection is for."


def _refused(rule: type[Projection[Any]], owed: str, paid: str) -> set[str]:
    """On which attributes a rule refuses a payment on a debt."""
    issued = {"amount": owed, "interest_rate": "0.05", "at": _START.isoformat()}
    later = _START + timedelta(days=30)
    payment = {"principal_amount": paid, "interest_amount": "1.00", "at": later.isoformat()}
    rows = [
        {"klass": klass, "idx": "debt", "version": version, "props": props, "created_at": when, "occurred_at": when}
        for version, (klass, props, when) in enumerate(
            [("Debt::Issued", issued, _START), ("Debt::PaymentReceived", payment, later)], 1
        )
    ]
    with practice_lab() as lab:
        lab.load(rows)
        audit = lab.audit(rule, progress=False)
    expect((audit["version"] > 1).all(), f"it refuses to issue a debt of {owed}")
    return set(audit["attribute"])
