"""lab.load: files, names of columns, and rows that leave to the lab what it can tell itself."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import funes_lab as fl
from funes_lab.interchange.files import _members
from tests.domain import START, NoteStream, day, noted, rows_of, stored

PAYLOADS = [
    '{"text": "x"}',
    '{"text":"a, \\"b\\"\\n\\u00e9 é \\/ 日本"}',
    '{"n": 1.10, "big": 12345678901234567890123, "tiny": 1E-7, "list": [1.0, {"a": null}]}',
    "{}",
    '  {"spaces" :  [ ] }  ',
    '{"text": "line\\r\\nline"}',
]


@pytest.fixture
def filled(lab: fl.Lab) -> fl.Lab:
    """A log in which whatever can go wrong on the way through a file would."""
    lab.load([
        {"klass": "Debts::Noted" if n % 2 else 'Odd, "name"\nÄ', "idx": f"n,{n % 3}", "props": text,
         "version": n // 3 + 1,
         "meta_info": '{"user_id": 7.50}' if n % 2 else None, "created_at": day(n) + timedelta(microseconds=n * 1000),
         "occurred_at": day(-n)}
        for n, text in enumerate(PAYLOADS)
    ])  # fmt: skip
    return lab


def to_parquet(frame: pd.DataFrame, path: Path) -> None:
    frame.to_parquet(path)


def to_csv(frame: pd.DataFrame, path: Path) -> None:
    frame.to_csv(path, index=False)


def to_jsonl(frame: pd.DataFrame, path: Path) -> None:
    frame.to_json(path, orient="records", lines=True, date_format="iso")


WAYS: list[tuple[str, Callable[[pd.DataFrame, Path], None]]] = [
    (".parquet", to_parquet), (".csv", to_csv), (".jsonl", to_jsonl), (".csv.gz", to_csv), (".jsonl.gz", to_jsonl),
]  # fmt: skip


# What a log wrote is loaded back


@pytest.mark.parametrize(("suffix", "write"), WAYS)
@pytest.mark.parametrize("as_path", [str, Path])
def test_a_frame_of_events_comes_back_equal_from_a_file(filled, tmp_path, suffix, write, as_path):
    path = tmp_path / f"events{suffix}"
    write(filled.log.df(expand=False), path)
    with fl.Lab() as other:
        assert other.load(as_path(path)) == len(PAYLOADS)
        assert stored(other).equals(stored(filled))
        assert sorted(stored(other)["props"].to_pylist()) == sorted(PAYLOADS)
        pd.testing.assert_frame_equal(other.log.df(expand=False), filled.log.df(expand=False))
        pd.testing.assert_frame_equal(other.log.df(), filled.log.df())
        other.close()


@pytest.mark.parametrize(("suffix", "write"), WAYS)
def test_microseconds_come_back_if_the_file_has_them(lab, tmp_path, suffix, write):
    row = {"klass": "A", "idx": "n", "props": "{}", "version": 1, "created_at": START, "occurred_at": START}
    lab.load([{**row, "occurred_at": START + timedelta(microseconds=1)}])
    path = tmp_path / f"events{suffix}"
    frame = lab.log.df(expand=False)
    if write is to_jsonl:  # pandas cuts times to milliseconds unless it is told
        frame.to_json(path, orient="records", lines=True, date_format="iso", date_unit="us")
    else:
        write(frame, path)
    other = fl.Lab()
    other.load(path)
    assert stored(other).equals(stored(lab))


@pytest.mark.parametrize(("suffix", "write"), WAYS)
def test_an_empty_frame_of_events_is_nothing_to_load(lab, tmp_path, suffix, write):
    path = tmp_path / f"events{suffix}"
    write(lab.log.df(expand=False), path)
    assert lab.load(path) == 0


def test_the_index_of_a_frame_in_parquet_is_no_column(filled, tmp_path):
    frame = filled.log.df(expand=False)
    frame[frame["version"] == 1].iloc[::-1].to_parquet(tmp_path / "some.parquet")
    other = fl.Lab()
    assert other.load(tmp_path / "some.parquet") == 3


def test_the_words_of_the_log_and_those_of_its_frames_are_understood(lab):
    row = {"idx": "n", "version": 1, "created_at": START, "occurred_at": START}
    assert lab.load([{**row, "klass": "A", "props": "{}"}]) == 1
    assert lab.load([{**row, "event": "A", "payload": "{}", "version": 2}]) == 1
    assert lab.load(pd.DataFrame([{**row, "event": "A", "payload": {"a": 1}, "version": 3}])) == 1
    # a table of a Rails application may have a column of its own that is called like ours
    assert lab.load([{**row, "klass": "A", "event": "ours", "props": "{}", "payload": "ours", "version": 4}]) == 1
    assert list(lab.sql("SELECT DISTINCT klass FROM event_entries").klass) == ["A"]


def test_the_folders_of_a_path_are_no_columns(filled, tmp_path):
    folder = tmp_path / "year=2026"
    folder.mkdir()
    filled.log.df(expand=False).to_parquet(folder / "events.parquet")
    assert fl.Lab().load(folder / "events.parquet") == len(PAYLOADS)


# columns=


def theirs(**other: Any) -> dict[str, Any]:
    return {"stream_id": "n", "type": "Debts::Noted", "body": '{"text": "x"}', "no": 1, "at": "2026-01-01", **other}


NAMES = {"stream_id": "idx", "type": "event", "body": "payload", "no": "version", "at": "occurred_at"}

FORMS: list[Callable[[list[dict[str, Any]]], Any]] = [list, pd.DataFrame, pa.Table.from_pylist, iter]


@pytest.mark.parametrize("form", FORMS)
def test_columns_says_what_their_names_are_in_the_log(lab, form):
    assert lab.load(form([theirs(), theirs(no=2)]), columns=NAMES) == 2
    [first, second] = NoteStream.for_("n", lab=lab).events
    assert (first.text, first.version, second.version, first.occurred_at) == ("x", 1, 2, START)


@pytest.mark.parametrize("suffix", [".parquet", ".csv", ".jsonl"])
def test_columns_says_it_of_files_too(lab, tmp_path, suffix):
    path = tmp_path / f"theirs{suffix}"
    dict(WAYS)[suffix](pd.DataFrame([theirs(), theirs(no=2)]), path)
    assert lab.load(path, columns=NAMES) == 2
    assert NoteStream.for_("n", lab=lab).version == 2


def test_names_can_be_exchanged(lab):
    row = {"event": '{"text": "x"}', "payload": "Debts::Noted", "idx": "n", "occurred_at": START}
    lab.load([row], columns={"event": "payload", "payload": "event"})
    assert NoteStream.for_("n", lab=lab).events == [noted("x")]


WRONG_COLUMNS: list[tuple[Any, type[Exception], str]] = [
    (
        {**NAMES, "nope": "meta_info"},
        ValueError,
        "columns names 'nope', which rows does not have; it has 'stream_id', ",
    ),
    (
        {**NAMES, "no": "number"},
        ValueError,
        "columns names 'number', which is no column of the log; those are 'klass', ",
    ),
    ({**NAMES, "no": "idx"}, ValueError, "columns has both 'stream_id' and 'no' for 'idx'"),
    ({**NAMES, "no": "klass"}, ValueError, "columns has both 'type' and 'no' for 'klass'"),
    ({**NAMES, "no": "props"}, ValueError, "columns has both 'body' and 'no' for 'props'"),
    ("idx", TypeError, "columns must be a dict"),
    ([("stream_id", "idx")], TypeError, "columns must be a dict"),
    ({"stream_id": 5}, TypeError, "columns must be a dict of texts to texts, got 'stream_id': 5"),
    ({5: "idx"}, TypeError, "got 5: 'idx'"),
]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(("columns", "error", "said"), WRONG_COLUMNS)
def test_columns_that_cannot_be_meant_are_refused(lab, form, columns, error, said):
    with pytest.raises(error, match=said):
        lab.load(form([theirs()]), columns=columns)
    assert rows_of(lab) == 0


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(("name", "column"), [("idx", "idx"), ("event", "event"), ("klass", "klass")])
def test_a_column_that_is_there_already_is_not_hidden_by_another(lab, form, name, column):
    with pytest.raises(ValueError, match=f"a second '{column}', which rows has too"):
        lab.load(form([theirs(**{name: "x"})]), columns=NAMES)


def test_two_columns_of_one_name_are_refused(lab, tmp_path):
    frame = pd.DataFrame([theirs()])
    twice = pd.concat([frame, frame[["body"]]], axis="columns")
    with pytest.raises(ValueError, match="two columns 'body'"):
        lab.load(twice, columns=NAMES)
    (tmp_path / "twice.csv").write_text("idx,idx,event,occurred_at\na,b,c,2026-01-01\n")
    with pytest.raises(ValueError, match=r"twice\.csv: rows has two columns 'idx'"):
        lab.load(tmp_path / "twice.csv")


# Attributes


def bare(**attributes: Any) -> dict[str, Any]:
    return {"event": "A", "idx": "n", "occurred_at": START, **attributes}


def payloads_of(lab: fl.Lab) -> list[str]:
    return list(lab.sql("SELECT props::VARCHAR AS p FROM event_entries ORDER BY idx, version").p)


@pytest.mark.parametrize("form", FORMS)
def test_without_a_payload_the_other_columns_are_its_attributes(lab, form):
    lab.load(form([bare(amount=Decimal("1.50"), n=1, on=date(2026, 1, 1)), bare(amount=None, n=2, on=None)]))
    assert payloads_of(lab) == ['{"amount": "1.50", "n": 1, "on": "2026-01-01"}', '{"n": 2}']


@pytest.mark.parametrize("form", FORMS)
def test_attributes_of_any_type_are_written_as_the_log_writes_them(lab, form):
    values = {
        "at": datetime(2026, 1, 1, 12, tzinfo=timezone(timedelta(hours=2))), "clock": time(9, 30), "flag": True,
        "rate": 0.1, "tags": ["a", "b"], "inner": {"a": Decimal("1.10")}, "text": 'x"\n',
    }  # fmt: skip
    lab.load(form([bare(**values)]))
    assert json.loads(payloads_of(lab)[0]) == {
        "at": "2026-01-01T10:00:00Z", "clock": "09:30:00", "flag": True, "rate": 0.1, "tags": ["a", "b"],
        "inner": {"a": "1.10"}, "text": 'x"\n',
    }  # fmt: skip


def test_attributes_of_frames_may_be_numpys(lab):
    frame = pd.DataFrame([bare(n=1), bare(n=2)]).astype({"n": "Int64", "event": "category"})
    frame["tags"] = [np.array([1, 2]), None]
    frame.loc[1, "n"] = pd.NA
    frame["when"] = pd.to_datetime(["2026-01-01", None])
    lab.load(frame)
    assert payloads_of(lab) == ['{"n": 1, "tags": [1, 2], "when": "2026-01-01T00:00:00Z"}', "{}"]


@pytest.mark.parametrize(
    ("attribute", "said"),
    [(float("inf"), "JSON"), (b"x", "JSON"), (timedelta(1), "JSON"), (Decimal("NaN"), "JSON"), ([float("nan")], "JSON"),
     ("\x00", "props"), ({"a": object()}, "JSON")],
)  # fmt: skip
def test_an_attribute_that_no_log_can_hold_is_refused_with_its_row(lab, attribute, said):
    with pytest.raises(ValueError, match=rf"row 1.*{said}|{said} of row 1"):
        lab.load([bare(a=1), bare(a=attribute)])
    assert rows_of(lab) == 0


def test_rows_without_payloads_and_without_attributes_lack_the_payload(lab):
    for form in FORMS:
        with pytest.raises(ValueError, match=r"has no (column )?props"):
            lab.load(form([bare()]))
    assert lab.load([bare(), bare(a=1)]) == 2
    assert payloads_of(lab) == ["{}", '{"a": 1}']


def test_what_the_first_row_has_all_must_have(lab):
    for rows, said in [
        ([bare(payload={}), bare(a=1)], "row 1 has no props"),
        ([bare(a=1), bare(payload={})], "row 1 has props, and the first has not"),
        ([bare(a=1, version=1), bare(a=1)], "row 1 has no version"),
        ([bare(a=1), bare(a=1, version=2)], "row 1 has version, and the first has not"),
        ([bare(a=1, created_at=START), bare(a=1)], "row 1 has no created_at"),
        ([bare(a=1, meta_info={}), bare(a=1), {"event": "A", "a": 1}], "row 2 has no idx, occurred_at"),
    ]:  # fmt: skip
        with pytest.raises(ValueError, match=said):
            lab.load(rows)
    with pytest.raises(TypeError, match="not named by texts: 5"):
        lab.load([{**bare(), 5: 1}])
    assert rows_of(lab) == 0


def test_an_expanded_frame_of_events_is_not_taken_for_attributes(filled):
    class Marked(fl.Event, name="TestLoadFiles::Marked"):
        idx: str

    NoteStream.for_("x", lab=filled).append(Marked(idx="x"))
    with pytest.raises(ValueError, match=r"expand=False"):
        fl.Lab().load(filled.log.df())


@pytest.mark.parametrize("suffix", [".parquet", ".csv", ".jsonl"])
def test_a_column_of_a_file_beside_the_payload_is_named(lab, tmp_path, suffix):
    path = tmp_path / f"theirs{suffix}"
    dict(WAYS)[suffix](pd.DataFrame([bare(payload="{}", note="x", id=1)]), path)
    with pytest.raises(ValueError, match=r"payloads in 'payload'.*: 'note', 'id'; drop them, or say in columns="):
        lab.load(path)
    assert rows_of(lab) == 0
    # of rows in memory only what is the log's is taken, as ever
    assert lab.load([bare(payload="{}", note="x")]) == 1


# Versions and times that are left to the lab


@pytest.mark.parametrize("form", FORMS)
def test_without_versions_events_are_numbered_in_their_order_stream_by_stream(any_lab, form):
    later = {"occurred_at": day(9)}
    assert any_lab.load(form([bare(a=1, **later), bare(a=2, idx="m"), bare(a=3)])) == 3
    assert any_lab.load(form([bare(a=4), bare(a=5, idx="new")])) == 2
    found = any_lab.sql("SELECT idx, version, (props->>'a')::INT AS a FROM event_entries ORDER BY ALL")
    assert found.values.tolist() == [["m", 1, 2], ["n", 1, 1], ["n", 2, 3], ["n", 3, 4], ["new", 1, 5]]


@pytest.mark.parametrize("form", FORMS)
def test_without_record_times_an_event_was_recorded_when_it_happened(lab, form):
    lab.load(form([bare(a=1, occurred_at="2026-03-01T09:30:00+02:00")]))
    [event] = NoteStream.for_("n", lab=lab).events
    assert event.created_at == event.occurred_at == datetime(2026, 3, 1, 7, 30, tzinfo=UTC)


# CSV


def test_csv_is_read_as_texts_exactly_as_written(lab, tmp_path):
    path = tmp_path / "theirs.csv"
    path.write_bytes(
        b"\xef\xbb\xbfidx,event,occurred_at,code,amount,note,empty\r\n"
        b'n,A,2026-01-01T00:00:00Z,007,1.10,"a, ""b""\r\n c",\r\n'
        b'\r\nn,A,2026-01-02,1E5, 5 ,true,""\r\n'
    )
    assert lab.load(str(path)) == 2
    assert [json.loads(text) for text in payloads_of(lab)] == [
        {"code": "007", "amount": "1.10", "note": 'a, "b"\r\n c'},
        {"code": "1E5", "amount": " 5 ", "note": "true"},
    ]


def test_a_cell_of_csv_may_be_long(lab, tmp_path):
    path = tmp_path / "long.csv"
    path.write_text(f"idx,event,occurred_at,text\nn,A,2026-01-01,{'x' * 3_000_000}\n")
    assert lab.load(path) == 1
    assert len(payloads_of(lab)[0]) > 3_000_000


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (",A,1,2026-01-01,{}", "idx"),
        ("n,,1,2026-01-01,{}", "klass"),
        ("n,A,,2026-01-01,{}", "version"),
        ("n,A,1.0,2026-01-01,{}", "row 1: version must be a whole number from 1 on, got '1.0'"),
        ("n,A,+1,2026-01-01,{}", "version"),
        ("n,A,٣,2026-01-01,{}", "version"),
        ("n,A,0,2026-01-01,{}", "version"),
        ("n,A,9223372036854775808,2026-01-01,{}", "version"),
        ("n,A,1,,{}", "occurred_at"),
        ("n,A,1,01.02.2026,{}", "occurred_at"),
        ("n,A,1,1767225600,{}", "occurred_at"),
        ("n,A,1,2026-01-01,", "props"),
        ("n,A,1,2026-01-01,[1]", "props"),
        ("n,A,1,2026-01-01", "theirs.csv: cannot be read"),
        ("n,A,1,2026-01-01,{},x", "theirs.csv: cannot be read"),
        ('n,A,1,2026-01-01,"{}', "theirs.csv: has a quoted cell that is never closed"),
    ],
)
def test_a_line_of_csv_that_is_no_event_is_refused_and_nothing_is_stored(lab, tmp_path, line, said):
    path = tmp_path / "theirs.csv"
    path.write_text(f"idx,event,version,occurred_at,payload\nm,A,1,2026-01-01,{{}}\n{line}\n", encoding="utf-8")
    with pytest.raises((ValueError, TypeError), match=said):
        lab.load(path)
    assert rows_of(lab) == 0


def test_the_index_of_a_frame_in_csv_is_named(filled, tmp_path):
    filled.log.df(expand=False).to_csv(tmp_path / "indexed.csv")
    with pytest.raises(ValueError, match="none of the log's: ''; drop them"):
        fl.Lab().load(tmp_path / "indexed.csv")


# JSON lines


def test_a_payload_in_json_lines_is_a_text_or_an_object_and_keeps_its_digits(lab, tmp_path):
    path = tmp_path / "theirs.jsonl"
    digits = (
        '{"a": 1.10, "b": 0.1000000000000000055511151231257827, "c": 1E-7, "d": [12345678901234567890.50], "e": -0}'
    )
    row = '"idx": "n", "event": "A", "occurred_at": "2026-01-01"'
    path.write_text(
        f'\ufeff{{{row}, "payload": {digits}, "meta_info": {{"x": 1.0}}}}\n\n   \n'
        f'{{"payload": {json.dumps(digits)}, {row}, "meta_info": null}}\r\n {{ {row} , "payload" :{{}} }} ',
        encoding="utf-8",
    )
    assert lab.load(path) == 3
    assert payloads_of(lab) == [digits, digits, "{}"]
    assert stored(lab)["meta_info"].to_pylist() == ['{"x": 1.0}', None, None]


def test_attributes_in_json_lines_keep_their_digits_too(lab, tmp_path):
    path = tmp_path / "theirs.jsonl"
    path.write_text(
        '{"idx": "n", "event": "A", "occurred_at": "2026-01-01", "price": 1.10, "n": 5, "no": null, "é": "é\\u0041",'
        ' "lines": [{"price": 2.50}]}\n'
    )
    lab.load(path)
    assert payloads_of(lab) == ['{"price": 1.10, "n": 5, "\\u00e9": "\\u00e9A", "lines": [{"price": 2.50}]}']


@pytest.mark.parametrize(
    "line",
    ["x", "[1]", "5", '"x"', "null", '{"a": 1', '{"a": 1,}', '{"a" 1}', '{1: 2}', '{"a": 1}}', '{"a": 1} {"b": 2}',
     '{"a": \x01}', "{'a': 1}", "{,}", '{"a": 1 "b": 2}', "{" * 10_000, '{"a":' * 10_000],
)  # fmt: skip
def test_a_line_that_is_no_json_object_is_refused_with_its_number(lab, tmp_path, line):
    path = tmp_path / "theirs.jsonl"
    path.write_text('{"idx": "n", "event": "A", "occurred_at": "2026-01-01", "a": 1}\n\n' + line + "\n")
    with pytest.raises(ValueError, match=r"theirs.jsonl: line 3 must be a JSON object, got "):
        lab.load(path)
    assert rows_of(lab) == 0


@pytest.mark.parametrize(
    ("member", "said"),
    [
        ('"idx": 1.5', "idx"), ('"idx": 5', "idx"), ('"idx": {"a": 1}', "idx"), ('"idx": null', "idx"),
        ('"event": ["A"]', "klass"), ('"version": 1.0', "version"), ('"version": "1"', "version"),
        ('"version": true', "version"), ('"occurred_at": 1767225600000', "occurred_at"),
        ('"occurred_at": {}', "occurred_at"), ('"payload": 5', "props"), ('"payload": 1.5', "props"),
        ('"payload": [1]', "props"), ('"payload": null', "props"), ('"payload": {"a": NaN}', "props"),
        ('"payload": {"a": 1e999}', "props"), ('"payload": {"a": "\\u0000"}', "props"),
        ('"meta_info": [1]', "meta_info"),
    ],
)  # fmt: skip
def test_a_member_of_a_line_that_is_of_the_wrong_type_is_refused(lab, tmp_path, member, said):
    good = {"idx": '"n"', "event": '"A"', "version": "1", "occurred_at": '"2026-01-01"', "payload": "{}"}
    path = tmp_path / "theirs.jsonl"
    name, _, value = member.partition(": ")
    lines = [good, {**good, "version": "2", name.strip('"'): value}]
    path.write_text("\n".join("{" + ", ".join(f'"{k}": {v}' for k, v in line.items()) + "}" for line in lines))
    with pytest.raises((ValueError, TypeError), match=said):
        lab.load(path)
    assert rows_of(lab) == 0


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)


@given(st.dictionaries(st.text(), json_values, max_size=4), st.sampled_from([None, 2]), st.booleans())
def test_a_line_is_read_as_python_reads_it(value, indent, ascii_only):
    line = json.dumps(value, indent=indent, ensure_ascii=ascii_only)
    found = _members(f" {line}\n", 1)
    assert {key: json.loads(part) if type(part) is not str and isinstance(part, str) else part
            for key, part in found.items()} == json.loads(line)  # fmt: skip


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), json_values, max_size=3))
@pytest.mark.parametrize(("suffix", "write"), WAYS[:3])
def test_every_payload_comes_back_from_a_file_byte_by_byte(tmp_path, suffix, write, payload):
    text = json.dumps(payload).replace("\\u0000", "0").replace("\\ud", "\\u0")
    lab, other = fl.Lab(), fl.Lab()
    lab.load([{"klass": "A", "idx": "n", "props": text, "occurred_at": START}])
    write(lab.log.df(expand=False), tmp_path / f"one{suffix}")
    other.load(tmp_path / f"one{suffix}")
    assert payloads_of(other) == [text]
    lab.close()
    other.close()


# Files that are none


def test_a_file_that_cannot_be_loaded_says_why_and_what_to_do(lab, tmp_path):
    folder = tmp_path / "folder.csv"
    folder.mkdir()
    for name, content in {
        "events.txt": b"x", "events": b"x", "events.parquet.gz": b"x", "empty.csv": b"", "empty.parquet": b"",
        "empty.jsonl": b"", "damaged.parquet": b"PAR1xxxxPAR1", "none.parquet": b"hello",
        "latin.csv": b"idx,x\n\xff,1\n",
        "latin.jsonl": b'{"a": "\xff"}\n', "damaged.csv.gz": b"hello", "damaged.jsonl.gz": b"hello",
        "cut.jsonl.gz": gzip.compress(b'{"a": 1}\n' * 99)[:20], "lines.csv": b"\n\n",
    }.items():  # fmt: skip
        (tmp_path / name).write_bytes(content)
    for name, error, said in [
        ("events.txt", ValueError, r"a \.parquet, \.csv or \.jsonl file .* got .*events\.txt"),
        ("events", ValueError, "got .*events'"),
        ("events.parquet.gz", ValueError, "the last two also .gz"),
        ("folder.csv", IsADirectoryError, "folder.csv is a folder; load its files one by one"),
        ("missing.csv", FileNotFoundError, "there is none at .*missing.csv"),
        ("empty.csv", ValueError, "empty.csv: is empty"),
        ("empty.parquet", ValueError, "empty.parquet: is empty"),
        ("empty.jsonl", ValueError, "empty.jsonl: is empty"),
        ("damaged.parquet", ValueError, "damaged.parquet: cannot be read: .*damaged or no .parquet file"),
        ("none.parquet", ValueError, "none.parquet: cannot be read"),
        ("latin.csv", ValueError, "latin.csv: .*UTF8"),
        ("latin.jsonl", ValueError, "latin.jsonl: is not written in UTF-8"),
        ("damaged.csv.gz", ValueError, "damaged.csv.gz: cannot be read"),
        ("damaged.jsonl.gz", ValueError, "damaged.jsonl.gz: cannot be read"),
        ("cut.jsonl.gz", ValueError, "cut.jsonl.gz: cannot be read"),
        ("lines.csv", ValueError, "lines.csv: cannot be read"),
    ]:
        with pytest.raises(error, match=said):
            lab.load(tmp_path / name)
    assert rows_of(lab) == 0


def test_a_parquet_file_that_is_damaged_anywhere_is_refused_or_gives_whole_events(filled, tmp_path):
    filled.log.df(expand=False).to_parquet(tmp_path / "good.parquet")
    good = (tmp_path / "good.parquet").read_bytes()
    for at in range(0, len(good), 97):
        (tmp_path / "bad.parquet").write_bytes(good[:at] + bytes([good[at] ^ 0xFF]) + good[at + 1 :])
        other = fl.Lab()
        try:
            assert other.load(tmp_path / "bad.parquet") == len(other.log) == len(PAYLOADS)
        except (ValueError, TypeError) as failure:
            assert "bad.parquet" in str(failure) or "rows" in str(failure)
            assert rows_of(other) == 0
        other.close()


def test_all_of_a_file_is_loaded_or_nothing(lab, tmp_path):
    lines = [json.dumps({"idx": "n", "event": "A", "occurred_at": "2026-01-01", "a": n}) for n in range(50_000)]
    path = tmp_path / "many.jsonl"
    path.write_text("\n".join([*lines, "x"]))
    with pytest.raises(ValueError, match="line 50001"):
        lab.load(path)
    assert rows_of(lab) == 0
    path.write_text("\n".join([*lines, lines[0].replace('"n"', "5", 1)]))
    with pytest.raises(TypeError, match=r"many\.jsonl: rows: row 50000: idx must be a str"):
        lab.load(path)
    assert rows_of(lab) == 0
    path.write_text("\n".join(lines))
    assert lab.load(path) == 50_000
    assert NoteStream.for_("n", lab=lab).append(noted()).version == 50_001


def test_typed_columns_of_parquet_are_taken_as_they_are(lab, tmp_path):
    table = pa.table({
        "klass": pa.array(["A", "A"]).dictionary_encode(), "idx": pa.array(["n", "n"], pa.large_string()),
        "version": pa.array([1, 2], pa.uint8()), "occurred_at": pa.array([START, START], pa.timestamp("ns")),
        "amount": pa.array([Decimal("1.50"), None], pa.decimal128(10, 2)), "rate": pa.array([0.1, float("nan")]),
        "inner": [{"a": 1}, None],
    })  # fmt: skip
    pq.write_table(table, tmp_path / "typed.parquet")
    lab.load(tmp_path / "typed.parquet")
    assert payloads_of(lab) == ['{"amount": "1.50", "rate": 0.1, "inner": {"a": 1}}', "{}"]


def test_a_file_is_loaded_outside_of_transactions_only(lab, tmp_path):
    with lab.transaction(), pytest.raises(fl.TransactionError):
        lab.load(tmp_path / "x.csv")
