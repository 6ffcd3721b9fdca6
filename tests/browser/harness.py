"""Real notebooks in a real browser: one JupyterLab and one page with it for the whole run, no network.

Everything lies in temporary folders, so nothing of the user's own Jupyter is read or written. A request that
leaves the machine is aborted and written down: `lab.outside == []` proves that a page works offline.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import nbformat
import pytest
from axe_playwright_python.sync_playwright import Axe
from nbformat.sign import NotebookNotary
from nbformat.v4 import new_code_cell, new_notebook

ROOT = Path(__file__).parents[2]
SHOTS = ROOT / "build" / "browser"
PICTURES = ROOT / "docs" / "pictures"
GALLERY = ROOT / "notebooks" / "gallery.ipynb"
LIGHT, DARK = "JupyterLab Light", "JupyterLab Dark"
SIZE: Any = {"width": 1200, "height": 900}

_FOLDERS = (
    "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR",
    "JUPYTERLAB_SETTINGS_DIR", "JUPYTERLAB_WORKSPACES_DIR",
)  # fmt: skip
_SETTINGS: Mapping[str, Mapping[str, object]] = {
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
    "docmanager-extension/plugin": {"autosave": False},
    "codemirror-extension/plugin": {"defaultConfig": {"cursorBlinkRate": 0}},
    # else the cells that are off screen are not in the page
    "notebook-extension/tracker": {"windowingMode": "none", "recordTiming": False},
}
CHROMIUM_ARGUMENTS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--force-color-profile=srgb",
)  # fmt: skip
_CURRENT = "window.jupyterapp?.shell?.currentWidget"
_IDLE = f"() => {_CURRENT}?.sessionContext?.session?.kernel?.status === 'idle'"
_ASK = f"""async code => {{
  const asked = {_CURRENT}.sessionContext.session.kernel.requestExecute({{ code, store_history: false }});
  let said = "";
  asked.onIOPub = ({{ header, content }}) => {{
    said += {{ stream: content.text, error: content.traceback?.join("\\n") }}[header.msg_type] ?? "";
  }};
  await asked.done;
  return said.trim();
}}"""
_CODE_CELLS = f"[...{_CURRENT}.content.model.cells].filter(cell => cell.type === 'code')"


def chromium() -> str | None:
    """The browser: the one that FUNES_LAB_CHROMIUM names, else the first one on the path."""
    named = os.environ.get("FUNES_LAB_CHROMIUM")
    if named:
        return shutil.which(named)
    return next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


# --- the server -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Server:
    """A running JupyterLab, the folder it serves, and the one where it keeps what it knows of its reader."""

    url: str
    token: str
    folder: Path
    data: Path
    process: subprocess.Popen[bytes]

    def api(self, path: str, method: str = "GET", *, timeout: float = 5) -> Any:
        request = urllib.request.Request(
            f"{self.url}/api/{path}", method=method, headers={"Authorization": f"token {self.token}"}
        )
        with urllib.request.urlopen(request, timeout=timeout) as answer:
            body = answer.read()
        return json.loads(body) if body else None


@contextmanager
def jupyterlab(home: Path) -> Iterator[Server]:
    """JupyterLab on this machine only, ended with all its kernels."""
    folder, log = home / "notebooks", home / "server.log"
    folder.mkdir(parents=True)
    folders = {name: str(home / name.lower()) for name in _FOLDERS}
    for name, value in _SETTINGS.items():
        path = Path(folders["JUPYTERLAB_SETTINGS_DIR"], "@jupyterlab", f"{name}.jupyterlab-settings")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(value), encoding="utf-8")
    port, token = free_port(), secrets.token_hex(16)
    arguments = [
        "--no-browser", "--allow-root", "--ServerApp.ip=127.0.0.1", f"--ServerApp.port={port}",
        "--ServerApp.port_retries=0", f"--ServerApp.root_dir={folder}", f"--IdentityProvider.token={token}",
        "--LabApp.expose_app_in_browser=True", "--LabApp.news_url=None", "--ServerApp.terminals_enabled=False",
    ]  # fmt: skip
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "jupyterlab", *arguments],
            stdout=output, stderr=subprocess.STDOUT, env={**os.environ, **folders}, cwd=folder, start_new_session=True,
        )  # fmt: skip
    server = Server(f"http://127.0.0.1:{port}", token, folder, Path(folders["JUPYTER_DATA_DIR"]), process)
    try:
        wait_until_up(f"{server.url}/api?token={token}", process, log)
        yield server
    finally:
        with suppress(OSError, subprocess.TimeoutExpired):
            server.api("shutdown", "POST")
            process.wait(10)
        stop(process)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def wait_until_up(address: str, process: subprocess.Popen[bytes], log: Path, *, within: float = 60) -> None:
    """Wait until a server answers."""
    deadline = time.monotonic() + within
    while True:
        try:
            urllib.request.urlopen(address, timeout=5).close()
        except OSError:
            if process.poll() is not None or time.monotonic() > deadline:
                pytest.fail(f"the server does not come up:\n{log.read_text(errors='replace')[-3000:]}")
            time.sleep(0.1)
        else:
            return


def stop(process: subprocess.Popen[bytes]) -> None:
    """End a server with all its processes."""
    for sent in (signal.SIGTERM, signal.SIGKILL):
        if process.poll() is None:
            with suppress(ProcessLookupError, subprocess.TimeoutExpired):
                os.killpg(process.pid, sent)
                process.wait(5)


# --- notebooks --------------------------------------------------------------------------------------------------


def notebook(folder: Path, name: str, *sources: str) -> str:
    """Write a notebook of these cells."""
    cells: list[Any] = [new_code_cell(source.strip()) for source in sources]
    # without one, JupyterLab asks which kernel to take
    kernel = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
    nbformat.write(new_notebook(cells=cells, metadata={"kernelspec": kernel}), folder / name)
    return name


# --- exported pages ---------------------------------------------------------------------------------------------

#: What the template of nbconvert links in the page of any notebook: for modules and for formulas.
NBCONVERT = ("/require.min.js", "/latest.js?config=TeX-AMS_CHTML-full,Safe")


def exported(notebook: Path, folder: Path) -> Path:
    """Execute a notebook into an HTML page as anybody does who gives no option; the state of widgets is stored."""
    subprocess.run(
        [sys.executable, "-m", "nbconvert", "--execute", "--to", "html", "--log-level", "ERROR",
         "--KernelManager.transport_encryption=auto", f"--output-dir={folder}", notebook],
        check=True, timeout=120, cwd=folder, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    return folder / f"{notebook.stem}.html"


# --- the browser ------------------------------------------------------------------------------------------------


@dataclass
class Page:
    """A page in a profile of its own, and what it wanted from outside and complained about."""

    page: Any
    outside: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    @property
    def wanted(self) -> list[str]:
        """What it wanted from outside beside the two scripts that every page of nbconvert links."""
        return [address for address in self.outside if not address.endswith(NBCONVERT)]

    def shot(self, name: str, *, of: Any = None) -> None:
        """Take a picture of what is to be seen, or of one thing on the page, for people to look at."""
        SHOTS.mkdir(parents=True, exist_ok=True)
        (of or self.page).screenshot(path=SHOTS / f"{name}.png")

    def findings(self) -> list[str]:
        """What axe finds in our widgets and pictures, of what is serious or critical for whoever reads them."""
        found = Axe().run(self.page, context=".fl").response
        assert found["passes"], "axe looked at nothing"
        return [
            f"{rule['id']}: {node['html']} {node['failureSummary']}"
            for rule in found["violations"]
            if rule["impact"] in ("serious", "critical")
            for node in rule["nodes"]
        ]

    def picture(self, name: str, *, of: Any) -> None:
        """Take the picture of the docs: written where FUNES_LAB_PICTURES=1 asks for it, else to be looked at only."""
        folder = PICTURES if os.environ.get("FUNES_LAB_PICTURES") == "1" else SHOTS
        folder.mkdir(parents=True, exist_ok=True)
        of.screenshot(path=folder / f"{name}.png")


@dataclass
class LabPage(Page):
    """A page with JupyterLab in it."""

    server: Server = field(kw_only=True)

    def open(self, notebook: str, *, theme: str = LIGHT) -> LabPage:
        """Open a notebook of the server's folder and wait for its kernel; nothing is run."""
        if self.page.url == "about:blank":
            self.page.goto(f"{self.server.url}/doc/tree/{notebook}?token={self.server.token}&reset")
        else:
            self.command("docmanager:open", path=notebook)
        self.page.wait_for_selector(".jp-Notebook .jp-Cell", timeout=60_000)
        self.page.wait_for_function(f"path => {_CURRENT}?.context?.path === path && ({_IDLE})()", arg=notebook)
        # the server remembers the theme, so it is set every time or one test leaks into the next
        if self.page.evaluate("() => document.body.dataset.jpThemeName") != theme:
            self.command("apputils:change-theme", theme=theme)
            self.page.wait_for_function("theme => document.body.dataset.jpThemeName === theme", arg=theme)
        return self

    def shut(self) -> None:
        """Close the notebook without a word, end its kernel, and forget what the page said."""
        self.page.evaluate(
            """async () => {
              for (const one of [...window.jupyterapp.shell.widgets("main")]) {
                await one.sessionContext?.shutdown();
                one.dispose();
              }
              delete window.fired;
            }"""
        )
        self.page.set_viewport_size(SIZE)
        self.page.mouse.move(0, 0)
        self.outside.clear()
        self.complaints.clear()

    def trust(self, notebook: Path) -> LabPage:
        """Sign a notebook, as its reader does who trusts it; JupyterLab strips the outputs of others."""
        notary = NotebookNotary(data_dir=str(self.server.data))
        notary.sign(nbformat.read(notebook, as_version=4))
        notary.store.close()
        return self

    def copy_of_a_stranger(self, notebook: Path, name: str) -> str:
        """Put a notebook there that nobody trusts: a signature is for what a notebook says, whatever its name."""
        copy = nbformat.read(notebook, as_version=4)
        copy.metadata["title"] = name
        nbformat.write(copy, self.server.folder / name)
        return name

    def run_all(self, *, within: float = 60) -> LabPage:
        """Run all cells and wait until the last one is done; an error in one of them is a failure."""
        self.page.evaluate(
            f"() => {_CODE_CELLS}.forEach(cell => {{ cell.executionCount = null; cell.outputs.clear() }})"
        )
        self.command("notebook:run-all-cells")
        failed = f"{_CODE_CELLS}.flatMap(cell => cell.outputs.toJSON()).filter(one => one.output_type === 'error')"
        # after a cell that fails, the others are not run
        done = f"{_CODE_CELLS}.every(cell => cell.executionCount !== null) || {failed}.length > 0"
        self.page.wait_for_function(f"() => ({_IDLE})() && ({done})", timeout=within * 1000)
        errors = self.page.evaluate(f"() => {failed}.map(one => one.traceback.join('\\n'))")
        assert not errors, "\n".join(errors)
        return self

    def ask(self, code: str) -> str:
        """Run code in the kernel of the notebook, in no cell; gives what it prints, or how it failed."""
        return str(self.page.evaluate(_ASK, code))

    def command(self, name: str, **arguments: object) -> None:
        """Run one of JupyterLab's commands to its end."""
        self.page.evaluate(
            "([name, args]) => window.jupyterapp.commands.execute(name, args).then(() => null)", [name, arguments]
        )


P = TypeVar("P", bound=Page)


def cut_off(page: P) -> P:
    """Cut a page off from everything but this machine, and listen to what it says."""

    def gate(route: Any) -> None:
        address = urlsplit(route.request.url)
        if address.hostname == "127.0.0.1" or address.scheme in ("data", "blob", "file", "about"):
            route.continue_()
        else:
            page.outside.append(route.request.url)
            route.abort()

    def listen(message: Any) -> None:
        if message.type == "error":
            page.complaints.append(message.text)

    page.page.context.route("**/*", gate)
    page.page.set_default_timeout(20_000)
    page.page.on("console", listen)
    page.page.on("pageerror", lambda error: page.complaints.append(str(error)))
    return page
