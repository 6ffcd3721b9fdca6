"""The command line: what it prints, what it copies, and that JupyterLab really comes up on the tour."""

import contextlib
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
from funes_lab.cli import notebooks as shipped

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
    monkeypatch.setattr(shipped, "_PACKAGE", package)
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
    copied = shipped.copy_notebooks(installed, mine)
    assert files(mine) == files(installed)
    assert [path.as_posix() for path in copied.written] == ["00_tour.ipynb", "pictures/log.svg"]
    assert copied.kept == []


def test_copying_again_keeps_what_the_user_changed_and_brings_back_what_is_gone(installed, tmp_path):
    mine = tmp_path / "mine"
    shipped.copy_notebooks(installed, mine)
    (mine / "00_tour.ipynb").write_text("my own words")
    (mine / "notes.ipynb").write_text("my notes")
    (mine / "pictures" / "log.svg").unlink()
    copied = shipped.copy_notebooks(installed, mine)
    assert files(mine) == {
        "00_tour.ipynb": "my own words",
        "notes.ipynb": "my notes",
        "pictures/log.svg": "<svg/>",
    }
    assert [path.as_posix() for path in copied.written] == ["pictures/log.svg"]
    assert [path.as_posix() for path in copied.kept] == ["00_tour.ipynb"]


