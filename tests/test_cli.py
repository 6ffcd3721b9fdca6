"""The command line: what it prints, what it copies, and that JupyterLab really comes up on the tour."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import closing
from importlib import metadata
from pathlib import Path

import nbformat
import pytest
from nbformat.sign import NotebookNotary
from typer.testing import CliRunner

import funes_lab
from funes_lab import cli

ROOT = Path(__file__).parents[1]
THE_TOUR = '{"cells": [], "metadata": {"title": "the tour"}, "nbformat": 4, "nbformat_minor": 5}'


@pytest.fixture
def started(monkeypatch, tmp_path):
    """The arguments JupyterLab was started with, one list a start, without starting it; what is signed is forgotten."""
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "jupyter"))
    starts: list[list[str]] = []
    monkeypatch.setattr(cli, "_start_jupyterlab", starts.append)
    return starts


@pytest.fixture
def installed(monkeypatch, tmp_path):
    """An installed package with two bundled notebooks; the working folder is an empty one."""
    package = tmp_path / "site-packages" / "funes_lab"
    notebooks = package / "_data" / "notebooks"
    (notebooks / "pictures").mkdir(parents=True)
    (notebooks / "00_tour.ipynb").write_text(THE_TOUR)
    (notebooks / "pictures" / "log.svg").write_text("<svg/>")
    monkeypatch.setattr(cli, "_PACKAGE", package)
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    return notebooks


def run(*arguments):
    return CliRunner().invoke(cli.app, [str(argument) for argument in arguments], env={"COLUMNS": "200"})


def plain(text):
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


def files(folder):
    return {path.relative_to(folder).as_posix(): path.read_text() for path in folder.rglob("*") if path.is_file()}


def opened(arguments):
    """The notebook that JupyterLab opens, as its arguments say it."""
    options = dict(argument.split("=", 1) for argument in arguments if "=" in argument)
    return Path(options["--ServerApp.root_dir"], options["--LabApp.default_url"].removeprefix("/lab/tree/"))


# Help and version


def test_without_a_command_the_help_is_shown():
    assert "Open JupyterLab on the tour." in plain(run().output)


def test_every_command_has_help_with_an_example():
    for command in cli.app.registered_commands:
        name = command.name or command.callback.__name__
        result = run(name, "--help")
        assert result.exit_code == 0
        assert f"Example: funes-lab {name}" in plain(result.output)


def test_every_command_is_in_the_readme():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for command in cli.app.registered_commands:
        assert f"funes-lab {command.name or command.callback.__name__}" in readme


def test_version_is_the_installed_one():
    result = run("--version")
    assert result.exit_code == 0
    assert result.output == f"funes_lab {metadata.version('funes-lab')}\n"


def test_the_console_script_and_the_module_are_the_same_command():
    (script,) = metadata.entry_points(group="console_scripts", name="funes-lab")
    assert script.value == "funes_lab.cli:main"
    by_module = subprocess.run(
        [sys.executable, "-m", "funes_lab", "--version"], capture_output=True, text=True, check=True
    )
    assert by_module.stdout == run("--version").output


# Copying


def test_copying_writes_every_file_and_the_folders_it_needs(installed, tmp_path):
    mine = tmp_path / "course" / "one"
    copied = cli.copy_notebooks(installed, mine)
    assert files(mine) == files(installed)
    assert [path.as_posix() for path in copied.written] == ["00_tour.ipynb", "pictures/log.svg"]
    assert copied.kept == []


def test_copying_again_keeps_what_the_user_changed_and_brings_back_what_is_gone(installed, tmp_path):
    mine = tmp_path / "mine"
    cli.copy_notebooks(installed, mine)
    (mine / "00_tour.ipynb").write_text("my own words")
    (mine / "notes.ipynb").write_text("my notes")
    (mine / "pictures" / "log.svg").unlink()
    copied = cli.copy_notebooks(installed, mine)
    assert files(mine) == {
        "00_tour.ipynb": "my own words",
        "notes.ipynb": "my notes",
        "pictures/log.svg": "<svg/>",
    }
    assert [path.as_posix() for path in copied.written] == ["pictures/log.svg"]
    assert [path.as_posix() for path in copied.kept] == ["00_tour.ipynb"]


def test_a_change_that_keeps_size_and_time_is_still_seen_as_the_users(installed, tmp_path):
    mine = tmp_path / "mine"
    cli.copy_notebooks(installed, mine)
    (mine / "00_tour.ipynb").write_text(THE_TOUR.upper())
    stat = (installed / "00_tour.ipynb").stat()
    os.utime(mine / "00_tour.ipynb", ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert [path.as_posix() for path in cli.copy_notebooks(installed, mine).kept] == ["00_tour.ipynb"]


def test_checkpoints_are_not_copied(installed, tmp_path):
    (installed / ".ipynb_checkpoints").mkdir()
    (installed / ".ipynb_checkpoints" / "00_tour-checkpoint.ipynb").write_text("old")
    cli.copy_notebooks(installed, tmp_path / "mine")
    assert not (tmp_path / "mine" / ".ipynb_checkpoints").exists()


# Lab


def test_a_checkout_opens_the_tour_where_it_is(started):
    assert run("lab").exit_code == 0
    assert opened(started[0]) == ROOT / "notebooks" / "00_tour.ipynb"


def test_an_installed_package_opens_a_copy_of_the_tour(installed, started):
    result = run("lab")
    assert result.exit_code == 0
    assert "Copied to funes-lab-notebooks: 00_tour.ipynb" in result.output
    assert opened(started[0]) == Path.cwd() / "funes-lab-notebooks" / "00_tour.ipynb"
    assert files(Path("funes-lab-notebooks")) == files(installed)


def test_a_changed_notebook_is_opened_as_it_is_and_named(installed, started):
    run("lab", "mine")
    Path("mine/00_tour.ipynb").write_text("my own words")
    result = run("lab", "mine")
    assert Path("mine/00_tour.ipynb").read_text() == "my own words"
    assert "Kept yours" in result.output
    assert "00_tour.ipynb" in result.output
    assert len(started) == 2


def test_a_folder_that_is_a_file_is_refused(installed, started):
    Path("notes.txt").write_text("")
    result = run("lab", "notes.txt")
    assert result.exit_code == 2
    assert "is a file" in plain(result.output)
    assert started == []


def test_a_folder_that_cannot_be_made_is_one_line_that_says_what_to_do(installed, started):
    Path("notes.txt").write_text("")
    result = run("lab", "notes.txt/course")
    assert result.exit_code == 1
    assert result.output.count("\n") == 1
    assert "funes-lab lab FOLDER" in result.output
    assert started == []


def test_without_jupyterlab_one_line_says_what_to_install(monkeypatch, started):
    monkeypatch.setattr(cli, "find_spec", lambda name: None)
    result = run("lab")
    assert result.exit_code == 1
    assert result.output == 'JupyterLab is not installed. Install it with: pip install "funes-lab[lab]"\n'
    assert started == []


def test_a_missing_tour_is_named(installed, started):
    (installed / "00_tour.ipynb").unlink()
    result = run("lab")
    assert result.exit_code == 1
    assert "The tour is missing" in result.output
    assert started == []


def test_a_port_that_was_asked_for_is_the_only_one_tried(installed, started):
    run("lab", "--port", 8899)
    assert {"--ServerApp.port=8899", "--ServerApp.port_retries=0"} <= set(started[0])


@pytest.mark.parametrize("port", ["0", "65536", "-1", "http"])
def test_a_port_that_is_none_is_refused(installed, started, port):
    result = run("lab", f"--port={port}")
    assert result.exit_code == 2
    assert "--port" in plain(result.output)
    assert started == []


def test_the_browser_stays_closed_only_when_asked(installed, started):
    run("lab")
    run("lab", "--no-browser")
    assert ["--no-browser" in arguments for arguments in started] == [False, True]


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="no root on this system")
@pytest.mark.parametrize(("user", "allowed"), [(0, True), (1000, False)])
def test_root_is_allowed_only_for_root(installed, started, monkeypatch, user, allowed):
    monkeypatch.setattr(os, "geteuid", lambda: user)
    run("lab")
    assert ("--allow-root" in started[0]) is allowed


@pytest.mark.parametrize("possible", [True, False])
def test_what_is_said_to_a_kernel_is_encrypted_where_that_is_possible(installed, started, monkeypatch, possible):
    monkeypatch.setattr("zmq.has", lambda capability: possible)
    run("lab")
    assert ("--KernelManager.transport_encryption=auto" in started[0]) is possible


# The real thing


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def get(url, *, within=60.0):
    """The answer of a server that may still be starting."""
    deadline = time.monotonic() + within
    while True:
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                return answer.read().decode()
        except urllib.error.HTTPError:
            raise
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


@pytest.fixture
def server(tmp_path):
    """`funes-lab lab --no-browser` as a user starts it, away from the user's own Jupyter settings."""
    homes = ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR")
    homes += ("JUPYTERLAB_SETTINGS_DIR", "JUPYTERLAB_WORKSPACES_DIR")
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "funes_lab", "lab", "--no-browser", "--port", str(port)],
        env={**os.environ, **{name: str(tmp_path / name) for name in homes}, "JUPYTER_TOKEN": "secret"},
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        # where the tests run in the background of a shell, Ctrl-C is ignored, and the children inherit that
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509  (it takes no lock)
    )
    yield process, f"http://127.0.0.1:{port}"
    process.kill()
    process.wait()


