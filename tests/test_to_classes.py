"""lab.log.to_classes(): an unknown log becomes a typed one, and nothing in it changes on the way."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import Field

import funes_lab as fl
from funes_lab.codec import decode
from funes_lab.event import Event, status
from funes_lab.interchange.classes import Source, to_classes
from funes_lab.shape import shape_of
from tests.domain import START, day, stored


def loaded(*payloads: Any, klass: str = "Old::Thing", lab: fl.Lab | None = None, idx: str = "n") -> fl.Lab:
    """A lab with those payloads: dicts, or JSON texts kept as they are."""
    lab = lab or fl.Lab()
    lab.load([
        {"klass": klass, "idx": idx, "props": props if isinstance(props, str) else json.dumps(props), "version": n,
         "created_at": START, "occurred_at": day(n)}
        for n, props in enumerate(payloads, 1)
    ])  # fmt: skip
    return lab


def pasted(source: str) -> dict[str, Any]:
    """What a cell that holds the source defines."""
    scope: dict[str, Any] = {"__name__": "__main__"}
    exec(compile(source, "<cell>", "exec", dont_inherit=True), scope)
    return scope


def types_of(*values: Any) -> str:
    """The type written for an attribute that had these values."""
    source = loaded(*[{"x": value} for value in values]).log.to_classes()
    tree = ast.parse(source).body[-1]
    assert isinstance(tree, ast.ClassDef)
    [field] = [node for node in tree.body if isinstance(node, ast.AnnAssign)]
    return ast.unparse(field.annotation)


def exact(value: Any) -> Any:
    """A JSON value with what equality leaves out: true is not 1."""
    if isinstance(value, dict):
        return {key: exact(part) for key, part in value.items()}
    if isinstance(value, list):
        return [exact(part) for part in value]
    return (type(value) is bool, value)


def written_back(event: Event) -> dict[str, Any]:
    """The payload that an event would be written with, under the names that the old one has."""
    payload: dict[str, Any] = json.loads(type(event).model_dump_json(event, by_alias=True))
    return payload


def without_none(payload: dict[str, Any]) -> dict[str, Any]:
    """An attribute that is missing reads as None."""
    return {key: value for key, value in payload.items() if value is not None}


def assert_all_read(lab: fl.Lab, source: str) -> None:
    """Paste the source; every event is read by its class, whole and as it was, also once it is written anew."""
    with fl.testing.registry():
        pasted(source)
        rows = lab.sql("SELECT klass, props FROM event_entries")
        for name, props in zip(rows.klass, rows.props, strict=True):
            event = decode(name, props)
            assert type(event) is not fl.UnknownEvent
            assert event.kept_aside == {}
            # read by the validator of the class, not attribute by attribute: nothing was left as it came
            assert status(event).own == ()
            type(event).model_validate_json(props)
            back = written_back(event)
            assert exact(without_none(back)) == exact(without_none(json.loads(props)))
            shape = shape_of(type(event))
            again = decode(name, shape.encode(event))
            assert again == event
            assert again.kept_aside == {}
            assert type(event)(**event.payload()).own_errors.full_messages == []


def assert_clean(source: str, folder: Path) -> None:
    """The checks of style that the source passes, in a folder that holds nothing else."""
    (folder / "cell.py").write_text(source, encoding="utf-8")
    ruff = [sys.executable, "-m", "ruff", "check", "--isolated", "--no-cache", "--select", "E,F,W,I"]
    done = subprocess.run(
        [*ruff, "--line-length", "120", "cell.py"], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + source


# Types


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1, 2**70], "int"),
        ([1.5, 1e300], "float"),
        ([1, 1.5], "float"),
        ([2**53 + 1, 1.5], "int | float"),
        ([10**400, 1.5], "int | float"),
        ([True, False], "bool"),
        ([True, 1], "bool | int"),
        ([1, "1"], "int | str"),
        (["x", ""], "str"),
        (["true", "false"], "str"),
        (["100.10", "5", "-3"], "Decimal"),
        (["0.10", "1E+2", "0E-8"], "Decimal"),
        (["100", "25"], "Decimal"),
        (["0"], "Decimal"),
        (["-12345678901234567890"], "Decimal"),
        (["007", "8"], "str"),
        (["10115", "80331"], "str"),
        (["4915112345678", "1"], "str"),
        (["+49151", "1.5"], "str"),
        (["1E5", "1.5"], "str"),
        (["1E+2"], "str"),
        (["0.0000001", "1.5"], "str"),
        (["1,5"], "str"),
        ([" 1.5"], "str"),
        (["1_000.5"], "str"),
        (["١.٥"], "str"),
        (["NaN", "1.5"], "str"),
        (["1.5\n"], "str"),
        (["2026-01-01T09:30:00Z", "2026-01-01T09:30:00.100000Z", "0001-01-01T00:00:00Z"], "datetime"),
        (["2026-01-01T09:30:00+00:00"], "str"),
        (["2026-01-01T09:30:00.000Z"], "str"),
        (["2026-01-01T09:30:00.000000Z"], "str"),
        (["2026-01-01 09:30:00Z"], "str"),
        (["2026-01-01T09:30:00"], "str"),
        (["2026-01-01T24:00:00Z"], "str"),
        (["2026-01-01T23:59:60Z"], "str"),
        (["2026-02-30T00:00:00Z"], "str"),
        (["2026-01-01", "9999-12-31"], "date"),
        (["2026-02-30"], "str"),
        (["0000-01-01"], "str"),
        (["20260101"], "str"),
        (["2026-01-01", "2026-01-01T00:00:00Z"], "str"),
        (["09:30:00", "23:59:59.000001"], "time"),
        (["09:30"], "str"),
        (["09:30:00Z"], "str"),
        (["12345678-1234-5678-1234-567812345678"], "UUID"),
        (["12345678-1234-5678-1234-56781234567A"], "str"),
        (["12345678123456781234567812345678"], "str"),
        ([["a"], []], "list[str]"),
        ([[]], "list[Any]"),
        ([[1, None]], "list[int | None]"),
        ([[["1.50"]]], "list[list[Decimal]]"),
        ([{"a": 1}, {"b": 1}], "dict[str, Any]"),
        ([{"a": 1}, {"a": 1, "b": 1}], "dict[str, Any]"),
        ([{}], "dict[str, Any]"),
        ([{"a": 1}, {"a": 2}], "X"),
        ([[{"a": 1}], [{"a": 2}, {"a": None}]], "list[X]"),
        ([{"a": 1}, [1]], "Any"),
        ([{"a": 1}, 1], "Any"),
        ([[1], "x"], "Any"),
        ([None], "Any"),
        ([1, None], "int | None"),
        (["1.50", None], "Decimal | None"),
        ([{"a": 1}, None], "X | None"),
        ([{str(n): n for n in range(101)}], "dict[str, Any]"),
    ],
    ids=str,
)
def test_a_type_is_what_reads_all_values_and_changes_none(values, expected):
    assert types_of(*values) == expected
    lab = loaded(*[{"x": value} for value in values])
    assert_all_read(lab, lab.log.to_classes())


def test_values_of_every_type_are_read_as_that(lab):
    loaded({"amount": "1.50", "at": "2026-01-01T09:30:00Z", "on": "2026-01-01", "clock": "09:30:00",
            "key": "12345678-1234-5678-1234-567812345678", "lines": [{"sku": "A", "price": "2.50"}]},
           lab=lab)  # fmt: skip
    scope = pasted(lab.log.to_classes())
    [event] = fl.EventStream.for_("n", lab=lab).events
    assert type(event) is scope["Thing"]
    assert event.payload() == {
        "amount": Decimal("1.50"),
        "at": datetime(2026, 1, 1, 9, 30, tzinfo=UTC),
        "on": date(2026, 1, 1),
        "clock": time(9, 30),
        "key": UUID("12345678-1234-5678-1234-567812345678"),
        "lines": [scope["Lines"](sku="A", price=Decimal("2.50"))],
    }


def test_an_attribute_that_is_missing_somewhere_is_optional(lab):
    loaded({"a": 1, "b": 2}, {"a": 3}, lab=lab)
    source = lab.log.to_classes()
    assert "    a: int = Field(examples=[1, 3])\n    b: int | None = Field(default=None, examples=[2])" in source
    pasted(source)
    assert [event.b for event in fl.EventStream.for_("n", lab=lab).events] == [2, None]


def test_what_lies_deep_is_taken_as_it_is():
    deep: Any = 1
    for _ in range(30):
        deep = [{"a": deep}]
    lab = loaded({"x": deep})
    source = lab.log.to_classes()
    assert "a: Any" in source
    assert_all_read(lab, source)


# The whole log


def json_texts() -> st.SearchStrategy[str]:
    nasty = ["1.50", "007", "1E+2", "1E-7", "-0", "0.0", "2026-01-01", "2026-01-01T00:00:00Z", "09:30:00",
             "2026-01-01T00:00:00.500000Z", "2026-01-01T00:00:00.5Z", "true", "null", '"""', "'''", "\\", "\n", "{x}",
             "12345678-1234-5678-1234-567812345678", "[FILTERED]", "#", "\u202e", "\u2028", "é"]  # fmt: skip
    plain = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=8)
    times = st.datetimes().map(lambda at: at.isoformat() + "Z")
    numbers = st.decimals(allow_nan=False, allow_infinity=False).map(str)
    return st.one_of(st.sampled_from(nasty), plain, times, numbers, st.dates().map(str), st.times().map(str))


