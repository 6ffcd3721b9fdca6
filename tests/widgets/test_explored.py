"""An audit, why not and the boundary in a notebook and in a terminal: what they say and draw, without a browser."""

from __future__ import annotations

import copy
import pickle
import re
from datetime import UTC, datetime
from decimal import Decimal
from itertools import pairwise
from typing import Any, ClassVar
from xml.etree import ElementTree

import pandas as pd
import pytest
from pydantic import BaseModel, Field

import funes_lab as fl
from funes_lab.widgets import explored, theme
from funes_lab.widgets.explored.boundary import FieldLine, number_line
from funes_lab.widgets.explored.why import marks_of
from tests.domain import NoteStream, day

BAD = "<img src=x onerror=\"fired('x')\">]]>\u202e"
SVG = "{http://www.w3.org/2000/svg}"


class Poured(fl.Event, name=f"Explored::Poured{BAD}"):
    litres: Decimal
    note: str = ""
    pin: str = "hush-1234"
    filter_attributes: ClassVar = ("pin",)


class Barrel(BaseModel):
    litres: Decimal = Field(default=Decimal(0), ge=-5, le=10)
    pin: str = ""
    filter_attributes: ClassVar = ("pin",)


class Level(fl.Projection[Barrel]):
    @fl.interpretation_for(Poured)
    def poured(state, event):
        state.litres += event.litres
        state.pin = event.pin
        if event.litres == 7:
            event.errors.add("litres", f"must not be seven {BAD}")


class BarrelStream(fl.EventStream):
    consistency_projection = Level


def barrel(*litres: object, idx: str = "barrel") -> BarrelStream:
    stream = BarrelStream.for_(idx, lab=fl.Lab(clock=fl.testing.Clock("2026-06-01")))
    for number, each in enumerate(litres):
        stream.append_or_raise(Poured(litres=each, note=BAD), at=day(number))
    return stream


def audited(days: dict[int, list[object]], **how: Any) -> Any:
    """An audit of streams whose events nobody had judged."""
    lab = fl.Lab(clock=fl.testing.Clock("2026-06-01"))
    for number, litres in days.items():
        for idx, each in enumerate(litres):
            NoteStream.for_(f"n{idx}", lab=lab).append_or_raise(Poured(litres=each, note=BAD), at=day(number))
    return lab.audit(Level, **how)


def shown(found: Any) -> ElementTree.Element:
    """What a notebook shows, read as a page."""
    return ElementTree.fromstring(f"<main>{found._repr_html_()}</main>")


def words(found: Any) -> str:
    page = shown(found)
    for style in page.findall("style"):
        page.remove(style)
    return re.sub(r"\s+", " ", " ".join(page.itertext())).strip()


def drawings(found: Any) -> list[ElementTree.Element]:
    return [each for each in shown(found).iter("svg") if each.get("role") == "img"]


# An audit


def test_an_audit_says_how_many_events_in_how_many_streams_and_since_when():
    audit = audited({0: [6, 1], 2: [6, 2], 5: [7, 1]})
    told = "Level would have refused 2 of 6 events in 1 of 2 streams, first on 3 Jan 2026."
    assert repr(audit).splitlines()[0] == f"{told} What it refuses drops out of what follows."
    assert told in words(audit)
    assert "stays in what follows" in repr(audited({0: [20]}, then="keep"))


def test_an_audit_has_a_row_for_each_rule_with_glyph_and_word_and_its_events_in_time():
    page = words(audited({0: [6, 1], 2: [6, 2], 5: [9, 7], 9: [1, 1]}))
    assert "◇" not in page  # glyphs are drawn
    assert "state litres must be ≤ 10 2 events 1 stream" in page
    assert re.search(r"interpretation litres must not be seven .* 1 event 1 stream 1 Jan 2026 10 Jan 2026", page)


def test_no_refusal_is_averaged_away():
    days: dict[int, list[object]] = {0: [1], 50: [20] * 200, 997: [20], 1_000: [0]}
    audit = audited(days, then="keep")
    card = explored.audit_card(audit)
    assert sum(sum(rule.counts) for rule in card.rules) == len(audit)
    (bars,) = [each.findall("path")[1].get("d") or "" for each in drawings(audit)][:1]
    highs = [float(high) for high in re.findall(r"h\.8v([\d.]+)", bars)]
    assert len(highs) == sum(count > 0 for count in card.rules[0].counts)
    assert min(highs) >= 4


def test_the_periods_of_an_audit_span_all_that_was_judged_and_hold_each_event_once():
    card = explored.audit_card(audited({0: [1], 10: [20], 20: [1], 96: [20]}))
    (rule,) = card.rules
    assert [place for place, count in enumerate(rule.counts) if count] == [10, 95]
    assert card.ends == ("1 Jan 2026", "7 Apr 2026")
    assert (sum(rule.counts), rule.events, card.period) == (2, 2, "1 d")


def test_an_audit_of_one_moment_is_drawn_too():
    audit = audited({0: [20, 21]})
    assert audit.span == (day(0), day(0))
    assert "2026-01-01 00:00:00" in words(audit)
    assert len(drawings(audit)) == 1


