"""The event logs that come with the package: `list` names them, `load` opens one as a lab.

Every data set is a parquet file in `datasets/` with the script beside it that wrote it. The script has the rules of its
domain: `load` lets them refuse once more what they refused, `classes` gives them to whoever asks, and `generate` makes
a log as large as you like by them.
"""

from funes_lab.datasets.files import list, write
from funes_lab.datasets.large import generate
from funes_lab.datasets.loading import classes, load

__all__ = ["classes", "generate", "list", "load", "write"]