def keys() -> st.SearchStrategy[str]:
    nasty = ["a", "b", "first-name", "first_name", "class", "class_", "_x", "__init__", "model_config", "model_x",
             "version", "errors", "payload", "copy", "date", "datetime", "Decimal", "Any", "Field", "list", "str",
             "int", "l", "1st", "", " ", "ﬁ", "é", "fl", "name", "self", "cls", "kept_aside"]  # fmt: skip
    return st.one_of(st.sampled_from(nasty), json_texts())


def payloads() -> st.SearchStrategy[list[dict[str, Any]]]:
    leaves = (
        st.none() | st.booleans() | st.integers(-(2**60), 2**70) | json_texts()
        | st.floats(allow_nan=False, allow_infinity=False)
    )  # fmt: skip
    values = st.recursive(
        leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys(), inner, max_size=3), max_leaves=6
    )
    alike = st.dictionaries(keys(), values, max_size=4).flatmap(
        lambda one: st.lists(
            st.fixed_dictionaries({key: st.one_of(st.just(value), values) for key, value in one.items()}), max_size=3
        ).map(lambda others: [one, *others])
    )
    return alike | st.lists(st.dictionaries(keys(), values, max_size=4), min_size=1, max_size=4)


@pytest.fixture(scope="module")
def one_lab() -> Iterator[fl.Lab]:
    lab = fl.Lab()
    yield lab
    lab.close()