def test_an_audit_without_a_refusal_says_so_and_draws_nothing():
    for audit, events in ((audited({0: [1]}), "1 event in 1 stream"), (fl.Lab().audit(Level), "0 events in 0 streams")):
        assert words(audit) == f"Level would have refused none of {events}. Nothing was written."
        assert repr(audit) == f"Level would have refused none of {events}."
        assert 'class="fl-note accepted"' in audit._repr_html_()
        assert drawings(audit) == []


def test_an_audit_shows_the_first_events_and_how_many_more():
    audit = audited({number: [20] for number in range(13)})
    page = words(audit)
    assert page.count("litres would be 20, must be ≤ 10") == 10
    assert "… 3 more: audit.iloc[10:]" in page
    assert type(audit.iloc[10:]) is pd.DataFrame
    assert len(audit.iloc[10:]) == 3


def test_more_rules_than_there_is_room_for_are_counted():
    class Fickle(fl.Projection[Barrel]):
        @fl.interpretation_for(Poured)
        def poured(state, event):
            event.errors.add("base", f"rule {event.litres}")

    lab = fl.Lab()
    NoteStream.for_("n", lab=lab).append_all([Poured(litres=number) for number in range(11)])
    page = words(lab.audit(Fickle))
    assert "… 3 more rules: audit.summary()" in page
    assert "whole event" in page


# Why not


def test_why_says_the_sentence_then_draws_the_line_without_the_events_in_the_way():
    why = barrel(3, 3, 3).append(Poured(litres=6)).rejection.why()
    page = words(why)
    assert page.startswith("Explored::Poured<img src=x onerror=\"fired('x')\">]]>\\u202e would be accepted without #2")
    assert "state litres would be 15, must be ≤ 10" in page
    (line,) = drawings(why)
    assert [text.text for text in line.findall("text")] == ["#1", "#2", "#3", "tried"]
    hollow = [dot.get("stroke-dasharray") is not None for dot in line.findall("circle")]
    assert hollow == [False, True, True]
    assert line.get("aria-label") == "The line of barrel without #2, #3"
    assert "5 pasts tried in memory. The log is unchanged." in page


def test_a_backdated_attempt_stands_at_its_place_in_the_line():
    stream = barrel(4, 4)
    refused = stream.append(Poured(litres=5), at=day(0.5)).rejection
    (line,) = drawings(refused.why())
    assert [text.text for text in line.findall("text")] == ["#1", "tried", "#2"]
    early = barrel(8).append(Poured(litres=5), at=day(-1)).rejection
    (line,) = drawings(early.why())
    assert [text.text for text in line.findall("text")] == ["tried", "#1"]


@pytest.mark.parametrize("length", [0, 1, 20, 21, 500])
@pytest.mark.parametrize("share", [0, 0.5, 1])
def test_a_line_never_loses_an_event_and_is_never_too_long(length, share):
    place = int(length * share)
    for out in (set(), {1}, {length}, set(range(1, length + 1))):
        marks = marks_of(range(1, length + 1), out, place)
        hidden = sum(int(mark.shown.split()[0].replace(",", "")) for mark in marks if mark.kind == "gap")
        assert hidden + sum(mark.kind in ("kept", "out") for mark in marks) == length
        assert [mark.kind for mark in marks].count("tried") == 1
        assert len(marks) <= 50


def test_where_nobody_stands_in_the_way_nothing_is_drawn():
    why = barrel(1).append(Poured(litres=7)).rejection.why()
    assert drawings(why) == []
    assert "No set of earlier events stands in the way" in words(why)
    assert repr(why) == why.sentence


def test_a_lost_race_has_the_colour_of_a_conflict():
    stream = barrel(1)
    late = stream.read()
    stream.append_or_raise(Poured(litres=1))
    why = late.append(Poured(litres=1)).rejection.why()
    assert 'class="fl-note conflict"' in why._repr_html_()
    assert why._repr_html_().count("past") == 0


# The boundary


def test_the_boundary_says_the_sentence_then_draws_both_sides_and_what_was_tried():
    boundary = barrel(8).append(Poured(litres=50)).rejection.boundary()
    page = words(boundary)
    assert page.startswith("Litres at most 2.00 (tried: 50).")
    (line,) = drawings(boundary)
    assert [text.text for text in line.findall("text")] == [
        "0.01 apart", "2.00", "✓ accepted", "2.01", "✗ refused", "50", "✗ tried",
    ]  # fmt: skip
    assert line.get("aria-label") == "litres: at most 2.00 would be accepted, 2.01 not; tried 50"
    assert "values tried in memory. The log is unchanged." in page


def test_a_lower_bound_is_drawn_to_the_other_side():
    boundary = barrel().append(Poured(litres=-90)).rejection.boundary()
    (line,) = drawings(boundary)
    xs = {text.text: float(text.get("x") or 0) for text in line.findall("text")}
    assert xs["−90"] < xs["−5.01"] < xs["−5.00"]


