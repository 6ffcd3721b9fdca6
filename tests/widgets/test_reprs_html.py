"""The HTML reprs: escaped, labelled, small, and told by glyph, word and colour."""

from __future__ import annotations

import itertools
import re
from dataclasses import replace
from datetime import datetime, timedelta
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from funes_lab.widgets import columns, reprs
from tests.widgets import samples

TAGS = {
    *("style", "section", "header", "h3", "div", "span", "b", "svg", "path", "circle"),
    *("table", "thead", "tbody", "tr", "th", "td"),
}
ATTRIBUTES = {
    *("class", "title", "aria-label", "aria-hidden", "role", "tabindex", "colspan", "scope"),
    *("viewbox", "d", "cx", "cy", "r", "fill", "style", "width", "valign"),
}
EMPTY_ELEMENTS = {"path", "circle"}
INLINE = {"span", "b", "svg", *EMPTY_ELEMENTS}


class Reader(HTMLParser):
    """Reads a page as a browser does, and fails where elements are not closed in their order."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.flow = [""]
        self.feed(page)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        self.open.append(tag)
        self._boundary(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in EMPTY_ELEMENTS
        self.found.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag
        self._boundary(tag)

    def handle_data(self, data: str) -> None:
        if self.open[-1] != "style":
            self.words.append(data)
            self.flow.append(data)

    def _boundary(self, tag: str) -> None:
        """Keep the pieces of one line apart, as the elements do that they stand in."""
        self.flow.append("" if tag in INLINE else "\n")

    @property
    def run_together(self) -> list[str]:
        """The words of one line that no white space and no punctuation keeps apart, where an element ends or begins."""
        pieces = [piece for n, piece in enumerate(self.flow) if piece or not n]
        return [
            f"{before}|{after}"
            for before, after in itertools.pairwise(pieces)
            if before[-1:].strip(",.:;(“ ") and after[:1].strip(",.:;)” ") and "\n" not in (before, after)
        ]

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.words)).strip()


@pytest.mark.parametrize(("kind", "card"), samples.EVERY_CARD)
def test_a_picture_is_one_style_and_one_labelled_section(kind: str, card: Any) -> None:
    page = Reader(samples.html(kind, card))
    outermost = [(tag, attributes) for tag, attributes in page.found if tag in ("style", "section")]
    assert [tag for tag, _ in outermost] == ["style", "section"]
    assert outermost[1][1]["class"] == "fl fl-repr"
    assert outermost[1][1]["aria-label"]
    assert {tag for tag, _ in page.found} <= TAGS
    assert {name for _, attributes in page.found for name in attributes} <= ATTRIBUTES


@pytest.mark.parametrize(("kind", "card"), samples.EVERY_CARD)
def test_the_same_card_gives_the_same_bytes_and_few_of_them(kind: str, card: Any) -> None:
    page = samples.html(kind, card)
    assert page == samples.html(kind, card)
    assert len(page.encode()) < (11_000 if kind == "explanation" else 9_000)  # that one is a whole page
    assert not re.search(r"https?:|<script|url\(|\bid=", page)


@pytest.mark.parametrize(("kind", "card"), samples.EVERY_CARD)
def test_every_table_scrolls_in_a_named_region_that_takes_the_focus(kind: str, card: Any) -> None:
    page = Reader(samples.html(kind, card))
    regions = [attributes for _, attributes in page.found if attributes.get("role") == "region"]
    tables = [attributes for tag, attributes in page.found if tag == "table"]
    assert len(regions) == sum(table.get("role") != "presentation" for table in tables)
    assert all(region["tabindex"] == "0" and region["aria-label"] for region in regions)


@pytest.mark.parametrize(("kind", "card"), samples.EVERY_CARD)
def test_no_class_is_without_a_rule(kind: str, card: Any) -> None:
    page = samples.html(kind, card)
    used = {name for _, a in Reader(page).found for name in (a.get("class") or "").split()}
    sheet = page[: page.index("</style>")]
    assert {name for name in used if f".{name}" not in sheet} <= {"jp-toc-ignore"}


@pytest.mark.parametrize(("kind", "card"), samples.EVERY_CARD)
def test_words_that_stand_side_by_side_are_kept_apart(kind: str, card: Any) -> None:
    assert Reader(samples.html(kind, card)).run_together == []
    for title, beside in re.findall(r"<h3[^>]*>([^<]*)</h3>(.)", samples.html(kind, card)):
        assert beside.isspace(), title


def test_the_check_sees_words_that_run_together() -> None:
    assert Reader('<div><span>1</span><span class="muted">outside</span></div>').run_together == ["1|outside"]
    assert Reader("<div><span>1</span>outside</div>").run_together == ["1|outside"]
    assert Reader("<div><b>1</b> <b>outside</b><div>the</div>, log</div>").run_together == []


def test_the_explanation_stands_side_by_side_without_its_style_too() -> None:
    page = reprs.rejection_html(samples.BY_STATE)
    (table,) = re.findall(r"<table.*</table>", page)
    assert table.count("<tr") == 1
    cells = re.findall(r"<td[^>]*>(.*?)</td>", table)
    assert [Reader(cell).words[0] for cell in cells] == [
        "1 \xa0What was tried", "2 \xa0What it was judged on", "3 \xa0Where it would have led",
    ]  # fmt: skip
    for cell in cells:
        lines = re.sub(r"^<b.*?</b>", "", cell)
        assert re.fullmatch(r"(<div[^>]*>((?!<div).)*</div>)+", lines), "a line is a div: only that has no margins"


@pytest.mark.parametrize(("kind", "card"), samples.EVERY_CARD)
def test_text_stands_on_the_left_and_figures_on_the_right_without_the_style_too(kind: str, card: Any) -> None:
    for tag, attributes in Reader(samples.html(kind, card)).found:
        if tag in ("td", "th") and attributes:
            to_the_left = (attributes.get("style") or "").startswith("text-align:left")
            assert to_the_left is ("num" not in (attributes.get("class") or "").split())


def test_a_stream_reads_as_in_a_book() -> None:
    page = Reader(reprs.stream_html(samples.STREAM))
    assert page.text.startswith(
        "debts-123 DebtEventStream, version 12, 5 refused attempts "
        "# event payload occurred_at, UTC created_at "
        "1 Debt::Issued amount 600.00 , interest_rate 0.05 2026-01-05 09:00 same … 7 more: debt.events 9 "
    )


def test_event_types_keep_their_colour_when_the_middle_is_left_out() -> None:
    assert re.findall(r"--fl-(c\d)\)\"", reprs.stream_html(samples.STREAM)) == ["c1", "c3", "c3", "c3", "c3"]
    by_rows = reprs.stream_html(replace(samples.STREAM, types=[]))
    assert re.findall(r"--fl-(c\d)\)\"", by_rows) == ["c1", "c2", "c2", "c2", "c2"]


def test_the_ninth_type_is_muted() -> None:
    rows = [replace(samples.ISSUED, event=f"Type{n}") for n in range(10)]
    page = reprs.stream_html(replace(samples.STREAM, first=rows, last=[], types=[]))
    assert re.findall(r"--fl-(\w+)\)\"", page)[-3:] == ["c8", "muted", "muted"]


@pytest.mark.parametrize(
    ("card", "tone"),
    [
        (samples.BY_STATE, "state"),
        (samples.BY_OWN_RULES, "own"),
        (samples.BACKDATED, "interpretation"),
        (samples.DENIED, "conflict"),
    ],
)
def test_the_edge_of_the_note_has_the_colour_of_the_gate(card: reprs.RejectionCard, tone: str) -> None:
    assert f'<div class="fl-note {tone}">' in reprs.rejection_html(card)


def test_a_conflict_is_never_red() -> None:
    page = reprs.rejection_html(samples.DENIED).split("</style>")[1]
    assert "Denied: version 13 was taken by Debt::PaymentReceived (principal_amount 60.00)" in page
    assert 'class="state"' not in page
    assert "o state" not in page


def test_a_gate_that_nobody_knows_is_neutral() -> None:
    page = reprs.rejection_html(replace(samples.BY_STATE, stage='"><b>'))
    assert '<div class="fl-note muted">' in page


def test_the_explanation_reads_in_three_steps() -> None:
    text = Reader(reprs.rejection_html(samples.BY_STATE)).text
    assert text.startswith("Refused: payment 999,999.00 exceeds the outstanding balance 100.00.")
    assert "state rule outstanding_balance ≥ 0 of OutstandingBalance, judged by Virtual" in text
    assert re.search(r"1 What was tried .* 2 What it was judged on .* 3 Where it would have led ◇", text)
    assert "outstanding_balance 100.00 → −999,899.00" in text


def test_a_name_is_cut_in_the_middle_and_whole_in_its_title() -> None:
    name = "tenant-" + "x" * 80 + "/debts-123"
    page = Reader(reprs.stream_html(replace(samples.STREAM, idx=name)))
    (title,) = (attributes for tag, attributes in page.found if tag == "h3")
    assert title["title"] == name
    assert "…" in page.text
    assert "/debts-123" in page.text


def test_a_text_is_cut_at_its_end_and_whole_in_its_title() -> None:
    note = "the receipt is attached " * 20
    row = replace(samples.NEW_EVENT.row, payload={"note": note})
    page = Reader(reprs.event_html(replace(samples.NEW_EVENT, row=row)))
    assert note in [attributes.get("title") for _, attributes in page.found]


def test_an_event_without_fields_says_so() -> None:
    row = replace(samples.NEW_EVENT.row, payload={})
    assert "no fields" in reprs.event_html(replace(samples.NEW_EVENT, row=row))


# --- untrusted text, and too much of it --------------------------------------------------------------------


def _row(text: str, value: object, moment: datetime) -> reprs.EventRow:
    return reprs.EventRow(2, text, {text: value, "n": 1}, moment, moment + timedelta(seconds=1))


def filled_with(text: str, value: object) -> list[tuple[str, Any]]:
    """A card of each kind with the same text in every place that takes one, and the same value."""
    moment = samples.at(2026, 1, 1)
    row = _row(text, value, moment)
    sources = ("own", "state", "interpretation", "conflict", text)
    errors = [reprs.ErrorRow(source, text, text, text, value, True) for source in sources]
    errors += [reprs.ErrorRow("own", "base", "must be " + text, None)]
    lines = [reprs.StateLine(text, value, value, mark) for mark in ("offending", "changed", "added", "removed", "same")]
    rejection = reprs.RejectionCard(
        idx=text, stream_class=text, event=text, payload={text: value}, stage="state", errors=errors,
        at=moment, tried_version=3, version_read=2, last=row, before=[(text, value)], after=lines,
        projection=text, place=None, winner=reprs.Winner(3, text, moment, {text: value}),
        time=moment + timedelta(days=1),
    )  # fmt: skip
    streams = [reprs.StreamRow(text, 1, 1, moment, moment, text, 1)]
    links = [reprs.LinkRow(text, text, moment)] * 9
    around = [reprs.AroundRow(text, reprs.RejectionRow(moment, text, text, text, text))] * 30
    moved = [line for line in lines if line.mark in ("changed", "added", "removed")] * 9
    explanation = reprs.ExplanationCard(
        id=text, idx=text, stream_class=text, parts=[row], place=1, meta_info={text: value}, correlation=text,
        shared=7, cause=text, causes=links, effects=links,
        changed=[reprs.ChangedCard(text, [text], moved, ""), reprs.ChangedCard(text, [], [], text)], refused=around,
    )  # fmt: skip
    return [
        ("stream", reprs.StreamCard(text, text, 2, 1, [row], 5, [row], text, [text])),
        ("stream", reprs.StreamCard(text, text, 0, 1, [], 0, [], text)),
        *(("event", reprs.EventCard(row, s, text, errors, {text: value}, {text: value}))
          for s in ("new", "accepted", "refused", text)),
        ("errors", reprs.ErrorsCard(errors, text)),
        *(("rejection", replace(rejection, stage=s)) for s in ("own", "state", "conflict", text)),
        ("rejection", replace(rejection, place=2, winner=None, after=[], before=[], projection=None)),
        ("lab", reprs.LabCard(text, 1, 1, 1, streams, 3, False, False)),
        ("lab", reprs.LabCard(text, 1, 1, 1, streams, 3, True, True)),
        ("rejections", reprs.RejectionsCard([reprs.RejectionRow(moment, text, text, text, text)], 3)),
        ("explanation", explanation),
        ("explanation", replace(explanation, parts=[row] * 3, causes=[], effects=[], changed=[], refused=[])),
    ]  # fmt: skip


hostile = st.text(st.sampled_from("<>&\"'`=/ abc\n\t\x00\x1b\u202e\ud800\u2028公é-!"), max_size=70)
values = st.recursive(
    hostile | st.integers() | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(hostile, inner, max_size=3),
    max_leaves=5,
)


def _tamed(value: Any) -> Any:
    """The same value with "(" for every "<": same lengths, so that it is cut at the same places."""
    match value:
        case str():
            return value.replace("<", "(")
        case list():
            return [_tamed(v) for v in value]
        case dict():
            return {_tamed(k): _tamed(v) for k, v in value.items()}
    return value


@given(hostile, hostile)
@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow], deadline=None)
def test_no_text_in_any_place_becomes_markup(text: str, value: str) -> None:
    wild, tame = filled_with(text, value), filled_with(_tamed(text), _tamed(value))
    for (kind, card), (_, harmless) in zip(wild, tame, strict=True):
        page = samples.html(kind, card)
        body = page.split("</style>", 1)[1]
        assert body.count("<") == samples.html(kind, harmless).split("</style>", 1)[1].count("<")
        found = Reader(page).found
        assert {tag for tag, _ in found} <= TAGS
        assert {name for _, attributes in found for name in attributes} <= ATTRIBUTES
        page.encode("utf-8")
        assert not re.search("[\x00-\x09\x0b-\x1f\u202e\u2028]", page)


@given(hostile, values)
@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow], deadline=None)
def test_no_text_in_any_place_makes_a_line_wider_than_a_hundred_columns(text: str, value: object) -> None:
    for kind, card in filled_with(text, value):
        shown = samples.text(kind, card)
        shown.encode("utf-8")
        assert not re.search("[\x00-\x09\x0b-\x1f\u202e\u2028]", shown)
        assert max(columns.width(line) for line in shown.split("\n")) <= 100


@pytest.mark.parametrize("value", ["x" * 10_000_000, ["<b>"] * 1_000_000, {"k" * 5_000_000: "v"}], ids=type)
def test_a_payload_of_ten_megabytes_does_not_make_a_repr_of_ten_megabytes(value: object) -> None:
    for kind, card in filled_with("<name>" * 100_000, value):
        assert len(samples.html(kind, card)) < (200_000 if kind == "explanation" else 100_000)
        assert len(samples.text(kind, card)) < 15_000


def test_a_number_that_python_does_not_write_does_not_stop_a_repr() -> None:
    absurd = 10**5000
    row = replace(samples.ISSUED, version=absurd, payload={"n": absurd})
    streams = [replace(samples.LAB.rows[0], events=absurd, refused=absurd)]
    rejection = replace(samples.BACKDATED, tried_version=absurd, version_read=absurd, place=absurd, last=row)
    cards = [
        ("stream", replace(samples.STREAM, version=absurd, refused=absurd, more=absurd, last=[row])),
        ("event", replace(samples.ACCEPTED_EVENT, row=row)),
        ("lab", replace(samples.LAB, events=absurd, streams=absurd, refused=absurd, more=absurd, rows=streams)),
        ("rejection", rejection),
        ("rejection", replace(rejection, stage="conflict", winner=replace(samples.DENIED.winner, version=absurd))),
        ("rejections", replace(samples.REJECTIONS, more=absurd)),
        ("explanation", replace(samples.EXPLAINED, parts=[row], place=absurd, shared=absurd)),
    ]
    for kind, card in cards:
        assert "1 × 10^5000" in samples.html(kind, card)
        assert "1 × 10^5000" in samples.text(kind, card)
    for kind, card in filled_with("n", {absurd: [absurd]}):
        assert samples.html(kind, card)
        assert samples.text(kind, card)


def test_two_hundred_fields_do_not_make_two_hundred_rows() -> None:
    payload = {f"field_{n}": n for n in range(200)}
    event = replace(samples.NEW_EVENT, row=replace(samples.NEW_EVENT.row, payload=payload))
    rejection = replace(samples.BY_STATE, payload=payload, before=list(payload.items()))
    assert "… 190 more fields: event.payload()" in Reader(reprs.event_html(event)).text
    assert reprs.rejection_html(rejection).count("… 190 more fields") == 2
    assert "field_10" not in reprs.event_html(event) + reprs.rejection_html(rejection)


def test_many_errors_are_counted() -> None:
    rows = [samples.EXCEEDS] * 25
    assert "… 15 more errors" in reprs.errors_html(reprs.ErrorsCard(rows, None))
    assert "… 15 more errors" in reprs.errors_text(reprs.ErrorsCard(rows, None))
    assert "… 15 more errors" in reprs.rejection_html(replace(samples.BY_STATE, errors=rows))
