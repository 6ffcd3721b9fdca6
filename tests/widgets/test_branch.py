"""The picture of a branch without a browser: its data, its sentences, its static picture, and when it is shown."""

from __future__ import annotations

import gc
import json
import pickle
import weakref
from decimal import Decimal
from typing import Any, ClassVar
from xml.etree import ElementTree

import pandas as pd
import pytest
import traitlets
from pydantic import BaseModel

import funes_lab as fl
from funes_lab.explore.comparison import Comparison
from funes_lab.widgets.branch import BranchPicture, words
from funes_lab.widgets.branch.data import _figure
from funes_lab.widgets.twin import LARGEST
from tests.domain import DebtEventStream, VirtualOutstandingBalance, balance, day, issued, paid


class Said(fl.Event, name="Branched::Said"):
    text: str = ""
    n: int | None = 0
    pin: str = "1234"
    filter_attributes: ClassVar = ["pin"]


class Heard(BaseModel):
    text: str = ""
    n: int | None = None
    total: Decimal = Decimal(0)
    pin: str = "1234"
    filter_attributes: ClassVar = ["pin"]


class Hearing(fl.Projection[Heard]):
    @fl.interpretation_for(Said)
    def heard(state, event):
        state.text, state.n, state.pin = event.text, event.n, event.pin
        state.total += event.n or 0


class Bare(BaseModel):
    pass


class Deaf(fl.Projection[Bare]):
    @fl.interpretation_for(Said)
    def heard(state, event):
        return state


@pytest.fixture
def debt(lab: fl.Lab) -> DebtEventStream:
    """Issued 100, paid 60, 30 and 5."""
    stream = DebtEventStream.for_("debts-1", lab=lab)
    for event in (issued(100), paid(60, on=1), paid(30, on=2), paid(5, on=3)):
        stream.append_or_raise(event)
    return stream


@pytest.fixture
def talk(lab: fl.Lab) -> fl.EventStream:
    stream = fl.EventStream.for_("talk", lab=lab)
    stream.append_all([Said(text=text, n=n) for n, text in enumerate("abc", 1)])
    return stream


def pictured(branch: Any, field: str | None = None) -> BranchPicture:
    return branch.compare(VirtualOutstandingBalance).picture(field)


def said(picture: BranchPicture, place: int | None = None) -> str:
    pieces = words.sentence(picture.data, place or picture.value, picture.field)
    return "".join(text for text, _ in pieces)


def steps(picture: BranchPicture, field: str) -> list[tuple[str, str, str]]:
    """A field after each step: log, what-if and difference."""
    found = words.field_of(picture.data, field)
    lines = [words.line(picture.data, found, n) for n in range(1, words.length(picture.data) + 1)]
    return [(line.log, line.what_if, line.gap) for line in lines]


# --- the lines


def test_both_lines_are_told_step_by_step_with_what_lies_between_them(debt):
    branch = debt.branch()
    branch.replace(3, paid(10, on=2))
    picture = pictured(branch)
    assert picture.data["versions"] == [1, 2, 3, 4]
    assert picture.data["forked"] == "fork after 2"
    assert steps(picture, "outstanding_balance") == [
        ("100", "100", "0"), ("40", "40", "0"), ("10", "30", "+20"), ("5", "25", "+20"),
    ]  # fmt: skip


def test_what_it_shows_is_what_the_comparison_holds_row_for_row(talk):
    branch = talk.branch().skip(2)
    branch.append(Said(text="d", n=7))
    comparison = branch.compare(Hearing)
    picture = comparison.picture()
    for name in ("text", "n", "total"):
        pairs = zip(comparison[f"{name}_recorded"], comparison[f"{name}_branch"], strict=True)
        assert [line[:2] for line in steps(picture, name)] == [
            (fl.formats.value(log), fl.formats.value(branch)) for log, branch in pairs
        ]


