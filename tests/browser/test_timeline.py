"""The timeline as a reader meets it: in JupyterLab by keyboard and pointer, at 10,000 events, and exported."""

from __future__ import annotations

import statistics
from pathlib import Path
from typing import Any

import pytest

import funes_lab as fl
from funes_lab.widgets.timeline import axis as timeline_axis
from tests.browser.harness import DARK, LIGHT, LabPage, Page, notebook

TIMELINE = "section.fl-timeline"
DEBT = """
import funes_lab as fl
from decimal import Decimal
from datetime import UTC, datetime, timedelta
from pydantic import BaseModel, Field

bad = "<img src=x onerror=\\"(window.fired ||= []).push('payload')\\">"

class Issued(fl.Event, name="Debt::Issued"):
    amount: Decimal = Field(gt=0)

class PaymentReceived(fl.Event, name="Debt::PaymentReceived"):
    amount: Decimal = Field(gt=0)
    note: str = ""

class FeeCharged(fl.Event, name="Debt::FeeCharged"):
    amount: Decimal

class Balance(BaseModel):
    outstanding: Decimal = Field(default=Decimal(0), ge=0)

class OutstandingBalance(fl.Projection[Balance]):
    @fl.interpretation_for(Issued)
    def issued(state, event):
        state.outstanding = event.amount

    @fl.interpretation_for(PaymentReceived)
    def paid(state, event):
        if event.amount > 9000:
            event.errors.add("amount", f"exceeds the outstanding balance {state.outstanding:,}")
            return
        state.outstanding -= event.amount

class DebtStream(fl.EventStream):
    consistency_projection = OutstandingBalance

clock = fl.testing.Clock("2026-01-05T09:00")
lab = fl.Lab(clock=clock)
debt = DebtStream.for_("debts-123")

def on(day, event, late=0, stream=debt):
    when = datetime(2026, 1, 5, 9, tzinfo=UTC) + timedelta(days=day)
    clock.set(when + timedelta(days=late))
    return stream.append(event, at=when)

def pay(amount, note=""):
    return PaymentReceived(amount=amount, note=note)

on(0, Issued(amount=600)); on(27, pay(50)); on(33, pay(-3)); on(55, pay(50), late=9); on(70, pay(9999))
on(75, FeeCharged(amount=35)); on(86, pay(50))
late = debt.read()
on(119, pay(50)); on(123, pay(60), stream=late); on(147, pay(50)); on(166, FeeCharged(amount=20)); on(177, pay(50))
on(208, pay(50)); on(239, pay(50, bad)); on(269, pay(50)); on(278, pay(1999))
"""
SHOW = "timeline = debt.timeline()\ntimeline"
MANY = """
import funes_lab as fl
from datetime import UTC, datetime, timedelta
from pydantic import Field

class Moved(fl.Event, name="Shelf::Moved"):
    books: int = Field(gt=0)

lab = fl.Lab(clock=fl.testing.Clock("2026-01-10", timedelta(days=5)))
start = datetime(2026, 1, 1, tzinfo=UTC)
lab.load([
    {"event": ("Shelf::Moved", "Shelf::Counted")[k % 5 == 0], "idx": "shelf", "version": k + 1, "payload": {"books": k},
     "created_at": start + timedelta(minutes=37 * k), "occurred_at": start + timedelta(minutes=37 * k - 90 * (k % 4))}
    for k in range(10_000)
])
shelf = fl.EventStream.for_("shelf")
for _ in range(40):
    shelf.append(Moved(books=-1))
timeline = shelf.timeline(by="actual")
timeline.selection = 5_000
timeline
"""
# From the key to the picture that has been laid out, and to the words of the selected event.
STEPS = """async ([n, key]) => {
  const section = document.querySelector("section.fl-timeline"), track = section.querySelector(".track");
  const say = section.querySelector(".say"), times = { ring: [], words: [] };
  track.focus();
  for (let k = 0; k < n; k++) {
    const before = say.textContent, start = performance.now();
    track.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
    section.querySelector(".ring").getBoundingClientRect();
    times.ring.push(performance.now() - start);
    while (say.textContent === before && performance.now() - start < 2000) await new Promise(requestAnimationFrame);
    section.getBoundingClientRect();
    times.words.push(performance.now() - start);
  }
  return times;
}"""


def hears(lab: LabPage, code: str, answer: str) -> None:
    """Wait until the kernel says so: quick changes of a widget reach it one after the other."""
    for _ in range(50):
        if lab.ask(code) == answer:
            return
        lab.page.wait_for_timeout(50)
    assert lab.ask(code) == answer


