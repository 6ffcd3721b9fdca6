"""What a timeline tells, its axis, where its marks stand, and the picture that needs no kernel."""

from __future__ import annotations

import gc
import json
from datetime import UTC, datetime, timedelta
from xml.etree import ElementTree

import pytest
from pydantic import BaseModel, Field

import funes_lab as fl
from funes_lab import formats
from funes_lab.widgets.timeline import axis as timeline_axis
from funes_lab.widgets.timeline import data as timeline_data
from funes_lab.widgets.timeline.axis import DAY, HOUR, LAST, MINUTE, SECOND, context, micro, step_for, ticks
from funes_lab.widgets.timeline.layout import Spot, place
from funes_lab.widgets.twin import LARGEST


class Drawn(fl.Event, name="Lines::Drawn"):
    amount: int = Field(gt=0)
    pin: str = "1234"
    filter_attributes = ("pin",)


class Paid(fl.Event, name="Lines::Paid"):
    amount: int


class Account(BaseModel):
    balance: int = Field(default=100, ge=0)


class Balance(fl.Projection[Account]):
    @fl.interpretation_for(Drawn)
    def drawn(state, event):
        state.balance -= event.amount

    @fl.interpretation_for(Paid)
    def paid(state, event):
        if event.amount > 1000:
            event.errors.add("amount", "is too much at once")
        state.balance += event.amount


class Line(fl.EventStream):
    consistency_projection = Balance


@pytest.fixture
def clock():
    return fl.testing.Clock("2026-01-05T09:00", timedelta(days=1))


@pytest.fixture
def line(clock):
    """Three events, and an attempt for every gate."""
    return told(clock)


def told(clock):
    line = Line.for_("line-1", lab=fl.Lab(clock=clock))
    line.append(Drawn(amount=30))
    late = line.read()
    line.append(Paid(amount=5), at="2026-01-01")
    late.append(Paid(amount=6))
    line.append(Drawn(amount=-1))
    line.append(Drawn(amount=99))
    line.append(Paid(amount=2000))
    line.append(Drawn(amount=10))
    return line


def many(n, lab=None, *, streams=1, step=timedelta(minutes=40)):
    lab = fl.Lab() if lab is None else lab
    start = datetime(2026, 1, 1, tzinfo=UTC)
    facts = [
        {
            "klass": "Lines::Paid" if k % 3 else "Lines::Drawn",
            "idx": f"line-{k % streams:04d}",
            "version": k // streams + 1,
            "created_at": start + step * k,
            "occurred_at": start + step * (k - 9 * (k % 7)),
            "props": {"amount": k + 1},
        }
        for k in range(n)
    ]
    lab.load(facts)
    return lab


def unpacked(axis):
    """The moments of an axis as the page works them out: number of a mark → microseconds since the year 1."""
    steps = [int(step, 36) * axis["unit"] for step in axis["steps"].split()]
    moments, order = [axis["day"] * DAY + axis["first"]], []
    for step in steps:
        moments.append(moments[-1] + step)
    for difference in axis["order"]:
        order.append((order[-1] if order else 0) + difference)
    return dict(zip(order or range(len(moments)), moments, strict=True))


# --- the story and its columns ------------------------------------------------------------------------------------


def test_events_and_attempts_stand_on_both_axes_where_they_belong(line):
    story = timeline_data.of_stream(line)
    assert [(mark.version, mark.stage) for mark in story.marks] == [
        (1, ""), (2, ""), (2, "conflict"), (3, "own"), (3, "state"), (3, "interpretation"), (3, ""),
    ]  # fmt: skip
    axes = timeline_data.columns(story)["axes"]
    for name in timeline_data.AXES:
        assert unpacked(axes[name]) == {n: getattr(mark, name) for n, mark in enumerate(story.marks)}
    backdated = story.marks[1]
    assert backdated.actual == micro(datetime(2026, 1, 1, tzinfo=UTC)) < story.marks[0].actual
    assert axes["actual"]["order"]
    assert not axes["record"]["order"]


