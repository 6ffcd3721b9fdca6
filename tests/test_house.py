"""The conventions of the house, checked by script: who imports whom, what is public, what no file holds."""

import ast
import graphlib
import inspect
import re
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

import funes_lab

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "funes_lab"

# From the ground up. A module imports from its own floor and from those below it.
FLOORS = [
    {"formats", "errors", "storable", "watching", "packing", "audience"},
    {"registry", "shape", "validation", "definition"},
    {"event", "upcast", "codec"},
    {"fold", "projection", "judging"},
    {"store"},
    {"metainformation", "causation"},
    {"tiers"},
    {"rejection", "rejections", "seen", "selection", "views"},
    {"current", "rules"},
    {"jobs", "transaction", "scratch"},
    {"gates", "appending", "reading_side", "verdict", "showing", "log", "asking", "replaying", "exploring", "keeping"},
    {"stream", "stream_classes"},
    {"lab"},
    {"replay"},
    {"datasets"},
    {"interchange"},
    {"explore"},
    {"races"},
    {"widgets"},
    {"cli", "magics", "testing", "teaching"},
    {"__init__"},
    {"__main__"},
]

# Who may look up from inside a function or for a type only, and why. At the top of a module nobody may.
LOOKS_UP = {
    ("errors", "event"): "an error knows the event it is about: a type",
    ("current", "jobs"): "a lab has jobs: a type",
    ("causation", "current"): "whose log has the cause: a type",
    ("event", "rejection"): "an event knows how it was refused: a type",
    ("errors", "widgets"): "a repr is drawn by the widgets",
    ("event", "widgets"): "a repr is drawn by the widgets",
    ("rejection", "widgets"): "a repr is drawn by the widgets, and rejections.inspect() is a door to them",
    ("rejections", "widgets"): "a repr is drawn by the widgets, and rejections.inspect() is a door to them",
    ("reading_side", "widgets"): "a repr is drawn by the widgets",
    ("lab", "widgets"): "a repr is drawn by the widgets",
    ("races", "widgets"): "a race is drawn by the widgets, and race.board() is a door to them",
    ("reading_side", "replay"): "stream.df() and stream.replay(P) are doors to the replay",
    ("jobs", "replay"): "jobs.df() is a door to the replay",
    ("rejections", "replay"): "rejections.df() is a door to the replay",
    ("asking", "replay"): "lab.sql(…) gives frames",
    ("showing", "reading_side"): "what is shown is a stream or a reading: a type",
    ("showing", "widgets"): "stream.form(), scrub(), timeline() and bitemporal() are doors to the widgets",
    ("asking", "widgets"): "lab.timeline() and lab.browse(), which is the repr of a lab, are doors to the widgets",
    ("asking", "lab"): "what answers is a lab: a type",
    ("replaying", "replay"): "lab.replay(P) is a door to the replay",
    ("rejection", "explore"): "rejection.why() and boundary() are doors to exploring",
    ("rejection", "stream"): "whose rules judge again: a type",
    ("reading_side", "explore"): "stream.branch() and stream.explain() are doors to exploring",
    ("exploring", "explore"): "lab.audit(P) is a door to exploring",
    ("explore", "widgets"): "explanations, branches, audits and the causes of a refusal are drawn by the widgets",
    ("exploring", "replay"): "lab.audit(P) shows how far it is as a replay does",
    ("keeping", "replay"): "lab.rebuild(P) is a door to the replay",
    ("log", "replay"): "lab.log.df() is a door to the replay",
    ("log", "interchange"): "lab.log.to_classes() is a door to the writer of classes",
    ("keeping", "interchange"): "lab.load(path) is a door to the readers of files",
}

PUBLIC = {
    # the nouns
    "Event", "UnknownEvent", "Error", "Errors",
    "Projection", "initial_state", "interpretation_for", "final_state",
    "upcast", "EventStream", "Async", "Reading", "Rejection", "Verdict", "Lab", "Rollback", "current_lab", "Race",
    # what can be raised
    "FunesLabError", "EventRejected", "ConflictError", "AlreadyPersistedError",
    "ProjectionError", "UnknownEventError", "UpcastError", "DefinitionError", "StreamNotFound",
    "MissingActualTimeAttributeError", "ConflictingActualTimeError", "InvalidMetainformationError",
    "InvalidReadModelError", "TransactionError",
    "StoreError", "StoreLockedError", "CorruptLogError", "SchemaVersionError",
    "ClosedError", "ForkedProcessError", "ReadOnlyError",
    # races
    "storm",
    # modules that are used by name
    "datasets", "teaching", "testing",
}  # fmt: skip


def modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


# Imports


class Import(NamedTuple):
    importer: str
    imported: str
    at_the_top: bool
    where: str


def room(path: Path) -> str:
    """The module or the folder right under the package that a file belongs to."""
    first = path.relative_to(PACKAGE).parts[0]
    return first.removesuffix(".py")


def floor(name: str) -> int:
    for number, rooms in enumerate(FLOORS):
        if name in rooms:
            return number
    pytest.fail(f"funes_lab/{name} stands on no floor: give it its place in FLOORS and in the design")


def targets(node: ast.Import | ast.ImportFrom, path: Path) -> Iterator[str]:
    """Every room of the package that one import statement reaches."""
    if isinstance(node, ast.Import):
        names = [alias.name for alias in node.names]
    else:
        above = path.relative_to(ROOT).parts[: -node.level] if node.level else ()
        origin = ".".join([*above, *([node.module] if node.module else [])])
        names = [f"{origin}.{alias.name}" for alias in node.names]
    for name in names:
        package, _, rest = name.partition(".")
        if package == PACKAGE.name:
            first = rest.partition(".")[0]
            is_room = (PACKAGE / f"{first}.py").is_file() or (PACKAGE / first / "__init__.py").is_file()
            yield first if first and is_room else "__init__"


def is_for_types(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)


def imports_of(path: Path) -> Iterator[Import]:
    deferred = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)

    def visit(node: ast.AST, *, at_the_top: bool) -> Iterator[Import]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.Import | ast.ImportFrom):
                where = f"{path.relative_to(ROOT)}:{child.lineno}"
                for target in targets(child, path):
                    yield Import(room(path), target, at_the_top, where)
            elif isinstance(child, deferred) or is_for_types(child):
                yield from visit(child, at_the_top=False)
            else:
                yield from visit(child, at_the_top=at_the_top)

    yield from visit(ast.parse(path.read_text(encoding="utf-8")), at_the_top=True)


def all_imports() -> list[Import]:
    found = [found for path in modules() for found in imports_of(path)]
    return [found for found in found if found.importer != found.imported]


def test_every_module_has_its_floor():
    for path in modules():
        floor(room(path))


def test_imports_go_downward_only():
    wrong = [
        f"{found.where}: {found.importer} imports {found.imported}"
        for found in all_imports()
        if floor(found.imported) > floor(found.importer)
        and (found.at_the_top or (found.importer, found.imported) not in LOOKS_UP)
    ]
    assert not wrong, "\n".join(wrong)


def test_no_permission_to_look_up_is_left_that_nobody_uses():
    used = {(found.importer, found.imported) for found in all_imports()}
    there = {room(path) for path in modules()}
    assert not [pair for pair in LOOKS_UP if set(pair) <= there and pair not in used]


def test_modules_of_one_floor_do_not_import_each_other_in_a_circle():
    graph: dict[str, set[str]] = {}
    for found in all_imports():
        if found.at_the_top:
            graph.setdefault(found.importer, set()).add(found.imported)
    graphlib.TopologicalSorter(graph).prepare()


def test_locks_of_the_system_are_asked_for_in_one_place_only():
    """Windows has none of them, and must get along without."""
    users = [path.relative_to(PACKAGE).as_posix() for path in modules() if "fcntl" in path.read_text(encoding="utf-8")]
    assert users == ["store/file_lock.py"]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("import funes_lab.store.duckdb", ("store", True)),
        ("from funes_lab import errors", ("errors", True)),
        ("from funes_lab import Event", ("__init__", True)),
        ("from .errors import Errors", ("errors", True)),
        ("from . import errors", ("errors", True)),
        ("def f():\n    from funes_lab.errors import Errors", ("errors", False)),
        ("if TYPE_CHECKING:\n    from funes_lab.errors import Errors", ("errors", False)),
        ("try:\n    import funes_lab.errors\nexcept ImportError:\n    pass", ("errors", True)),
        ("class A:\n    from funes_lab.errors import Errors", ("errors", True)),
    ],
)
def test_the_check_sees_every_way_to_import(monkeypatch, tmp_path, source, expected):
    package = tmp_path / "funes_lab"
    (package / "store").mkdir(parents=True)
    for name in ("errors.py", "store/__init__.py"):
        (package / name).write_text("")
    probe = package / "probe.py"
    probe.write_text(source)
    monkeypatch.setitem(globals(), "PACKAGE", package)
    monkeypatch.setitem(globals(), "ROOT", tmp_path)
    assert [(found.imported, found.at_the_top) for found in imports_of(probe)] == [expected]


