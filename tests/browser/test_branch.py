"""The picture of a branch in a real notebook: by keyboard and pointer, in both themes, exported, and under fire."""

from __future__ import annotations

import statistics
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

import funes_lab as fl
from funes_lab.widgets.branch import words
from tests.browser.harness import DARK, LIGHT, LabPage, Page, notebook
from tests.browser.test_scrubber import DEBTS, holds, press


class Put(fl.Event, name="Box::Put"):
    label: str
    weight: int | None = None


class Box(BaseModel):
    label: str = ""
    weight: int | None = None
    labels: list[str] = []


class InBox(fl.Projection[Box]):
    @fl.interpretation_for(Put)
    def put(state, event):
        state.label, state.weight = event.label, event.weight
        state.labels.append(event.label)


BRANCH = """
branch = debt.branch()
branch.replace(10, P(amount="90.00", at=on(8, 3)))
branch.move(4, at=on(9, 15))
branch.skip(2)
"""
SHOW = "branch.compare(VirtualOutstandingBalance)"
PICTURE = f"picture = {SHOW}.picture()\npicture"


def branch(page: Page) -> Any:
    return page.page.locator("section.fl.branch:visible")


def foot(page: Page) -> str:
    return " ".join(branch(page).locator(".fl-foot").inner_text().split())


def waits_for(page: Page, told: str) -> None:
    """Wait until the sentence says it."""
    page.page.wait_for_function(
        "told => document.querySelector('.fl.branch .fl-foot')?.innerText.includes(told)", arg=told
    )


@pytest.mark.parametrize("theme", [LIGHT, DARK])
def test_a_comparison_as_the_last_line_of_a_cell_is_a_picture_that_the_keyboard_steps_through(
    lab: LabPage, theme: str
) -> None:
    lab.open(notebook(lab.server.folder, f"branch-{theme[-4:]}.ipynb", DEBTS, BRANCH + SHOW), theme=theme).run_all()
    shown = branch(lab)
    shown.wait_for()
    assert foot(lab).startswith("At the end outstanding_balance is 110.00 instead of 100.00, 10.00 more. Other")
    shown.get_by_text("what-if, not in the log").wait_for()
    shown.get_by_text("fork after 1", exact=True).wait_for()
    shown.get_by_role("slider", name="step").focus()
    press(lab, "Home", "ArrowRight")
    assert "Version 2, Debt::PaymentReceived 50.00 on 2 Feb 2026, left out: outstanding_balance is 600.00" in foot(lab)
    press(lab, "PageDown")
    assert "Version 4, Debt::FeeCharged 15.00 on 15 Sep 2026, moved here from 20 Mar 2026:" in foot(lab)
    press(lab, "End")
    assert "At the end" in foot(lab)
    press(lab, "ArrowDown")
    assert shown.get_by_role("row", selected=True).get_by_role("gridcell").first.inner_text() == "4"
    assert lab.findings() == []
    lab.shot(f"branch-{theme[-5:].strip().lower()}", of=shown)
    lab.page.set_viewport_size({"width": 620, "height": 900})
    lab.page.wait_for_function("() => document.querySelector('.fl.branch').clientWidth <= 640")
    assert lab.findings() == []
    lab.shot(f"branch-{theme[-5:].strip().lower()}-narrow", of=shown)
    assert (lab.outside, lab.complaints) == ([], [])


def test_the_pointer_picks_a_step_and_a_field_and_python_reads_and_sets_them(lab: LabPage) -> None:
    lab.open(notebook(lab.server.folder, "branch-pointer.ipynb", DEBTS, BRANCH + PICTURE)).run_all()
    shown = branch(lab)
    shown.get_by_role("row", name="FeeCharged").first.click()
    waits_for(lab, "Version 4, Debt::FeeCharged 15.00 on 20 Mar 2026, moved to 15 Sep 2026:")
    holds(lab, "picture.value, picture.field", "4 outstanding_balance")
    press(lab, "ArrowDown")
    holds(lab, "picture.value", "5")
    shown.get_by_role("radio", name="outstanding_balance").focus()
    press(lab, "ArrowRight")
    waits_for(lab, "last_payment_at is")
    holds(lab, "picture.field", "last_payment_at")
    shown.get_by_role("radio", name="fees_charged").click()
    waits_for(lab, "fees_charged is")
    shown.get_by_role("slider").click(position={"x": 30, "y": 80})
    waits_for(lab, "Version 1,")
    lab.ask("picture.value, picture.field = 12, 'outstanding_balance'")
    waits_for(lab, "Version 4, Debt::FeeCharged 15.00 on 15 Sep 2026, moved here from 20 Mar 2026:")
    assert "value must be a step, 1…13; got 99" in lab.ask("picture.value = 99")
    assert (lab.outside, lab.complaints) == ([], [])


def test_a_cell_that_is_run_again_leaves_one_picture(lab: LabPage) -> None:
    count = (
        "import gc\nfrom funes_lab.widgets.branch import BranchPicture\n"
        "print(sum(isinstance(one, BranchPicture) and one.comm is not None for one in gc.get_objects()))"
    )
    lab.open(notebook(lab.server.folder, "branch-again.ipynb", DEBTS, BRANCH + SHOW)).run_all().run_all()
    branch(lab).wait_for()
    assert lab.ask(count) == "1"
    lab.ask("debt.append(P(amount='1.00', at=on(12, 1)))")
    assert "at the end" in foot(lab).lower()


