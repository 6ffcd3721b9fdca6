"""What if: a branch of a stream, judged by the same rules, and nothing of it in the log."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import funes_lab as fl
from tests.domain import (
    DebtEventStream,
    NoteStream,
    Trail,
    VirtualOutstandingBalance,
    balance,
    day,
    issued,
    noted,
    paid,
    rows_of,
)


@pytest.fixture
def debt(lab: fl.Lab) -> DebtEventStream:
    """Issued 100, paid 60 and 30; 20 more were refused."""
    stream = DebtEventStream.for_("debts-1", lab=lab)
    for event in (issued(100), paid(60, on=1), paid(30, on=2), paid(20, on=3)):
        stream.append(event)
    return stream


def amounts(side: Any) -> list[Decimal]:
    return [getattr(event, "principal_amount", None) or event.amount for event in side.events]


def test_a_branch_begins_with_the_events_up_to_a_version(debt):
    assert amounts(debt.branch()) == [100, 60, 30]
    assert amounts(debt.branch(at_version=2)) == [100, 60]
    assert amounts(debt.branch(0)) == []
    assert debt.branch(at_version=2).version == 2


def test_what_is_appended_to_a_branch_is_judged_by_the_same_rules_in_the_same_words(debt):
    branch, event = debt.branch(), paid(20, on=3)
    refused, in_the_stream = branch.append(event), debt.append(paid(20, on=3))
    assert refused.errors.full_messages == in_the_stream.errors.full_messages
    assert len(branch.rejections) == 1
    assert branch.append(paid(10, on=3)).version == 4
    assert balance(branch) == 0


def test_nothing_of_a_branch_reaches_the_log_or_the_journal(debt, lab):
    before, refused = lab.log.df(), len(lab.rejections)
    branch = debt.branch()
    branch.append(paid(500))
    branch.append(paid(1))
    branch.skip(2)
    branch.replace(3, paid(5, on=2))
    branch.move(3, at=day(9))
    branch.insert(paid(3), at=day(8))
    branch.compare(VirtualOutstandingBalance)
    branch.problems()
    assert lab.log.df().equals(before)
    assert len(lab.rejections) == refused
    assert balance(debt) == 10


def test_a_branch_stays_as_it_was_when_the_log_goes_on(debt):
    branch = debt.branch()
    debt.append_or_raise(paid(5, on=4))
    assert balance(branch) == 10


def test_an_event_can_be_left_out(debt):
    branch = debt.branch().skip(2)
    assert amounts(branch) == [100, 30]
    assert [event.version for event in branch.events] == [1, 3]
    assert branch.append(paid(20, on=3)).version == 4


def test_a_branch_tells_which_events_no_longer_hold(debt):
    assert len(debt.branch().problems()) == 0
    problems = debt.branch().skip(1).problems()
    assert problems[["version", "attribute"]].to_numpy().tolist() == [
        [2, "outstanding_balance"],
        [3, "outstanding_balance"],
    ]


def test_an_event_can_be_replaced_by_one_that_the_rules_let_in(debt):
    branch = debt.branch()
    event = branch.replace(2, paid(10, on=1))
    assert (event.persisted, event.version, event.occurred_at) == (True, 2, day(1))
    assert amounts(branch) == [100, 10, 30]
    refused = branch.replace(2, paid(80, on=1))
    assert (refused.persisted, refused.rejection.stage) == (False, "state")
    assert amounts(branch) == [100, 10, 30]


def test_an_event_can_happen_at_another_time(debt):
    branch = debt.branch()
    moved = branch.move(2, at=day(9))
    assert (moved.occurred_at, moved.at) == (day(9), day(9))
    assert amounts(branch) == [100, 30, 60]
    assert not branch.move(2, at=day(-1)).persisted  # before anything was owed
    assert amounts(branch) == [100, 30, 60]


def test_an_event_can_be_inserted_at_its_true_place(debt):
    branch = debt.branch()
    event = branch.insert(paid(5), at=day(1.5))
    assert (event.version, event.occurred_at) == (4, day(1.5))
    assert amounts(branch) == [100, 60, 5, 30]
    refused = branch.insert(paid(50), at=day(1.5))
    assert "Led to invalid state" in refused.errors.full_messages[0]


def test_a_branch_has_branches(debt):
    branch = debt.branch().skip(3)
    other = branch.branch(at_version=1)
    other.append(paid(99, on=5))
    assert (balance(branch), balance(other), balance(debt)) == (40, 1, 10)
    assert branch.skip(2).compare(VirtualOutstandingBalance).difference["outstanding_balance"] == (10, 100)


def test_a_branch_can_be_replayed_and_read_as_a_frame(debt):
    branch = debt.branch().skip(2)
    assert branch.replay(VirtualOutstandingBalance).outstanding_balance.tolist() == [100, 70]
    assert branch.df().version.tolist() == [1, 3]
    assert repr(branch).startswith("A branch of debts-1, in memory\n")
    assert "A branch of debts-1" in branch._repr_html_()


def test_readings_have_branches_of_what_they_saw(debt):
    reading = debt.read()
    debt.append_or_raise(paid(1, on=4))
    assert reading.branch().version == 3


# Side by side


def test_both_lines_are_laid_side_by_side_and_it_is_said_where_they_part(debt):
    branch = debt.branch()
    branch.replace(2, paid(10, on=1))
    branch.append(paid(5, on=4))
    found = branch.compare(VirtualOutstandingBalance)
    columns = ["version", "line", "outstanding_balance_recorded", "outstanding_balance_branch", "differs"]
    assert found[columns].to_numpy().tolist() == [
        [1, "both", 100, 100, False],
        [2, "branch", 100, 90, True],
        [2, "recorded", 40, 90, True],
        [3, "both", 10, 60, True],
        [4, "branch", 10, 55, True],
    ]
    assert found.parted_at == 2
    assert found.difference == {
        "outstanding_balance": (10, 55),
        "last_payment_at": (day(2), day(4)),
    }


def test_lines_that_never_part_have_no_difference(debt):
    found = debt.branch().compare(VirtualOutstandingBalance)
    assert (found.parted_at, found.difference, found.differs.any()) == (None, {}, False)
    assert found.line.tolist() == ["both"] * 3
    empty = DebtEventStream.for_("none", lab=debt.lab).branch().compare(VirtualOutstandingBalance)
    assert (len(empty), empty.parted_at, empty.difference) == (0, None, {})


notes = st.lists(st.sampled_from("abc"), max_size=5)


@settings(max_examples=20, deadline=None)
@given(
    texts=notes,
    edits=st.lists(st.tuples(st.sampled_from(["skip", "append", "replace"]), st.integers(1, 6)), max_size=4),
)
def test_a_branch_is_what_a_list_edited_in_the_same_way_is(texts, edits):
    lab = fl.Lab()
    stream = NoteStream.for_("n", lab=lab)
    stream.append_all([noted(text) for text in texts])
    branch, known = stream.branch(), dict(enumerate(texts, start=1))
    for what, version in edits:
        if what == "append":
            known[branch.append(noted("new")).version] = "new"
        elif version in known:
            if what == "skip":
                branch.skip(version)
                del known[version]
            else:
                branch.replace(version, noted("other"))
                known[version] = "other"
    assert {event.version: event.text for event in branch.events} == known
    assert rows_of(lab) == len(texts)
    if known:
        assert sorted(branch.projected_with(Trail).texts) == sorted(known.values())
    lab.close()


# At the door


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (lambda b: b.skip(9), ValueError, "version must be that of an event of the branch, got 9; it has 1, 2, 3"),
        (lambda b: b.replace(0, paid(1)), ValueError, "version must be 1 or more, got 0"),
        (lambda b: b.move("2", at=day(1)), TypeError, "version must be an int, got '2'"),
        (lambda b: b.branch(7), ValueError, "at_version must be 0 to 3, the version of the stream; got 7"),
        (lambda b: b.append("paid"), TypeError, "event must be an instance of an fl.Event subclass"),
        (lambda b: b.insert(paid(1), at="tomorrow"), ValueError, "at"),
    ],
)
def test_what_cannot_be_is_refused_with_what_can(debt, call, kind, message):
    with pytest.raises(kind, match=message):
        call(debt.branch())


def test_without_a_consistency_projection_nothing_judges_a_branch():
    with pytest.raises(TypeError, match="NoteStream has no consistency_projection, so nothing judges a branch"):
        NoteStream.for_("n", lab=fl.Lab()).branch().problems()
