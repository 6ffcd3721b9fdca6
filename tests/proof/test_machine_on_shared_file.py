"""Random histories on a shared file, with two labs on it: the lab does what the model says, opening by opening."""

from __future__ import annotations

import sys

import pytest

from tests.proof.machine import Machine
from tests.proof.profile import histories


class OnSharedFile(Machine):
    """A few more: what an opening changes shows early, and each costs several milliseconds."""

    on_file = shared = True


TestOnSharedFile = OnSharedFile.TestCase
TestOnSharedFile.settings = histories(parts=40)
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="processes cannot take turns on Windows")