@settings(max_examples=100, deadline=None)
@given(payloads())
@example([{"date": "2026-01-01", "on": None}, {"date": "2026-01-02", "on": "2026-01-01"}])
@example([{"a": {"class": 1, "class_": {"x y": "1.50"}}}, {"a": {"class": 2, "class_": {"x y": "2"}}}])
@example([{"X": {"a": 1}, "x": {"a": 1}}])
def test_every_event_is_read_by_its_class_and_written_back_equal(one_lab, found):
    one_lab.store.cursor().execute("DELETE FROM event_entries")
    loaded(*found, lab=one_lab)
    source = one_lab.log.to_classes()
    assert source == one_lab.log.to_classes()
    assert max(len(line) for line in source.splitlines()) <= 120
    assert_all_read(one_lab, source)


@pytest.mark.parametrize("name", ["timezones", "debts"])
def test_the_bundled_logs_are_read_whole(name, tmp_path):
    lab = fl.datasets.load(name)
    source = lab.log.to_classes()
    assert_clean(source, tmp_path)
    with fl.testing.registry():
        pasted(source)
        rows = lab.sql("SELECT DISTINCT klass, props FROM event_entries")
        for klass, props in zip(rows.klass, rows.props, strict=True):
            event = decode(klass, props)
            assert (event.kept_aside, event.own_errors.full_messages) == ({}, [])
            assert json.loads(shape_of(type(event)).encode(event)) == json.loads(props)
    if name == "debts":
        assert "amount: Decimal = Field(" in source
        assert "at: datetime = Field(" in source


