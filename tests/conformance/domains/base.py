"""What every stream of the vectors shares."""

from __future__ import annotations

import funes_lab as fl


class RubyOrderStream(fl.EventStream):
    """The Ruby gem judges the new event last, whatever its date."""

    consistency_order = "on_top"
