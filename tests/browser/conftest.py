"""The browser and the server of the run, and a page for each test.

Without Chromium the tests are skipped, and the summary says so; FUNES_LAB_CHROMIUM names another one.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser.harness import (
    CHROMIUM_ARGUMENTS,
    GALLERY,
    SIZE,
    LabPage,
    Page,
    Server,
    chromium,
    cut_off,
    exported,
    jupyterlab,
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what lies in this folder."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    path = chromium()
    if path is None:
        wanted = os.environ.get("FUNES_LAB_CHROMIUM", "chromium")
        pytest.skip(f"THE BROWSER TESTS DID NOT RUN: no {wanted} here (Debian: apt-get install chromium)")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=path, headless=True, args=[*CHROMIUM_ARGUMENTS])
        yield running
        running.close()


@pytest.fixture(scope="session")
def server(browser: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with jupyterlab(tmp_path_factory.mktemp("jupyterlab")) as running:
        yield running


@pytest.fixture(scope="session")
def gallery(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The gallery as a page, executed and exported once for all tests of exported pages."""
    return exported(GALLERY, tmp_path_factory.mktemp("exported"))


@pytest.fixture
def page(browser: Any) -> Iterator[Page]:
    """A page in a profile of its own."""
    context = browser.new_context(viewport=SIZE, reduced_motion="reduce")
    yield cut_off(Page(context.new_page()))
    context.close()


@pytest.fixture(scope="session")
def lab_pages(server: Server, browser: Any) -> Iterator[Callable[[], LabPage]]:
    """Gives the page with JupyterLab in it: most of the time of a small test would go into opening one."""
    pages: list[LabPage] = []

    def give() -> LabPage:
        if not pages or pages[-1].page.is_closed():
            context = browser.new_context(viewport=SIZE, reduced_motion="reduce")
            pages.append(cut_off(LabPage(context.new_page(), server=server)))
        return pages[-1]

    yield give
    for one in pages:
        one.page.context.close()


@pytest.fixture
def lab(lab_pages: Callable[[], LabPage]) -> Iterator[LabPage]:
    yield (lab := lab_pages())
    try:
        lab.shut()
    except Exception:  # noqa: BLE001  (whatever a test left behind: the next one gets a page of its own)
        lab.page.context.close()
    for session in lab.server.api("sessions"):
        lab.server.api(f"sessions/{session['id']}", "DELETE")
