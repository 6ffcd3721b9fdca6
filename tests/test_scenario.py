"""Given, when, then: tests in the words of the domain, and how they are written as code."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
import tomllib
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, ClassVar
from uuid import UUID

import pytest
from pydantic import BaseModel, ConfigDict, Field

import funes_lab as fl
from funes_lab import stream_classes
from tests.domain import (
    DebtEventStream,
    Issued,
    Noted,
    NoteStream,
    OutstandingBalance,
    ShortNoteStream,
    Trail,
    VirtualOutstandingBalance,
    day,
    issued,
    noted,
    paid,
    rows_of,
)

ROOT = Path(__file__).parents[1]
scenario = fl.testing.scenario


class Colour(Enum):
    RED = "red"
    BLUE = 2


class Street(BaseModel):
    model_config = ConfigDict(frozen=True)
    name: str = Field(alias="Name")


class Nasty(fl.Event, name="Scenario::Nasty"):
    """An attribute of every kind."""

    decimal: Decimal
    anything: Any
    either: int | str | Decimal
    moment: datetime
    on: date
    span: timedelta
    colour: Colour
    identity: UUID
    raw: bytes
    streets: list[Street]
    by_day: dict[date, tuple[Decimal, ...]]
    colours: frozenset[Colour]
    renamed: Annotated[str, Field(alias="class")]
    text: str
    number: float


NASTY = Nasty(
    decimal="1.500",
    anything={"list": [1, 2.5, None, True], "": "quo'\"te\n"},
    either="12",
    moment="2026-03-01T09:30:00.000001+02:00",
    on="2026-03-01",
    span=timedelta(days=-1, microseconds=3),
    colour=Colour.BLUE,
    identity="12345678123456781234567812345678",
    raw=b"\x00\xff",
    streets=[{"Name": "'); import os #"}],
    by_day={"2026-03-01": ["1.0", "2"]},
    colours=[Colour.RED, Colour.BLUE],
    renamed="x",
    text='"""\\',
    number=1e300,
)


class Signed(fl.Event, name="Scenario::Signed"):
    filter_attributes = ("password",)
    user: str
    password: str


class Session(BaseModel):
    user: str = ""
    password: str = ""


class Sessions(fl.Projection[Session]):
    @fl.interpretation_for(Signed)
    def signed(state, event):
        if event.user == "nobody":
            event.errors.add("user", "must be somebody")
        state.user, state.password = event.user, event.password


class SessionStream(fl.EventStream):
    consistency_projection = Sessions


class Age(BaseModel):
    days: int = 0


class CurrentAge(fl.Projection[Age]):
    """A state that depends on the time of the query."""

    @fl.interpretation_for(Noted)
    def noted(state, event):
        state.days += 0

    @fl.final_state
    def end(state, at):
        state.days = (at - day(0)).days


def run(code: str) -> Any:
    """Execute written code and call its test; gives its names."""
    names: dict[str, Any] = {}
    exec(compile(code, "written", "exec"), names)
    (test,) = (thing for name, thing in names.items() if name.startswith("test_"))
    test()
    return names


def events_in(code: str, names: dict[str, Any]) -> list[fl.Event]:
    """The events that written code builds."""
    calls = (node for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Call))
    tried = (call.args[0] for call in calls if isinstance(call.func, ast.Attribute) and call.func.attr == "when")
    return [eval(compile(ast.Expression(built), "written", "eval"), names) for built in tried]


# --- given, when, then ------------------------------------------------------------------------------------------------


def test_an_event_that_the_rules_let_in_is_accepted():
    told = scenario(DebtEventStream).given(issued(100)).when(paid(60)).then_accepted()
    told.then_state(VirtualOutstandingBalance, outstanding_balance=40, last_payment_at=day(1))


def test_an_event_that_they_refuse_is_rejected_by_stage_attribute_and_message():
    told = scenario(DebtEventStream).given(issued(100)).when(paid(120))
    told.then_rejected().then_rejected(stage="state", on="outstanding_balance", message="greater than or equal to 0")
    told.when(paid(13)).then_rejected(
        stage="interpretation", on="principal_amount", message="Principal amount must not"
    )
    told.when(Issued(amount=-1, wrong=1)).then_rejected(stage="own", on="wrong")
    told.when(paid(1), expected_version=0).then_rejected(stage="conflict")
    assert told.event.rejection.stage == "conflict"