def test_a_change_that_keeps_size_and_time_is_still_seen_as_the_users(installed, tmp_path):
    mine = tmp_path / "mine"
    shipped.copy_notebooks(installed, mine)
    (mine / "00_tour.ipynb").write_text(THE_TOUR.upper())
    stat = (installed / "00_tour.ipynb").stat()
    os.utime(mine / "00_tour.ipynb", ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert [path.as_posix() for path in shipped.copy_notebooks(installed, mine).kept] == ["00_tour.ipynb"]


def test_checkpoints_are_not_copied(installed, tmp_path):
    (installed / ".ipynb_checkpoints").mkdir()
    (installed / ".ipynb_checkpoints" / "00_tour-checkpoint.ipynb").write_text("old")
    shipped.copy_notebooks(installed, tmp_path / "mine")
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
    assert "@jupyterlab/apputils-extension:announcements" in config["disabledExtensions"], "nobody is asked about news"
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


def broken(path, *statements):
    """A log of three events and a refused attempt, with what these statements do to it."""
    import duckdb

    with funes_lab.Lab(path, clock=funes_lab.testing.Clock("2026-01-01")) as lab, funes_lab.testing.registry():

        class Said(funes_lab.Event):
            number: int

        stream = funes_lab.EventStream.for_("talk", lab)
        stream.append_all([Said(number=number) for number in range(3)])
        stream.append(Said(number="three"))
    with duckdb.connect(path) as connection:
        for statement in statements:
            connection.execute(statement)
    return path


AS_IT_COMES = (
    "CREATE TABLE other AS FROM event_entries",
    "DROP TABLE event_entries",
    "ALTER TABLE other RENAME TO event_entries",
)
NO_KEYS = [
    "event_entries: no unique constraint on (idx, version); open it once for writing to get one",
    "event_entries: no index on idx; open it once for writing to get one",
]
BROKEN = {
    "a version twice": (
        (*AS_IT_COMES, "INSERT INTO event_entries SELECT * REPLACE (1 AS version) FROM event_entries LIMIT 1 OFFSET 2"),
        ["'talk': version 1 is there 2 times", *NO_KEYS],
    ),
    "one twice and one missing": (
        (*AS_IT_COMES, "UPDATE event_entries SET version = 3 WHERE version = 2"),
        [
            "'talk': version 3 is there 2 times",
            "'talk': versions go from 1 to 3 in 2 events; some are missing",
            *NO_KEYS,
        ],
    ),
    "nothing where something must be": (
        (*AS_IT_COMES, "UPDATE event_entries SET klass = NULL, props = NULL, created_at = NULL WHERE version = 3"),
        [
            "'talk': version 3 created_at is no time in the years 1 to 9999",
            "'talk': version 3 has no name",
            "'talk': props of version 3 is no JSON object: None",
            *NO_KEYS,
        ],
    ),
    "times that no calendar has": (
        (
            "UPDATE event_entries SET occurred_at = 'infinity' WHERE version = 1",
            "UPDATE event_entries SET occurred_at = '0044-03-15 (BC) 00:00:00+00' WHERE version = 2",
            "UPDATE event_entries SET occurred_at = '20000-01-01 00:00:00+00' WHERE version = 3",
        ),
        [f"'talk': version {version} occurred_at is no time in the years 1 to 9999" for version in (1, 2, 3)],
    ),
    "record time that goes backwards": (
        ("UPDATE event_entries SET created_at = '2025-01-01 00:00:00+00' WHERE version = 3",),
        ["'talk': record time goes backwards at version 3 (1 in all)"],
    ),
    "a unique index on something else": (
        (
            *AS_IT_COMES,
            "CREATE UNIQUE INDEX a ON event_entries (idx, version, klass)",
            "CREATE INDEX b ON event_entries (idx)",
        ),
        NO_KEYS[:1],
    ),
    "payloads that Python cannot read": (
        (
            "UPDATE event_entries SET props = repeat('[', 100000) || repeat(']', 100000) WHERE version = 1",
            "UPDATE event_entries SET meta_info = '7' WHERE version = 2",
        ),
        [
            f"'talk': props of version 1 is no JSON object: '{'[' * 60}'",
            "'talk': meta_info of version 2 is no JSON object: '7'",
        ],
    ),
    "a journal that nobody can read": (
        ("UPDATE funes_lab_rejections SET id = 'x', entry = 'torn', attempted_at = '2999-01-01 00:00:00+00'",),
        [
            "the journal: the attempt x on 'talk' has no time, or one in the future",
            "the journal: the attempt x on 'talk' is no JSON object: 'torn'",
        ],
    ),
    "columns of other types": (
        (
            *AS_IT_COMES,
            "ALTER TABLE event_entries ALTER version TYPE VARCHAR",
            "UPDATE event_entries SET version = 'one'",
        ),
        ["event_entries: the column version is VARCHAR and must be a whole number"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
def test_whatever_is_wrong_is_found_and_nothing_else(tmp_path, name):
    statements, lines = BROKEN[name]
    result = checked(broken(tmp_path / "log.duckdb", *statements))
    assert (result.exit_code, result.output.splitlines()) == (1, lines)


def test_a_log_with_a_journal_is_sound_and_is_not_touched(tmp_path):
    path = broken(tmp_path / "log.duckdb")
    before = path.read_bytes()
    assert checked(path).exit_code == 0
    assert path.read_bytes() == before


def on_a_terminal(arguments, *, environment=None, width=90):
    """What a terminal would get: the bytes of a pseudo-terminal of that width."""
    import pty

    master, other = pty.openpty()
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": str(width), **(environment or {})}
    process = subprocess.Popen(
        [sys.executable, "-m", "funes_lab", *arguments], stdout=other, stderr=other, env=environment
    )
    os.close(other)
    said = bytearray()
    with contextlib.suppress(OSError):  # so Linux says that the other end is closed
        while piece := os.read(master, 4096):
            said += piece
    os.close(master)
    return process.wait(), said.decode()


def test_on_a_terminal_findings_are_a_table_and_texts_of_the_log_are_texts(tmp_path):
    path = broken(
        tmp_path / "log.duckdb", "UPDATE event_entries SET idx = '[red]a' || chr(27) || '[31m', version = version + 1"
    )
    status, said = on_a_terminal(["check", str(path)])
    assert status == 1
    assert "log.duckdb: 1 finding" in said
    assert r"│ '[red]a\x1b[31m' │ versions go from 2 to 4 in 3 events; some are missing" in plain(said)
    assert "\x1b[31m" not in said


def test_a_terminal_gets_a_hundred_findings_and_a_pipe_gets_all(tmp_path):
    many = (
        "INSERT INTO event_entries SELECT e.* REPLACE (i AS idx, 2 AS version) FROM event_entries e, range(150) AS n(i)"
    )
    path = broken(tmp_path / "log.duckdb", *AS_IT_COMES, many)
    _, said = on_a_terminal(["check", str(path)])
    found = len(checked(path).output.splitlines())
    assert f"log.duckdb: {found} findings" in said
    assert f"… and {found - 100} more; see all with: funes-lab check {path} > findings.txt" in said


@pytest.mark.parametrize(("arguments", "environment"), [(["--no-color"], {}), ([], {"NO_COLOR": "1"})])
def test_without_colour_a_terminal_gets_no_control_codes(tmp_path, arguments, environment):
    path = broken(tmp_path / "log.duckdb")
    status, said = on_a_terminal(["check", str(path), *arguments], environment=environment)
    assert (status, "\x1b" in said) == (0, False)
    assert said.endswith("log.duckdb: 3 events, sound (1 stream, 1 refused attempt)\r\n")
    assert "\x1b" in on_a_terminal(["check", str(path)])[1]


def other_database(path):
    import duckdb

    duckdb.connect(path).close()


def of_sqlite(path):
    import sqlite3

    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE event_entries (a)")


UNREADABLE = {
    "nothing": (lambda path: None, "does not exist"),
    "a folder": (Path.mkdir, "is a folder"),
    "a dangling link": (lambda path: path.symlink_to("nowhere"), "does not exist"),
    "an empty file": (Path.touch, "is damaged, or is no DuckDB file"),
    "a text": (lambda path: path.write_bytes(b"no database at all" * 100), "is damaged, or is no DuckDB file"),
    "sqlite": (of_sqlite, "is no DuckDB file"),
    "another DuckDB file": (other_database, "is no event log: it has no table event_entries"),
    "damage in the middle": (
        lambda path: path.write_bytes(bytes(byte ^ (place > 12_287 and place % 97 == 0) for place, byte
                                            in enumerate(broken(path).read_bytes()))),
        "is damaged",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", UNREADABLE)
def test_what_cannot_be_read_is_one_line_and_an_exit_status_of_its_own(tmp_path, name):
    make, words = UNREADABLE[name]
    make(tmp_path / "file.duckdb")
    result = checked(tmp_path / "file.duckdb")
    assert (result.exit_code, result.output.count("\n")) == (2, 1)
    assert "file.duckdb" in result.output
    assert words in result.output


def test_a_file_that_another_process_works_in_is_told_at_once(tmp_path):
    path = broken(tmp_path / "file.duckdb")
    holder = "import sys, funes_lab as fl; lab = fl.Lab(sys.argv[1]); print('open', flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", holder, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline() == "open\n"
        result = checked(path)
        process.stdin.close()
    assert (result.exit_code, result.output.count("\n")) == (2, 1)
    assert f"process {process.pid}" in result.output


@pytest.mark.skipif(not hasattr(os, "setuid"), reason="no such users on this system")
@pytest.mark.parametrize("what", ["file", "folder"])
def test_without_permission_it_says_so(tmp_path, what):
    path = broken(tmp_path / "file.duckdb")
    (path if what == "file" else tmp_path).chmod(0)
    as_somebody = "import os, sys, funes_lab.cli; os.getuid() or os.setuid(65534); funes_lab.cli.main()"
    result = subprocess.run(
        [sys.executable, "-c", as_somebody, "check", path], capture_output=True, text=True, check=False
    )
    tmp_path.chmod(0o700)
    assert (result.returncode, result.stderr.count("\n"), result.stdout) == (2, 1, "")
    assert "cannot be read" in result.stderr


@pytest.mark.parametrize("arguments", [["demo"], ["--help"]])
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no such device on this system")
def test_a_full_disk_is_one_line(arguments):
    with Path("/dev/full").open("w") as full:
        command = [sys.executable, "-u", "-m", "funes_lab", *arguments]
        result = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert (result.returncode, result.stderr) == (1, "Nothing can be written: No space left on device.\n")


# funes-lab demo


def test_the_demo_shows_a_refusal_a_lost_race_a_replay_and_a_what_if_and_is_the_same_each_time():
    first, second = run("demo"), run("demo")
    assert first.exit_code == 0
    assert first.output == second.output
    for told in (
        "would be −10, must be ≥ 0",
        "version 3 was taken by Paid (amount 30)",
        "3         Paid     2026-06-01 10:30   10",
        "Paid would be accepted without #2 Paid 60.",
        "Balance(owed=Decimal('20'))",
        "Led to invalid state: Owed must be greater than or equal to 0",
        "funes-lab lab",
    ):
        assert told in first.output


def test_every_line_of_code_that_the_demo_runs_is_shown():
    from funes_lab.cli import demonstration as shown

    output = run("demo").output
    for code in (shown._DOMAIN, *(step.code for step in shown._STEPS)):
        for line in code.strip().splitlines():
            assert line.rstrip() in output


@pytest.mark.parametrize("width", [1, 40, 80, 129, 130, 300])
def test_the_demo_fits_every_width(width):
    result = CliRunner().invoke(cli.app, ["demo"], env={"COLUMNS": str(width)})
    assert result.exit_code == 0
    assert max(map(len, result.output.splitlines())) <= max(width, 40)


def test_the_demo_is_coloured_on_a_terminal_and_plain_where_that_is_wanted():
    assert "\x1b[" in on_a_terminal(["demo"])[1]
    for arguments, environment in ((["--no-color"], {}), ([], {"NO_COLOR": "1"})):
        status, said = on_a_terminal(["demo", *arguments], environment=environment)
        assert (status, "\x1b" in said) == (0, False)


def test_an_output_that_cannot_show_every_character_shows_others():
    result = subprocess.run(
        [sys.executable, "-m", "funes_lab", "demo"],
        env={**os.environ, "PYTHONIOENCODING": "ascii"}, capture_output=True, check=True,
    )  # fmt: skip
    assert b"would be ?10, must be ? 0" in result.stdout


def test_the_demo_leaves_labs_and_names_of_its_caller_alone(lab):
    with funes_lab.testing.registry():

        class Paid(funes_lab.Event):
            number: int

        run("demo")
        assert funes_lab.current_lab() is lab
        assert funes_lab.EventStream.for_("a").append(Paid(number=1)).persisted


# Trust


@pytest.fixture
def signed(monkeypatch, tmp_path):
    """Tells which notebooks of a folder Jupyter trusts, with a data folder of its own."""
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "jupyter"))

    def names(folder):
        notary = NotebookNotary()
        with closing(notary.store):
            return [
                path.relative_to(folder).as_posix()
                for path in sorted(folder.rglob("*.ipynb"))
                if notary.check_signature(nbformat.read(path, as_version=4))
            ]

    return names


def write_notebook(path, source="1 + 1"):
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source, id="a")]), path)