def test_what_was_tried_may_be_the_neighbour_itself():
    boundary = barrel(8).append(Poured(litres=Decimal("2.01"))).rejection.boundary()
    (line,) = drawings(boundary)
    assert [text.text for text in line.findall("text")][1:] == ["2.00", "✓ accepted", "2.01", "✗ tried"]


def test_no_two_texts_of_a_number_line_touch_however_long_they_are():
    long = FieldLine("n", "999,999,999,999.0000001", "0.0000001", "0.0000002", "at most", "0.0000001")
    line = ElementTree.fromstring(number_line(long, "state"))
    figures = [text for text in line.findall("text") if text.get("font-weight")]
    ends = [(float(f.get("x") or 0), len(f.text or "") * 11 * 0.56 / 2) for f in figures]
    assert all(a + wa < b - wb for (a, wa), (b, wb) in pairwise(ends))
    assert ends[0][0] - ends[0][1] > 0
    assert ends[-1][0] + ends[-1][1] < float(line.get("width") or 0)


def test_a_field_that_nothing_could_help_says_so():
    boundary = barrel(1).append(Poured(litres=7)).rejection.boundary()
    assert boundary.accepted.notna().all()  # 6.99 would do

    class Never(fl.Projection[Barrel]):
        @fl.interpretation_for(Poured)
        def poured(state, event):
            event.errors.add("base", "never")

    class NeverStream(fl.EventStream):
        consistency_projection = Never

    boundary = NeverStream.for_("n", lab=fl.Lab()).append(Poured(litres=1)).rejection.boundary()
    assert "no value found; tried 1" in words(boundary)
    assert drawings(boundary) == []


# All of them


def an_audit() -> Any:
    return audited({0: [6, 1], 2: [6, 7]})


def a_why() -> Any:
    return barrel(3, 3, 3, idx=f"b{BAD}").append(Poured(litres=6, note=BAD)).rejection.why()


def a_boundary() -> Any:
    return barrel(8, idx=f"b{BAD}").append(Poured(litres=50, note=BAD)).rejection.boundary()


ALL = [an_audit, a_why, a_boundary]


@pytest.mark.parametrize("made", ALL)
def test_what_a_payload_or_a_name_says_is_text_and_secrets_are_masked(made):
    found = made()
    page = shown(found)
    assert not [tag for tag in page.iter() if tag.tag in ("img", "script")]
    assert not [name for tag in page.iter() for name in tag.attrib if name.startswith("on")]
    for told in (found._repr_html_(), repr(found), found.to_csv()):
        assert "hush-1234" not in told
    assert "\u202e" not in found._repr_html_()


@pytest.mark.parametrize("made", ALL)
def test_the_same_answer_is_the_same_bytes_and_they_are_few(made):
    first, second = (re.sub(r"20\d\d-\d\d-\d\d \d\d:\d\d", "", made()._repr_html_()) for _ in range(2))
    assert first == second
    assert len(first) < 20_000


@pytest.mark.parametrize("made", ALL)
def test_colours_are_tokens_of_the_theme_and_stand_beside_a_glyph_and_a_word(made):
    html = made()._repr_html_()
    drawn = html[html.index("</style>") :]
    assert not re.search(r"#[0-9a-f]{3,6}\b", re.sub(r"#\d+", "", drawn))
    used = set(re.findall(r"var\(--fl-([\w-]+)\)", drawn))
    assert used <= {*theme.light(), "font", "mono"}
    assert 'class="o state"' in drawn


@pytest.mark.parametrize("made", ALL)
def test_parts_copies_and_computations_are_plain_frames(made):
    found = made()
    column = found.columns[0]
    parts = [found.head(1), found[found[column].notna()], found[[column]], found.copy(), found.iloc[:1]]
    made_of = [found.drop(columns=column), pd.concat([found, found]), found.sort_values(column), found.T]
    assert {type(part) for part in [*parts, *made_of]} == {pd.DataFrame}
    assert type(found[column]) is pd.Series
    assert "<table" in found.head(1)._repr_html_()


@pytest.mark.parametrize("made", ALL)
def test_an_answer_that_was_sent_elsewhere_says_the_same(made):
    found = made()
    again = pickle.loads(pickle.dumps(found))
    assert (repr(again), again._repr_html_()) == (repr(found), found._repr_html_())
    assert repr(copy.deepcopy(pd.DataFrame(found))) == repr(pd.DataFrame(found))


@pytest.mark.parametrize("made", ALL)
def test_a_frame_that_was_changed_in_place_shows_as_a_frame(made):
    found = made()
    found["mine"] = 1
    assert "mine" in repr(found)
    del found[found.columns[-2]]
    repr(found)
    assert found._repr_html_() == pd.DataFrame(found)._repr_html_()


def test_the_span_is_that_of_the_events_that_were_judged():
    audit = audited({0: [1], 3: [20], 7: [1]}, at=day(5))
    assert audit.span == (datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 4, tzinfo=UTC))
    assert fl.Lab().audit(Level).span is None