def test_jupyterlab_comes_up_on_the_tour_fetches_nothing_and_stops_on_ctrl_c(server):
    process, address = server
    get(f"{address}/api/status?token=secret")
    tour = json.loads(get(f"{address}/api/contents/00_tour.ipynb?content=0&token=secret"))
    assert tour["type"] == "notebook"

    page = get(f"{address}/?token=secret")
    config = json.loads(re.search(r'id="jupyter-config-data"[^>]*>(.*?)</script>', page, re.DOTALL)[1])
    assert config["news"] == {"disabled": True}
    assert config["treePath"] == "00_tour.ipynb"

    process.send_signal(signal.SIGINT)
    process.wait(timeout=120)


def test_an_address_without_the_token_is_refused(server):
    _, address = server
    get(f"{address}/api/status?token=secret")
    with pytest.raises(urllib.error.HTTPError, match="403"):
        get(f"{address}/api/contents")


# funes-lab check


def a_log(path, *versions):
    lab = funes_lab.Lab(path)
    for version in versions:
        row = {"klass": "Said", "idx": "talk", "version": version, "props": {"text": "hi"}}
        funes_lab.testing.raw_insert(lab, {**row, "created_at": "2026-01-01", "occurred_at": "2026-01-01"})
    lab.close()


def checked(path):
    return CliRunner().invoke(cli.app, ["check", str(path)])


