"""The replay scrubber in a real notebook: by keyboard and pointer, with events skipped, exported, and under fire."""

from __future__ import annotations

import statistics
import time
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

import funes_lab as fl
from funes_lab.widgets.scrubber import words
from tests.browser.harness import DARK, LIGHT, LabPage, Page, notebook


class Stored(fl.Event, name="Shelf::Stored"):
    boxes: int


class Taken(fl.Event, name="Shelf::Taken"):
    boxes: int


class Counted(fl.Event, name="Shelf::Counted"):
    pass


class Stock(BaseModel):
    boxes: int | None = None
    taken: list[int] = []


class CurrentStock(fl.Projection[Stock]):
    @fl.interpretation_for(Stored)
    def stored(state, event):
        state.boxes = (state.boxes or 0) + event.boxes

    @fl.interpretation_for(Taken)
    def took(state, event):
        state.boxes -= event.boxes
        state.taken.append(event.boxes)


class Shelf(fl.EventStream):
    pass


DEBTS = """
import funes_lab as fl
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pydantic import BaseModel

class Issued(fl.Event, name="Debt::Issued"):
    amount: Decimal
    at: datetime

class PaymentReceived(fl.Event, name="Debt::PaymentReceived"):
    amount: Decimal
    at: datetime

class FeeCharged(fl.Event, name="Debt::FeeCharged"):
    amount: Decimal
    at: datetime

class OutstandingBalance(BaseModel):
    outstanding_balance: Decimal = Decimal(0)
    last_payment_at: datetime | None = None
    fees_charged: Decimal = Decimal("0.00")

class VirtualOutstandingBalance(fl.Projection[OutstandingBalance]):
    @fl.interpretation_for(Issued)
    def issued(state, event):
        state.outstanding_balance = event.amount

    @fl.interpretation_for(PaymentReceived)
    def paid(state, event, at):
        state.outstanding_balance -= event.amount
        state.last_payment_at = at

    @fl.interpretation_for(FeeCharged)
    def charged(state, event):
        state.outstanding_balance += event.amount
        state.fees_charged += event.amount

class DebtStream(fl.EventStream):
    actual_time_attribute = "at"

def on(month, day):
    return datetime(2026, month, day, tzinfo=UTC)

lab = fl.Lab()
debt = DebtStream.for_("debts-123")
P, F = PaymentReceived, FeeCharged
said = [(Issued, "600.00", 1, 5), (P, "50.00", 2, 2), (P, "50.00", 3, 2), (F, "15.00", 3, 20), (P, "115.00", 4, 1),
        (P, "50.00", 5, 4), (P, "50.00", 6, 1), (F, "20.00", 6, 18), (P, "70.00", 7, 1), (P, "50.00", 8, 3),
        (P, "50.00", 9, 1), (P, "50.00", 10, 1)]
for kind, amount, month, day in said:
    debt.append(kind(amount=amount, at=on(month, day)))
"""
SCRUB = "scrubber = debt.scrub(VirtualOutstandingBalance)\nscrubber"


def holds(lab: LabPage, code: str, expected: str) -> None:
    """What the kernel says in the end: what was pressed is under way for a moment."""
    deadline = time.monotonic() + 10
    while (said := lab.ask(f"print({code})")) != expected and time.monotonic() < deadline:
        lab.page.wait_for_timeout(50)
    assert said == expected


def scrubber(page: Page) -> Any:
    return page.page.locator("section.fl.scrub:visible")


def foot(page: Page) -> str:
    return " ".join(scrubber(page).locator(".fl-foot").inner_text().split())


def waits_for(page: Page, words: str) -> None:
    """Wait until the sentence says it."""
    page.page.wait_for_function(
        "words => document.querySelector('.fl.scrub .fl-foot')?.innerText.includes(words)", arg=words
    )


def press(page: Page, *keys: str) -> None:
    for key in keys:
        page.page.keyboard.press(key)


