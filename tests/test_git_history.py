"""A git repository as a log: folding it gives what git says is there, whatever is in the history."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import funes_lab as fl
from funes_lab.interchange import git_history
from funes_lab.interchange.git_history import FileAtTime, FileStream
from funes_lab.store.checkup import findings
from tests.repositories import DAY, START, History, git

POEM = b"".join(b"line %d\n" % number for number in range(20))
KINDS = {b"100644": "file", b"100755": "executable", b"120000": "link", b"160000": "submodule"}
BINARY = b"\x00\x01\x02" * 50


@pytest.fixture
def history(tmp_path: Path) -> History:
    return History(tmp_path / "repository")


def folded(lab: fl.Lab) -> dict[str, tuple[str, int, bool]]:
    """What a replay says is there: the kind, the lines, whether it is binary."""
    files = lab.replay(FileAtTime)
    there = files[files["present"]]
    return {row.path: (row.kind, row.lines, row.binary) for row in there.itertuples()}


def by_git(folder: Path, revision: str = "HEAD") -> dict[str, tuple[str, int, bool]]:
    """The same by `git ls-tree`, and the lines counted in the contents themselves."""
    found = {}
    entries = [entry.split(b"\t", 1) for entry in git(folder, "ls-tree", "-r", "-z", revision).split(b"\0")[:-1]]
    blobs = [about.split()[2] for about, _ in entries if b"blob" in about]
    contents = contents_of(folder, blobs)
    for about, path in entries:
        mode, _, blob = about.split()
        content = contents.get(blob, b"")
        binary = b"\0" in content[:8000]
        lines = 0 if binary else content.count(b"\n") + (bool(content) and not content.endswith(b"\n"))
        found[path.decode(errors="backslashreplace")] = (KINDS[mode], lines, binary)
    return found


def contents_of(folder: Path, blobs: list[bytes]) -> dict[bytes, bytes]:
    said = io.BytesIO(git(folder, "cat-file", "--batch", said=b"".join(blob + b"\n" for blob in blobs)))
    found = {}
    for blob in blobs:
        size = int(said.readline().split()[2])
        found[blob] = said.read(size + 1)[:-1]
    return found


def events(lab: fl.Lab) -> list[tuple[str, int, str, str]]:
    """Idx, version, event and path, in the order of the log."""
    log = lab.sql("SELECT idx, version, klass, props FROM event_entries ORDER BY created_at, idx, version")
    return [
        (row.idx, row.version, row.klass.removeprefix("Git::File"), json.loads(row.props)["path"])
        for row in log.itertuples()
    ]


def sound(lab: fl.Lab) -> list[str]:
    return list(findings(lab.store, datetime.now(UTC)))


# --- a file's life ---------------------------------------------------------------------------------------------


def test_a_stream_is_the_life_of_a_file_from_path_to_path(history: History) -> None:
    history.commit({b"a": POEM})
    history.commit({b"a": POEM + b"more\n"})
    history.commit({b"docs/b": POEM + b"more\n"})
    history.commit({})
    lab = git_history.read(history.write())
    assert events(lab) == [("a", 1, "Added", "a"), ("a", 2, "Changed", "a"), ("a", 3, "Renamed", "docs/b"),
                           ("a", 4, "Removed", "docs/b")]  # fmt: skip
    steps = FileStream.for_("a", lab).replay(FileAtTime)
    assert [*steps["lines"]] == [20, 21, 21, 0]
    assert [*steps["present"]] == [True, True, True, False]
    assert [*steps["changes"]] == [1, 2, 3, 4]


def test_the_payload_says_which_commit_by_whom_and_why_and_no_address(history: History) -> None:
    history.commit({b"a": POEM}, subject="Ein Gedicht,\n hübsch\n\nund mehr".encode())
    history.commit({b"b": POEM + b"x"}, author="Grace <grace@example.org>")
    lab = git_history.read(history.write())
    first, second = FileStream.for_("a", lab).events
    assert (first.author, first.subject, first.lines_added) == ("Ada", "Ein Gedicht,  hübsch", 20)
    assert (second.author, second.old_path, second.path) == ("Grace", "a", "b")
    assert (second.lines_added, second.lines_removed) == (1, 0)
    assert first.commit == git(history.folder, "rev-parse", "HEAD~").decode().strip()
    assert "example.org" not in lab.sql("SELECT string_agg(props) AS text FROM event_entries")["text"][0]


def test_a_file_that_comes_back_goes_on_and_another_one_at_its_path_begins_anew(history: History) -> None:
    history.commit({b"a": POEM})
    history.commit({})
    history.commit({b"a": b"again\n"})
    history.commit({b"b": b"again\n"})
    history.commit({b"b": b"again\n", b"a": BINARY})
    lab = git_history.read(history.write())
    assert events(lab) == [("a", 1, "Added", "a"), ("a", 2, "Removed", "a"), ("a", 3, "Added", "a"),
                           ("a", 4, "Renamed", "b"), ("a (2)", 1, "Added", "a")]  # fmt: skip
    assert folded(lab) == by_git(history.folder)


def test_a_name_that_is_a_path_already_is_not_taken_twice(history: History) -> None:
    history.commit({b"a": POEM, b"a (2)": b"mine\n"})
    history.commit({b"b": POEM, b"a (2)": b"mine\n"})
    history.commit({b"b": POEM, b"a (2)": b"mine\n", b"a": b"new\n"})
    lab = git_history.read(history.write())
    assert events(lab)[-1] == ("a (3)", 1, "Added", "a")


def test_every_kind_becomes_every_other_and_the_lines_are_those_of_the_contents(history: History) -> None:
    kinds = [
        (b"100644", POEM), (b"100755", POEM), (b"100644", BINARY), (b"100755", BINARY), (b"120000", b"elsewhere"),
        (b"160000", b"1" * 40), (b"160000", b"2" * 40), (b"100644", b""), (b"100644", b"no end of line"),
        (b"100644", b"\r\n\r\n"), (b"100644", b"x\n" * 70_000), (b"100644", BINARY + b"x"),
    ]  # fmt: skip
    numbers = [(first, second) for first in range(len(kinds)) for second in range(len(kinds)) if first != second]
    for first, second in numbers:
        history.commit({b"f": kinds[first]})
        history.commit({b"f": kinds[second]})
    lab = git_history.read(history.write())
    steps = FileStream.for_("f", lab).replay(FileAtTime).set_index("last_commit")
    names = git(history.folder, "rev-list", "--reverse", "HEAD").decode().split()
    for name in names[:4] + names[-60::7]:
        if name in steps.index:
            row = steps.loc[name]
            assert {"f": (row["kind"], row["lines"], row["binary"])} == by_git(history.folder, name)
    assert (steps["lines"] >= 0).all()
    assert folded(lab) == by_git(history.folder)


def test_paths_of_any_bytes(history: History) -> None:
    paths = [b"new\nline", b'"quotes"', b"back\\slash", b"tab\there", "ü".encode(), "u\u0308".encode(), b"\xff\xfe",
             b":100644 x", b"commit x", b"-", b" ", b"1\t2\tz", b"long/" + b"x" * 200 + b"/y" * 500]  # fmt: skip
    history.commit({path: b"%d\n" % number for number, path in enumerate(paths)})
    history.commit({path + b"!": b"%d\n" % number for number, path in enumerate(paths)})
    lab = git_history.read(history.write())
    assert folded(lab) == by_git(history.folder)
    assert sorted(lab.log.streams()["events"]) == [2] * len(paths)
    assert sound(lab) == []


# --- the branch ------------------------------------------------------------------------------------------------


def test_a_merge_is_what_it_brought_to_the_branch(history: History) -> None:
    base = history.commit({b"a": POEM})
    side = history.commit({b"a": POEM, b"side": b"1\n"}, branch="side", parents=(base,), author="Sid <s@example.org>")
    main = history.commit({b"a": POEM + b"x\n"}, parents=(base,))
    history.commit({b"a": POEM + b"x\n", b"side": b"1\n2\n"}, parents=(main, side), subject=b"Merge side")
    folder = history.write()
    lab = git_history.read(folder)
    (merged,) = FileStream.for_("side", lab).events
    assert (merged.author, merged.subject, merged.lines_added) == ("Ada", "Merge side", 2)
    assert folded(lab) == by_git(folder)
    assert folded(git_history.read(folder, branch="side")) == by_git(folder, "side")
    assert folded(git_history.read(folder, branch="HEAD~")) == by_git(folder, "HEAD~")


def test_commits_that_touch_nothing_are_no_events(history: History) -> None:
    history.commit({})
    history.commit({b"a": b"1\n"})
    history.commit({b"a": b"1\n"}, subject=b"")
    history.commit({b"a": b"2\n"}, subject=b"")
    assert len(events(git_history.read(history.write()))) == 2


def test_a_repository_without_a_commit_is_an_empty_log(history: History) -> None:
    assert len(git_history.read(history.write()).log) == 0


def test_a_shallow_clone_says_so_and_begins_with_what_it_has(history: History, tmp_path: Path) -> None:
    history.commit({b"a": POEM})
    history.commit({b"a": POEM, b"b": b"1\n"})
    history.write()
    git(tmp_path, "clone", "-q", "--depth", "1", f"file://{history.folder}", "clone")
    with pytest.warns(UserWarning, match="shallow clone.*--unshallow"):
        lab = git_history.read(tmp_path / "clone")
    assert {idx for idx, *_ in events(lab)} == {"a", "b"}


def test_a_checkout_its_folders_and_its_attributes_give_the_same_log(history, tmp_path, monkeypatch) -> None:
    history.commit({b".gitattributes": b"* -diff\n*.txt binary\n", b"sub/a.txt": POEM})
    bare = events(git_history.read(history.write()))
    git(tmp_path, "clone", "-q", os.fspath(history.folder), "clone")
    monkeypatch.chdir(tmp_path / "clone")
    for folder in (".", tmp_path / "clone", tmp_path / "clone" / "sub", str(tmp_path / "clone" / ".git")):
        assert events(git_history.read(folder)) == bare
    assert folded(git_history.read(".")) == by_git(history.folder)


def test_a_submodule_with_its_own_work_tree_and_a_linked_one_can_be_read(history: History, tmp_path: Path) -> None:
    history.commit({b"a": POEM, b".gitattributes": b"* -diff\n"})
    history.write()
    git(tmp_path, "init", "-q", "outer")
    git(tmp_path / "outer", "submodule", "--quiet", "add", os.fspath(history.folder), "inner")
    git(tmp_path / "outer" / "inner", "worktree", "add", "-q", os.fspath(tmp_path / "linked"))
    for folder in (tmp_path / "outer" / "inner", tmp_path / "linked"):
        assert folded(git_history.read(folder)) == by_git(history.folder)


def test_people_go_by_the_name_they_have_now(history: History) -> None:
    history.commit({b".mailmap": b"Ada Lovelace <ada@example.org>\n"})
    (event,) = FileStream.for_(".mailmap", git_history.read(history.write())).events
    assert event.author == "Ada Lovelace"


# --- times -----------------------------------------------------------------------------------------------------


def test_a_file_was_written_by_the_authors_clock_and_got_here_by_the_committers(history: History) -> None:
    history.commit({b"a": POEM}, authored=f"{START} +0930", committed=f"{START + 5 * DAY} -0700")
    lab = git_history.read(history.write())
    (event,) = FileStream.for_("a", lab).events
    assert event.occurred_at == datetime(2024, 1, 1, tzinfo=UTC)
    assert event.created_at == datetime(2024, 1, 6, tzinfo=UTC)
    assert event.meta_info == {}


def test_patches_that_were_written_in_another_order_still_lead_to_the_files_that_are_there(history: History) -> None:
    history.commit({b"a": POEM}, authored=START + 9 * DAY)
    history.commit({b"b": POEM + b"x\n"}, authored=START + 5 * DAY, author="Grace <g@example.org>")
    history.commit({b"b": BINARY}, authored=START + 7 * DAY)
    history.commit({b"b": b"1\n2\n"}, authored=START + 1 * DAY, author="Grace <g@example.org>")
    lab = git_history.read(history.write())
    assert folded(lab) == by_git(history.folder)
    assert [*lab.replay(FileAtTime, as_of="2024-01-02T12:00Z")["lines"]] == [21]


def test_a_committers_clock_that_was_wrong_is_told_and_never_believed(history: History) -> None:
    history.commit({b"a": b"1\n"}, committed=START)
    history.commit({b"a": b"2\n"}, committed=START - DAY)
    history.commit({b"a": b"3\n"}, committed=253_402_300_000)
    history.commit({b"a": b"4\n"}, committed=START + DAY)
    lab = git_history.read(history.write())
    found = FileStream.for_("a", lab).read().events
    assert [event.created_at.day for event in sorted(found, key=lambda event: event.version)] == [1, 1, 1, 2]
    told = [dict(event.meta_info) for event in sorted(found, key=lambda event: event.version)]
    assert told == [{}, {"committer_date": "2023-12-31T00:00:00+00:00"},
                    {"committer_date": "9999-12-31T23:46:40+00:00"}, {}]  # fmt: skip
    assert sound(lab) == []


@pytest.mark.parametrize("date", ["99999999999999 +0000", "18446744073709551614 +0000", "253402300800 -1200"])
def test_a_date_that_no_calendar_has_is_the_commits_other_one_and_told(history: History, date: str) -> None:
    history.commit({b"a": b"1\n"}, authored=date, committed=START)
    history.commit({b"a": b"2\n"}, authored=date, committed=date)
    lab = git_history.read(history.write())
    first, second = FileStream.for_("a", lab).events
    assert first.occurred_at == second.occurred_at == second.created_at == datetime(2024, 1, 1, tzinfo=UTC)
    assert first.meta_info == {"author_date": f"{date.split()[0]} seconds since 1970"}
    assert sorted(second.meta_info) == ["author_date", "committer_date"]
    assert sound(lab) == []


@pytest.mark.parametrize("date", ["-5 +0000", "yesterday", ""])
def test_a_date_that_cannot_be_read_is_that_of_the_commit_before(history: History, date: str) -> None:
    history.commit({b"a": b"1\n"})
    folder = history.write()
    tree, parent = (git(folder, "rev-parse", f"HEAD{what}").decode() for what in ("^{tree}", ""))
    text = f"tree {tree}parent {parent}author A <a> {date}\ncommitter A <a> {date}\n\nbroken\n"
    empty = git(folder, "hash-object", "-t", "tree", "-w", "--stdin").decode()
    broken = git(folder, *["hash-object", "-t", "commit", "-w", "--literally", "--stdin"],
                 said=text.replace(tree, empty).encode())  # fmt: skip
    added, removed = FileStream.for_("a", git_history.read(folder, branch=broken.decode().strip())).events
    assert removed.created_at == removed.occurred_at == added.created_at
    assert removed.meta_info == dict.fromkeys(("author_date", "committer_date"), "none that can be read")


# --- any history -----------------------------------------------------------------------------------------------

PATHS = [b"a", b"b", b"a (2)", b"d/a", b"d/new\nline", b"\xff", b'"']
TEXTS = [b"", b"x\n", POEM, POEM + b"more", POEM[:-40], b"\r\n" * 5, BINARY, BINARY + b"!"]
FILES = st.tuples(st.sampled_from([b"100644", b"100755", b"120000"]), st.sampled_from(TEXTS)) | st.just(
    (b"160000", b"1" * 40)
)
STEPS = st.tuples(
    st.sampled_from(["put", "put", "move", "drop", "merge"]),
    st.sampled_from(["main", "main", "side"]),
    st.sampled_from(PATHS),
    st.sampled_from(PATHS),
    FILES,
    st.integers(-3, 3),
    st.integers(-3, 3),
)


@given(st.lists(STEPS, max_size=12))
@settings(max_examples=40, deadline=None)
def test_folding_any_history_gives_the_files_of_its_tip(tmp_path_factory: pytest.TempPathFactory, steps: list) -> None:
    history = History(tmp_path_factory.mktemp("any") / "repository")
    tips = {"main": history.commit({b"a": POEM}), "side": 0}
    for step, branch, path, other, file, hours, days in steps:
        tip, parents = tips[branch], [tips[branch]]
        tree = dict(history.trees[tip])
        if step == "put":
            tree[path] = file
        elif step == "drop":
            tree.pop(path, None)
        elif step == "move" and path in tree:
            tree[other] = tree.pop(path)
        elif step == "merge":
            parents.append(tips["side" if branch == "main" else "main"])
            tree = history.trees[parents[1]] | tree
        tree = {path: (mode, content or b"x") if mode == b"120000" else (mode, content)
                for path, (mode, content) in tree.items()}  # fmt: skip
        tips[branch] = history.commit(
            tree, branch=branch, parents=tuple(dict.fromkeys(parents)),
            committed=START + days * DAY, authored=START + hours * 3600,
        )  # fmt: skip
    lab = git_history.read(history.write(), progress=False)
    assert folded(lab) == by_git(history.folder)
    assert sound(lab) == []
    lab.close()


# --- at the door -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda path: None, FileNotFoundError, "repository must be the folder of a git repository, and there is none"),
        (lambda path: path.write_text("x"), NotADirectoryError, "is a file"),
        (lambda path: path.mkdir(), ValueError, "is in none"),
    ],
    ids=["nothing", "a file", "no repository"],
)
def test_what_is_no_repository_is_told_in_one_sentence(tmp_path, monkeypatch, make, error, words) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    make(tmp_path / "x")
    with pytest.raises(error, match=words) as raised:
        git_history.read(tmp_path / "x", tmp_path / "log.duckdb")
    assert "\n" not in str(raised.value)
    assert not (tmp_path / "log.duckdb").exists()


@pytest.mark.parametrize("branch", ["nowhere", "", "--all", "a\0b", "HEAD:a", "HEAD~9"])
def test_a_branch_that_is_none_is_told_with_its_name(history: History, branch: str) -> None:
    history.commit({b"a": POEM})
    with pytest.raises(ValueError, match=r"is no branch, tag or commit of .*git branch --all") as raised:
        git_history.read(history.write(), branch=branch)
    assert repr(branch) in str(raised.value)


def test_a_branch_that_is_no_text_is_told(history: History) -> None:
    with pytest.raises(TypeError, match=r"branch must be the name of a branch.*got 7"):
        git_history.log_rows(history.write(), branch=7)  # type: ignore[arg-type]


@pytest.mark.parametrize("repository", [None, b"x", 7])
def test_a_repository_that_is_no_path_is_told(repository: object) -> None:
    with pytest.raises(TypeError, match="repository must be the folder of a git repository, got"):
        git_history.read(repository)  # type: ignore[arg-type]


@pytest.mark.parametrize("repository", ["https://example.org/x.git", "git@example.org:x.git", "a\0b"])
def test_a_repository_elsewhere_must_be_cloned_first(repository: str) -> None:
    with pytest.raises(FileNotFoundError, match="must be cloned first"):
        git_history.read(repository)


def test_without_git_it_says_what_to_install(history: History, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = history.write()
    monkeypatch.setenv("PATH", "")
    with pytest.raises(FileNotFoundError, match="install git"):
        git_history.read(folder)


def test_a_damaged_repository_is_told_and_nothing_is_loaded(history: History, tmp_path: Path) -> None:
    history.commit({b"a": POEM})
    history.commit({b"a": BINARY})
    folder = history.write()
    blob = git(folder, "rev-parse", "HEAD~:a").decode().strip()
    (folder / "objects" / blob[:2] / blob[2:]).unlink()
    with pytest.raises(ValueError, match=r"repository .* cannot be read to its end: "):
        git_history.read(folder)


def test_a_log_that_has_the_streams_already_is_left_as_it_is(history: History, path: Path) -> None:
    history.commit({b"a": POEM})
    git_history.read(history.write(), path).close()
    with pytest.raises(ValueError, match="which is at version 1 in this log already"):
        git_history.read(history.folder, path)
    with fl.Lab(path) as lab:
        assert len(lab.log) == 1


def test_nothing_that_a_repository_names_is_run(history: History, tmp_path: Path) -> None:
    history.commit({b".gitattributes": b"* diff=evil filter=evil\n", b"a": POEM})
    history.commit({b".gitattributes": b"* diff=evil filter=evil\n", b"a": BINARY})
    history.write()
    git(tmp_path, "clone", "-q", os.fspath(history.folder), "clone")
    evil = tmp_path / "evil"
    evil.write_text(f"#!/bin/sh\ntouch {tmp_path / 'run'}\ncat\n")
    evil.chmod(0o755)
    for name in ("core.fsmonitor", "core.pager", "pager.log", "diff.external", "diff.evil.command", "core.editor",
                 "diff.evil.textconv", "filter.evil.clean", "filter.evil.process", "gpg.program"):  # fmt: skip
        git(tmp_path / "clone", "config", name, os.fspath(evil))
    for name, value in (("log.showSignature", "true"), ("diff.orderFile", "nowhere"), ("log.diffMerges", "off"),
                        ("diff.renames", "copies"), ("color.ui", "always")):  # fmt: skip
        git(tmp_path / "clone", "config", name, value)
    for hook in ("post-checkout", "reference-transaction", "pre-auto-gc", "post-index-change"):
        script = tmp_path / "clone" / ".git" / "hooks" / hook
        script.parent.mkdir(exist_ok=True)
        shutil.copy(evil, script)
    assert events(git_history.read(tmp_path / "clone")) == events(git_history.read(history.folder))
    signed = signed_commit(tmp_path / "clone")
    assert len(git_history.read(tmp_path / "clone", branch=signed).log) == 4
    assert not (tmp_path / "run").exists()
    git(tmp_path / "clone", "log", "-1", signed)  # as a control: git by itself runs one of them
    assert (tmp_path / "run").exists()


def signed_commit(folder: Path) -> str:
    """A commit that says that it is signed; gives its name."""
    tree, parent = (git(folder, "rev-parse", name).decode().strip() for name in ("HEAD~^{tree}", "HEAD"))
    signature = "gpgsig -----BEGIN PGP SIGNATURE-----\n \n -----END PGP SIGNATURE-----\n"
    who = f"Ada <ada@example.org> {START} +0000"
    text = f"tree {tree}\nparent {parent}\nauthor {who}\ncommitter {who}\n{signature}\nSigned\n"
    return git(folder, "hash-object", "-t", "commit", "-w", "--stdin", said=text.encode()).decode().strip()


def test_a_clone_without_contents_fetches_nothing(history: History, tmp_path: Path) -> None:
    history.commit({b"a": POEM})
    history.commit({b"a": POEM + b"x"})
    history.write()
    git(history.folder, "config", "uploadpack.allowFilter", "true")
    clone = ["clone", "-q", "--no-checkout", "--filter=blob:none", f"file://{history.folder}", "clone"]
    git(tmp_path, *clone)
    git(tmp_path / "clone", "config", "remote.origin.uploadpack", f"touch {tmp_path / 'run'}; false")
    with pytest.raises(ValueError, match="cannot be read to its end"):
        git_history.read(tmp_path / "clone")
    assert not (tmp_path / "run").exists()


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can give a file away")
def test_a_repository_of_somebody_else_is_told_with_the_way_out(history: History) -> None:
    history.commit({b"a": POEM})
    folder = history.write()
    os.chown(folder, 12345, 12345)
    with pytest.raises(ValueError, match=r"belongs to somebody else.*git config --global --add safe.directory"):
        git_history.read(folder)


def test_in_a_hook_of_another_repository_the_one_that_was_named_is_read(history, tmp_path, monkeypatch) -> None:
    history.commit({b"a": POEM})
    folder = history.write()
    monkeypatch.setenv("GIT_DIR", str(tmp_path))
    monkeypatch.setenv("GIT_INDEX_FILE", str(tmp_path / "index"))
    assert folded(git_history.read(folder)) == {"a": ("file", 20, False)}


@pytest.mark.skipif(shutil.which("ps") is None, reason="nobody tells which programs run")
def test_rows_that_nobody_reads_to_their_end_leave_no_program_behind(history: History) -> None:
    for number in range(50):
        history.commit({b"a": b"%d\n" % number})
    rows = git_history.log_rows(history.write())
    assert next(rows)["idx"] == "a"
    rows.close()  # type: ignore[attr-defined]
    children = subprocess.run(["ps", "--ppid", str(os.getpid()), "-o", "comm="], capture_output=True, check=False)
    assert b"git" not in children.stdout.split()
