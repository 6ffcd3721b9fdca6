"""The magic of the notebook, in a real IPython shell."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from IPython.core.error import UsageError
from IPython.core.interactiveshell import InteractiveShell

import funes_lab as fl
from tests.domain import DebtEventStream, issued, paid


@pytest.fixture(params=[True, False], ids=["jedi", "no jedi"])
def shell(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[InteractiveShell]:
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))  # nothing of the user's own is read or written
    monkeypatch.delenv("VIRTUAL_ENV", raising=False)  # that of whoever runs the tests may be another one
    made = InteractiveShell(history_load_length=0)
    made.Completer.use_jedi = request.param
    made.history_manager.enabled = False
    made.run_line_magic("load_ext", "funes_lab")
    yield made
    made.run_line_magic("unload_ext", "funes_lab")
    made.history_manager.end_session()


@pytest.fixture
def lab() -> fl.Lab:
    lab = fl.Lab()
    debt = DebtEventStream.for_("debts-1", lab=lab)
    debt.append(issued("600.00"))
    debt.append(paid("50.00"))
    return lab


def asked(shell: InteractiveShell, line: str, query: str) -> Any:
    return shell.run_cell_magic("events_sql", line, query)


def completed(shell: InteractiveShell, text: str) -> list[str]:
    from IPython.core.completer import provisionalcompleter

    with provisionalcompleter():
        return [found.text for found in shell.Completer.completions(text, len(text))]


def test_a_cell_is_sql_over_the_log_into_a_frame(shell, lab):
    frame = asked(shell, "", 'SELECT amount FROM "Debts::Issued"')
    assert frame.amount.tolist() == [Decimal("600.00")]


def test_the_frame_can_be_kept_under_a_name(shell, lab):
    assert asked(shell, "--into found", "SELECT count(*) AS n FROM event_entries") is None
    assert shell.user_ns["found"].n.tolist() == [2]


def test_a_lab_can_be_named_and_values_come_from_a_variable(shell, lab):
    shell.user_ns |= {"mine": lab, "values": {"least": 100}}
    fl.Lab()  # the current one, and empty
    query = 'SELECT version FROM "Debts::Issued" WHERE amount > $least'
    assert asked(shell, "--lab mine --params values", query).version.tolist() == [1]


def test_nothing_is_put_into_the_text_of_a_query(shell, lab):
    shell.user_ns["idx"] = "x"
    assert asked(shell, "", "SELECT '{idx} $idx' AS text").text.tolist() == ["{idx} $idx"]


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("--lab nobody", "--lab must name a variable of the notebook; there is no 'nobody'"),
        ("--lab text", "--lab must name an fl.Lab; text is 'a'"),
        ("--into 1x", "--into must be the name of a variable, got '1x'"),
        ("--params nobody", "there is no 'nobody'"),
    ],
)
def test_what_cannot_be_is_told_with_its_option(shell, lab, line, told):
    shell.user_ns["text"] = "a"
    with pytest.raises(UsageError, match=told):
        asked(shell, line, "SELECT 1 AS one")


def test_event_names_and_their_columns_are_completed(shell, lab):
    assert '"Debts::Issued"' in completed(shell, '%%events_sql\nSELECT * FROM "Debts::I')
    assert "interest_rate" in completed(shell, '%%events_sql\nSELECT * FROM "Debts::Issued"\nWHERE interest_r')
    assert "event_entries" in completed(shell, "%%events_sql\nSELECT * FROM event_e")
    assert "interest_rate" not in completed(shell, "SELECT interest_r")


def test_loading_twice_completes_once_and_unloading_leaves_nothing(shell, lab):
    shell.run_line_magic("reload_ext", "funes_lab")
    assert completed(shell, "%%events_sql\nSELECT event_e").count("event_entries") == 1
    shell.run_line_magic("unload_ext", "funes_lab")
    assert completed(shell, "%%events_sql\nSELECT event_e") == []
    shell.run_line_magic("load_ext", "funes_lab")