def test_the_page_says_of_every_step_what_python_says(page: Page, tmp_path: Path) -> None:
    stream = fl.EventStream.for_("box", lab=fl.Lab())
    stream.append_all([Put(label=label, weight=n or None) for n, label in enumerate(["a", "b", "a < b", "d" * 90])])
    made = stream.branch().skip(2)
    made.replace(3, Put(label="x y", weight=40))
    made.append(Put(label="", weight=3))
    picture = made.compare(InBox).picture()
    for name in Box.model_fields:
        picture.field, picture.value = name, 1
        picture.save(tmp_path / "box.html")
        page.page.goto((tmp_path / "box.html").as_uri())
        branch(page).get_by_role("slider").focus()
        for place in range(1, words.length(picture.data) + 1):
            pieces = words.sentence(picture.data, place, name)
            assert foot(page) == " ".join("".join(text for text, _ in pieces).split())
            cells = branch(page).locator(".st tbody tr")
            for n, line in enumerate(words.lines(picture.data, place)):
                assert cells.nth(n).locator("td").all_text_contents() == [line.name, line.log, line.what_if, line.gap]
            press(page, "ArrowRight")
    assert page.complaints == []


def test_ten_thousand_events_are_stepped_through_at_once(lab: LabPage) -> None:
    many = (
        "debt.append_all([P(amount='0.01', at=on(10, 2) + timedelta(minutes=k)) for k in range(9_988)])\n"
        "branch = debt.branch().skip(5_000)\n"
    )
    lab.open(notebook(lab.server.folder, "branch-many.ipynb", DEBTS, many + PICTURE)).run_all()
    branch(lab).get_by_role("slider").focus()
    took = lab.page.evaluate(
        """() => [...Array(50).keys()].map(n => {
          const section = document.querySelector(".fl.branch"), track = section.querySelector(".track");
          const start = performance.now();
          const key = n % 5 === 4 ? "PageUp" : "ArrowLeft";
          track.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
          section.getBoundingClientRect();
          return performance.now() - start;
        })"""
    )
    holds(lab, "picture.value", "9860")
    print(f"a step in 10,000 events: median {statistics.median(took):.1f} ms, most {max(took):.1f}")
    assert branch(lab).locator(".ev-all .ev-row").count() < 60
    lab.shot("branch-many", of=branch(lab))


def test_the_exported_page_steps_without_a_kernel_and_without_a_network(page: Page, gallery: Path) -> None:
    page.page.goto(gallery.as_uri())
    branch(page).wait_for()
    assert foot(page).startswith("At the end outstanding_balance is 105.00 instead of 200.00, 95.00 less.")
    branch(page).get_by_role("slider").focus()
    press(page, "Home", "ArrowRight", "ArrowRight", "ArrowRight")
    assert "Version 4, Debt::FeeCharged 15.00 on 20 Mar 2026 09:00, left out: outstanding_balance is 500.00" in foot(
        page
    )
    branch(page).get_by_role("radio", name="fees_charged").click()
    assert "fees_charged is 0.00 instead of 15.00, 15.00 less" in foot(page)
    page.page.set_viewport_size({"width": 400, "height": 900})
    page.shot("branch-exported-narrow", of=branch(page))
    assert branch(page).bounding_box()["width"] <= 400
    assert page.wanted == []


HOSTILE = """
import funes_lab as fl
from typing import ClassVar
from pydantic import BaseModel, Field

bad = "<img src=x onerror=\\"(window.fired ||= []).push('payload')\\">"

class Said(fl.Event, name=f"Said{bad}"):
    text: str
    pin: str = "1234"
    filter_attributes: ClassVar = ["pin"]

class Heard(BaseModel):
    text: str = ""
    pin: str = ""
    length: int = Field(default=0, le=400)
    seen: list[str] = []
    filter_attributes: ClassVar = ["pin"]

class Hearing(fl.Projection[Heard]):
    @fl.interpretation_for(Said)
    def heard(state, event):
        state.text, state.pin, state.length = event.text, event.pin, state.length + len(event.text)
        if event.text == bad * 2 and "twice" not in state.seen:
            event.errors.add("text", bad)
        state.seen.append(event.text)

class Talk(fl.EventStream):
    consistency_projection = Hearing

lab = fl.Lab()
talk = Talk.for_(bad)
for text in (bad, "twice", bad * 2):
    talk.append(Said(text=text))
branch = talk.branch()
branch.replace(1, Said(text="x" + bad))
branch.skip(2)
picture = branch.compare(Hearing).picture("text")
picture
"""
CONTROL = """
from IPython.display import HTML
HTML("<img src='https://elsewhere.invalid/x.png' onerror=\\"(window.fired ||= []).push('control')\\">")
"""


def test_what_a_payload_holds_is_text_in_every_part_of_it_and_secrets_stay_out(lab: LabPage) -> None:
    lab.open(notebook(lab.server.folder, "branch-hostile.ipynb", HOSTILE, "branch", CONTROL)).run_all()
    branch(lab).get_by_role("slider").focus()
    press(lab, "Home")
    assert "<img src=x" in foot(lab)
    assert branch(lab).locator("img").count() == 0
    assert "<img src=x" in branch(lab).locator(".fl-note").inner_text()
    assert branch(lab).get_by_text("refused", exact=True).count() == 1
    assert "1234" not in branch(lab).inner_html()
    lab.page.get_by_label("A branch of <img").get_by_text("left out").wait_for()
    lab.page.wait_for_function("() => window.fired?.includes('control')")
    assert lab.page.evaluate("() => window.fired") == ["control"]
    assert lab.findings() == []
    lab.shot("branch-hostile", of=branch(lab))
