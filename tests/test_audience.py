"""Whether somebody is there: in a notebook that a program executes, widgets leave their picture and nothing else."""

from __future__ import annotations

from typing import Any

import pytest
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_notebook

from funes_lab.widgets.twin import VIEW

CELLS = (
    """
import funes_lab as fl
from pydantic import BaseModel

class Line(BaseModel):
    sku: str = ""

class Ordered(fl.Event, name="Shop::Ordered"):
    lines: list[Line]

class Closed(fl.Event, name="Shop::Closed"):
    pass

shop = fl.EventStream.for_("orders-7", lab=fl.Lab())
form = shop.form(Ordered, Closed)
form
""",
    "form.values = {'lines': [{'sku': 'A-1'}, {'sku': 'A-2'}]}\nform",
    "form.append()\nform.event_type = Closed\nform",
    "timeline = shop.timeline()\ntimeline.selection = 1\ntimeline",
    """
class Count(fl.Projection[Line]):
    @fl.interpretation_for(Ordered)
    def ordered(state, event):
        state.sku = event.lines[-1].sku

shop.lab.replay(Count, progress=True)
""",
    "import ipywidgets\nipywidgets.IntSlider()",
)


@pytest.fixture(scope="module")
def executed() -> Any:
    """A notebook as a program executes it, with the state of every widget that tells of itself."""
    notebook = new_notebook(cells=[new_code_cell(source) for source in CELLS])
    return NotebookClient(notebook, kernel_name="python3", store_widget_state=True).execute()


def bundle(cell: Any) -> dict[str, Any]:
    return dict(cell.outputs[-1].data)


def test_what_a_program_executes_keeps_the_picture_and_no_view(executed):
    *pictures, frame, _ = map(bundle, executed.cells)
    assert all(picture["text/html"].startswith('<div id="fl-') for picture in pictures)
    assert "A-2" in frame["text/plain"]
    assert not [one for one in (*pictures, frame) if VIEW in one]


def test_no_widget_leaves_a_state_and_those_of_others_still_do(executed):
    (states,) = executed.metadata["widgets"].values()
    kept = {one["model_name"] for one in states["state"].values()}
    assert kept == {"IntSliderModel", "SliderStyleModel", "LayoutModel"}
    assert len(states["state"]) == 3
    assert VIEW in bundle(executed.cells[-1])