def test_it_says_first_how_far_the_lines_end_apart(debt):
    branch = debt.branch().skip(2)
    assert said(pictured(branch)) == (
        "At the end outstanding_balance is 65 instead of 5, 60 more. Other fields: last_payment_at same."
    )
    assert said(pictured(branch), 1).endswith("on 1 Jan 2026: outstanding_balance is 100, the same in both.")
    assert ", left out: outstanding_balance is 100 instead of 40, 60 more." in said(pictured(branch), 2)


def test_what_was_changed_is_marked_in_its_place_in_words(debt):
    branch = debt.branch()
    branch.replace(2, paid(10, on=1))
    branch.move(3, at=day(9))
    branch.insert(paid(1), at=day(1.5))
    branch.skip(4)
    marks = pictured(branch).data["changed"]
    assert [(place, mark["glyph"], mark["word"]) for place, mark in marks.items()] == [
        ("2", "~", "replaced"), ("3", "+", "added"), ("4", "→", "moved away"), ("5", "−", "left out"),
        ("6", "→", "moved here"),
    ]  # fmt: skip
    assert marks["4"]["said"] == ", moved to 10 Jan 2026"
    assert marks["6"]["said"] == ", moved here from 3 Jan 2026"
    assert pictured(branch).data["changes"] == (
        "#2 Debts::PaymentReceived principal_amount 60, interest_amount 0 replaced by principal_amount 10, "
        "interest_amount 0; #3 Debts::PaymentReceived principal_amount 30, interest_amount 0 moved to 10 Jan 2026; "
        "#5 Debts::PaymentReceived principal_amount 1, interest_amount 0 inserted at 2 Jan 2026 12:00; 1 more change"
    )


def test_a_branch_from_a_version_on_is_laid_beside_the_whole_log(debt):
    branch = debt.branch(at_version=2)
    branch.append(paid(40, on=5))
    picture = pictured(branch)
    assert picture.data["versions"] == [1, 2, 3, 4, 3]
    assert [mark["word"] for mark in picture.data["changed"].values()] == ["left out", "left out", "added"]
    assert (picture.data["forked"], steps(picture, "outstanding_balance")[-1]) == ("fork after 2", ("5", "0", "−5"))


def test_what_is_new_is_not_taken_for_what_was_moved_though_the_clock_stands_still():
    lab = fl.Lab(clock=fl.testing.Clock("2026-03-01"))
    debt = DebtEventStream.for_("still", lab=lab)
    debt.append_all([issued(100), paid(60, on=1), paid(30, on=2)])
    branch = debt.branch(at_version=2)
    branch.append(paid(40, on=5))
    assert [mark["word"] for mark in pictured(branch).data["changed"].values()] == ["left out", "added"]
    branch.move(3, at=day(6))
    assert [mark["word"] for mark in pictured(branch).data["changed"].values()] == ["left out", "added"]
    lab.close()


def test_events_that_the_rules_would_refuse_are_marked_in_their_place(debt):
    picture = pictured(debt.branch().skip(1))
    assert list(picture.data["problems"]) == ["2", "3", "4"]
    assert picture.data["note"]["head"] == "3 events of the branch would be refused"
    assert picture.data["forked"] == "fork at the beginning"
    assert said(picture).endswith(
        "The branch's rules would refuse it, state: Outstanding balance must be greater than or equal to 0."
    )
    svg, _ = picture.picture()
    assert "3 events of the branch would be refused" in svg


def test_a_branch_like_the_log_says_that_both_are_the_same(debt):
    picture = pictured(debt.branch())
    assert (picture.data["forked"], picture.data["changes"]) == ("", "nothing is changed")
    assert said(picture).startswith("At the end outstanding_balance is 5, the same in both.")
    svg, _ = picture.picture()
    assert "both 5" in svg
    assert "stroke-dasharray" not in svg