def test_a_state_is_told_by_the_fields_that_are_named_in_whatever_way_they_can_be_written():
    told = scenario(DebtEventStream).given(issued("100.50")).when(paid("0.50"))
    told.then_state(VirtualOutstandingBalance, outstanding_balance="100.00")
    told.then_state(VirtualOutstandingBalance, last_payment_at="2026-01-02")
    with pytest.raises(AssertionError, match="last_payment_at  expected –, got 2026-01-02"):
        told.then_state(VirtualOutstandingBalance, last_payment_at=None)


def test_the_state_of_nothing_is_the_initial_one():
    told = scenario(DebtEventStream).when(paid(1)).then_rejected()
    assert told.then_state(VirtualOutstandingBalance, outstanding_balance=0).events == []


def test_several_events_are_tried_in_a_row():
    told = scenario(DebtEventStream).given(issued(100))
    told.when(paid(60)).when(paid(30)).then_accepted().when(paid(20)).then_rejected().when(paid(10)).then_accepted()
    assert [event.version for event in told.events] == [1, 2, 3, 4]


def test_what_is_given_may_say_when_it_happened():
    told = scenario(NoteStream).given((noted("b"), day(5)), noted("a"), at=day(1)).when(noted("c"), at="2026-01-02")
    assert [event.occurred_at for event in told.events] == [day(1), day(1), day(5)]
    told.then_state(Trail, texts=["a", "c", "b"])


def test_a_backdated_event_is_judged_at_its_true_place():
    scenario(DebtEventStream).given(issued(100, on=1)).when(paid(10, on=0)).then_rejected(on="outstanding_balance")


def test_the_clock_is_a_scenarios_own_and_never_behind_what_happened():
    told = scenario(NoteStream, start="2030-01-01").when(noted())
    assert told.event.occurred_at == datetime(2030, 1, 1, tzinfo=UTC)
    told.given((noted(), "2031-01-01")).when(noted())
    assert told.event.occurred_at > datetime(2031, 1, 1, tzinfo=UTC)
    assert (told.event.occurred_at, told.event.version) == (told.events[-1].occurred_at, 3)


def test_the_events_that_a_scenario_is_given_stay_as_they_are():
    first, second = issued(100), paid(120)
    for _ in range(2):
        scenario(DebtEventStream).given(first).when(second).then_rejected()
    assert not first.persisted
    assert second.valid


def test_facts_of_a_log_can_be_given(lab):
    stream = DebtEventStream.for_("debts-1", lab=lab)
    stream.append_all([issued(100), paid(60)])
    scenario(DebtEventStream).given(*stream.events).when(paid(60)).then_rejected()


def test_a_scenario_touches_no_lab_and_no_read_model(lab):
    kept: list[Any] = []

    class Kept(OutstandingBalance):
        persist_with: ClassVar[str] = "save"

        def save(self, idx: str) -> None:
            kept.append(idx)

    class KeptBalance(fl.Projection[Kept]):
        @fl.interpretation_for(Issued)
        def issued(state, event):
            state.outstanding_balance = event.amount

    class KeepingStream(DebtEventStream):
        transactional_projections = [KeptBalance]

    KeepingStream.for_("debts-1", lab=lab).append_or_raise(issued(100))
    assert kept == ["debts-1"]
    scenario(KeepingStream).given(issued(100)).when(paid(120)).then_rejected()
    assert kept == ["debts-1"]
    assert (rows_of(lab), len(lab.rejections)) == (1, 0)


def test_nothing_need_be_open_for_a_scenario(monkeypatch):
    from funes_lab import current

    monkeypatch.setattr(current, "_process", [])
    scenario(DebtEventStream).given(issued(100)).when(paid(100)).then_accepted()
    assert current._process == []


def test_a_block_that_breaks_is_raised():
    with pytest.raises(fl.ProjectionError, match="RuntimeError: after the state was changed"):
        scenario(ShortNoteStream).given(noted()).when(noted("broken"))


# --- what is not as expected ------------------------------------------------------------------------------------------


def test_a_refusal_that_nobody_expected_tells_the_story_the_errors_and_the_states():
    with pytest.raises(AssertionError) as failure:
        scenario(DebtEventStream).given(issued(100)).when(paid(120)).then_accepted()
    assert str(failure.value).splitlines() == [
        "expected accepted, got refused",
        "  given  #1 Debts::Issued  amount 100, interest_rate 0.05, at 2026-01-01 00:00",
        "  when      Debts::PaymentReceived  principal_amount 120, interest_amount 0, at 2026-01-02 00:00  (refused)",
        "  state: outstanding_balance: must be greater than or equal to 0  (OutstandingBalance)",
        "  outstanding_balance: 100 → −20",
        "  last_payment_at: – → 2026-01-02 00:00",
    ]


