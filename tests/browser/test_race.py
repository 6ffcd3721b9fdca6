"""The race board as a reader meets it: played by buttons and keys, an order picked and watched, exported, hostile."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.browser.harness import DARK, LIGHT, ROOT, LabPage, Page, notebook
from tests.browser.test_scrubber import holds, press

DEBT = """
import funes_lab as fl
from decimal import Decimal
from pydantic import BaseModel, Field

class Issued(fl.Event, name="Debt::Issued"):
    amount: Decimal

class PaymentReceived(fl.Event, name="Debt::PaymentReceived"):
    amount: Decimal

class Debt(BaseModel):
    balance: Decimal = Field(default=Decimal(0), ge=0)

class Balance(fl.Projection[Debt]):
    @fl.interpretation_for(Issued)
    def issued(state, event):
        state.balance = event.amount

    @fl.interpretation_for(PaymentReceived)
    def paid(state, event):
        state.balance -= event.amount

class DebtStream(fl.EventStream):
    consistency_projection = Balance

lab = fl.Lab()
debt = DebtStream.for_("debts-123")
debt.append(Issued(amount="600.00"))
for _ in range(11):
    debt.append(PaymentReceived(amount="50.00"))
debt.append(Issued(amount="100.00"))
writers = {"A": [PaymentReceived(amount="60.00")], "B": [PaymentReceived(amount="30.00")]}
race = fl.Race(DebtStream, "debts-123", writers)
"""
SHOW = "board = race.board()\nboard"
MANY = """
twice = [PaymentReceived(amount=1), PaymentReceived(amount=2)]
many = fl.Race(fl.EventStream, "other", {"A": twice, "B": twice}).board()
many.listing = True
many
"""
HOSTILE = """
import funes_lab as fl

bad = "<img src=x onerror=\\"(window.fired ||= []).push('payload')\\">"

class Said(fl.Event, name=f"Said{bad}"):
    text: str

