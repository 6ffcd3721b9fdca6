"""Random histories on a file, with two labs on it: the lab does what the model says, also after it was reopened."""

from __future__ import annotations

from tests.proof.machine import Machine
from tests.proof.profile import histories


class OnFile(Machine):
    """The other half of the histories; a file of its own, so that it runs beside the first."""

    on_file = True


TestOnFile = OnFile.TestCase
TestOnFile.settings = histories()