def focused(page: Page) -> Any:
    """The timeline, with the focus on its picture."""
    timeline = page.page.locator(TIMELINE)
    timeline.locator("circle").first.wait_for()
    timeline.locator(".track").focus()
    return timeline


def says(page: Page, text: str) -> None:
    """Wait until the foot says it."""
    page.page.locator(f"{TIMELINE} .say", has_text=text).wait_for()


@pytest.mark.parametrize("theme", [LIGHT, DARK])
def test_events_and_attempts_are_selected_by_keyboard(lab: LabPage, theme: str) -> None:
    name = theme.split()[-1].lower()
    lab.open(notebook(lab.server.folder, f"timeline-{name}.ipynb", DEBT, SHOW), theme=theme).run_all()
    timeline, press = focused(lab), lab.page.keyboard.press
    assert "12 events, 4 refused attempts" in timeline.inner_text()
    press("Home")
    says(lab, "version 1, Debt::Issued, 5 Jan 2026 09:00:00 UTC, in the log")
    press("ArrowRight")
    says(lab, "version 2, Debt::PaymentReceived")
    press("n")
    says(lab, "version 3, Debt::PaymentReceived, 7 Feb 2026 09:00:00 UTC, refused by own rule")
    assert "Refused: amount −3 must be > 0." in timeline.inner_text()
    press("n")
    says(lab, "refused by interpretation")
    assert lab.findings() == []
    lab.shot(f"timeline-{name}", of=timeline)
    press("ArrowDown")
    says(lab, "version 4, Debt::FeeCharged")
    press("End")
    says(lab, "refused by state")
    hears(lab, "print(timeline.selection.stage)", "state")
    press("PageUp")
    press("ArrowLeft")
    cells = lab.page.locator(".jp-Notebook .jp-Cell").count()
    press("b")  # in command mode it would insert a cell
    assert lab.page.locator(".jp-Notebook .jp-Cell").count() == cells
    press("Escape")
    lab.page.wait_for_function("() => document.querySelector('.fl-timeline .say').textContent === ''")
    hears(lab, "print(timeline.selection)", "None")
    assert lab.page.evaluate("() => window.fired") is None
    assert (lab.outside, lab.complaints) == ([], [])


def test_it_follows_the_log_and_python_and_the_pointer(lab: LabPage) -> None:
    lab.open(notebook(lab.server.folder, "timeline-follow.ipynb", DEBT, SHOW)).run_all()
    timeline, press = focused(lab), lab.page.keyboard.press
    lab.ask("on(280, pay(5)); on(281, pay(-1))")
    timeline.get_by_text("13 events, 5 refused attempts").wait_for()
    lab.ask("timeline.selection = 3")
    says(lab, "version 3, Debt::PaymentReceived, 1 Mar 2026")
    assert "recorded 9 d after it happened" in timeline.inner_text()

    was = float(timeline.locator(".ring").get_attribute("cx"))
    timeline.get_by_role("radio", name="actual time").click()
    lab.page.wait_for_function("was => Number(document.querySelector('.ring').getAttribute('cx')) < was - 5", arg=was)
    hears(lab, "print(timeline.by)", "actual")

    track, strip = timeline.locator(".track"), timeline.locator("rect.strip").first
    track.focus()
    track.dispatch_event("wheel", {"deltaY": -120, "ctrlKey": True, "clientX": 400, "clientY": 100})
    assert timeline.locator("rect.win").is_visible()
    press("0")
    assert not timeline.locator("rect.win").is_visible()
    press("+")
    assert strip.bounding_box()["width"] > 1.8 * timeline.locator("rect.win").bounding_box()["width"]
    press("0")
    box = strip.bounding_box()
    lab.page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + 8)
    lab.page.mouse.down()
    lab.page.mouse.move(box["x"] + box["width"] * 0.75, box["y"] + 8, steps=4)
    lab.page.mouse.up()
    window = timeline.locator("rect.win").bounding_box()
    assert abs(window["width"] / box["width"] - 0.25) < 0.02
    timeline.locator(".track circle").first.click()
    lab.page.wait_for_function("() => document.querySelector('.fl-timeline .say').textContent.includes('Debt::')")
    hears(lab, "print(timeline.selection[1] > 3)", "True")

    press("/")
    lab.page.keyboard.type("fee")
    timeline.get_by_text("2 of 18").wait_for()
    press("Escape")
    timeline.get_by_text("13 events, 5 refused attempts").wait_for()
    assert lab.page.evaluate("() => document.activeElement.className") == "track"
    assert (lab.outside, lab.complaints) == ([], [])