def test_the_columns_of_a_stream_have_a_lane_a_type_and_count_what_is_in_them(line):
    data = timeline_data.columns(timeline_data.of_stream(line))
    assert [(lane["name"], lane["told"]) for lane in data["lanes"]] == [
        ("Paid", "1 in the log · 2 refused"),
        ("Drawn", "2 in the log · 2 refused"),
    ]
    assert data["types"] == ["Lines::Paid", "Lines::Drawn"]
    assert [data["stages"][n][1] for n in data["stage"]] == ["conflict", "own rule", "state", "interpretation"]
    assert data["refused"] == [2, 3, 4, 5]


def test_the_columns_of_a_lab_have_a_lane_a_stream_and_the_last_takes_the_rest():
    data = timeline_data.columns(timeline_data.of_lab(many(120, streams=40)))
    assert len(data["lanes"]) == timeline_data.LANES
    assert data["lanes"][-1]["name"] == "17 more streams"
    assert data["lanes"][-1]["told"] == "51 in the log"
    assert max(data["lane_of"]) == timeline_data.LANES - 1


def test_a_lab_is_asked_for_a_pattern_or_a_list_of_streams(line):
    lab = many(20, line.lab, streams=10)
    assert lab.timeline("line-000?").data["counts"] == "20 events, none refused"
    assert lab.timeline(["line-1"]).data["counts"] == "3 events, 4 refused attempts"
    assert lab.timeline("line-1").data["title"] == "line-1"
    assert lab.timeline().data["title"] == "11 streams"


def test_ten_thousand_events_are_a_few_hundred_kilobytes():
    data = many(10_000).timeline().data
    assert len(json.dumps(data, separators=(",", ":"))) < 300_000


def test_what_is_too_much_is_left_out_and_said_so(monkeypatch):
    monkeypatch.setattr(timeline_data, "MOST", 100)
    lab = many(300, streams=2)
    fl.EventStream.for_("line-0000", lab=lab).append(Drawn(amount=-1))
    story = timeline_data.of_lab(lab, most=100)
    assert (len(story.marks), story.left_out) == (100, 201)
    assert story.counts == "300 events, 1 refused attempt; the newest 100 shown"
    assert story.marks[-1].stage == "own"
    assert timeline_data.columns(story)["lanes"][0]["told"].startswith("49 shown · 1 refused")
    assert min(mark.version for mark in story.marks if not mark.stage) == 101


def test_attempts_are_never_crowded_out_by_events():
    lab = many(400)
    stream = Line.for_("line-0000", lab=lab)
    for _ in range(20):
        stream.append(Drawn(amount=-1))
    trimmed = timeline_data.of_stream(stream).trimmed(80)
    assert sum(bool(mark.stage) for mark in trimmed.marks) == 20
    assert len(trimmed.marks) == 80


# --- the axis -----------------------------------------------------------------------------------------------------

NEW_YEAR = micro(datetime(2026, 1, 1, tzinfo=UTC))


@pytest.mark.parametrize(
    ("low", "span", "labels", "rest"),
    [
        (0, 2026 * 366 * DAY, ["0500", "1000", "1500", "2000"], "UTC"),
        (NEW_YEAR, 700 * DAY, ["Jan 2026", "Jul", "Jan 2027", "Jul"], "UTC"),
        (NEW_YEAR, 30 * DAY, ["5 Jan 2026", "12 Jan", "19 Jan", "26 Jan"], "UTC"),
        (NEW_YEAR - DAY, 3 * DAY, ["31 Dec 2025", "1 Jan 2026", "2 Jan", "3 Jan"], "UTC"),
        (NEW_YEAR - HOUR, 4 * HOUR, ["23:00", "1 Jan", "01:00", "02:00", "03:00"], "31 Dec 2025 UTC"),
        (NEW_YEAR + 15 * SECOND, MINUTE, ["00:00:15", "00:00:30", "00:00:45", "00:01:00", "00:01:15"],
         "1 Jan 2026 00:00 UTC"),
        (NEW_YEAR - 5, 20, [".999995", "1 Jan", ".000005", ".000010", ".000015"], "31 Dec 2025 23:59:59 UTC"),
    ],
)  # fmt: skip
def test_ticks_stand_at_sensible_steps_of_the_calendar(low, span, labels, rest):
    assert [tick.label for tick in ticks(low, low + span, 300)] == labels
    assert context(low, low + span, 300) == rest


