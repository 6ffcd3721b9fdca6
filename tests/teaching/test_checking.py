"""Checking an answer: what it shows, the hints that follow each other, and that nothing else is touched."""

from __future__ import annotations

import json
import re

import pytest

import funes_lab as fl
from funes_lab.teaching import checking


@pytest.fixture(autouse=True)
def _a_fresh_kernel(monkeypatch):
    monkeypatch.setattr(checking, "_right", {})
    monkeypatch.setattr(checking, "_wrong", type(checking._wrong)())


def test_three_dots_are_no_answer_yet():
    checked = fl.teaching.check("01.3", ...)
    assert (checked.passed, bool(checked), checked.hint) == (None, False, None)
    assert "yours to do" in repr(checked)
    assert "yours to do" in checked._repr_html_()


def test_each_wrong_answer_shows_one_more_hint_and_then_the_last_one_again():
    hints = [fl.teaching.check("01.3", wrong).hints for wrong in (1, 2, 3)]
    assert hints == [(1, 2), (2, 2), (2, 2)]
    assert "Hint 2 of 2" in repr(fl.teaching.check("01.3", 4))


def test_the_bar_counts_what_is_right_now():
    fl.teaching.check("01.3", "25.50")
    fl.teaching.check("01.1", {"b", "d", "e"})
    assert fl.teaching.check("01.3", 25.5).progress == {"01.1": True, "01.2": None, "01.3": True, "01.4": None}
    checked = fl.teaching.check("01.1", {"a"})
    assert checked.progress["01.1"] is False
    assert "□□■□  1 of 4" in repr(checked)
    assert checked._repr_html_().count('fill="var(--fl-accepted)"') == 1


def test_what_a_learner_wrote_is_text_in_the_page():
    checked = fl.teaching.check("01.1", {"<script>alert(1)</script>"})
    assert "<script" not in checked._repr_html_()
    assert "&lt;script&gt;" in checked._repr_html_()


def test_what_the_answer_raises_is_told_and_kept():
    class Breaks:
        def __iter__(self):
            raise RuntimeError("no letters today")

    checked = fl.teaching.check("01.1", Breaks())
    assert checked.passed is False
    assert "RuntimeError: no letters today" in checked.says
    assert isinstance(checked.error, RuntimeError)


@pytest.mark.parametrize("key", ["1.1", "01.9", "", None, 1.1])
def test_an_exercise_that_is_none_is_named_and_a_near_one_offered(key):
    with pytest.raises(ValueError, match="exercise must be the name of one") as raised:
        fl.teaching.check(key, 1)
    assert repr(key) in str(raised.value)
    if key == "1.1":
        assert re.search(r"did you mean '\d1\.1'", str(raised.value))


def test_exercises_are_listed_in_the_order_of_the_course():
    frame = fl.teaching.exercises()
    assert frame["exercise"].is_monotonic_increasing
    assert frame["exercise"].is_unique
    assert [str(kind) for kind in frame.dtypes] == ["str", "int64", "str", "int64"]


def test_checking_leaves_the_current_lab_as_it_is():
    with fl.Lab() as lab:
        for one in fl.teaching.exercises()["exercise"]:
            fl.teaching.check(one, 1)
        assert fl.current_lab() is lab
        assert lab.log.df().empty
        assert len(lab.rejections) == 0


def test_what_was_checked_is_told_to_grade_only_when_grade_asks(monkeypatch, tmp_path):
    told = tmp_path / "grades.jsonl"
    fl.teaching.check("01.3", 25.5)
    monkeypatch.setenv(checking.GRADES, str(told))
    fl.teaching.check("01.3", 1)
    fl.teaching.check("01.3", ...)
    found = [json.loads(line) for line in told.read_text().splitlines()]
    assert [(one["exercise"], one["passed"]) for one in found] == [("01.3", False), ("01.3", None)]