def test_a_refusal_for_another_reason_tells_the_reason():
    told = scenario(DebtEventStream).given(issued(100)).when(paid(120))
    for wrong in ({"stage": "own"}, {"on": "amount"}, {"message": "unlucky"}):
        with pytest.raises(AssertionError, match=r"got refused for another reason\n(.*\n)*  state: outstanding"):
            told.then_rejected(**wrong)
    with pytest.raises(AssertionError, match=r"on 'principal_amount', message 'x'\), got accepted as #2"):
        scenario(DebtEventStream).given(issued(100)).when(paid(1)).then_rejected(on="principal_amount", message="x")


def test_a_message_and_its_attribute_must_be_of_one_error():
    told = scenario(DebtEventStream).when(Issued(amount=0, interest_rate=-1, at=day(0)))
    told.then_rejected(on="interest_rate", message="greater than or equal to 0")
    with pytest.raises(AssertionError):
        told.then_rejected(on="amount", message="greater than or equal to 0")


def test_a_state_that_differs_tells_the_fields_that_do_and_no_others():
    told = scenario(DebtEventStream).given(issued(100)).when(paid(60))
    with pytest.raises(AssertionError) as failure:
        told.then_state(VirtualOutstandingBalance, outstanding_balance=20, last_payment_at=day(1))
    assert (
        str(failure.value).splitlines()[0] == "the state is not what was expected: VirtualOutstandingBalance after #2"
    )
    assert str(failure.value).splitlines()[3:] == ["  outstanding_balance  expected 20, got 40"]


def test_values_that_read_alike_are_told_apart():
    told = scenario(SessionStream).when(Signed(user="1", password="x"))
    with pytest.raises(AssertionError, match="user  expected 1, got '1'"):
        told.then_state(Sessions, user=1)


def test_a_given_event_that_the_rules_refuse_is_an_error_at_once_with_the_explanation():
    with pytest.raises(ValueError, match="is refused, so it cannot have happened") as failure:
        scenario(DebtEventStream).given(issued(100), paid(120), paid(1))
    assert "given  #1 Debts::Issued" in str(failure.value)
    assert "outstanding_balance would be −20, must be ≥ 0" in str(failure.value)


def test_an_event_that_was_refused_is_not_passed_over():
    told = scenario(DebtEventStream).given(issued(100)).when(paid(120))
    for go_on in (lambda: told.when(paid(1)), lambda: told.given(paid(1))):
        with pytest.raises(AssertionError, match=r"write \.then_rejected\(\) after it"):
            go_on()
    told.then_rejected().when(paid(1)).then_accepted()


@pytest.mark.parametrize("then", ["then_accepted", "then_rejected", "then_state"])
def test_before_anything_happened_there_is_nothing_to_expect(then):
    told = scenario(DebtEventStream).given(issued(100))
    arguments = [VirtualOutstandingBalance] if then == "then_state" else []
    with pytest.raises(fl.FunesLabError, match=rf"write \.when\(event\) before \.{then}"):
        getattr(told, then)(*arguments)


def test_wrong_arguments_are_told_by_name():
    told = scenario(DebtEventStream).given(issued(100)).when(paid(60))
    for wrong, message in (
        (lambda: scenario(VirtualOutstandingBalance), "stream_class must be"),
        (lambda: scenario(DebtEventStream, start="soon"), "start must be ISO 8601"),
        (lambda: told.given([issued(100)]), "given takes events"),
        (lambda: told.when("paid"), "event must be an instance"),
        (lambda: told.then_rejected(stage="late"), "stage must be one of own, interpretation, state, conflict"),
        (lambda: told.then_rejected(on=""), "on must be a text"),
        (lambda: told.then_state(VirtualOutstandingBalance), "then_state needs at least one field"),
        (lambda: told.then_state(VirtualOutstandingBalance, balance=1), "has no field 'balance'; it has outstanding"),
        (lambda: told.then_state(Issued, amount=1), "projection must be"),
    ):
        with pytest.raises((TypeError, ValueError), match=message):
            wrong()


def test_no_secret_is_told():
    told = (
        scenario(SessionStream)
        .given(Signed(user="ada", password="s3cret"))
        .when(Signed(user="nobody", password="s3cret"))
    )
    failures = []
    for check in (told.then_accepted, lambda: told.then_state(Sessions, password="guess", user="ada")):
        with pytest.raises(AssertionError) as failure:
            check()
        failures.append(str(failure.value))
    assert not any("s3cret" in text or "guess" in text for text in [*failures, repr(told)])
    assert all("[FILTERED]" in text for text in failures)