def test_the_keyboard_steps_through_a_stream_and_skips_an_event(lab: LabPage) -> None:
    lab.open(notebook(lab.server.folder, "scrub-keys.ipynb", DEBTS, SCRUB), theme=LIGHT).run_all()
    track = scrubber(lab).get_by_role("slider", name="version")
    assert track.get_attribute("aria-valuetext") == "version 12 of 12, Debt::PaymentReceived, 1 Oct 2026"
    track.focus()
    press(lab, "Home")
    assert "Version 1, Debt::Issued 600.00 on 5 Jan 2026: outstanding_balance 0 → 600.00." in foot(lab)
    press(lab, "ArrowRight", "ArrowRight")
    holds(lab, "scrubber.value", "3")
    press(lab, "s")
    waits_for(lab, "skipped, the state stays as it was")
    press(lab, "ArrowRight", "ArrowRight")
    waits_for(lab, "outstanding_balance 565.00 → 450.00")
    assert "Without 3 outstanding_balance is 50.00 more than recorded." in foot(lab)
    assert scrubber(lab).get_by_role("cell", name="400.00").count() == 1
    holds(lab, "scrubber.value, scrubber.skipped, len(debt)", "5 [3] 12")
    lab.shot("scrub-light", of=scrubber(lab))
    assert track.evaluate("track => track === document.activeElement")
    press(lab, "r")
    waits_for(lab, "outstanding_balance 515.00 → 400.00")
    press(lab, "PageUp", "PageDown", "End")
    holds(lab, "scrubber.value, scrubber.skipped", "12 []")
    assert (lab.outside, lab.complaints) == ([], [])


def test_the_pointer_works_the_list_the_buttons_and_the_track(lab: LabPage) -> None:
    lab.open(notebook(lab.server.folder, "scrub-pointer.ipynb", DEBTS, SCRUB), theme=DARK).run_all()
    shown = scrubber(lab)
    shown.get_by_role("row", name="FeeCharged").first.click()
    waits_for(lab, "Version 4, Debt::FeeCharged 15.00")
    shown.get_by_role("button", name="skip event 4").click()
    waits_for(lab, "Version 4, Debt::FeeCharged 15.00 on 20 Mar 2026: skipped")
    assert shown.get_by_role("button", name="skip event 4").get_attribute("aria-pressed") == "true"
    shown.get_by_role("button", name="Forward").click()
    shown.get_by_role("button", name="fees_charged").click()
    lab.page.wait_for_function("() => document.querySelectorAll('.fl.scrub .plots > svg').length === 2")
    holds(lab, "scrubber.value, scrubber.skipped, scrubber.fields", "5 [4] ['outstanding_balance', 'fees_charged']")
    shown.get_by_role("button", name="Restore").click()
    shown.get_by_text("12 events").wait_for()
    box = shown.get_by_role("slider").bounding_box()
    lab.page.mouse.click(box["x"] + 1, box["y"] + box["height"] / 2)
    waits_for(lab, "Version 1,")
    lab.page.evaluate("() => window.getSelection().removeAllRanges()")
    shown.get_by_role("button", name="play").click()
    waits_for(lab, "Version 2,")
    shown.get_by_role("slider").focus()
    press(lab, " ")
    assert shown.get_by_role("button", name="play").is_visible()
    assert lab.findings() == []
    lab.shot("scrub-dark", of=shown)
    assert (lab.outside, lab.complaints) == ([], [])


def test_it_follows_the_log_and_what_python_sets(lab: LabPage) -> None:
    lab.open(notebook(lab.server.folder, "scrub-follow.ipynb", DEBTS, SCRUB)).run_all()
    lab.ask("debt.append(P(amount='1.00', at=on(10, 2)))")
    waits_for(lab, "Version 13, Debt::PaymentReceived 1.00 on 2 Oct 2026")
    lab.ask("scrubber.value, scrubber.skipped = 5, [2, 3]")
    waits_for(lab, "Without 2 and 3 outstanding_balance is 100.00 more than recorded")
    lab.ask("debt.append(P(amount='7.00', at=on(1, 6)))")
    waits_for(lab, "93.00")
    assert "Version 5," in foot(lab)
    versions = scrubber(lab).locator(".ev-all .ev-row span.mono").all_inner_texts()
    assert versions[:4] == ["1", "14", "2", "3"]
    said = lab.ask("try:\n    scrubber.value = 99\nexcept Exception as e:\n    print(e)")
    assert said == "value must be a version of the stream, 1…14; got 99"
    assert (lab.outside, lab.complaints) == ([], [])


@pytest.mark.parametrize(("case", "skip"), [("as recorded", ()), ("skipped", (2, 3)), ("broken", (1,))])
def test_the_page_says_the_same_sentences_as_the_picture(page: Page, tmp_path: Path, case: str, skip: Any) -> None:
    stock = Shelf.for_("shelf", lab=fl.Lab())
    stock.append_all([Stored(boxes=5), Taken(boxes=2), Stored(boxes=9), Taken(boxes=1), Counted()])
    made = stock.scrub(CurrentStock, skip=skip)
    made.save(tmp_path / "page.html")
    page.page.goto((tmp_path / "page.html").as_uri())
    scrubber(page).get_by_role("slider").focus()
    press(page, "Home")
    for place in range(1, 6):
        told = words.sentence(made.data, made.whatif, place, "boxes")
        assert foot(page).startswith("".join(text for text, _ in told))
        press(page, "ArrowRight")
    assert (scrubber(page).locator(".fl-note").count() == 1) is (case == "broken")
    page.shot(f"scrub-{case.replace(' ', '-')}", of=scrubber(page))
    assert (page.outside, page.complaints) == ([], [])