def test_a_sound_log_is_said_to_be_sound(tmp_path):
    a_log(tmp_path / "good.duckdb", 1, 2, 3)
    result = checked(tmp_path / "good.duckdb")
    assert (result.exit_code, "3 events, sound" in result.output) == (0, True)


def test_a_missing_version_is_a_line_and_an_exit_status(tmp_path):
    a_log(tmp_path / "gap.duckdb", 1, 3)
    result = checked(tmp_path / "gap.duckdb")
    assert (result.exit_code, result.output) == (1, "'talk': versions go from 1 to 3 in 2 events; some are missing\n")


def test_a_payload_that_is_no_object_and_a_missing_index_are_findings(tmp_path):
    import duckdb

    a_log(tmp_path / "odd.duckdb", 1)
    with duckdb.connect(tmp_path / "odd.duckdb") as connection:
        connection.execute("DROP INDEX event_entries_idx")
        connection.execute("UPDATE event_entries SET props = '[1]', created_at = '2099-01-01 00:00:00+00'")
    result = checked(tmp_path / "odd.duckdb")
    assert result.exit_code == 1
    for told in ("props of version 1 is no JSON object: '[1]'", "created_at lies in the future", "no index on idx"):
        assert told in result.output


@pytest.mark.parametrize("content", [None, b"no database at all" * 100], ids=["missing", "no database"])
def test_a_file_that_cannot_be_opened_has_an_exit_status_of_its_own(tmp_path, content):
    path = tmp_path / "file.duckdb"
    if content is not None:
        path.write_bytes(content)
    assert checked(path).exit_code == 2


