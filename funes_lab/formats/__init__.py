"""Values, times and counts in words.

Every figure that funes_lab shows, in a terminal, a notebook or a picture, is written here and once: comma
groups and the decimals that came in, a true minus, UTC. Payloads are untrusted: what would steer a terminal
or turn the reading direction is shown as its escape, and a huge value is cut before it is written out.
"""

from funes_lab.formats.axes import Scale, scale
from funes_lab.formats.figures import NONE, clock, day, duration, long_time, roughly, time
from funes_lab.formats.masking import FILTERED, mask
from funes_lab.formats.texts import count, humanize, middle, shorten, visible
from funes_lab.formats.values import FIELDS, pairs, plain_number, value

__all__ = [
    "FIELDS",
    "FILTERED",
    "NONE",
    "Scale",
    "clock",
    "count",
    "day",
    "duration",
    "humanize",
    "long_time",
    "mask",
    "middle",
    "pairs",
    "plain_number",
    "roughly",
    "scale",
    "shorten",
    "time",
    "value",
    "visible",
]
