"""Numbers, times and durations, written out."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from decimal import Decimal
from numbers import Integral, Rational, Real
from typing import Final

#: What stands for no value.
NONE: Final = "–"
MINUS: Final = "−"

_DIGITS = 400  # beyond, a number is written as a power of ten: a double has at most 309 before its point
_UNITS = ("d", "h", "min", "s", "ms", "µs")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def time(moment: dt.datetime | None, *, seconds: bool = False) -> str:
    """Write a moment to the minute, in UTC, for a column of them.

    Parameters
    ----------
    moment : datetime, optional
        A naive one counts as UTC.
    seconds : bool, default False
        To the second: for attempts and races, where it decides.

    Returns
    -------
    str
        "–" for None.

    Examples
    --------
    >>> time(dt.datetime(2026, 10, 10, 9, 0, tzinfo=dt.UTC))
    '2026-10-10 09:00'
    """
    if moment is None:
        return NONE
    return in_utc(moment).isoformat(sep=" ", timespec="seconds" if seconds else "minutes")


def long_time(moment: dt.datetime | None) -> str:
    """Write a moment to the second, in UTC, for a sentence.

    Examples
    --------
    >>> long_time(dt.datetime(2026, 10, 10, 14, 2, 11, tzinfo=dt.UTC))
    '10 Oct 2026 14:02:11 UTC'
    """
    if moment is None:
        return NONE
    there = in_utc(moment)
    return f"{there.day} {_MONTHS[there.month - 1]} {there.year} {there.time().isoformat('seconds')} UTC"


def day(moment: dt.datetime, *, year: bool = True) -> str:
    """Write the day of a moment, in UTC, for prose and panels.

    Examples
    --------
    >>> day(dt.datetime(2026, 10, 10, 14, 2, tzinfo=dt.UTC)), day(dt.datetime(2026, 1, 5), year=False)
    ('10 Oct 2026', '5 Jan')
    """
    there = in_utc(moment)
    return f"{there.day} {_MONTHS[there.month - 1]}" + (f" {there.year}" if year else "")


def clock(moment: dt.datetime) -> str:
    """Write the time of day of a moment to the minute, in UTC; "" at midnight, when only the day was meant.

    Examples
    --------
    >>> clock(dt.datetime(2026, 10, 10, 14, 2, tzinfo=dt.UTC)), clock(dt.datetime(2026, 10, 10))
    ('14:02', '')
    """
    there = in_utc(moment).time()
    return there.isoformat("minutes") if there != dt.time() else ""


def duration(span: dt.timedelta) -> str:
    """Write a span of time, exactly, with its units.

    Examples
    --------
    >>> duration(dt.timedelta(milliseconds=38)), duration(dt.timedelta(days=2, hours=3))
    ('38 ms', '2 d 3 h')
    """
    whole = abs(span)
    seconds, micro = whole.seconds, whole.microseconds
    figures = (whole.days, seconds // 3600, seconds // 60 % 60, seconds % 60, micro // 1000, micro % 1000)
    parts = [f"{n:,} {unit}" for n, unit in zip(figures, _UNITS, strict=True) if n]
    return (MINUS if span < dt.timedelta(0) else "") + (" ".join(parts) or "0 s")


def roughly(span: dt.timedelta) -> str:
    """Write a span of time in its largest unit, for a sentence.

    Examples
    --------
    >>> roughly(dt.timedelta(milliseconds=38, microseconds=412))
    '38 ms'
    """
    return " ".join(duration(span).split(" ")[:2])


def scalar(v: object, *, grouped: bool) -> str | None:
    """Write a number, a truth or a time; None for everything else.

    `grouped` is for commas between the thousands of a number that stands alone.
    """
    match v:
        case bool():
            return "true" if v else "false"
        case Integral():
            return _number(Decimal(int(v)), grouped=grouped)
        case Decimal():
            return _number(v, grouped=grouped)
        case float():
            return _number(Decimal(float.__repr__(v)), grouped=grouped)
        case Real() if not isinstance(v, Rational):
            return _number(Decimal(str(v)), grouped=grouped)
        case dt.datetime():
            return _moment(v)
        case dt.date() | dt.time():
            return v.isoformat()
        case dt.timedelta():
            return duration(v)
    return None


def _number(v: Decimal, *, grouped: bool) -> str:
    if v.is_nan():
        return "not a number"
    if v.is_infinite():
        return MINUS + "∞" if v.is_signed() else "∞"
    sign, digits, exponent = v.as_tuple()
    assert isinstance(exponent, int)  # only the infinite ones have a letter
    if max(len(digits), v.adjusted(), -exponent) > _DIGITS:
        text = _power_of_ten(sign, digits, exponent)
    else:
        text = f"{v:,f}" if grouped else f"{v:f}"
    return text.replace("-", MINUS)


def _power_of_ten(sign: int, digits: Sequence[int], exponent: int) -> str:
    lead = "".join(map(str, digits[:20]))
    rest = lead[1:].rstrip("0")
    cut = "…" if any(digits[20:]) else ""
    power = exponent + len(digits) - 1
    return f"{'-' * sign}{lead[0]}{'.' if rest or cut else ''}{rest}{cut} × 10^{power}"


def in_utc(moment: dt.datetime) -> dt.datetime:
    """Tell the moment in UTC, without its zone."""
    if moment.tzinfo is None:
        return moment
    try:
        return moment.astimezone(dt.UTC).replace(tzinfo=None)
    except OverflowError:  # the first and the last day of the calendar, in another zone
        return moment.replace(tzinfo=None)


def _moment(moment: dt.datetime) -> str:
    there = in_utc(moment)
    if not there.microsecond:
        return there.isoformat(sep=" ", timespec="seconds" if there.second else "minutes")
    return there.isoformat(sep=" ", timespec="microseconds" if there.microsecond % 1000 else "milliseconds")
