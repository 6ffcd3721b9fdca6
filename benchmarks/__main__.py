"""``python -m benchmarks [NAME ...]`` runs every benchmark of this folder, or the ones named.

A benchmark is a module with a ``main()`` that prints its own table; modules without one are helpers. What is printed
is also left in ``docs/parts/bench``, for the page of the benchmarks.
"""

import importlib
import sys
from pathlib import Path

from benchmarks._page import kept

HERE = Path(__file__).parent


def names() -> list[str]:
    """Return the modules of this folder that may be benchmarks, in alphabetical order."""
    return sorted(path.stem for path in HERE.glob("*.py") if not path.stem.startswith("_"))


def run(wanted: list[str]) -> None:
    """Run the benchmarks `wanted`, all of them when it is empty."""
    there = names()
    if unknown := [name for name in wanted if name not in there]:
        sys.exit(f"no benchmark {', '.join(unknown)}; there are: {', '.join(there) or 'none yet'}")
    for name in wanted or there:
        module = importlib.import_module(f"benchmarks.{name}")
        if hasattr(module, "main"):
            print(f"\n== {name} ==", flush=True)
            with kept(name):
                module.main()


if __name__ == "__main__":
    run(sys.argv[1:])