lab = fl.Lab()
talk = fl.EventStream.for_(bad, lab=lab)
talk.append(Said(text=bad))
race = fl.Race(fl.EventStream, bad, {"<b>A": [Said(text=bad)], "<b>B": [Said(text=bad * 3)]})
board = race.board()
board.value = "<b>A.read <b>B.read <b>A.append <b>B.append"
board.listing = True
board
"""


def board(page: Page, n: int = 0) -> Any:
    return page.page.locator("section.fl.race:visible").nth(n)


def says(page: Page, words: str) -> None:
    """Wait until the note says it."""
    board(page).locator(".note", has_text=words).wait_for()


def drawn(page: Page) -> list[str]:
    """What stands in the diagram."""
    found: list[str] = board(page).locator(".seq svg text").all_text_contents()
    return found


def test_a_race_is_played_by_buttons_and_by_keys(lab: LabPage) -> None:
    lab.open(notebook(lab.server.folder, "race-keys.ipynb", DEBT, SHOW), theme=LIGHT).run_all()
    shown = board(lab)
    says(lab, "Nothing has happened yet: debts-123 is at version 13.")
    assert shown.get_by_role("button", name="A append").is_disabled()
    assert shown.get_by_role("button", name="B retry").count() == 0
    shown.get_by_role("button", name="A read").click()
    says(lab, "A reads version 13.")
    press(lab, "b", "a", "b")
    says(lab, "B is denied: version 14 was taken by Debt::PaymentReceived (amount 60.00). Read again and retry.")
    says(lab, "B judged PaymentReceived 30.00 at version 13; A had appended PaymentReceived 60.00 as 14 in step 3.")
    assert {"✓ ACCEPTED as 14", "✗ DENIED: 14 is A’s", "taken in step 3", "next: B.retry"} <= set(drawn(lab))
    rows = shown.get_by_role("table", name="Readings").get_by_role("row")
    assert [" ".join(text.split()) for text in rows.all_inner_texts()[1:]] == [
        "A 14 40.00 current",
        "B 13 100.00 1 behind",
    ]
    lab.shot("race-light", of=shown)
    shown.get_by_role("button", name="B retry").click()
    says(lab, "B reads again and appends PaymentReceived 30.00 as version 15: accepted.")
    assert {"read again", "✓ ACCEPTED as 15"} <= set(drawn(lab))
    holds(lab, "board.value", "A.read B.read A.append B.append B.retry")
    holds(lab, "board.result.accepted, board.result.denied, board.result.final_state.balance", "2 1 10.00")
    holds(lab, "debt.version, len(lab.rejections)", "13 0")
    press(lab, "ArrowLeft", "ArrowLeft")
    says(lab, "A appends PaymentReceived 60.00 as version 14: accepted.")
    press(lab, "r", "b", "b")
    says(lab, "B appends PaymentReceived 30.00 as version 14: accepted.")
    holds(lab, "board.value", "B.read B.append")
    press(lab, "End")
    holds(lab, "board.value", "B.read B.append A.read A.append")
    cells = lab.page.locator(".jp-Notebook .jp-Cell").count()
    press(lab, "a", "b", "x")  # in command mode they would change the notebook
    assert lab.page.locator(".jp-Notebook .jp-Cell").count() == cells
    assert (lab.outside, lab.complaints) == ([], [])


def test_an_order_is_picked_and_watched_and_the_board_follows_the_log(lab: LabPage) -> None:
    source = DEBT.replace('"30.00"', '"50.00"')
    lab.open(notebook(lab.server.folder, "race-orders.ipynb", source, SHOW, MANY), theme=DARK).run_all()
    shown, many = board(lab), board(lab, 1)
    shown.get_by_role("button", name="6 orders").click()
    grid = shown.get_by_role("grid", name="Orders")
    grid.wait_for()
    assert grid.locator("tbody tr").count() == 6
    assert shown.get_by_text("lost update: −10.00").count() == 4
    assert "4 of 6 orders end with exactly one denial:" in shown.locator(".told").inner_text()
    shown.get_by_role("button", name="with a denial 4").click()
    assert grid.locator("tbody tr").count() == 4
    grid.locator("tbody tr").nth(1).click()
    says(lab, "A is denied: version 14 was taken by Debt::PaymentReceived (amount 50.00).")
    holds(lab, "board.picked", "A.read B.read B.append A.append")
    says(lab, "A is refused: balance would be −10.00, must be ≥ 0.")
    holds(lab, "board.value", "A.read B.read B.append A.append A.retry")
    assert grid.locator("tr.sel").get_attribute("aria-selected") == "true"
    lab.shot("race-dark", of=shown)
    grid.locator("tbody tr").nth(0).focus()
    press(lab, "ArrowDown", "ArrowUp", "Enter")
    holds(lab, "board.picked", "A.read B.read A.append B.append")
    press(lab, "Escape")
    assert grid.count() == 0

    # more than are run at once
    many.get_by_role("button", name="all 20").wait_for()
    assert many.get_by_role("grid", name="Orders").locator("tbody tr").count() == 20

    lab.ask("board.value = 'B.read'")
    says(lab, "B reads version 13.")
    said = lab.ask("try:\n    board.value = 'B.append'\nexcept Exception as e:\n    print(e)")
    assert said == "order begins for B with B.append; a writer reads before it does anything else"
    lab.ask("debt.append(PaymentReceived(amount='5.00'))")
    says(lab, "The log has changed: debts-123 is at version 14. The race begins again from there.")
    holds(lab, "board.value == '', debt.version", "True 14")
    assert (lab.outside, lab.complaints) == ([], [])


def test_the_exported_page_steps_along_the_order_without_a_kernel(page: Page, tmp_path: Path) -> None:
    start = "board = race.board()\nboard.picked = 'B.read A.read A.append B.append'\nboard.value = 'B.read'\nboard"
    notebook(tmp_path, "race.ipynb", DEBT, start, HOSTILE)
    subprocess.run(
        [sys.executable, "-m", "nbconvert", "--log-level", "ERROR", "--execute", "--to", "html",
         "--KernelManager.transport_encryption=auto", "race.ipynb"],
        check=True, cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    page.page.goto((tmp_path / "race.html").as_uri())
    first, hostile = board(page), board(page, 1)
    first.get_by_text("Any other order needs a running kernel.").wait_for()
    assert first.get_by_role("button", name="B append").is_disabled()
    first.get_by_role("button", name="A read").click()
    press(page, "a", "a", "ArrowRight")
    first.locator(".note", has_text="B is denied: version 14").wait_for()
    press(page, "ArrowRight")
    assert "step 5 of 5" in first.inner_text()
    first.get_by_role("button", name="reset").click()
    assert "step 0 of 5" in first.inner_text()
    page.page.set_viewport_size({"width": 420, "height": 900})
    first.get_by_role("button", name="all", exact=True).click()
    page.shot("race-narrow", of=first)
    assert first.bounding_box()["width"] <= 420

    assert hostile.get_by_role("grid", name="Orders").locator("tbody tr").count() == 6
    assert "<img src=x onerror=" in hostile.inner_text()
    hostile.get_by_role("button", name="all", exact=True).click()
    press(page, "ArrowLeft", "1", "Escape")
    assert page.page.evaluate("() => window.fired") is None
    # what the exporter's own page asks for is not ours: scripts for modules, formulas and the state of widgets
    theirs = ("require", "mathjax", "html-manager")
    assert not [address for address in page.outside if not any(part in address.lower() for part in theirs)]
