"""How many random histories are tried."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

#: Up to so many steps a history.
STEPS = 50

#: So many together, in memory and on a file; CI asks for 250, and `FUNES_LAB_PROOF=20000` for a long evening.
HISTORIES = int(os.environ.get("FUNES_LAB_PROOF", "140"))


def histories(parts: int = 2) -> settings:
    """The settings of one half of the histories, or of a smaller part."""
    return settings(
        max_examples=HISTORIES // parts,
        stateful_step_count=STEPS,
        deadline=None,
        derandomize=bool(os.environ.get("CI")),
        suppress_health_check=list(HealthCheck),
    )