# Trust


@pytest.fixture
def signed(monkeypatch, tmp_path):
    """Tells which notebooks of a folder Jupyter trusts, with a data folder of its own."""
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "jupyter"))

    def names(folder):
        notary = NotebookNotary()
        with closing(notary.store):
            return [
                path.name
                for path in sorted(folder.glob("*.ipynb"))
                if notary.check_signature(nbformat.read(path, as_version=4))
            ]

    return names


def write_notebook(path, source="1 + 1"):
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source, id="a")]), path)


def test_what_is_shipped_is_signed_and_nothing_of_the_users(installed, signed):
    mine = Path("mine")
    for name in ("changed.ipynb", "same.ipynb"):
        write_notebook(installed / name)
    cli.copy_notebooks(installed, mine)
    write_notebook(mine / "changed.ipynb", "2 + 2")
    write_notebook(mine / "own.ipynb", "3 + 3")
    assert cli.trust_notebooks(mine) == ["00_tour.ipynb", "same.ipynb"]
    assert signed(mine) == ["00_tour.ipynb", "same.ipynb"]


@pytest.fixture
def checkout(monkeypatch, tmp_path):
    """A checkout with a notebook as it was committed, one that was edited, and one that git does not know."""
    notebooks = tmp_path / "checkout" / "notebooks"
    monkeypatch.setattr(cli, "_PACKAGE", tmp_path / "checkout" / "funes_lab")
    (tmp_path / "checkout").mkdir()
    (tmp_path / "checkout" / "pyproject.toml").write_text("")
    for name in ("00_tour.ipynb", "edited.ipynb"):
        write_notebook(notebooks / name)
    git = ["git", "-C", str(notebooks.parent), "-c", "user.name=a", "-c", "user.email=a@example.org"]
    for command in (["init", "-q"], ["add", "."], ["commit", "-qm", "notebooks"]):
        subprocess.run([*git, *command], check=True)
    write_notebook(notebooks / "edited.ipynb", "2 + 2")
    write_notebook(notebooks / "new.ipynb", "3 + 3")
    return notebooks


def test_in_a_checkout_what_git_has_committed_is_signed(checkout, signed):
    assert cli.trust_notebooks(checkout) == ["00_tour.ipynb"]
    assert signed(checkout) == ["00_tour.ipynb"]


def test_a_copy_of_what_was_edited_in_a_checkout_is_not_signed(checkout, signed, tmp_path):
    cli.copy_notebooks(checkout, tmp_path / "mine")
    assert cli.trust_notebooks(tmp_path / "mine") == ["00_tour.ipynb"]
    assert signed(tmp_path / "mine") == ["00_tour.ipynb"]


def test_what_is_added_for_the_next_commit_is_not_committed(checkout, signed):
    subprocess.run(["git", "-C", str(checkout), "add", "new.ipynb", "edited.ipynb"], check=True)
    assert cli.trust_notebooks(checkout) == ["00_tour.ipynb"]


def test_in_an_archive_of_a_checkout_nothing_is_signed(checkout, signed, monkeypatch, tmp_path):
    shutil.rmtree(checkout.parent / ".git")
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    assert cli.trust_notebooks(checkout) == []


def test_where_git_is_not_installed_nothing_is_signed_in_a_checkout(checkout, signed, monkeypatch, tmp_path):
    monkeypatch.setattr(cli.shutil, "which", lambda name: None)
    assert cli.trust_notebooks(checkout) == []
    assert not (tmp_path / "jupyter").exists()


def test_the_command_signs_what_it_opens_and_says_nothing_of_it(installed, started, signed):
    result = run("lab", "mine")
    assert signed(Path("mine")) == ["00_tour.ipynb"]
    assert result.output == "Copied to mine: 00_tour.ipynb, pictures/log.svg\n"


def test_a_notebook_that_cannot_be_signed_is_one_line_and_opens_all_the_same(installed, started, monkeypatch):
    Path("no-folder").write_text("")
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(Path("no-folder").resolve()))
    run("lab", "mine")
    result = run("lab", "mine")
    assert result.exit_code == 0
    assert result.output.count("\n") == 1
    assert "could not be signed" in result.output
    assert len(started) == 2