def test_a_step_in_ten_thousand_events_takes_at_most_50_ms(lab: LabPage) -> None:
    many = (
        "debt = DebtStream.for_('many')\n"
        "debt.append_all([Issued(amount=600, at=on(1, 5))] + [(F if k % 7 == 3 else P)(amount=k % 97, "
        "at=on(1, 5) + timedelta(hours=k)) for k in range(1, 10_000)])\n"
    )
    lab.open(notebook(lab.server.folder, "scrub-many.ipynb", DEBTS, many + SCRUB)).run_all()
    scrubber(lab).get_by_role("slider").focus()
    for skipped in ("[]", "[3, 5000]"):
        lab.ask(f"scrubber.skipped, scrubber.value = {skipped}, 5000")
        waits_for(lab, "Version 5,000,")
        took = lab.page.evaluate(
            """() => [...Array(50).keys()].map(n => {
              const section = document.querySelector(".fl.scrub"), track = section.querySelector(".track");
              const key = n % 5 === 4 ? "PageUp" : n % 2 ? "ArrowRight" : "PageDown";
              const start = performance.now();
              track.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
              section.getBoundingClientRect();
              return performance.now() - start;
            })"""
        )
        shown = scrubber(lab).locator(".at b").inner_text().replace(",", "")
        holds(lab, "scrubber.value", shown)
        print(
            f"a step in 10,000 events, skipped {skipped}: median {statistics.median(took):.1f} ms, most {max(took):.1f}"
        )
    assert scrubber(lab).locator(".ev-all .ev-row").count() < 60
    lab.shot("scrub-many", of=scrubber(lab))


def test_the_exported_page_steps_without_a_kernel_and_without_a_network(page: Page, gallery: Path) -> None:
    page.page.goto(gallery.as_uri())
    scrubber(page).wait_for()
    assert "Skipping an event needs a running kernel." in foot(page)
    assert scrubber(page).get_by_role("button", name="skip").count() == 0
    scrubber(page).get_by_role("slider").focus()
    press(page, "Home", "ArrowRight", "ArrowRight", "ArrowRight", "ArrowRight", "s")
    # the fifth in the order of what happened was recorded as the sixth
    assert "Version 6," in foot(page)
    assert "Without 3 outstanding_balance is 50.00 more than recorded." in foot(page)
    page.page.set_viewport_size({"width": 420, "height": 900})
    page.shot("scrub-exported-narrow", of=scrubber(page))
    box = scrubber(page).bounding_box()
    assert box["width"] <= 420
    assert page.wanted == []


HOSTILE = """
import funes_lab as fl
from typing import ClassVar
from pydantic import BaseModel

bad = "<img src=x onerror=\\"(window.fired ||= []).push('payload')\\">"

class Said(fl.Event, name=f"Said{bad}"):
    text: str
    pin: str = "1234"
    filter_attributes: ClassVar = ["pin"]

class Heard(BaseModel):
    text: str = ""
    pin: str = ""
    length: int = 0
    filter_attributes: ClassVar = ["pin"]

class Hearing(fl.Projection[Heard]):
    @fl.interpretation_for(Said)
    def heard(state, event):
        state.text, state.pin, state.length = event.text, event.pin, len(event.text)
        if event.text == "broken":
            raise ValueError(bad)

lab = fl.Lab()
talk = fl.EventStream.for_(bad)
for text in (bad, bad * 3, "broken"):
    talk.append(Said(text=text))
talk.scrub(Hearing, skip=1)
"""
CONTROL = """
from IPython.display import HTML
HTML("<img src='https://elsewhere.invalid/x.png' onerror=\\"(window.fired ||= []).push('control')\\">")
"""


def test_what_a_payload_holds_is_text_in_every_part_of_it_and_secrets_stay_out(lab: LabPage) -> None:
    lab.open(notebook(lab.server.folder, "scrub-hostile.ipynb", HOSTILE, CONTROL)).run_all()
    scrubber(lab).get_by_role("slider").focus()
    press(lab, "ArrowLeft")
    assert "<img src=x" in foot(lab)
    assert scrubber(lab).locator("img").count() == 0
    assert "1234" not in scrubber(lab).inner_html()
    assert "<img src=x" in scrubber(lab).locator(".fl-note").inner_text()
    lab.page.wait_for_function("() => window.fired?.includes('control')")
    assert lab.page.evaluate("() => window.fired") == ["control"]
    lab.shot("scrub-hostile", of=scrubber(lab))
