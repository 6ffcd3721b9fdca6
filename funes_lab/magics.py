"""The magic of the notebook: `%load_ext funes_lab`, then SQL over the log in a cell that begins with `%%events_sql`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from IPython.core.completer import CompletionContext, SimpleCompletion, SimpleMatcherResult, context_matcher
from IPython.core.error import UsageError
from IPython.core.magic import Magics, cell_magic, magics_class
from IPython.core.magic_arguments import argument, magic_arguments, parse_argstring

from funes_lab import registry
from funes_lab.lab import Lab, current_lab

if TYPE_CHECKING:
    import pandas as pd
    from IPython.core.interactiveshell import InteractiveShell

_MAGIC: Final = "%%events_sql"
#: The columns that every event has, and the table of the log.
_KNOWN: Final = ("event_entries", "idx", "version", "event", "occurred_at", "created_at")
#: What is written at the cursor: a name in quotes that are still open, or a word.
_FRAGMENT: Final = re.compile(r'"[^"\n]*$|\w*$')
_LAB: Final = re.compile(r"--lab[ =]+(\w+)")


@magics_class
class EventMagics(Magics):
    """SQL over the event log in a cell."""

    def __init__(self, shell: InteractiveShell) -> None:
        super().__init__(shell)
        self._user_ns = shell.user_ns

    @magic_arguments()
    @argument("--into", metavar="NAME", help="Keep the DataFrame under this name instead of showing it.")
    @argument("--lab", metavar="NAME", help="The variable that holds the lab; default the current one.")
    @argument("--params", metavar="NAME", help="The variable that holds the values for ? (a list) or $name (a dict).")
    @cell_magic
    def events_sql(self, line: str, cell: str) -> pd.DataFrame | None:
        """Ask the log in SQL: every event name is a table. See `lab.sql`.

        Nothing is put into the text of the query: values come by `--params`.
        """
        asked = parse_argstring(self.events_sql, line)
        if asked.into is not None and not asked.into.isidentifier():
            raise UsageError(f"--into must be the name of a variable, got {asked.into!r}")
        lab = current_lab() if asked.lab is None else self._named("--lab", asked.lab)
        if not isinstance(lab, Lab):
            raise UsageError(f"--lab must name an fl.Lab; {asked.lab} is {lab!r}")
        params = None if asked.params is None else self._named("--params", asked.params)
        found = lab.sql(cell, params)
        if asked.into is None:
            return found
        self._user_ns[asked.into] = found
        return None

    def _named(self, option: str, name: str) -> Any:
        if name not in self._user_ns:
            raise UsageError(f"{option} must name a variable of the notebook; there is no {name!r}")
        return self._user_ns[name]

    @context_matcher(identifier="funes_lab.events_sql")
    def complete(self, context: CompletionContext) -> SimpleMatcherResult:
        """Event names and the columns of those that the cell names, while the cursor is in such a cell."""
        head, _, query = context.full_text.partition("\n")
        before = "\n".join(context.full_text.split("\n")[: context.cursor_line]) + "\n" + context.line_with_cursor
        if not head.lstrip().startswith(_MAGIC) or context.cursor_line == 0:
            return {"completions": []}
        fragment = _FRAGMENT.search(before)
        written = "" if fragment is None else fragment[0]
        asked = _LAB.search(head)
        lab = current_lab() if asked is None else self._user_ns.get(asked[1])
        names = _names(lab, query) if isinstance(lab, Lab) and not lab.closed else []
        start = written.lstrip('"').lower()
        fitting = [name for name in names if name.strip('"').lower().startswith(start)]
        return {
            "completions": [SimpleCompletion(name, type="sql") for name in fitting],
            "matched_fragment": written,
            "suppress": True,
            "ordered": True,
        }


def _names(lab: Lab, query: str) -> list[str]:
    """Tables and columns, in quotes where SQL needs them."""
    stored = lab.sql("SELECT DISTINCT klass FROM event_entries ORDER BY 1").klass
    events = sorted({*map(registry.canonical, stored), *registry.names()})
    columns = [column for name in events if f'"{name}"' in query for column in _columns(lab, name)]
    return list(dict.fromkeys([*(_quoted(name) for name in [*events, *columns]), *_KNOWN]))


def _columns(lab: Lab, name: str) -> list[str]:
    return list(lab.sql(f"SELECT * FROM {_quoted(name)} LIMIT 0").columns)


def _quoted(name: str) -> str:
    return name if re.fullmatch(r"[a-z_][a-z0-9_]*", name) and name != "at" else '"' + name.replace('"', '""') + '"'


def load(shell: InteractiveShell) -> None:
    """Give a shell the magic and its completions; once, however often it is asked."""
    unload(shell)
    magics = EventMagics(shell)
    shell.register_magics(magics)
    shell.Completer.custom_matchers.append(magics.complete)


def unload(shell: InteractiveShell) -> None:
    """Take them away."""
    shell.Completer.custom_matchers[:] = [
        known
        for known in shell.Completer.custom_matchers
        if not isinstance(getattr(known, "__self__", None), EventMagics)
    ]
    shell.magics_manager.magics["cell"].pop("events_sql", None)
