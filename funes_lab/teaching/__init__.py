"""The course in the notebooks: exercises that check themselves, and the grades of a class."""

from funes_lab.teaching.checking import check
from funes_lab.teaching.exercise import exercises
from funes_lab.teaching.grading import grade

__all__ = ["check", "exercises", "grade"]
