"""What the Ruby gem Funes did, step by step, and a command that does the same with funes_lab.

    python -m tests.conformance [DIRECTORY]

`vectors/` holds one scenario a file, `decisions.json` says of each whether it is kept as it is, improved, or
Ruby's own. `scenario.py` reads them, `world.py` acts, `comparison.py` finds the first difference, `domains/`
has the classes that the scenarios name. Each improved scenario has a test in `test_improved_*.py`.
"""
