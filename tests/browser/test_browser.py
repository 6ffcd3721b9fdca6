"""The repr of a lab as a reader meets it: in JupyterLab by keyboard and pointer, and as a page without a kernel."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from pydantic import Field

import funes_lab as fl
from funes_lab.widgets.twin import LARGEST
from tests.browser.harness import DARK, LIGHT, ROOT, LabPage, Page, notebook

BROWSER = "section.fl-lab"
SHOP = """
import funes_lab as fl
from decimal import Decimal
from datetime import UTC, datetime, timedelta
from pydantic import BaseModel, Field

bad = "<img src=x onerror=\\"(window.fired ||= []).push('payload')\\">"

class Issued(fl.Event, name="Debt::Issued"):
    amount: Decimal = Field(gt=0)

class PaymentReceived(fl.Event, name="Debt::PaymentReceived"):
    amount: Decimal = Field(gt=0)
    pin: str = "4711"
    filter_attributes = ("pin",)

class Reserved(fl.Event, name="Show::Reserved"):
    seats: int = Field(gt=0)

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

class Paid(BaseModel):
    paid: Decimal = Decimal(0)

class PaidSoFar(fl.Projection[Paid]):
    @fl.interpretation_for(PaymentReceived)
    def paid(state, event):
        state.paid += event.amount

class Seats(BaseModel):
    seats: int = Field(default=0, le=40)

class SeatsTaken(fl.Projection[Seats]):
    @fl.interpretation_for(Reserved)
    def reserved(state, event):
        state.seats += event.seats

class DebtStream(fl.EventStream):
    consistency_projection = OutstandingBalance

class ShowStream(fl.EventStream):
    consistency_projection = SeatsTaken

clock = fl.testing.Clock("2026-01-05T09:00", timedelta(hours=7))
lab = fl.Lab(clock=clock)
for n in range(14):
    debt = DebtStream.for_(f"debts-{100 + n}")
    debt.append(Issued(amount=600 + 10 * n))
    for k in range(n % 7):
        debt.append(PaymentReceived(amount=50 + 9 * k))
        if (n + k) % 5 == 3:
            debt.append(PaymentReceived(amount=1999))
        if (n + k) % 6 == 4:
            debt.append(PaymentReceived(amount=-3))
            debt.append(PaymentReceived(amount=9999))
for name in ("hamlet", "medea"):
    show = ShowStream.for_(f"shows-{name}")
    for seats in (4, 2, 9, 30, 3):
        late = show.read()
        show.append(Reserved(seats=seats))
        late.append(Reserved(seats=1))