def test_the_source_runs_in_an_empty_cell_of_another_process(lab, tmp_path):
    loaded({"amount": "1.50", "on": "2026-01-01", "inner": {"x-y": 1}, "free": [1, "x", []]}, lab=lab)
    (tmp_path / "cell.py").write_text(lab.log.to_classes(), encoding="utf-8")
    root = str(Path(fl.__file__).parents[1])
    cell = f"import sys; sys.path.insert(0, {root!r}); exec(open('cell.py').read())"
    subprocess.run([sys.executable, "-W", "error", "-c", cell], cwd=tmp_path, check=True)


# Names


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["Debt::PaymentReceived"], ["PaymentReceived"]),
        (["Debt::PaymentReceived", "Loan::PaymentReceived"], ["DebtPaymentReceived", "LoanPaymentReceived"]),
        (["A::B::C", "X::B::C", "C"], ["ABC", "C", "XBC"]),
        (["order.shipped", "order.paid"], ["OrderPaid", "OrderShipped"]),
        (["order_shipped", "order shipped"], ["OrderShipped", "OrderShipped_2"]),
        (["None", "Exception", "Decimal", "fl", "BaseModel", "datetime"],
         ["BaseModelEvent", "DecimalEvent", "ExceptionEvent", "NoneEvent", "Datetime", "Fl"]),
        (["2fa", "!!", "::", "class", "日本", "ﬁt", "I"],
         ["UnnamedEvent", "Event2fa", "UnnamedEvent_2", "IEvent", "Class", "日本", "Fit"]),
        (["Debt::Exception"], ["DebtException"]),
        (["x" * 255], ["X" + "x" * 59]),
    ],
)  # fmt: skip
def test_classes_have_names_that_hide_nothing(lab, tmp_path, names, expected):
    for number, name in enumerate(names):
        loaded({"a": 1}, klass=name, idx=str(number), lab=lab)
    source = lab.log.to_classes()
    written = [node.name for node in ast.parse(source).body if isinstance(node, ast.ClassDef)]
    assert written == expected
    assert_clean(source, tmp_path)
    assert_all_read(lab, source)


def test_models_of_objects_are_named_after_their_attribute_and_get_more_of_its_path_where_they_meet(lab, tmp_path):
    loaded({"address": {"street": {"name": "x"}}}, klass="Moved", idx="a", lab=lab)
    loaded(
        {"address": {"street": {"name": "x"}}, "decimal": {"a": 1}, "moved": {"a": 1}}, klass="Sent", idx="b", lab=lab
    )
    source = lab.log.to_classes()
    written = [node.name for node in ast.parse(source).body if isinstance(node, ast.ClassDef)]
    assert written == [
        "MovedAddressStreet", "MovedAddress", "Moved", "SentAddressStreet", "SentAddress", "SentDecimal", "SentMoved",
        "Sent",
    ]  # fmt: skip
    assert_clean(source, tmp_path)
    assert_all_read(lab, source)