def test_ticks_have_room_on_every_span_of_the_calendar():
    for power in range(1, 18):
        span = min(10**power, LAST)
        found = ticks(NEW_YEAR % (LAST - span + 1), NEW_YEAR % (LAST - span + 1) + span, 700)
        assert len(found) <= 700 / timeline_axis.ROOM + 1 or step_for(span, 700) == timeline_axis.STEPS[-1]
        assert len(found) >= 2
        assert [tick.at for tick in found] == sorted({tick.at for tick in found})


def test_the_calendar_ends_without_an_error():
    assert ticks(-5 * DAY, 5 * DAY, 700)[0].label == "1 Jan 0001"
    assert [tick.label for tick in ticks(LAST - 2 * DAY, LAST + 2 * DAY, 300)][-1] == "31 Dec"
    assert timeline_axis.years(-DAY, LAST + DAY)["names"][0] == "0001"
    assert timeline_axis.years(-DAY, LAST + DAY)["names"][-1] == "9999"


def test_times_are_counted_in_utc_to_the_microsecond():
    there = datetime.fromisoformat("2026-03-01T01:00:00.000007+02:00")
    assert micro(there) - micro(datetime(2026, 2, 28, 23, tzinfo=UTC)) == 7


# --- where marks stand --------------------------------------------------------------------------------------------


def spots(*xs):
    return [Spot(x, 0, n, str(n + 1)) for n, x in enumerate(xs)]


def test_marks_are_dots_until_they_would_touch():
    assert [spot.x for spot in place(spots(10, 21, 40), []).dots] == [10, 21, 40]
    crowded = place(spots(10, 20.9, 40), [])
    assert [spot.x for spot in crowded.dots] == [40]
    assert sum(sum(bar.counts.values()) for bar in crowded.bars) == 2


def test_no_event_is_lost_in_bars():
    placed = place(spots(*(n / 7 for n in range(1000))), [])
    assert sum(sum(bar.counts.values()) for bar in placed.bars) + len(placed.dots) == 1000


def test_versions_stand_above_dots_where_there_is_room():
    wide = [Spot(10 + 12 * n, 0, n, "1,234") for n in range(10)]
    shown = place(wide, []).labels
    assert 3 <= len(shown) < 10


def test_attempts_keep_a_row_of_their_own_as_soon_as_one_would_touch():
    assert not place(spots(10, 60), spots(35)).apart
    assert place(spots(10, 60), spots(18)).apart
    crowded = place(spots(10, 12, 14), spots(100, 101, 102))
    assert crowded.apart
    assert (len(crowded.glyphs), len(crowded.pins)) == (1, 2)


# --- the selection ------------------------------------------------------------------------------------------------


def test_the_selection_can_be_set_and_read(line):
    timeline = line.timeline()
    assert timeline.selection is None
    timeline.selection = 2
    assert timeline.selection == ("line-1", 2)
    refused = line.rejections[0]
    timeline.selection = refused
    assert timeline.selection == refused
    timeline.selection = line.events[0]
    assert timeline.selection == ("line-1", 2)  # the first that happened
    timeline.selection = None
    assert timeline.selection is None


@pytest.mark.parametrize("wanted", [99, ("line-2", 1)])
def test_what_is_not_shown_cannot_be_selected(line, wanted):
    with pytest.raises(ValueError, match="an event or an attempt that this timeline shows"):
        line.timeline().selection = wanted


def test_a_version_alone_says_nothing_in_a_lab(line):
    with pytest.raises(TypeError, match="selection must be"):
        line.lab.timeline().selection = 1


@pytest.mark.parametrize("door", ["stream", "lab"])
def test_by_is_record_or_actual(line, door):
    ask = line.timeline if door == "stream" else line.lab.timeline
    with pytest.raises(ValueError, match=r"by must be 'record' or 'actual', got 'now'"):
        ask(by="now")
    assert ask(by="actual").by == "actual"


def test_what_is_told_of_an_event_is_masked_and_says_when_both_times_are_the_same(line):
    timeline = line.timeline()
    timeline.selection = 1
    told = timeline.details["1 line-1"]
    (payload, event, changed) = told["panels"]
    assert payload == ["Lines::Drawn", [["amount", "30", False], ["pin", "[FILTERED]", False]], ""]
    assert ["happened", "same", False] in event[1]
    assert changed[0].startswith("Changed, ")
    assert told["say"] == "version 1, Lines::Drawn, 5 Jan 2026 09:00:00 UTC, in the log"
    assert told["note"]["tone"] == "accepted"


