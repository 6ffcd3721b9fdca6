"""The gallery: each widget as a reader meets it, run, not run and exported, and as axe sees it."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbconvert import HTMLExporter

from tests.browser.harness import DARK, GALLERY, LIGHT, NBCONVERT, LabPage, Page, notebook

#: Every widget of the gallery, in its order: the name of its picture in the docs, and where it is.
WIDGETS = {
    "form": ".fl-form",
    "scrubber": "section.fl.scrub",
    "timeline": "section.fl-timeline",
    "bitemporal": "section.fl.map",
    "inspector": "section.fl.inspect",
    "browser": "section.fl-lab",
    "race": "section.fl.race",
    "branch": "section.fl.branch",
}
#: What command mode understands without a modifier: insert, delete, cut, undo, turn into text, edit, move, and more.
KEYS = [*"abdxzmy1i0", "Enter", "Escape", "ArrowUp", " "]
#: Mark one thing that takes the focus of each kind.
PLACES = """selector => {
  const kinds = new Map();
  const own = "button, input, select, textarea, [tabindex='0']";
  for (const one of document.querySelector(selector).querySelectorAll(own))
    if (one.checkVisibility() && !one.disabled) kinds.set(`${one.tagName} ${one.className} ${one.role}`, one);
  [...kinds.values()].forEach((one) => { one.dataset.place = ""; });
}"""
#: All of the notebook that a command could change.
NOTEBOOK = """() => {
  const { content } = window.jupyterapp.shell.currentWidget;
  const cells = [...content.model.cells].map(({ id, type, outputs }) => `${id} ${type} ${outputs?.length}`);
  return [content.mode, content.activeCellIndex, ...cells].join(", ");
}"""
OUTPUTS = ".jp-OutputArea-output"
#: What a picture says to those who do not see it.
SAID = re.compile(r'<(?:img [^>]*alt|section class="fl[^"]*" aria-label)="([^"]+)"')


def committed() -> list[str]:
    """What the pictures of the committed gallery say, in their order."""
    cells = nbformat.read(GALLERY, as_version=4).cells
    htmls = [output.get("data", {}).get("text/html", "") for cell in cells for output in cell.get("outputs", ())]
    return [SAID.search(html).group(1) for html in htmls if html]


def sources(name: str) -> list[str]:
    """The cells that a widget needs, and the one that shows it."""
    cells = {cell.id: cell.source for cell in nbformat.read(GALLERY, as_version=4).cells}
    return [cells[one] for one in ("imports", "classes", "tell", name)]


def widget(page: Page, name: str) -> Any:
    return page.page.locator(f"{OUTPUTS} {WIDGETS[name]}")


def steps(page: Page) -> None:
    """The scrubber steps: with a kernel or without one."""
    widget(page, "scrubber").get_by_role("slider").focus()
    page.page.keyboard.press("Home")
    widget(page, "scrubber").get_by_text("Version 1, Debt::Issued 600.00").wait_for()
    page.page.keyboard.press("ArrowRight")
    widget(page, "scrubber").get_by_text("Version 2, Debt::PaymentReceived 50.00").wait_for()


def has_its_picture(page: Page, name: str) -> bool:
    """Whether the image is there and was drawn."""
    picture = page.page.locator(f"{OUTPUTS} img").nth(list(WIDGETS).index(name))
    return bool(picture.evaluate("one => one.complete && one.naturalWidth >= 600 && one.alt.length > 40"))


@pytest.mark.parametrize("theme", [LIGHT, DARK])
def test_in_jupyterlab_the_widgets_follow_the_form_and_axe_finds_nothing_serious(lab: LabPage, theme: str) -> None:
    shutil.copy(GALLERY, lab.server.folder / "gallery.ipynb")
    lab.open("gallery.ipynb", theme=theme).run_all()
    for name in WIDGETS:
        widget(lab, name).wait_for()
    assert lab.page.locator(f"{OUTPUTS} img").count() == 0
    assert lab.findings() == []
    if theme == LIGHT:
        for name in WIDGETS:
            lab.picture(name, of=widget(lab, name))

    form = widget(lab, "form")
    form.get_by_role("button", name="Append", exact=True).click()
    form.get_by_role("alert").get_by_text("Refused: outstanding_balance would be −300.00").wait_for()
    widget(lab, "timeline").get_by_text("10 events, 5 refused attempts").wait_for()
    form.get_by_label("amount").fill("ten")
    form.get_by_text("“ten” is not a decimal number").wait_for()
    assert lab.findings() == []
    form.get_by_label("amount").fill("100")
    form.get_by_text("Would be accepted as version 11").wait_for()
    form.get_by_role("button", name="Append", exact=True).click()
    form.get_by_text("Accepted: Debt::PaymentReceived is version 11.").wait_for()
    widget(lab, "timeline").get_by_text("11 events, 5 refused attempts").wait_for()
    widget(lab, "scrubber").get_by_text("Version 11, Debt::PaymentReceived 100").wait_for()
    widget(lab, "bitemporal").get_by_text("12 Oct", exact=True).first.wait_for()
    steps(lab)
    assert lab.findings() == []
    assert (lab.outside, lab.complaints) == ([], [])


@pytest.mark.parametrize("name", WIDGETS)
def test_a_key_in_a_widget_is_no_command_of_the_notebook(lab: LabPage, name: str) -> None:
    lab.open(notebook(lab.server.folder, f"keys-{name}.ipynb", *sources(name))).run_all()
    widget(lab, name).wait_for()
    lab.page.evaluate(PLACES, WIDGETS[name])
    before = lab.page.evaluate(NOTEBOOK)
    places = lab.page.locator("[data-place]").element_handles()
    assert len(places) >= 2
    for place in places:
        for key in KEYS:
            # what a key draws anew is no longer there
            if place.evaluate("one => { one.focus(); return one === document.activeElement }"):
                lab.page.keyboard.press(key)
                assert lab.page.evaluate(NOTEBOOK) == before, (key, place.evaluate("one => one.outerHTML"))
    # two keys in a row may close a view that has only begun to open, and then anywidget says so
    assert set(lab.complaints) <= {"[anywidget] Failed to initialize model."}


def test_what_was_committed_shows_its_pictures_before_it_is_run(lab: LabPage) -> None:
    lab.trust(Path(shutil.copy(GALLERY, lab.server.folder / "trusted.ipynb"))).open("trusted.ipynb")
    # whoever trusts a notebook lets its scripts run, so that they step without a kernel; a form needs one
    steps(lab)
    assert has_its_picture(lab, "form")
    shown = lab.page.locator(f"{OUTPUTS} :is(section.fl, img)").all()
    assert len(shown) == len(committed())
    assert lab.findings() == []
    lab.shot("gallery-not-run")
    assert (lab.outside, lab.complaints) == ([], [])


def test_what_nobody_trusts_shows_its_pictures_too(lab: LabPage) -> None:
    lab.open(lab.copy_of_a_stranger(GALLERY, "untrusted.ipynb"))
    lab.page.locator(f"{OUTPUTS} img").first.wait_for()
    for name in WIDGETS:
        assert has_its_picture(lab, name), name
    assert lab.page.locator(f"{OUTPUTS} script").count() == 0
    assert lab.page.get_by_role("cell", name="would be −799.00, must be ≥ 0", exact=True).is_visible()
    lab.shot("gallery-untrusted")
    assert lab.outside == []


def test_exported_as_anybody_does_it_opens_offline_and_asks_for_nothing_of_ours(page: Page, gallery: Path) -> None:
    page.page.goto(gallery.as_uri())
    steps(page)
    assert has_its_picture(page, "form")
    assert page.page.locator(f"{OUTPUTS} :is(section.fl, img)").count() == len(committed())
    assert "html-manager" not in gallery.read_text("utf-8")
    # the template of nbconvert links two scripts in every page, also in that of an empty notebook
    assert all(address.endswith(NBCONVERT) for address in page.outside)
    assert len(page.outside) == len(NBCONVERT)
    assert page.findings() == []
    page.shot("gallery-exported")


def test_exported_with_the_options_of_the_makefile_it_asks_for_nothing_at_all(page: Page, tmp_path: Path) -> None:
    html, _ = HTMLExporter(require_js_url="data:,", mathjax_url="data:,").from_filename(GALLERY)
    (tmp_path / "gallery.html").write_text(html, encoding="utf-8")
    page.page.goto((tmp_path / "gallery.html").as_uri())
    steps(page)
    assert (page.outside, page.complaints) == ([], [])


def test_axe_finds_what_is_wrong(page: Page, gallery: Path) -> None:
    page.page.goto(gallery.as_uri())
    page.page.evaluate(
        """() => {
          const bad = document.createElement("p");
          bad.append(new Image(), Object.assign(document.createElement("b"), { textContent: "pale" }));
          bad.lastChild.style.color = "#eee";
          document.querySelector("section.fl").append(bad);
        }"""
    )
    assert {finding.split(":")[0] for finding in page.findings()} == {"image-alt", "color-contrast"}