# What is public


def public_members(cls: type) -> Iterator[tuple[str, object]]:
    for name, member in vars(cls).items():
        if not name.startswith("_") and (inspect.isroutine(member) or isinstance(member, property)):
            yield f"{cls.__name__}.{name}", member


def test_the_public_names_are_these():
    assert set(funes_lab.__all__) == PUBLIC
    assert len(funes_lab.__all__) == len(PUBLIC)


def test_nothing_else_is_lying_about_in_the_package():
    public = {name for name in vars(funes_lab) if not name.startswith("_")}
    rooms = {room(path) for path in modules()}
    called_by_ipython = {"load_ipython_extension", "unload_ipython_extension"}
    assert public - rooms - called_by_ipython <= set(funes_lab.__all__)


def test_every_public_name_is_documented_with_its_methods_and_properties():
    bare = []
    for name in funes_lab.__all__:
        thing = getattr(funes_lab, name)
        members = [(name, thing), *(public_members(thing) if inspect.isclass(thing) else ())]
        bare += [member_name for member_name, member in members if not inspect.getdoc(member)]
    assert not bare, f"no docstring: {', '.join(bare)}"


def test_every_public_name_but_exceptions_and_modules_has_an_example():
    bare = []
    for name in funes_lab.__all__:
        thing = getattr(funes_lab, name)
        is_exception = inspect.isclass(thing) and issubclass(thing, Exception)
        if not is_exception and not inspect.ismodule(thing) and ">>>" not in (inspect.getdoc(thing) or ""):
            bare.append(name)
    assert not bare, f"no example in the docstring: {', '.join(bare)}"


def test_no_two_examples_claim_one_event_name():
    """Examples of two modules may run in one process, where a name belongs to one class."""
    named = Counter(
        name for path in modules() for name in re.findall(r'name="(Example::\w+)"', path.read_text(encoding="utf-8"))
    )
    assert not [name for name, times in named.items() if times > 1]


# Files


def project_files() -> list[Path]:
    """What is committed or would be, in a checkout; everything that is not hidden, elsewhere."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=False,
        capture_output=True,
        text=True,
    )
    if listed.returncode == 0:
        paths = [ROOT / name for name in listed.stdout.split("\0") if name]
    else:
        made = {"build", "dist", "__pycache__"}
        paths = [
            path
            for path in ROOT.rglob("*")
            if not any(part.startswith(".") or part in made for part in path.relative_to(ROOT).parts)
        ]
    return [path for path in paths if path.is_file()]


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_module_stays_under_400_lines(path):
    lines = len(path.read_text(encoding="utf-8").splitlines())
    assert lines < 400, f"{path.relative_to(ROOT)} has {lines} lines: part it by noun"


def test_no_file_names_a_machines_path_or_a_registrys_host():
    # Put together here, so that this file does not hold them itself.
    folders = [f"/{folder}/".encode() for folder in ("work", "root", "farm")]
    hosts = [".".join(parts).encode() for parts in (("pypi", "org"), ("npmjs", "org"), ("deb", "debian"))]
    hosts += [b"python" + b"hosted"]
    wrong = [
        f"{path.relative_to(ROOT)}: {needle.decode()}"
        for path in project_files()
        for needle in folders + hosts
        if needle in path.read_bytes()
    ]
    assert not wrong, "\n".join(wrong)


def test_the_tested_versions_are_pinned_and_nothing_else_is_said():
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = [line for line in lines if line and not line.startswith("#")]
    assert pins
    assert not [pin for pin in pins if pin.count("==") != 1 or " " in pin or "/" in pin]
