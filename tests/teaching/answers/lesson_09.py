"""Answers to lesson 09."""

from decimal import Decimal


def to_cents(payload):
    return {"amount": str(Decimal(payload["amount"]).quantize(Decimal("0.01"))), "currency": "EUR"}


def as_decimal(payload):
    payload["amount"] = round(Decimal(payload["amount"]), 2)
    return payload | {"currency": "EUR"}


def as_float(payload):
    return {"amount": round(float(payload["amount"]), 2), "currency": "EUR"}


def as_it_is(payload):
    return payload


def not_rounded(payload):
    return payload | {"currency": "EUR"}


def in_dollars(payload):
    return to_cents(payload) | {"currency": "USD"}


def with_a_note(payload):
    return to_cents(payload) | {"note": "old"}


def nothing(payload):
    payload["currency"] = "EUR"


RIGHT = {
    "09.1": [225, 225.0],
    "09.2": [to_cents, as_decimal],
    "09.3": [Decimal("13070.00"), 13070],
    "09.4": [{"a", "d"}, "ad", ["D", "a"]],
}

WRONG = {
    "09.1": [(800, "of any shape"), (206, "Order::Paid"), (326, "a later shape"), (5, "not 5")],
    "09.2": [
        (as_it_is, "currency is missing"),
        (as_float, "a float again"),
        (not_rounded, "round it to the cent"),
        (in_dollars, "sold in EUR"),
        (with_a_note, "two fields"),
        (nothing, "gives NoneType"),
        ({"amount": "59.97"}, "the function itself"),
    ],
    "09.3": [(2974.66, "second shape"), (10095.34, "first shape"), (37400.94, "all three"), (1, "not 1.00")],
    "09.4": [
        ({"a", "b"}, "b guesses"),
        ({"c"}, "nobody weighed"),
        ({"e", "d"}, "another thing next week"),
        ({"a"}, "one more"),
        ({"z"}, "there is no z"),
    ],
}