def test_a_branch_without_events_says_so(lab):
    comparison = DebtEventStream.for_("none", lab=lab).branch().compare(VirtualOutstandingBalance)
    picture = comparison.picture()
    assert repr(picture).endswith("nothing is changed. No events yet, neither in the log nor in the branch.")
    assert picture.value == 0
    assert repr(comparison) == "none and its branch under VirtualOutstandingBalance: the same state at every step."


def test_one_event_that_is_left_out_leaves_a_line_that_goes_on_from_the_start(talk):
    branch = talk.branch(at_version=1).skip(1)
    picture = branch.compare(Hearing).picture("n")
    assert steps(picture, "n")[-1] == ("3", "–", "differs")
    assert "what-if –" in picture.picture()[0]


# --- the field


def test_the_first_number_that_differs_at_the_end_is_drawn_unless_another_field_is_named(talk):
    branch = talk.branch()
    branch.replace(3, Said(text="z", n=3))
    assert branch.compare(Hearing).picture().field == "text"
    branch.skip(2)
    assert branch.compare(Hearing).picture().field == "total"
    assert branch.compare(Hearing).picture("text").field == "text"
    assert talk.branch().compare(Hearing).picture().field == "n"
    with pytest.raises(ValueError, match=r"field must name a field of the state \(text, n, total, pin\); got 'x'"):
        branch.compare(Hearing).picture("x")


def test_a_field_in_words_is_drawn_as_a_lane_for_each_line(talk):
    branch = talk.branch()
    branch.replace(3, Said(text="a < b", n=3))
    svg, label = branch.compare(Hearing).picture("text").picture()
    assert "a &lt; b" in svg
    assert "At the end text is a < b instead of c." in label


def test_a_state_without_fields_has_steps_and_no_line(talk):
    picture = talk.branch().skip(2).compare(Deaf).picture()
    assert picture.field == ""
    assert said(picture, 2).startswith("Version 2, Branched::Said text b, n 2, pin [FILTERED] on ")
    ElementTree.fromstring(picture.picture()[0])


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.1 + 0.2, "≈ 0.3"), (1e308, "1 × 10^308"), (-1e-300, "−1 × 10^−300"), (Decimal("1234567890123.55"),) * 2,
        (1234567890.12, "1,234,567,890.12"), (10**30 + 1, "≈ 1 × 10^30"),
    ],
)  # fmt: skip
def test_a_figure_is_as_long_as_a_column_has_room_for(value, shown):
    assert _figure(value) == (f"{shown:,f}" if isinstance(shown, Decimal) else shown)


# --- the widget


def test_the_step_and_the_field_can_be_set(debt):
    picture = pictured(debt.branch().skip(2))
    assert picture.value == 4
    picture.value = 2
    assert "left out" in repr(picture)
    picture.field = "last_payment_at"
    assert "last_payment_at is – instead of 2 Jan 2026" in repr(picture)
    with pytest.raises(traitlets.TraitError, match="value must be a step, 1…4; got 5"):
        picture.value = 5
    with pytest.raises(ValueError, match="field must name a field of the state"):
        picture.field = "x"
    assert (picture.value, picture.field) == (2, "last_payment_at")


def test_secrets_are_in_no_part_of_it(talk):
    branch = talk.branch()
    branch.replace(2, Said(text="z"))
    comparison = branch.compare(Hearing)
    picture = comparison.picture("pin")
    told = json.dumps([picture.data, branch.changes]) + picture.static().html + repr(branch) + branch._repr_html_()
    assert "1234" not in told
    assert "[FILTERED]" in told
    assert not comparison.astype(str).stack().str.contains("1234").any()


def test_a_label_holds_no_line_break_and_the_picture_is_xml_whatever_a_payload_holds(talk):
    bad = "\u202e</svg><script>\x00\n'\""
    branch = talk.branch()
    branch.replace(2, Said(text=bad, n=None))
    for field in Heard.model_fields:
        picture = branch.compare(Hearing).picture(field)
        svg, label = picture.picture()
        ElementTree.fromstring(svg)
        assert "\n" not in label
        assert "<script>\\u0000" not in picture.static().html