def test_attributes_that_are_no_names_get_one_and_keep_theirs_as_alias(lab, tmp_path):
    payload = {"first-name": "Ann", "class": 1, "_id": 2, "model_year": 3, "version": 4, "date": "2026-01-01",
               "copy": 5, "l": 6, "home": {"zip code": "010"}, "x" * 300: 7, "\n\"'''\"\"\"\\" * 40: 8}  # fmt: skip
    loaded(payload, lab=lab)
    source = lab.log.to_classes()
    assert_clean(source, tmp_path)
    assert_all_read(lab, source)
    scope = pasted(source)
    stream = fl.EventStream.for_("n", lab=lab)
    home = scope["Home"](zip_code="020")
    event = stream.append(scope["Thing"](**{**stream.events[0].payload(), "first_name": "Bob", "home": home}))
    assert event.persisted
    [old, new] = stream.events
    assert (old.first_name, old.class_, old.id, old.year, old.version_, old.date_, old.copy_, old.l_) == (
        "Ann", 1, 2, 3, 4, date(2026, 1, 1), 5, 6,
    )  # fmt: skip
    assert (new.first_name, new.home) == ("Bob", home)
    assert new == event
    assert old.kept_aside == new.kept_aside == {}


def test_names_choose_events(lab):
    for klass in ("A", "B", "C"):
        loaded({"x": 1}, klass=klass, idx=klass, lab=lab)
    b = pasted(lab.log.to_classes("B"))["B"]
    for names in (b, "B", ["B"], [b, "B"], iter(["B"])):
        assert [line for line in lab.log.to_classes(names).splitlines() if line.startswith("class")] == [
            'class B(fl.Event, name="B"):'
        ]
    assert "class A(" in lab.log.to_classes(["C", "A"])


@pytest.mark.parametrize(
    ("names", "error", "said"),
    [
        ("X", ValueError, "names holds 'X', .* there are 'A'"),
        (["A", "X"], ValueError, "names holds 'X'"),
        ([], ValueError, "names is empty"),
        (5, TypeError, "names must be names of events or event classes, got 5"),
        ([5], TypeError, "got 5"),
        (int, TypeError, "got <class 'int'>"),
    ],
)
def test_names_that_are_none_are_refused(lab, names, error, said):
    loaded({"x": 1}, klass="A", lab=lab)
    with pytest.raises(error, match=said):
        lab.log.to_classes(names)


# Nothing, and what is no payload


def test_an_empty_log_says_so(lab):
    assert lab.log.to_classes().startswith("# The log has no events yet")
    pasted(lab.log.to_classes())
    with pytest.raises(ValueError, match="the log is empty"):
        lab.log.to_classes("X")


def test_payloads_that_are_no_objects_are_counted_and_left_out(lab, tmp_path):
    loaded({"a": 1}, klass="A", lab=lab)
    for number, (klass, props) in enumerate([("A", "[1]"), ("A", "null"), ("B\nimport os", '"x"')], 2):
        lab.store.cursor().execute(
            "INSERT INTO event_entries VALUES ($1, 'n', CAST($2 AS JSON), '{}', $3, now(), now())",
            [klass, props, number],
        )
    source = lab.log.to_classes()
    assert source.splitlines()[:2] == [
        '# 2 payloads of "A": no JSON objects, left out.',
        '# 1 payload of "B\\\\nimport os": no JSON objects, left out.',
    ]
    assert_clean(source, tmp_path)
    assert [node.name for node in ast.parse(source).body if isinstance(node, ast.ClassDef)] == ["A"]


def test_an_event_name_that_no_class_can_have_is_left_out(lab):
    loaded({"a": 1}, klass="x" * 256, lab=lab)
    source = lab.log.to_classes()
    assert source.startswith("# 1 event of ")
    assert pasted(source).keys() == {"__name__", "__builtins__"}


def test_an_event_without_attributes_is_a_class_without_fields(lab, tmp_path):
    loaded({}, lab=lab)
    source = lab.log.to_classes()
    assert_clean(source, tmp_path)
    assert_all_read(lab, source)


# Untrusted texts and secrets

HOSTILE = ['"""', "'''", '"', "'", "\\", "\n", "\r", "\\N{BULLET}", '"); raise SystemExit("', "'); raise SystemExit('",
           '\n    x = __import__("os")\n', "# noqa", "\u2028", "\u202e", "\x1b[2J", "{0}", "%s", "\ufeff"]  # fmt: skip


