"""The tour as a reader meets it: not run yet, run, in both themes, and exported; and what hostile payloads do."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import nbformat
import pytest
from nbconvert import HTMLExporter

from tests.browser.harness import DARK, LIGHT, ROOT, LabPage, Page, notebook

TOUR = ROOT / "notebooks" / "00_tour.ipynb"
#: Every picture, as a screen reader announces it.
LABEL = re.compile(r'<section class="fl fl-repr" aria-label="([^"]+)"')
PICTURES = ".jp-OutputArea-output section.fl"


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The committed tour as an HTML file, as `make tour` writes it."""
    html, _ = HTMLExporter(require_js_url="data:,", mathjax_url="data:,").from_filename(TOUR)
    path: Path = tmp_path_factory.mktemp("exported") / "tour.html"
    path.write_text(html, encoding="utf-8")
    return path


def committed_labels() -> list[str]:
    cells = nbformat.read(TOUR, as_version=4).cells
    htmls = [output.get("data", {}).get("text/html", "") for cell in cells for output in cell.get("outputs", ())]
    return [label for html in htmls for label in LABEL.findall(html)]


def labels(page: Page) -> list[str]:
    return [picture.get_attribute("aria-label") for picture in page.page.locator(PICTURES).all()]


def words(page: Page) -> list[str]:
    """What every picture and every table says, however its lines break."""
    shown = page.page.locator(f"{PICTURES}, .jp-OutputArea-output table.dataframe").all()
    return [" ".join(picture.inner_text().split()) for picture in shown]


def is_light(page: Page) -> bool:
    """Whether the ground of a picture is lighter than its ink."""
    ground, ink = page.page.locator(PICTURES).first.evaluate(
        "picture => [getComputedStyle(picture).backgroundColor, getComputedStyle(picture).color].map("
        "colour => colour.match(/[\\d.]+/g).slice(0, 3).reduce((sum, part) => sum + Number(part), 0))"
    )
    return bool(ground > ink)


def check_the_refusal(page: Page) -> None:
    """The errors that the tour is about are on the page, for the eye and for a screen reader."""
    errors = page.page.get_by_role("region", name="Errors of the refused event")
    assert errors.count() == 2
    table = errors.last.get_by_role("table")
    table.scroll_into_view_if_needed()
    assert table.is_visible()
    rows = [" ".join(row.split()) for row in table.locator("tbody tr").all_inner_texts()]
    assert len(rows) == 2
    assert any("state outstanding_balance would be −999,499, must be ≥ 0" in row for row in rows)
    assert any("interpretation principal_amount exceeds the outstanding balance" in row for row in rows)


# --- the tour ---------------------------------------------------------------------------------------------------


def test_the_tour_shows_its_pictures_before_it_is_run(lab: LabPage) -> None:
    lab.trust(shutil.copy(TOUR, lab.server.folder / "unrun.ipynb")).open("unrun.ipynb")
    assert labels(lab) == committed_labels()
    check_the_refusal(lab)
    lab.shot("tour-not-run")
    lab.picture("refused", of=lab.page.get_by_role("region", name="Why Debt::PaymentReceived was refused").first)
    assert (lab.outside, lab.complaints) == ([], [])


def test_a_tour_that_nobody_trusts_still_shows_its_tables(lab: LabPage) -> None:
    lab.open(lab.copy_of_a_stranger(TOUR, "untrusted-tour.ipynb"))
    assert lab.page.locator(".jp-OutputArea-output style").count() == 0
    assert lab.page.get_by_role("cell", name="would be −999,499, must be ≥ 0").is_visible()
    lab.shot("tour-untrusted")
    assert lab.outside == []


@pytest.mark.parametrize("theme", [LIGHT, DARK])
def test_the_tour_runs_and_shows_in_both_themes_why_an_event_was_refused(lab: LabPage, theme: str) -> None:
    name = theme.split()[-1].lower()
    shutil.copy(TOUR, lab.server.folder / f"{name}.ipynb")
    lab.open(f"{name}.ipynb", theme=theme).run_all()
    assert labels(lab) == committed_labels()
    assert is_light(lab) is (theme == LIGHT)
    check_the_refusal(lab)
    lab.shot(f"tour-{name}-errors")
    lab.page.get_by_role("region", name=re.compile("^Why .* was denied")).scroll_into_view_if_needed()
    lab.shot(f"tour-{name}-conflict")
    assert (lab.outside, lab.complaints) == ([], [])


def test_the_exported_tour_says_the_same_and_asks_for_nothing(lab: LabPage, page: Page, exported: Path) -> None:
    lab.trust(shutil.copy(TOUR, lab.server.folder / "export.ipynb")).open("export.ipynb")
    page.page.goto(exported.as_uri())
    assert labels(page) == committed_labels()
    assert words(page) == words(lab)
    check_the_refusal(page)
    page.shot("tour-exported")
    assert (page.outside, page.complaints) == ([], [])


# --- hostile payloads -------------------------------------------------------------------------------------------

HOSTILE = """
import funes_lab as fl
from pydantic import BaseModel

bad = "<img src=x onerror=\\"(window.fired ||= []).push('payload')\\">"

class Said(fl.Event, name=f"Said{bad}"):
    text: str

class Heard(BaseModel):
    text: str = ""

class Hearing(fl.Projection[Heard]):
    @fl.interpretation_for(Said)
    def heard(state, event):
        state.text = event.text
        if len(event.text) > 100:
            event.errors.add("text", f"is long: {event.text}")

class Talk(fl.EventStream):
    consistency_projection = Hearing

lab = fl.Lab()
talk = Talk.for_(bad)
late = talk.read()
talk.append(Said(text=bad))
late.append(Said(text=bad))
refused = talk.append(Said(text=bad * 10))
mistyped = Said(text=[bad], **{bad: bad})
display(
    lab, lab.log, lab.rejections, lab.rejections[0], talk, late, talk.events[0], refused, refused.errors,
    refused.rejection.explain(), mistyped, mistyped.errors, talk.check(Said(text=bad)), talk.check(Said(text=bad * 10)),
    talk.df(), talk.replay(Hearing), lab.rejections.df(), lab.log.streams(),
)
"""
# The same payload where nothing escapes it, and an image that is not on this machine: without it, a page that cannot
# fire and a gate that sees nothing would pass as well.
CONTROL = """
from IPython.display import HTML
HTML("<img src='https://elsewhere.invalid/x.png' onerror=\\"(window.fired ||= []).push('control')\\">")
"""


def test_what_a_payload_a_name_or_an_idx_holds_is_shown_as_text(lab: LabPage) -> None:
    lab.open(notebook(lab.server.folder, "hostile.ipynb", HOSTILE, CONTROL)).run_all()
    shown = lab.page.locator(".jp-Cell").first.locator(".jp-OutputArea-output")
    assert shown.count() == 18
    assert shown.locator("img").count() == 0
    pictures = shown.locator("section.fl").all_inner_texts()
    assert len(pictures) >= 12
    assert all("<img src=x" in picture for picture in pictures)
    lab.page.wait_for_function("() => window.fired?.includes('control')")
    assert lab.page.evaluate("() => window.fired") == ["control"]
    # the browser may try it again
    assert set(lab.outside) == {"https://elsewhere.invalid/x.png"}
    lab.shot("hostile")
