"""``python -m funes_lab`` is ``funes-lab``."""

from funes_lab.cli import main

main()