# --- as code ----------------------------------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def _only_classes_of_these_tests(monkeypatch):
    """Others that ran in this process have classes of the same names, as a person's notebook has not."""
    every, here = stream_classes.subclasses, ("tests.domain", __name__)
    monkeypatch.setattr(stream_classes, "subclasses", lambda base: [c for c in every(base) if c.__module__ in here])


@pytest.fixture
def debt(lab: fl.Lab) -> DebtEventStream:
    """Issued 100, paid 60 and, backdated, 5."""
    stream = DebtEventStream.for_("debts-1", lab=lab)
    for event in (issued(100), paid(60), paid(5, on=0.5)):
        stream.append_or_raise(event)
    return stream


def test_a_stream_is_written_as_a_test_that_passes(debt):
    code = scenario.from_stream(debt)
    assert "def test_debts_1():" in code
    assert 'principal_amount="5"' in code
    assert 'outstanding_balance="35"' in code
    run(code)
    run(scenario.from_stream(debt.read()))
    run(scenario.from_stream(debt.branch().skip(3)))


def test_what_is_written_says_what_it_means(debt):
    code = scenario.from_stream(debt)
    with pytest.raises(AssertionError, match="expected 36, got 35"):
        run(code.replace('outstanding_balance="35"', 'outstanding_balance="36"'))


def test_every_refusal_is_written_as_a_test_that_passes(debt):
    events = [
        debt.append(paid(70)),
        debt.append(paid(13)),
        debt.append(paid(101, on=0.2)),
        debt.append(Issued(amount="abc", foo=3)),
        debt.append(Issued(amount=3, at=10**5000, foo=float("nan"))),
        debt.append(paid(1), expected_version=1),
        debt.append(paid(1), expected_version=9),
    ]
    assert [event.persisted for event in events] == [False] * 7
    for event, kept in zip(events, debt.rejections, strict=True):
        for rejection in (event.rejection, kept):
            code = scenario.from_rejection(rejection)
            assert f'stage="{rejection.stage}"' in code
            assert "otherwise" not in code
            run(code)


def test_the_history_of_a_refusal_ends_where_the_writer_had_read(debt, lab):
    reading = debt.read()
    late = debt.append(paid(70)).rejection
    debt.append_or_raise(paid(1))
    lost = reading.append(paid(2)).rejection
    fl.Lab()
    code = scenario.from_rejection(late, lab=lab)
    assert code.count("PaymentReceived(") == 3
    assert scenario.from_rejection(lost, lab=lab).count("PaymentReceived(") == 4
    with pytest.raises(ValueError, match=r"has 'debts-1' up to version 0, .* give lab="):
        scenario.from_rejection(late)


def test_what_came_in_comes_out_equal_of_every_kind(lab):
    stream = NoteStream.for_("nasty", lab=lab)
    stream.append_or_raise(NASTY.model_copy())
    code = scenario.from_stream(stream)
    names = run(code)
    (event,) = events_in(code, names)
    assert event == NASTY
    assert sorted(repr(event)) == sorted(repr(NASTY))  # a set has no order


def test_texts_cannot_get_out_of_the_code(lab):
    evil = "'''\"\"\"\n\\'); raise SystemExit #\u202e"
    stream = NoteStream.for_("debt\n'''; raise SystemExit", lab=lab)
    stream.append_or_raise(noted(evil))
    code = scenario.from_stream(stream)
    assert "def test_debt_raise_system_exit():" in code
    run(code)


def test_events_of_streams_without_a_time_of_their_own_are_written_with_it(lab):
    stream = NoteStream.for_("notes", lab=lab)
    stream.append_all([noted("a"), noted("b")])
    stream.append(noted("c"), at=day(-9))
    code = scenario.from_stream(stream)
    assert 'at="2025-12-23T00:00:00Z"' in code
    run(code)


def test_secrets_are_not_written(lab):
    stream = SessionStream.for_("s", lab=lab)
    stream.append_or_raise(Signed(user="ada", password="s3cret"))
    refused = stream.append(Signed(user="nobody", password="s3cret"))
    for code in (scenario.from_stream(stream), scenario.from_rejection(refused.rejection)):
        assert "s3cret" not in code
        assert 'password="[FILTERED]"' in code
        assert '# "[FILTERED]" stands for secrets of Signed (password): write your own.' in code
        run(code)


