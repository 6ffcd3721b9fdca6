"""`funes-lab demo`: event sourcing in a minute, in a terminal. The code that is shown is the code that runs."""

from __future__ import annotations

import ast
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

import pandas as pd
from rich.box import SIMPLE_HEAD
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.rule import Rule
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

from funes_lab import current, registry
from funes_lab.testing import Clock

#: From here on what was printed stands beside the code, else below it.
_WIDE: Final = 130
_CODE: Final = 64


class Step(NamedTuple):
    """A title, the code, and what to see in what it printed."""

    title: str
    code: str
    seen: str


_IMPORTS: Final = """
from decimal import Decimal
from pydantic import BaseModel, Field
import funes_lab as fl
"""

_BEGINNING: Final = """\
Event sourcing keeps what happened, and what is follows from it.
Here is a debt: what can happen to it, its state with the rule that nobody owes
less than nothing, and how the state follows from the events.
"""

_DOMAIN: Final = """
class Issued(fl.Event):
    amount: Decimal = Field(gt=0)

class Paid(fl.Event):
    amount: Decimal = Field(gt=0)

class Balance(BaseModel):
    owed: Decimal = Field(default=0, ge=0)

class Owed(fl.Projection[Balance]):
    @fl.interpretation_for(Issued)
    def issued(state, event):
        state.owed += event.amount

    @fl.interpretation_for(Paid)
    def paid(state, event):
        state.owed -= event.amount

class DebtStream(fl.EventStream):
    consistency_projection = Owed
"""

_STEPS: Final = (
    Step(
        "What happened is kept, and never changed",
        """
lab = fl.Lab(clock=clock)  # in memory
debt = DebtStream.for_("debt-1")
debt.append(Issued(amount=100))
debt.append(Paid(amount=60))
debt
""",
        "Two facts. What is owed is written nowhere: it follows from them.",
    ),
    Step(
        "What must not be is refused, and says why",
        """
refused = debt.append(Paid(amount=50))
refused.errors
""",
        "The log was asked what the payment would lead to. It is not a fact, but it is not forgotten: see below.",
    ),
    Step(
        "Two writers read the same, and one of them wins",
        """
ada, grace = debt.read(), debt.read()
ada.append(Paid(amount=30))
lost = grace.append(Paid(amount=20))
print(lost.errors.full_messages[0])
""",
        "Grace decided on what was no longer true. She reads again, and decides again.",
    ),
    Step(
        "The past can be asked, step by step",
        """
debt.replay(Owed)[["version", "event", "occurred_at", "owed"]]
""",
        "A DataFrame: the state after each event. With as_of= it is what was known then.",
    ),
    Step(
        "Why was it refused? What if it had been otherwise?",
        """
print(refused.rejection.why().sentence)

what_if = debt.branch()
what_if.skip(2)
what_if.append(Paid(amount=50))
what_if.projected_with(Owed)
""",
        "The branch is a copy in memory. In the log, nothing has changed.",
    ),
    Step(
        "Whatever was tried is in the journal beside the log",
        """
lab.rejections.df()[["event", "idx", "stage", "errors"]]
""",
        "Where somebody asks in a year why a payment is missing, this is the answer.",
    ),
)


def show(console: Console) -> None:
    """Run the steps in a lab in memory, and print each with what it gives.

    Parameters
    ----------
    console : Console
        Whatever its width; where it is no terminal, without colours.
    """
    clock = Clock("2026-06-01T09:00:00Z", tick=timedelta(minutes=30))
    names: dict[str, Any] = {"__name__": __name__, "clock": clock}
    console.print(Rule(Text("An event sourcing laboratory", "bold")))
    console.print(_BEGINNING)
    console.print(_code(_DOMAIN))
    # names and labs of whoever calls it stay as they are
    with registry.layer(), current.aside():
        exec(compile(_IMPORTS + _DOMAIN, "<demo>", "exec", dont_inherit=True), names)
        lab = None
        try:
            for number, step in enumerate(_STEPS, start=1):
                _show(number, step, names, console)
                lab = names["lab"]
        finally:
            if lab is not None:
                lab.close()
    console.print(Rule())
    console.print("All of this as forms, timelines and races that you step through, in JupyterLab:")
    console.print(Text("  funes-lab lab", "bold"))


def _show(number: int, step: Step, names: dict[str, Any], console: Console) -> None:
    console.print()
    console.print(Rule(Text(f"{number}  {step.title}", "bold"), align="left"))
    printed = Group(*_run(step.code, names))
    if console.width >= _WIDE:
        beside = Table.grid(padding=(0, 2, 0, 0))
        beside.add_column(width=_CODE)
        beside.add_column()
        beside.add_row(_code(step.code), printed)
        console.print(beside)
    else:
        console.print(_code(step.code))
        console.print(Padding.indent(printed, 2))
    console.print(Text(step.seen, "italic"))


def _code(text: str) -> Syntax:
    return Syntax(text.strip(), "python", theme="ansi_dark", background_color="default", word_wrap=True)


def _run(code: str, names: dict[str, Any]) -> list[RenderableType]:
    """Run the code as a cell of a notebook, and give what it printed and its last value."""
    printed: list[RenderableType] = []
    names["print"] = lambda value: printed.append(Text(value))
    *before, last = ast.parse(code).body
    assert isinstance(last, ast.Expr)
    exec(compile(ast.Module(before, []), "<demo>", "exec", dont_inherit=True), names)
    value = eval(compile(ast.Expression(last.value), "<demo>", "eval", dont_inherit=True), names)
    return printed if value is None else [*printed, _drawn(value)]


def _drawn(value: object) -> RenderableType:
    if not isinstance(value, pd.DataFrame):
        return Text(repr(value))
    table = Table(*map(str, value.columns), box=SIMPLE_HEAD, show_edge=False, header_style="bold")
    for row in value.itertuples(index=False):
        table.add_row(*(Text(f"{cell:%Y-%m-%d %H:%M}" if isinstance(cell, datetime) else str(cell)) for cell in row))
    return table
