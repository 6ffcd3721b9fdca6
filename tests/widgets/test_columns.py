"""Text for terminals lines up and is at most a hundred columns wide."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from funes_lab.widgets import columns


def test_wide_characters_take_two_columns_and_accents_none() -> None:
    assert [columns.width(text) for text in ("abc", "公演", "e\u0301", "◇ state")] == [3, 4, 1, 7]


def test_columns_line_up_under_wide_characters() -> None:
    lines = columns.table([["stream", "events"], ["公演", "1"], ["a", "12"]], right=[1])
    assert lines == ["stream  events", "公演         1", "a           12"]


def test_a_cell_that_wraps_gets_the_room_that_the_others_leave() -> None:
    rows = [("#", "why", "rule"), ("1", lambda room: columns.wrap("one two three", room), "R")]
    assert columns.table(rows, room=16) == ["#  why      rule", "1  one two  R", "   three"]


def test_an_open_cell_is_asked_once_with_all_the_room_there_is() -> None:
    asked: list[int] = []

    def cell(room: int) -> list[str]:
        asked.append(room)
        return ["short"]

    assert columns.table([("#", "what"), ("1", cell)], room=50) == ["#  what", "1  short"]
    assert asked == [47]


def test_a_line_of_its_own_stands_between_rows() -> None:
    assert columns.table([["a", "b"], "… 7 more", ["c", "d"]], indent=" ") == [" a  b", " … 7 more", " c  d"]


def test_a_sentence_hangs() -> None:
    lines = columns.sentence("word " * 30, indent="  ", hang="    ")
    assert [len(line) - len(line.lstrip()) for line in lines] == [2, 4]
    assert max(map(len, lines)) <= 100


@given(st.text(), st.integers(2, 50))
def test_a_wrapped_text_fits_and_loses_nothing(text: str, room: int) -> None:
    lines = columns.wrap(text, room)
    assert all(columns.width(line) <= room for line in lines)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")


@given(st.text(), st.integers(2, 50))
def test_a_cut_text_fits(text: str, room: int) -> None:
    assert columns.width(columns.fit(text, room)) <= room
