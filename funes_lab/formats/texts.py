"""Texts and names, in one line and as short as they must be."""

from __future__ import annotations

import re

from funes_lab.formats.figures import scalar

# Controls, line separators, changes of reading direction, lone surrogates, byte order mark.
_STEERING = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufeff]")


def shorten(text: str, limit: int) -> str:
    """Write a text in one line, cut at its end.

    Examples
    --------
    >>> shorten("the receipt is attached as a photograph", 20)
    'the receipt is atta…'
    """
    shown = visible(text[: limit + 1])
    return shown if len(shown) <= limit else shown[: limit - 1].rstrip() + "…"


def middle(name: str, limit: int) -> str:
    """Write a name in one line, cut in its middle: both ends of a name tell.

    Examples
    --------
    >>> middle("tenant-eu-west-1/customer-00000000-5f1c/debts-123", 37)
    'tenant-eu-west-1/custome…1c/debts-123'
    """
    tail = (limit - 1) // 3
    head = limit - 1 - tail
    short = name if len(name) <= limit else f"{name[:head]}…{name[len(name) - tail :]}"
    shown = visible(short)
    return shown if len(shown) <= limit else f"{shown[:head]}…{shown[len(shown) - tail :]}"


def visible(text: str) -> str:
    r"""Write the characters that would steer a terminal or a page as escapes.

    Examples
    --------
    >>> visible("two\nlines")
    'two\\nlines'
    """
    return _STEERING.sub(lambda found: found[0].encode("unicode_escape").decode("ascii"), text)


def humanize(attribute: str) -> str:
    """Write the name of an attribute as the beginning of a sentence.

    Examples
    --------
    >>> humanize("interest_rate"), humanize("customer_id"), humanize("address.street")
    ('Interest rate', 'Customer', 'Address street')
    """
    words = re.sub(r"[._]+", " ", attribute.removesuffix("_id")).strip() or attribute
    return words[:1].upper() + words[1:]


def count(n: int, noun: str) -> str:
    """Write a count and its noun.

    Examples
    --------
    >>> count(1, "event"), count(31204, "event")
    ('1 event', '31,204 events')
    """
    return f"{scalar(n, grouped=True)} {noun}{'' if n == 1 else 's'}"
