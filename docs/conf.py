"""How the documentation is built: `make docs` writes it to build/docs, and every warning is an error.

Nothing is fetched, neither while it is built nor by a page that is read; docs/check.py looks at the pages.
"""

from __future__ import annotations

import json
import shutil
import sys
from importlib.metadata import version as version_of
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
ROOT = HERE.parent
sys.path.insert(0, str(HERE))

from names import hide_constructor, link, skip_inner  # noqa: E402

project = "funes_lab"
author = "funes_lab contributors"
version = release = version_of("funes-lab")
copyright = author  # noqa: A001

extensions = ["myst_nb", "numpydoc", "sphinx.ext.autodoc", "sphinx.ext.autosummary"]
nitpicky = True
suppress_warnings = ["myst.header"]  # solutions begin with headings of the third level
nitpick_ignore = [("py:class", "funes_lab.upcast._Function")]  # a type variable: the function that is decorated


# --- Markdown and notebooks: committed with their outputs, so nothing is executed here ---------------------------

myst_enable_extensions = ["attrs_inline", "colon_fence", "deflist"]
myst_heading_anchors = 3
exclude_patterns = ["parts/*"]
nb_execution_mode = "off"
# What ipywidgets would fetch from the web: the committed notebooks hold pictures that need none of it.
nb_ipywidgets_js: dict[str, dict[str, str]] = {}
# A picture with its script before any other form of an output.
nb_mime_priority_overrides = [("html", "text/html", 0)]
myst_update_mathjax = False

# --- the reference ----------------------------------------------------------------------------------------------

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_class_signature = "mixed"
autodoc_preserve_defaults = True
autosummary_generate = False
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 88
toc_object_entries_show_parents = "hide"
add_module_names = False

default_role = "literal"  # `idx` in a docstring is a name, not a title
numpydoc_show_class_members = False
numpydoc_xref_param_type = True
# Types are told in words; only those in the table become links.
numpydoc_xref_ignore = "all"
numpydoc_validation_exclude = {r"\.(BaseModel|Decimal|Event|Mapping|datetime|timedelta)$"}  # imported, not told here
# All that numpydoc knows to check, without what is meant otherwise here.
numpydoc_validation_checks = {
    "all",
    "ES01", "SA01",  # a further summary and a section See Also where there is something to say
    "EX01", "GL08",  # examples and docstrings are asked for by tests/test_house.py
    "GL01",  # the summary stands on the line of the quotes
    "PR01", "PR02", "PR04", "PR07", "RT01", "RT03",  # a name, a type or a summary that says it all stands alone
    "PR08", "SS03",  # a list of names; what Python says of the fields of a tuple
    "YD01",  # a context manager that gives nothing
}  # fmt: skip

# --- the pages --------------------------------------------------------------------------------------------------

html_theme = "pydata_sphinx_theme"
html_title = "funes_lab"
html_static_path = ["_static"]
html_context = {"default_mode": "auto"}
html_css_files = ["funes_lab.css"]
html_show_sourcelink = False
html_copy_source = False
html_show_sphinx = False
html_theme_options = {
    "logo": {"text": "funes_lab"},
    "navbar_align": "left",
    "navbar_end": ["theme-switcher"],
    "secondary_sidebar_items": ["page-toc"],
    "show_toc_level": 2,
    "show_prev_next": True,
    "footer_start": ["copyright"],
    "footer_end": [],
    "header_links_before_dropdown": 7,
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
}
html_sidebars = {"index": [], "install": [], "concepts": []}  # nothing stands below these


#: What lies elsewhere in the checkout, and is brought in for each build.
BROUGHT = {
    "course": (ROOT / "notebooks", ("*.ipynb", "*.png", "*.svg")),
    "data": (ROOT / "datasets", ("*.md",)),
}


def bring() -> None:
    """Copy the course, and a page for each data set, to where Sphinx finds them."""
    for folder, (origin, patterns) in BROUGHT.items():
        shutil.rmtree(HERE / folder, ignore_errors=True)
        for path in (path for pattern in patterns for path in sorted(origin.rglob(pattern))):
            target = HERE / folder / path.relative_to(origin)
            target.parent.mkdir(parents=True, exist_ok=True)
            if path.suffix == ".ipynb":
                notebook = json.loads(path.read_text(encoding="utf-8"))
                # solutions are linked by their lesson and listed nowhere
                notebook["metadata"]["orphan"] = path.parent != origin
                target.write_text(json.dumps(notebook), encoding="utf-8")
            else:
                shutil.copy2(path, target)


bring()


def setup(app: Any) -> None:
    """Sphinx calls this."""
    app.connect("missing-reference", link)
    app.connect("autodoc-skip-member", skip_inner)
    app.connect("autodoc-process-signature", hide_constructor)
