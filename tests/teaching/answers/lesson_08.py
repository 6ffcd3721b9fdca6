"""Answers to lesson 08."""

from decimal import Decimal
from types import SimpleNamespace

from pydantic import BaseModel, Field

import funes_lab as fl


class Owed(BaseModel):
    outstanding_balance: Decimal = Field(default=Decimal(0), ge=0)


def rule(objects, *, subtract_first=False, on="principal_amount"):
    """A projection that objects to a payment when `objects(owed, paid)` says so."""

    class Issued(fl.Event, name="Debt::Issued"):
        amount: Decimal

    class PaymentReceived(fl.Event, name="Debt::PaymentReceived"):
        principal_amount: Decimal

    class Rule(fl.Projection[Owed]):
        @fl.interpretation_for(Issued)
        def issued(state, event):
            state.outstanding_balance = event.amount

        @fl.interpretation_for(PaymentReceived)
        def paid(state, event):
            if subtract_first:
                state.outstanding_balance -= event.principal_amount
            if objects(state.outstanding_balance, event.principal_amount):
                event.errors.add(on, "is too small while so much is owed")
            if not subtract_first:
                state.outstanding_balance -= event.principal_amount

    return Rule


RIGHT = {
    "08.1": [Decimal("3869.59"), 3869.59],
    "08.2": [13, [13], {13}],
    "08.3": [Decimal("47.21"), 47.21, SimpleNamespace(outstanding_balance=Decimal("47.21"))],
    "08.4": [lambda: rule(lambda owed, paid: owed > 1000 and paid < 50)],
}

WRONG = {
    "08.1": [
        (3870.59, "what was tried"),
        (3869.60, "one cent too much"),
        (5000, "still be refused"),
        (3000, "more than that"),
    ],
    "08.2": [(12, "without #12 it would still be refused"), ([], "there is one"), ([1, 13], "#1, #13")],
    "08.3": [(0, "leave it out"), (552.79, "without the payment #3"), (100, "not 100.00 would be owed")],
    "08.4": [
        (lambda: rule(lambda owed, paid: False), "10 of a debt of 5,000 is let in"),
        (lambda: rule(lambda owed, paid: paid < 50), "10 of a debt of 800 is refused"),
        (lambda: rule(lambda owed, paid: owed > 1000 and paid <= 50), "not 50"),
        (lambda: rule(lambda owed, paid: owed >= 1000 and paid < 50), "10 of a debt of 1,000 is refused"),
        (lambda: rule(lambda owed, paid: owed > 1000 and paid < 50, subtract_first=True), "before the payment"),
        (lambda: rule(lambda owed, paid: owed > 1000 and paid < 50, on="base"), "not on principal_amount"),
    ],
}
