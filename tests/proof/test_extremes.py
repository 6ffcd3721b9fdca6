"""What is large, long or strange comes out as it went in."""

from __future__ import annotations

import sys
import unicodedata
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict

import funes_lab as fl
from tests.domain import NoteStream, Trail, day, noted, rows_of

MEGABYTE = 1 << 20

SQL = [
    "'; DROP TABLE event_entries; --",
    '"; DROP TABLE event_entries; --',
    "x' OR '1'='1",
    "$1 ? :name %s {} $$",
    "/* */ ; CHECKPOINT; --",
    "event_entries",
    "NULL",
    "\\'; SELECT 1; \\",
    "'' UNION SELECT * FROM funes_lab_rejections --",
    "<script>alert(1)</script>",
]


def texts(idx: str, lab: fl.Lab) -> list[str]:
    return [event.text for event in NoteStream.for_(idx, lab=lab).events]


def reopened(lab: fl.Lab) -> fl.Lab:
    """The same lab, from the file if it has one."""
    if lab.path == ":memory:":
        return lab
    lab.close()
    return fl.Lab(lab.path)


def test_payloads_of_ten_megabytes(any_lab):
    large = "é🦋x" * (10 * MEGABYTE // 7)
    assert len(large.encode()) > 9.9 * MEGABYTE
    stream = NoteStream.for_("n")
    stream.append(noted(large))
    stream.append_all([noted(large[:-1]), noted("small")])
    with any_lab.transaction():
        stream.append(noted(large[:-2]))
    refused = stream.read()
    stream.append(noted("faster"))
    assert refused.append(noted(large)).rejection.stage == "conflict"
    lab = reopened(any_lab)
    assert texts("n", lab) == [large, large[:-1], "small", large[:-2], "faster"]
    assert lab.rejections[0].payload["text"] == large
    assert len(repr(lab.rejections[0].explain())) < 100_000
    assert NoteStream.for_("n", lab=lab).projected_with(Trail).texts[0] == large
    assert lab.log.df().text[0] == large
    assert len(NoteStream.for_("n", lab=lab)._repr_html_()) < 100_000


class Deep(fl.Event, name="Extremes::Deep"):
    data: Any


class Wide(fl.Event, name="Extremes::Wide"):
    model_config = ConfigDict(str_max_length=None)
    numbers: list[int]
    by_name: dict[str, list[str]]


def test_payloads_that_are_deep_and_wide(any_lab):
    deep: Any = "bottom"
    for level in range(100):
        deep = {"x": deep} if level % 2 else [deep]
    wide = Wide(numbers=list(range(200_000)), by_name={str(n): [SQL[n % 10]] for n in range(10_000)})
    NoteStream.for_("n").append_or_raise(Deep(data=deep))
    NoteStream.for_("n").append_or_raise(wide)
    found = NoteStream.for_("n", lab=reopened(any_lab)).events
    assert found[0].data == deep
    assert found[1] == wide


def test_an_idx_of_1024_characters(any_lab):
    longest = {"x" * 1024, "🦋" * 1024, "é" * 1023 + "'", "\u0001" * 1024, " " * 1024}
    for idx in longest:
        NoteStream.for_(idx).append(noted(idx))
        NoteStream.for_(idx).append(noted(idx))
        with any_lab.transaction():
            NoteStream.for_(idx).append(noted(idx))
        reading = NoteStream.for_(idx).read()
        NoteStream.for_(idx).append(noted(idx))
        assert idx in repr(reading.append(noted()).rejection) or len(idx) > 1000
    lab = reopened(any_lab)
    for idx in longest:
        assert texts(idx, lab) == [idx] * 4
        assert [r.idx for r in NoteStream.for_(idx, lab=lab).rejections] == [idx]
    assert set(lab.log.streams().idx) == longest
    for too_long in ("x" * 1025, "🦋" * 1025):
        with pytest.raises(ValueError, match=r"idx must have at most 1024 characters, got 1,025"):
            NoteStream.for_(too_long)


def test_texts_that_differ_in_ways_a_database_may_not_see_are_different_streams(any_lab):
    composed, decomposed = "é", unicodedata.normalize("NFD", "é")
    different = [
        composed, decomposed, "É", "e", "e ", " e", "E", "e\u200b", "e\n", "e\t", "ſ", "s",
        "K", "\u212a", "42", "\u0664\u0662",
    ]  # fmt: skip
    for number, idx in enumerate(different):
        assert NoteStream.for_(idx).append(noted(str(number))).version == 1
    lab = reopened(any_lab)
    assert [texts(idx, lab) for idx in different] == [[str(number)] for number in range(len(different))]


def every_plane() -> list[str]:
    """Some of every plane of Unicode, with what is not assigned, private or no character; no surrogates, no NUL."""
    found = []
    for plane in range(17):
        start = plane << 16
        codes = [*range(start, start + 0x10000, 97), start + 0xFFFE, start + 0xFFFF]
        found.append("".join(chr(c) for c in codes if c and not 0xD800 <= c <= 0xDFFF and c <= sys.maxunicode))
    return found


def test_unicode_of_every_plane(any_lab):
    planes = every_plane()
    assert len(planes) == 17
    for text in planes:
        NoteStream.for_(text[:300]).append_or_raise(noted(text))
        NoteStream.for_("all").append(Deep(data={text[:50]: [text]}))
    lab = reopened(any_lab)
    for text in planes:
        assert texts(text[:300], lab) == [text]
    assert [event.data for event in NoteStream.for_("all", lab=lab).events] == [{text[:50]: [text]} for text in planes]
    assert [len(frame) for frame in (lab.log.df(), lab.log.streams())] == [34, 18]
    assert repr(lab)
    assert lab._repr_html_()


@settings(max_examples=40, deadline=None)
@given(idx=st.text(min_size=1, max_size=30), text=st.text(max_size=50), name=st.text(min_size=1, max_size=10))
def test_any_text_comes_out_as_it_went_in_or_is_refused_at_the_door(idx, text, name):
    with fl.Lab() as lab:
        try:
            stream = NoteStream.for_(idx, lab=lab)
        except ValueError:
            assert "\x00" in idx
            return
        event = stream.append(noted(text))
        assert event.persisted == ("\x00" not in text)
        assert lab.sql("SELECT count(*) AS n FROM event_entries WHERE idx = ?", [idx]).n[0] == event.persisted
        if event.persisted:
            assert texts(idx, lab) == [text]
        deep = stream.append(Deep(data={name: text}))
        assert deep.persisted == ("\x00" not in name + text)


@pytest.mark.parametrize("text", SQL)
def test_sql_in_every_text_is_text(text, tmp_path):
    class Named(fl.Event, name=text):
        text: str

    class Model(BaseModel):
        who: str = ""

    class Told(fl.Projection[Model]):
        table = f"told {text}"

        @fl.interpretation_for(Named)
        def told(state, event):
            state.who = event.text

    class TellStream(fl.EventStream):
        transactional_projections = [Told]

    path = tmp_path / f"{''.join(c for c in text if c.isalnum() or c in ' ;')}.duckdb"
    with fl.Lab(path, metainformation_model=Model) as lab:
        stream = TellStream.for_(text, lab=lab)
        with lab.metainformation(who=text):
            stream.append_or_raise(Named(text=text))
        stream.append_all([Named(text=text), Named(text=text)])
        assert not stream.append(Named(text=text), expected_version=9).persisted
        assert not stream.append(Named(txt=text)).persisted
        lab.load(
            [{"klass": text, "idx": f"{text} 2", "props": {"text": text}, "version": 1, "meta_info": {"who": text},
              "created_at": day(0), "occurred_at": day(0)}]
        )  # fmt: skip
        with lab.transaction() as tx:
            tx.execute("CREATE TABLE mine (t VARCHAR)")
            tx.execute("INSERT INTO mine VALUES (?)", [text])
        lab.rebuild(Told, progress=False)
        lab.backup(tmp_path / "copy.duckdb")
    for there in (path, tmp_path / "copy.duckdb"):
        with fl.Lab(there) as lab:
            stream = TellStream.for_(text, lab=lab)
            assert [(e.event_name, e.text) for e in stream.events] == [(text, text)] * 3
            assert stream.events[0].meta_info == {"who": text}
            assert sorted(lab.table(f"told {text}").itertuples(index=False, name=None)) == [
                (text, text),
                (f"{text} 2", text),
            ]
            assert list(lab.table("mine").t) == [text]
            assert [r.event for r in lab.rejections] == [text, text]
            assert len(stream.rejections) == 2
            assert lab.sql("SELECT count(*) AS n FROM event_entries WHERE klass = $name", {"name": text}).n[0] == 4
            assert len(lab.rejections.df()) == 2
            assert text in lab.rejections[0].explain().rejection.payload["text"]
            assert "<script>" not in lab._repr_html_() + lab.rejections._repr_html_() + stream._repr_html_()


STREAMS = 100_000


def test_a_hundred_thousand_streams(path):
    with fl.Lab(path) as lab:
        rows = [
            {"klass": "Debts::Noted", "idx": f"stream-{number}", "props": f'{{"text": "{number}"}}', "version": 1,
             "created_at": day(0), "occurred_at": day(0)}
            for number in range(STREAMS)
        ]  # fmt: skip
        assert lab.load(rows) == STREAMS
    with fl.Lab(path) as lab:
        for number in range(0, STREAMS, 499):
            stream = NoteStream.for_(f"stream-{number}", lab=lab)
            assert stream.append(noted("more")).version == 2
            assert [event.text for event in stream.events] == [str(number), "more"]
        appended = len(range(0, STREAMS, 499))
        assert rows_of(lab) == STREAMS + appended
        # what is remembered of streams does not grow without end
        assert len(lab.memory) <= 512
        streams = lab.log.streams()
        assert (len(streams), int(streams.events.sum())) == (STREAMS, STREAMS + appended)
        assert "100,000 streams" in repr(lab)
        assert len(lab._repr_html_()) < 100_000
        states = lab.replay(Trail)
        assert (len(states), sum(map(len, states.texts))) == (STREAMS, STREAMS + appended)
