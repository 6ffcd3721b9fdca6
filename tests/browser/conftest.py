"""The browser and the server of the run, and a page for each test.

Without Chromium the tests are skipped, and the summary says so; FUNES_LAB_CHROMIUM names another one.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser.harness import CHROMIUM_ARGUMENTS, LabPage, Page, Server, chromium, cut_off, jupyterlab


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


@pytest.fixture
def new_page(browser: Any) -> Iterator[Callable[..., Any]]:
    """Makes pages, each in a profile of its own."""
    contexts = []

    def make(**options: Any) -> Any:
        context = browser.new_context(viewport={"width": 1200, "height": 900}, reduced_motion="reduce", **options)
        contexts.append(context)
        return context.new_page()

    yield make
    for context in contexts:
        context.close()


@pytest.fixture
def page(new_page: Callable[..., Any]) -> Page:
    return cut_off(Page(new_page()))


@pytest.fixture
def lab(server: Server, new_page: Callable[..., Any]) -> Iterator[LabPage]:
    yield cut_off(LabPage(new_page(), server=server))
    for session in server.api("sessions"):
        server.api(f"sessions/{session['id']}", "DELETE")