def test_no_text_of_a_log_becomes_code(lab, tmp_path):
    for number, text in enumerate(HOSTILE):
        loaded({text: text, "plain": text, "inner": {text: text}}, klass=f"Bad{text}", idx=str(number), lab=lab)
        loaded({"a": 1}, klass=f"{text}::{text}", idx=f"{number} too", lab=lab)
    source = lab.log.to_classes()
    tree = ast.parse(source)
    kinds = {type(node) for node in ast.walk(tree)}
    assert kinds <= {
        ast.Module, ast.Import, ast.ImportFrom, ast.alias, ast.ClassDef, ast.Name, ast.Load, ast.Store, ast.Attribute,
        ast.keyword, ast.Constant, ast.Expr, ast.AnnAssign, ast.Assign, ast.Call, ast.List, ast.BinOp, ast.BitOr,
    }  # fmt: skip
    assert {node.func.id for node in ast.walk(tree) if isinstance(node, ast.Call)} <= {"Field", "ConfigDict"}
    assert source.replace("\n", "").isprintable()
    assert_clean(source, tmp_path)
    assert_all_read(lab, source)


def test_what_a_class_keeps_secret_now_has_no_example_and_stays_secret(lab):
    class Registered(fl.Event, name="User::Registered"):
        name: str
        ssn: str = Field(alias="social-no")
        card: dict[str, Any]
        filter_attributes = ["ssn", "pan", "card"]

    loaded({"name": "Ann", "social-no": "078-05", "ssn": "987-65", "card": {"no": "4111"}, "more": {"pan": "5500"}},
           klass="User::Registered", lab=lab)  # fmt: skip
    source = lab.log.to_classes()
    assert "Ann" in source
    for secret in ("078-05", "987-65", "4111", "5500", "[FILTERED]"):
        assert secret not in source
    with fl.testing.registry():
        scope = pasted(source)
        assert set(scope["Registered"].filter_attributes) == {"ssn", "pan", "card", "social-no", "social_no"}
        [event] = fl.EventStream.for_("n", lab=lab).events
        for secret in ("078-05", "987-65", "4111", "5500"):
            assert secret not in repr(event)


def test_long_values_are_no_examples():
    source = loaded({"a": "x" * 41, "b": 10**30, "c": "y" * 40}, {"a": "short", "b": 1, "c": "z"}).log.to_classes()
    assert "x" * 41 not in source
    assert 'a: str = Field(examples=["short"])' in source
    assert "b: int = Field(examples=[1])" in source
    assert "y" * 40 in source


def test_a_log_in_parts_gives_the_same_source(lab):
    for klass in ("A", "B"):
        loaded({"x": 1}, {"x": None}, {"x": 1.5, "y": "2.50"}, klass=klass, idx=klass, lab=lab)
    table = stored(lab)
    whole = to_classes([table])
    assert whole == lab.log.to_classes()
    assert to_classes([table.slice(0, 2), table.slice(2, 0), table.slice(2)]) == whole
    assert to_classes(table.slice(n, 1) for n in range(table.num_rows)) == whole


# The source as a value


def test_the_source_shows_itself_as_it_is(lab):
    loaded({"a": "<script>"}, lab=lab)
    source = lab.log.to_classes()
    assert isinstance(source, Source)
    assert repr(source) == str(source) == source
    assert source._repr_html_().startswith("<pre>")
    assert "<script>" not in source._repr_html_()


def test_the_docstring_says_how_many_and_when(lab):
    loaded({"a": 1}, {"a": 2}, lab=lab)
    assert '"""2 events, first 2026-01-02 00:00:00 UTC, last 2026-01-03 00:00:00 UTC."""' in lab.log.to_classes()


def test_an_open_transaction_is_seen(lab):
    class Noted(fl.Event, name="TestToClasses::Noted"):
        text: str

    with lab.transaction():
        fl.EventStream.for_("n", lab=lab).append(Noted(text="hi"))
        assert "class Noted" in lab.log.to_classes()