def test_what_the_rules_of_today_have_otherwise_is_written_as_it_was_with_a_comment(lab):
    class LooseStream(fl.EventStream):
        actual_time_attribute = "at"

    loose = LooseStream.for_("debts-1", lab=lab)
    loose.append_all([issued(100), paid(120), paid(1)])
    strict = DebtEventStream.for_("debts-1", lab=lab)
    code = scenario.from_stream(strict)
    assert "# The rules of today have it otherwise: given Debts::PaymentReceived" in code
    assert "then_state" not in code
    with pytest.raises(ValueError, match="cannot have happened"):
        run(code)


def test_events_that_no_class_has_are_left_out_and_that_is_said(lab):
    times = {"created_at": "2020-01-01", "occurred_at": "2020-01-01"}
    lab.load([{"klass": "Old::Thing", "idx": "n", "props": {}, "version": 1, **times}])
    stream = NoteStream.for_("n", lab=lab)
    stream.append_or_raise(noted())
    code = scenario.from_stream(stream)
    assert "# #1 Old::Thing is left out: no event class here has that name." in code
    run(code)


def test_classes_that_no_import_reaches_are_named_in_a_comment(lab):
    class Hidden(fl.Event, name="Scenario::Hidden"):
        pass

    stream = NoteStream.for_("n", lab=lab)
    stream.append_or_raise(Hidden())
    assert "# Defined in a function, so there is no import for: Hidden." in scenario.from_stream(stream)


def test_what_cannot_be_written_is_told(lab):
    with pytest.raises(ValueError, match="'empty' has no event"):
        scenario.from_stream(NoteStream.for_("empty", lab=lab))
    times = {"created_at": "2020-01-01", "occurred_at": "2020-01-01"}
    lab.load([{"klass": "Old::Thing", "idx": "old", "props": {}, "version": 1, **times}])
    with pytest.raises(ValueError, match="'old' has no event of a class that is here"):
        scenario.from_stream(NoteStream.for_("old", lab=lab))
    with pytest.raises(TypeError, match="stream must be a stream"):
        scenario.from_stream("debts-1")
    with pytest.raises(TypeError, match="rejection must be"):
        scenario.from_rejection(issued(100))


def test_what_is_written_is_laid_out_as_formatters_do(debt, tmp_path):
    path = tmp_path / "test_written.py"
    refused = debt.append(paid(70))
    for code in (scenario.from_stream(debt), scenario.from_rejection(refused.rejection)):
        path.write_text(code)
        found = subprocess.run(
            [sys.executable, "-m", "ruff", "format", "--isolated", "--check", "--diff", str(path)],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert found.returncode == 0, found.stdout + found.stderr


# --- pytest -----------------------------------------------------------------------------------------------------------

A_SUITE = """
import funes_lab as fl
import pytest

class Said(fl.Event, name="Suite::Said"):
    text: str

seen = []

@pytest.mark.parametrize("n", [1, 2])
def test_a_lab_of_its_own(lab, n):
    assert fl.current_lab() is lab
    assert all(one.closed and one is not lab for one in seen)
    seen.append(lab)
    event = fl.EventStream.for_("s").append(Said(text="hi"))
    assert (event.version, lab.now(), lab.path) == (1, lab.now(), ":memory:")
"""


def run_suite(folder: Path, **files: str) -> subprocess.CompletedProcess[str]:
    for name, text in files.items():
        (folder / f"{name}.py").write_text(text)
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-W", "error", "-p", "_funes_lab_pytest", "-p", "no:cacheprovider", "."],
        cwd=folder, capture_output=True, text=True, check=False,
        env=os.environ | {"PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
    )  # fmt: skip


def test_pytest_has_a_lab_for_each_test(tmp_path):
    found = run_suite(tmp_path, test_suite=A_SUITE)
    assert "2 passed" in found.stdout, found.stdout + found.stderr


def test_a_suites_own_fixture_called_lab_goes_first(tmp_path):
    own = "import pytest\n@pytest.fixture\ndef lab():\n    return 'mine'\n"
    found = run_suite(tmp_path, conftest=own, test_suite="def test_mine(lab):\n    assert lab == 'mine'\n")
    assert "1 passed" in found.stdout, found.stdout + found.stderr


def test_the_plugin_costs_a_start_of_pytest_nothing():
    import_it = "import sys, _funes_lab_pytest; sys.exit('funes_lab' in sys.modules or 'duckdb' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", import_it], cwd=ROOT, check=False).returncode == 0


def test_the_plugin_is_installed_with_the_package():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    module = project["project"]["entry-points"]["pytest11"]["funes_lab"]
    assert (ROOT / f"{module}.py").is_file()
    assert f"{module}.py" in project["tool"]["hatch"]["build"]["targets"]["wheel"]["only-include"]
