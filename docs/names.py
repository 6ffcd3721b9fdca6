"""Names in signatures and docstrings: where each is explained, ours and those of others.

An inventory of somebody else's documentation would have to be fetched, so links to it are made by rule.
"""

from __future__ import annotations

from typing import Any

from docutils import nodes
from public import GIVEN, INNER, qualified
from sphinx.util.nodes import make_refnode

PYTHON = "https://docs.python.org/3"
PANDAS = "https://pandas.pydata.org/docs/reference/api"
ARROW = "https://arrow.apache.org/docs/python/generated"
PYDANTIC = "https://docs.pydantic.dev/latest/api"

#: Of others. What is neither here nor one of STANDARD is a broken reference.
PAGES = {
    "None": f"{PYTHON}/library/constants.html#None",
    "object": f"{PYTHON}/library/functions.html#object",
    "bltin-boolean-values": f"{PYTHON}/library/stdtypes.html#boolean-type-bool",
    "callable": f"{PYTHON}/library/functions.html#callable",
    "iterable": f"{PYTHON}/glossary.html#term-iterable",
    "sequence": f"{PYTHON}/glossary.html#term-sequence",
    "datetime": f"{PYTHON}/library/datetime.html#datetime.datetime",
    "pydantic.main.BaseModel": f"{PYDANTIC}/base_model/#pydantic.BaseModel",
    "pd.DataFrame": f"{PANDAS}/pandas.DataFrame.html",
    "pandas.DataFrame": f"{PANDAS}/pandas.DataFrame.html",
    "pa.Table": f"{ARROW}/pyarrow.Table.html",
    "SearchStrategy": "https://hypothesis.readthedocs.io/en/latest/reference/strategies.html",
}
BUILTIN = {"bool", "dict", "float", "int", "list", "str", "tuple", "type"}
STANDARD = (
    "collections.abc", "contextlib", "datetime", "importlib.resources.abc", "os", "pathlib", "random",
    "types", "typing",
)  # fmt: skip

#: Ours, by another name than the one that is documented.
OTHERWISE = {"bltin-boolean-values": "bool", "Workspace": "Lab", "ReadingSide": "Reading"}


def skip_inner(app: Any, what: str, name: str, member: Any, skip: bool, options: Any) -> bool | None:
    """Answer whether autodoc leaves a member out."""
    return True if name == "model_config" or qualified(member) in INNER else None


def hide_constructor(
    app: Any, what: str, name: str, member: Any, options: Any, signature: str, returns: str
) -> tuple[str, str] | None:
    """Answer whether the parameters of a class are shown: those of results are nobody's business."""
    return ("", "") if signature and what == "class" and (name.count(".") > 1 or name in GIVEN) else None


def address(name: str) -> str | None:
    """Where a name of somebody else is explained."""
    name = name.removeprefix("python:")
    if found := PAGES.get(name):
        return found
    if name in BUILTIN:
        return f"{PYTHON}/library/stdtypes.html#{name}"
    for module in STANDARD:
        if name.startswith(f"{module}."):
            return f"{PYTHON}/library/{module}.html#{name}"
    return None


def link(app: Any, env: Any, node: Any, content: Any) -> nodes.Node | None:
    """Answer what Sphinx asks about a name that it does not find as it is written: `missing-reference`."""
    name = node["reftarget"]
    if found := address(name):
        if content.astext() == name:  # numpydoc leaves the part before the colon to intersphinx
            shown = name.removeprefix("python:")
            content = nodes.literal("", OTHERWISE.get(shown, shown))
        return nodes.reference("", "", content, internal=False, refuri=found)
    if node.get("refdomain") != "py" or ("." in name and not name.startswith("funes_lab.")):
        return None
    last = name.rpartition(".")[2]
    last = OTHERWISE.get(last, last)
    ours = env.get_domain("py").objects.items()
    places = {(entry.docname, entry.node_id) for full, entry in ours if full.rpartition(".")[2] == last}
    if len(places) != 1:
        return None
    [(page, anchor)] = places
    if last != name.rpartition(".")[2]:
        content = nodes.Text(last)
    return make_refnode(app.builder, node["refdoc"], page, anchor, content)