def test_what_is_told_of_an_attempt_is_why_it_was_refused(line):
    timeline = line.timeline()
    told = {}
    for refused in line.rejections:
        timeline.selection = refused
        told[refused.stage] = timeline.details[f"x{refused.id}"]
    assert told["state"]["note"]["headline"] == "Refused: balance would be −24, must be ≥ 0."
    assert told["interpretation"]["panels"][0][1] == [["amount", "2,000", True]]
    assert told["own"]["note"]["tone"] == "own"
    assert told["conflict"]["note"]["headline"].startswith("Denied: version 2 was taken by Lines::Paid")
    assert all(note["panels"][1][0] == "Attempt" for note in told.values())


def panels(timeline, wanted):
    timeline.selection = wanted
    told = timeline.details[timeline.selected]
    return {caption: {name: shown for name, shown, _ in lines} or below for caption, lines, below in told["panels"]}


def test_an_event_tells_what_it_changed_as_an_explanation_does(line):
    timeline = line.timeline()
    for row in line.rows():
        told = panels(timeline, row.version)
        (changed,) = (shown for caption, shown in told.items() if caption.startswith("Changed, "))
        explained = line.explain(row.version).changes
        assert changed == {
            name: f"{formats.value(before)} → {formats.value(after)}"
            for name, before, after in zip(explained.field, explained.before, explained.after, strict=True)
        }
        assert f"stream.explain({row.version})" in timeline.details[timeline.selected]["note"]["reasons"][0][2]


def test_an_event_and_an_attempt_say_what_caused_them(line):
    cause = fl.EventStream.for_("other", lab=line.lab).append_or_raise(Drawn(amount=1))
    event = line.append_or_raise(Drawn(amount=1), caused_by=cause)
    refused = line.append(Drawn(amount=-1), caused_by=cause)
    for timeline in (line.timeline(), line.lab.timeline()):
        assert panels(timeline, event)["Event"]["correlation"] == "other#1"
        assert "caused by other#1" in timeline.details[timeline.selected]["note"]["reasons"][0][2]
        attempt = panels(timeline, refused)["Attempt"]
        assert (attempt["caused by"], attempt["correlation"]) == ("other#1", "other#1")
        assert "other#1" in timeline.static().svg


def test_in_a_lab_nobody_knows_the_rules_of_a_stream(line):
    assert list(panels(line.lab.timeline(), (line.idx, 1))) == ["Lines::Drawn", "Event", "Metainformation"]


def test_of_a_stream_that_is_too_long_a_line_says_what_works_it_out(line):
    line.append_all([Paid(amount=1) for _ in range(5_000)])
    told = panels(line.timeline(), 2)
    assert [shown for caption, shown in told.items() if caption.startswith("Changed, ")] == [
        "worked out by stream.explain(2)"
    ]


# --- it follows the log -------------------------------------------------------------------------------------------


def test_an_append_and_a_refusal_elsewhere_show_up(line):
    timeline = line.timeline()
    timeline.selection = 3
    line.append(Drawn(amount=1))
    line.append(Drawn(amount=-1))
    assert timeline.data["counts"] == "4 events, 5 refused attempts"
    assert timeline.selection == ("line-1", 3)


def test_a_reading_shows_what_it_has_seen(line):
    reading = line.read()
    timeline = reading.timeline()
    line.append(Drawn(amount=1))
    assert timeline.data["counts"] == "3 events, 4 refused attempts; read at version 3"


def test_what_cannot_be_drawn_is_shown_as_a_fault(line, monkeypatch, caplog):
    timeline = line.timeline()
    monkeypatch.setattr(timeline, "_read", lambda: 1 / 0)
    line.append(Drawn(amount=1))
    assert timeline.fault == "ZeroDivisionError: division by zero"
    assert "could not be drawn" in caplog.text


def test_a_hundred_runs_leave_one_follower(line):
    for _ in range(100):
        line.timeline()
    gc.collect()
    assert len(line.lab.store.watchers) == 1