def test_ten_thousand_events_can_be_stepped_through(lab: LabPage) -> None:
    lab.open(notebook(lab.server.folder, "timeline-many.ipynb", MANY)).run_all()
    timeline = focused(lab)
    says(lab, "version 5,000")
    lab.shot("timeline-many", of=timeline)
    # a neighbour is told of already, what is further away is asked from the kernel
    for key in ("ArrowRight", "PageDown"):
        times = lab.page.evaluate(STEPS, [50, key])
        figures = {name: round(statistics.median(taken), 1) for name, taken in times.items()}
        print(f"a selection at 10,000 events by {key}, median of 50 in ms: {figures}")
    lab.page.keyboard.press("+")
    assert (lab.outside, lab.complaints) == ([], [])


def test_the_exported_notebook_still_steps(page: Page, gallery: Path) -> None:
    page.page.goto(gallery.as_uri())
    timeline = focused(page)
    page.page.keyboard.press("End")
    page.page.keyboard.press("ArrowLeft")
    assert "10, Debt::PaymentReceived" in timeline.locator(".say").inner_text()
    page.page.keyboard.press("n")
    assert "Refused: outstanding_balance would be −799.00, must be ≥ 0." in timeline.inner_text()
    page.page.set_viewport_size({"width": 400, "height": 900})
    page.shot("timeline-narrow", of=timeline)
    assert page.wanted == []


def test_a_page_of_ten_thousand_events_steps_and_says_what_it_left_out(page: Page, tmp_path: Path) -> None:
    saved(MANY, tmp_path / "many.html")
    page.page.goto((tmp_path / "many.html").as_uri())
    timeline = focused(page)
    page.page.keyboard.press("ArrowRight")
    assert "in the log" in timeline.locator(".say").inner_text()
    for key in ("+", "+", "+", "Home"):  # out of the window, which follows
        page.page.keyboard.press(key)
    assert "left out of this page, as of" in timeline.inner_text()
    page.page.keyboard.press("n")
    assert "Refused: books −1 must be > 0." in timeline.inner_text()
    assert (page.outside, page.complaints) == ([], [])


def test_what_a_payload_holds_is_text_in_a_page(page: Page, tmp_path: Path) -> None:
    saved(DEBT + SHOW, tmp_path / "page.html")
    page.page.goto((tmp_path / "page.html").as_uri())
    timeline = focused(page)
    for key in ("End", "ArrowLeft", "ArrowLeft"):
        page.page.keyboard.press(key)
    assert "<img src=x onerror=" in timeline.inner_text()
    assert timeline.locator("img").count() == 0
    assert page.page.evaluate("() => window.fired") is None
    assert (page.outside, page.complaints) == ([], [])


def saved(source: str, path: Path) -> None:
    """Run the cells here and save the picture."""
    names: dict[str, Any] = {"__name__": path.stem}
    exec(compile(source, path.stem, "exec", dont_inherit=True), names)
    names["timeline"].save(path)


def test_the_axis_in_the_page_is_the_one_of_python(page: Page, tmp_path: Path) -> None:
    spans = (
        ["0001-01-02", "1969-07-20T20:17:40.123457Z"],
        ["2025-12-20", "2026-02-03"],
        ["2025-12-31T23:59:58", "2026-01-01T00:00:01"],
    )
    for moments in spans:
        lab = fl.Lab()
        lab.load([{"klass": "A", "idx": "a", "occurred_at": at, "created_at": at, "props": {}} for at in moments])
        timeline = lab.timeline()
        timeline.save(tmp_path / "axis.html")
        page.page.goto((tmp_path / "axis.html").as_uri())
        page.page.locator(f"{TIMELINE} circle").first.wait_for()
        width = page.page.locator(f"{TIMELINE} path.grid").nth(1).bounding_box()["width"]
        low, high = timeline_axis.reach(*(timeline_axis.micro(m) for m in lab.log.df().occurred_at))
        expected = [tick.label for tick in timeline_axis.ticks(low, high, width)]
        shown = page.page.locator(f"{TIMELINE} svg text.mu").all_text_contents()
        found = [label for label in shown if label in expected]
        assert found in (expected, expected[:-1])  # the last one may have no room
        assert timeline_axis.context(low, high, width) in shown