fl.EventStream.for_(bad[:80]).append(Reserved(seats=1))
"""
FOCUSED = "() => document.activeElement.className"


class Broken(fl.Event, name="Shelf::Broken"):
    books: int = Field(gt=0)


def told(page: Page, text: str) -> None:
    """Wait until the foot says it."""
    page.page.locator(f"{BROWSER} .say", has_text=text).first.wait_for()


def shots(lab: LabPage, name: str) -> None:
    """Take a picture in both themes."""
    for theme in (DARK, LIGHT):
        lab.command("apputils:change-theme", theme=theme)
        lab.page.wait_for_function("theme => document.body.dataset.jpThemeName === theme", arg=theme)
        lab.page.locator("#jupyterlab-splash").wait_for(state="detached")
        lab.shot(f"{name}-{theme.split()[-1].lower()}", of=lab.page.locator(BROWSER))


def on_page(page: Page, told: str) -> None:
    """Wait until the foot says which streams are shown."""
    page.page.locator(f"{BROWSER} .fl-foot > span", has_text=told).first.wait_for()


def test_a_lab_shows_its_streams_and_what_was_refused(lab: LabPage) -> None:
    lab.open(notebook(lab.server.folder, "browser.ipynb", SHOP, "lab")).run_all()
    shown, press = lab.page.locator(BROWSER), lab.page.keyboard.press
    on_page(lab, "1–10 of 17")
    assert "17 streams, 67 events, 33 refused" in shown.inner_text()
    assert "<img src=x" in shown.inner_text()
    assert "DebtStream" in shown.locator("tr.row").nth(1).inner_text()

    shown.locator("tr.row").first.focus()
    for _ in range(5):
        press("ArrowDown")
    told(lab, "debts-103: ")
    assert lab.page.evaluate(FOCUSED) == "row sel"
    assert shown.locator("tr[aria-selected='true']").count() == 1
    told(lab, "outstanding is ")
    shots(lab, "browser")
    press("End")
    told(lab, "shows-medea: 5 events")
    on_page(lab, "11–17 of 17")
    press("PageUp")
    on_page(lab, "1–10 of 17")
    press("ArrowUp")

    cells = lab.page.locator(".jp-Notebook .jp-Cell").count()
    press("b")  # in command mode it would insert a cell
    assert lab.page.locator(".jp-Notebook .jp-Cell").count() == cells
    press("/")
    lab.page.keyboard.type("SHOWS")
    on_page(lab, "1–2 of 2")
    press("Enter")
    press("ArrowDown")
    told(lab, "shows-hamlet: ")
    shown.get_by_role("tab", name="Refused").click()
    shown.get_by_text("was taken by another writer").or_(shown.get_by_text("version 2 was taken")).first.wait_for()
    shots(lab, "browser-refused")
    press("ArrowLeft")
    shown.get_by_text("seats 4").wait_for()
    lab.shot("browser-events", of=shown)
    shown.get_by_role("tab", name="Projections").click()
    shown.get_by_text("SeatsTaken").wait_for()
    shown.get_by_role("tab", name="Streams").click()
    shown.get_by_role("searchbox").fill("")
    shown.get_by_role("button", name="refused", exact=True).click()
    lab.page.wait_for_function(f"() => document.querySelector('{BROWSER} tr.row').innerText.includes('shows-hamlet')")
    assert lab.page.evaluate("() => window.fired") is None
    assert (lab.outside, lab.complaints) == ([], [])


def test_a_stream_is_opened_by_keyboard_and_appended_to(lab: LabPage) -> None:
    lab.open(notebook(lab.server.folder, "browser-open.ipynb", SHOP, "browser = lab.browse()\nbrowser")).run_all()
    shown, press = lab.page.locator(BROWSER), lab.page.keyboard.press
    assert lab.ask("browser.selection = 'debts-103'; print(browser.page)") == "1"
    told(lab, "debts-103: 4 events")
    shown.locator("tr.sel").first.focus()
    press("Enter")
    form = lab.page.locator(".fl-place .fl-form")
    form.wait_for()
    lab.page.wait_for_function("() => document.querySelector('.fl-place')?.contains(document.activeElement)")
    form.get_by_role("button", name="PaymentReceived").click()
    form.get_by_label("pin").wait_for()  # the other type has an amount too
    form.get_by_label("amount").fill("3.50")
    form.get_by_text("Would be accepted as version 5").wait_for()
    form.get_by_label("amount").press("Control+Enter")
    form.get_by_text("Accepted: Debt::PaymentReceived is version 5.").wait_for()
    told(lab, "debts-103: 5 events")
    assert lab.ask("print(browser.opened.event.amount, lab.store.event('debts-103', 5).version)") == "3.50 5"
    lab.shot("browser-form", of=lab.page.locator(".fl-browser"))

    shown.get_by_role("button", name="Scrub").click()
    lab.page.locator(".fl-place section.scrub").wait_for()
    form.wait_for(state="detached")
    shown.locator("button[aria-pressed='true']", has_text="Scrub").wait_for()
    shown.get_by_label("Projection").select_option("PaidSoFar")
    lab.page.locator(".fl-place section.scrub", has_text="PaidSoFar").wait_for()
    told(lab, "paid is ")
    assert lab.ask("print(len(lab.store.watchers))") == "2"
    for kind, there in (("Timeline", ".fl-timeline"), ("Bitemporal", ".bm")):
        shown.get_by_role("button", name=kind, exact=True).click()
        lab.page.locator(f".fl-place {there}").first.wait_for()
    shown.get_by_role("button", name="Timeline of the lab").click()
    lab.page.locator(".fl-place .fl-timeline", has_text="17 streams").wait_for()
    shown.get_by_role("button", name="Close").click()
    lab.page.locator(".fl-place section").wait_for(state="detached")
    assert lab.ask("print(browser.opened, len(lab.store.watchers))") == "None 1"

    lab.ask("DebtStream.for_('debts-999').append(Issued(amount=1)); browser.search = 'zzz'")
    shown.get_by_text("No stream matches").wait_for()
    shown.get_by_text("18 streams, 69 events").wait_for()
    assert (lab.outside, lab.complaints) == ([], [])


def test_a_lab_shown_over_and_over_has_one_follower_and_follows_other_cells(lab: LabPage) -> None:
    again = "DebtStream.for_('debts-100').append(PaymentReceived(amount=1)).version"
    lab.open(notebook(lab.server.folder, "browser-again.ipynb", SHOP, "lab", again)).run_all()
    lab.page.locator(BROWSER).get_by_text("17 streams, 68 events").wait_for()
    for n in range(69, 72):
        lab.page.evaluate(
            "() => { const { content } = window.jupyterapp.shell.currentWidget; content.activeCellIndex = 1; }"
        )
        lab.command("notebook:run-cell")
        lab.ask(again)
        lab.page.locator(BROWSER).get_by_text(f"17 streams, {n} events").wait_for()
    assert lab.ask("print(len(lab.store.watchers))") == "1"
    assert lab.ask("lab.close(); print(repr(lab)[:18])") == "in memory  closed"
    lab.page.locator(BROWSER).get_by_role("button", name="Next page").click()
    lab.page.locator(BROWSER).get_by_role("alert").get_by_text("ClosedError").wait_for()
    assert (lab.outside, lab.complaints) == ([], [])


def many(streams: int) -> fl.Lab:
    lab = fl.Lab(clock=fl.testing.Clock("2026-01-05"))
    lab.load(
        {"klass": "Shelf::Moved", "idx": f"shelf-{n % streams:05d}", "props": {"books": n}, "occurred_at": "2026-01-01"}
        for n in range(2 * streams)
    )
    return lab


def test_a_page_without_a_kernel_pages_searches_and_orders_what_it_holds(page: Page, tmp_path: Path) -> None:
    lab = many(9_000)
    for _ in range(3):
        fl.EventStream.for_("shelf-00042", lab=lab).append(Broken(books=-1))
    browser = lab.browse()
    browser.selection = "shelf-00042"
    browser.save(tmp_path / "page.html")
    assert (tmp_path / "page.html").stat().st_size < LARGEST + 2_000
    page.page.goto((tmp_path / "page.html").as_uri())
    shown, press = page.page.locator(BROWSER), page.page.keyboard.press
    told(page, "shelf-00042: 2 events on 2026-01-01 00:00 UTC, 3 refused.")
    assert "are left out, they are there where the notebook runs." in shown.inner_text()
    on_page(page, "41–50 of ")
    assert shown.get_by_role("button", name="Append").count() == 0
    shown.locator("tr.sel").first.focus()
    press("Home")
    told(page, "shelf-00000: ")
    press("PageDown")
    told(page, "shelf-00010: ")
    shown.get_by_role("button", name="refused", exact=True).click()
    assert "shelf-00042" in shown.locator("tr.row").first.inner_text()
    press("/")
    page.page.keyboard.type("MOVED 0005")
    on_page(page, "1–10 of 11")
    press("Escape")
    press("Escape")
    shown.get_by_role("tab", name="Refused").click()
    shown.get_by_text("what another stream holds is there where the notebook runs").wait_for()
    shown.get_by_role("tab", name="Streams").click()
    shown.locator("tr.row").first.click()
    shown.get_by_role("tab", name="Refused").click()
    assert shown.get_by_text("must be > 0").count() == 3
    page.page.set_viewport_size({"width": 400, "height": 900})
    shown.get_by_role("tab", name="Streams").click()
    page.shot("browser-narrow", of=shown)
    assert (page.outside, page.complaints) == ([], [])


def test_an_exported_notebook_shows_its_lab(page: Page, tmp_path: Path) -> None:
    notebook(tmp_path, "shop.ipynb", SHOP, "lab", "lab.browse()")
    quiet = ["--HTMLExporter.mathjax_url=data:,", "--HTMLExporter.require_js_url=data:,"]
    subprocess.run(
        [sys.executable, "-m", "nbconvert", "--execute", "--to", "html", *quiet, "shop.ipynb"],
        cwd=tmp_path, check=True, capture_output=True, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    page.page.goto((tmp_path / "shop.html").as_uri())
    static = page.page.locator("section[aria-label='Lab in memory']:not(.fl-lab)")
    assert "17 streams, 67 events, 33 refused" in static.inner_text()
    shown = page.page.locator(BROWSER)
    on_page(page, "1–10 of 17")
    shown.locator("tr.row").first.click()
    assert "<img src=x onerror=" in shown.locator(".say").inner_text()
    shown.get_by_role("button", name="Next page").click()
    on_page(page, "11–17 of 17")
    assert page.page.evaluate("() => window.fired") is None
    # what nbconvert itself asks for where a notebook holds the state of a widget; nothing of it is needed
    assert all("@jupyter-widgets/html-manager" in url for url in page.outside)