# --- the picture --------------------------------------------------------------------------------------------------


def test_the_picture_tells_the_story_alone(line):
    timeline = line.timeline()
    timeline.selection = line.rejections[2]
    svg, label = timeline.picture()
    texts = [text.text for text in ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")]
    assert {"line-1", "record time", "Paid", "own rule", "interpretation", "amount", "Attempt"} <= set(texts)
    assert "Refused: balance would be −24, must be ≥ 0." in texts
    assert label.endswith("refused by state")
    assert label.startswith("Timeline of line-1 by record time: 3 events, 4 refused attempts")


def test_bars_of_many_types_are_not_taller_than_their_lane():
    lab = fl.Lab()
    at = "2026-01-01"
    facts = [{"klass": f"T{k % 40}", "idx": "a", "occurred_at": at, "created_at": at, "props": {}} for k in range(400)]
    lab.load([*facts, {**facts[0], "occurred_at": "2026-03-01", "created_at": "2026-03-01"}])
    drawn = ElementTree.fromstring(lab.timeline().static().svg).iter("{http://www.w3.org/2000/svg}path")
    heights = [float(one.attrib["d"].split("v")[1].split("h")[0]) for one in drawn if "z" in one.attrib["d"]]
    assert 27 < sum(heights) < 29


def test_an_empty_stream_says_how_to_begin():
    timeline = Line.for_("none", lab=fl.Lab()).timeline()
    assert repr(timeline) == "Timeline of none: no events yet"
    assert "stream.append(event)" in timeline.static().svg
    assert repr(fl.Lab().timeline()) == "Timeline of 0 streams: no events yet"


@pytest.mark.parametrize("by", ["record", "actual"])
@pytest.mark.parametrize(
    "moments",
    [
        ["2026-01-01T10:00:00Z"],
        ["2026-01-01T10:00:00Z"] * 50,
        [f"2026-01-01T10:00:00.{n:06d}Z" for n in range(50)],
        ["0001-01-01T00:00:00Z", "2026-01-01T10:00:00Z", "9999-12-31T23:59:59.999999Z"],
    ],
)
def test_any_times_can_be_drawn(moments, by):
    lab = fl.Lab()
    lab.load([{"klass": "A", "idx": "a", "occurred_at": at, "created_at": at, "props": {}} for at in moments])
    timeline = lab.timeline(by=by)
    timeline.selection = ("a", 1)
    ElementTree.fromstring(timeline.static().svg)
    assert unpacked(timeline.data["axes"][by]) == {n: micro(datetime.fromisoformat(at)) for n, at in enumerate(moments)}


def test_a_page_stays_small_and_says_what_it_left_out():
    stream = Line.for_("line-0000", lab=many(10_000))
    for _ in range(30):
        stream.append(Drawn(amount=-1))
    timeline = stream.timeline()
    timeline.selection = 5_000
    static = timeline.static()
    assert len(static.html.encode()) <= LARGEST
    assert 'left_out":"left out of this page, as of' in static.html
    assert '"5000 line-0000":' in static.html
    for number in range(1, 31):
        assert f'"x{number}":' in static.html


def test_a_small_page_has_everything(line):
    html = line.timeline().static().html
    assert '"left_out":""' in html
    assert html.count('"say":') == 7


def test_the_same_story_gives_the_same_bytes_in_every_run():
    pages = []
    for _ in range(2):
        line = told(fl.testing.Clock("2026-01-05T09:00", timedelta(days=1)))
        timeline = line.timeline()
        timeline.selection = line.rejections[0]
        pages.append(timeline.static().html)
        assert '"selected":"x1"' in pages[-1]
        assert '"x1":{"note":' in pages[-1]
    assert pages[0] == pages[1]


def test_names_and_payloads_are_text_in_the_picture():
    bad = "<img src=x onerror='fired()'>"
    lab = fl.Lab()
    lab.load([{"klass": bad, "idx": bad, "occurred_at": "2026-01-01", "created_at": "2026-01-01", "props": {bad: bad}}])
    timeline = lab.timeline()
    timeline.selection = (bad, 1)
    assert "<img src=x" not in timeline.static().svg
    html = timeline.static().html
    assert html.count("<img") == 1  # the picture itself