def test_ten_thousand_events_stay_small_and_are_drawn_as_bars(lab):
    stream = fl.EventStream.for_("many", lab=lab)
    stream.append_all([Said(text=f"t{n}", n=n % 97) for n in range(10_000)])
    branch = stream.branch().skip(5_000)
    branch.replace(7_000, Said(text="z", n=500))
    picture = branch.compare(Hearing).picture()
    for field in ("total", "text"):
        picture.field, picture.value = field, 6_999
        page = picture.static()
        assert len(page.html) <= LARGEST
        assert len(page.svg) < 60_000
        assert "This page holds " in page.html
    assert "many values" in page.svg


# --- where it is shown


def test_a_notebook_shows_the_picture_and_a_terminal_the_sentence_and_the_frame(debt):
    comparison = debt.branch().skip(2).compare(VirtualOutstandingBalance)
    bundle = comparison._repr_mimebundle_()
    assert bundle["text/plain"].startswith(
        "debts-1 and its branch under VirtualOutstandingBalance part at version 2; "
        "at the end outstanding_balance is 65 instead of 5.\n   version"
    )
    assert "data:image/svg+xml" in bundle["text/html"]
    assert "<script" in bundle["text/html"]


@pytest.mark.parametrize("cut", [pd.DataFrame, lambda c: c[:2], lambda c: c[c.differs], lambda c: c[["version"]]])
def test_what_is_cut_out_of_it_is_a_plain_frame(debt, cut):
    part = cut(debt.branch().skip(2).compare(VirtualOutstandingBalance))
    assert type(part) is pd.DataFrame
    assert not hasattr(part, "_repr_mimebundle_")


def test_a_comparison_can_be_pickled_with_its_picture(debt):
    comparison = debt.branch().skip(2).compare(VirtualOutstandingBalance)
    again = pickle.loads(pickle.dumps(comparison))
    assert isinstance(again, Comparison)
    assert again.picture().static().html == comparison.picture().static().html


def test_a_hundred_runs_of_one_line_leave_one_picture(debt):
    comparison = debt.branch().skip(2).compare(VirtualOutstandingBalance)
    shown = [weakref.ref(comparison.picture()) for _ in range(100)]
    gc.collect()
    assert sum(picture() is not None for picture in shown) == 1


def test_a_picture_stays_as_it_is_when_the_branch_goes_on(debt):
    branch = debt.branch().skip(2)
    comparison = branch.compare(VirtualOutstandingBalance)
    before = comparison.picture().static().html
    branch.append(paid(1, on=7))
    debt.append_or_raise(paid(5, on=8))
    assert comparison.picture().static().html == before
    assert balance(debt) == 0


def test_a_branch_says_what_was_changed_on_it(debt):
    branch = debt.branch(at_version=3)
    branch.skip(2)
    assert not branch.append(paid(500)).persisted
    branch.append(paid(1, on=7))
    payment = "Debts::PaymentReceived principal_amount"
    assert branch.changes == (
        "it goes on from version 3",
        f"#2 {payment} 60, interest_amount 0 left out",
        f"#4 {payment} 1, interest_amount 0 appended",
    )
    assert repr(branch).splitlines()[:3] == [
        "A branch of debts-1, in memory",
        "  it goes on from version 3",
        f"  #2 {payment} 60, interest_amount 0 left out",
    ]
    html = branch._repr_html_()
    assert "what-if, not in the log" in html
    assert "interest_amount 0 left out" in html
    assert "Nothing is changed yet." in debt.branch()._repr_html_()
    for n in range(9):
        branch.append(paid(n / 10 + 0.1, on=8))
    assert "… 6 more changes: branch.changes" in repr(branch)