def test_what_is_shipped_is_signed_and_nothing_of_the_users(installed, signed):
    mine = Path("mine")
    for name in ("changed.ipynb", "same.ipynb", "solutions/same.ipynb"):
        write_notebook(installed / name)
    shipped.copy_notebooks(installed, mine)
    write_notebook(mine / "changed.ipynb", "2 + 2")
    write_notebook(mine / "own.ipynb", "3 + 3")
    ours = ["00_tour.ipynb", "same.ipynb", "solutions/same.ipynb"]
    assert shipped.trust_notebooks(mine) == ours
    assert signed(mine) == ours


@pytest.fixture
def checkout(monkeypatch, tmp_path):
    """A checkout with a notebook as it was committed, one that was edited, and one that git does not know."""
    notebooks = tmp_path / "checkout" / "notebooks"
    monkeypatch.setattr(shipped, "_PACKAGE", tmp_path / "checkout" / "funes_lab")
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
    assert shipped.trust_notebooks(checkout) == ["00_tour.ipynb"]
    assert signed(checkout) == ["00_tour.ipynb"]


def test_a_copy_of_what_was_edited_in_a_checkout_is_not_signed(checkout, signed, tmp_path):
    shipped.copy_notebooks(checkout, tmp_path / "mine")
    assert shipped.trust_notebooks(tmp_path / "mine") == ["00_tour.ipynb"]
    assert signed(tmp_path / "mine") == ["00_tour.ipynb"]


def test_what_is_added_for_the_next_commit_is_not_committed(checkout, signed):
    subprocess.run(["git", "-C", str(checkout), "add", "new.ipynb", "edited.ipynb"], check=True)
    assert shipped.trust_notebooks(checkout) == ["00_tour.ipynb"]


def test_in_an_archive_of_a_checkout_nothing_is_signed(checkout, signed, monkeypatch, tmp_path):
    shutil.rmtree(checkout.parent / ".git")
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    assert shipped.trust_notebooks(checkout) == []


def test_where_git_is_not_installed_nothing_is_signed_in_a_checkout(checkout, signed, monkeypatch, tmp_path):
    monkeypatch.setattr(shipped.shutil, "which", lambda name: None)
    assert shipped.trust_notebooks(checkout) == []
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
