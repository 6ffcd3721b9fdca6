"""What is improved about what the log may hold: names of streams, names of events, attributes."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

import funes_lab as fl
from tests.conformance.domains.debt import (
    DebtEventStream,
    Issued,
    Noted,
    PlainDebtEventStream,
    StrictOutstandingBalanceProjection,
    TrailProjection,
    VirtualOutstandingBalanceProjection,
)

DAY = datetime(2025, 1, 1, tzinfo=UTC)
LONGEST = "x" * 1024
NAMES = ["débito-☃-日本語-🎈", "e\u0301", "é", "ABC", "abc", " abc", "abc ", "a'b\"c;--", "a%b_c", LONGEST]


def issued():
    return Issued(amount="100", interest_rate="0.05", at=DAY)


def test_072_streams_are_told_apart_by_their_exact_idx(lab):
    """072_idx_variants: as Funes for unicode, case, spaces, quotes and length up to 1024; an empty idx and
    one with NUL are a ValueError
    """
    for name in NAMES:
        assert PlainDebtEventStream.for_(name, lab=lab).append(Noted(text=name)).version == 1
    for name in NAMES:
        assert [event.text for event in PlainDebtEventStream.for_(name, lab=lab).events] == [name]
    assert len(lab.log.df()) == len(NAMES)
    with pytest.raises(fl.StreamNotFound):
        PlainDebtEventStream.for_("missing-é", lab=lab).projected_with(TrailProjection)
    for name in ("", "a\x00b", "\x00", LONGEST + "x"):
        with pytest.raises(ValueError, match="idx"):
            PlainDebtEventStream.for_(name, lab=lab)


@pytest.mark.parametrize("idx", [None, 42, 4.2, True, b"s1", ("s1",), ["s1"]])
def test_073_an_idx_that_is_not_a_str_is_a_type_error(lab, idx):
    """073_idx_nil_and_integer: an idx that is not a str is a TypeError"""
    with pytest.raises(TypeError, match="idx"):
        PlainDebtEventStream.for_(idx, lab=lab)


def test_126_an_unknown_name_in_the_log_reads_as_an_unknown_event(lab):
    """126_log_unknown_class: an unknown name in the log reads as an UnknownEvent that shows its payload;
    the rest of the stream stays readable
    """
    stream = PlainDebtEventStream.for_("s1", lab=lab)
    stream.append(issued())
    row = {"klass": "Debt::Forgiven", "idx": "s1", "version": 2, "props": {"amount": "1"}}
    later = datetime(2025, 6, 2, tzinfo=UTC)
    fl.testing.raw_insert(lab, {**row, "created_at": later, "occurred_at": later})
    known, unknown = stream.events
    assert known == issued()
    assert isinstance(unknown, fl.UnknownEvent)
    assert unknown.event_name == "Debt::Forgiven"
    assert unknown.payload() == {"amount": "1"}
    assert unknown.version == 2
    assert unknown.persisted
    assert stream.projected_with(VirtualOutstandingBalanceProjection).outstanding_balance == 100
    with pytest.raises(fl.UnknownEventError, match="Debt::Forgiven"):
        stream.projected_with(StrictOutstandingBalanceProjection)
    assert DebtEventStream.for_("s1", lab=lab).append(Noted(text="still appends")).version == 3


def test_127_attributes_that_the_class_no_longer_has_are_kept_aside(lab):
    """127_log_unknown_attribute: attributes that the class no longer has are kept aside and shown, the
    event stays readable
    """
    row = {"klass": "Debt::Noted", "idx": "s1", "version": 1, "props": {"text": "a", "colour": "red"}}
    fl.testing.raw_insert(lab, {**row, "created_at": DAY, "occurred_at": DAY})
    stream = DebtEventStream.for_("s1", lab=lab)
    (event,) = stream.events
    assert event.text == "a"
    assert event.kept_aside == {"colour": "red"}
    assert event.persisted
    assert event.valid
    assert "colour" in event._repr_html_()
    assert stream.append(issued()).version == 2
    assert stream.projected_with(VirtualOutstandingBalanceProjection).outstanding_balance == 100
