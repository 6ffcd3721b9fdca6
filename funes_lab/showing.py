"""What can be shown of a stream: its doors to the widgets."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Literal, cast

from funes_lab.event import Event
from funes_lab.projection import Projection
from funes_lab.storable import Moment

if TYPE_CHECKING:
    from funes_lab.reading_side import ReadingSide
    from funes_lab.widgets.bitemporal import BitemporalMap
    from funes_lab.widgets.form import AppendForm
    from funes_lab.widgets.scrubber import ReplayScrubber
    from funes_lab.widgets.timeline import StreamTimeline


class Showing:
    """The side of streams and readings that is looked at."""

    def form(self, *types: type[Event]) -> AppendForm:
        """A form to append events by hand: a dry run of what is typed, and why an event was refused.

        Parameters
        ----------
        *types : Event classes
            What can be appended. Default: the types that the projections of the stream interpret.

        Returns
        -------
        AppendForm
            A widget. In Python: `event_type` and `values` (settable), `dry_run` (a Verdict, or None), `append()`,
            `event` (the last attempt), `read_again()`.

        Raises
        ------
        TypeError
            For something that is no event class, and without types where no projection names any.

        Examples
        --------
        >>> import funes_lab as fl
        >>> class Borrowed(fl.Event, name="Example::Borrowed"):
        ...     title: str
        >>> form = fl.EventStream.for_("card-1", lab=fl.Lab()).form(Borrowed)
        >>> form.values = {"title": "Ficciones"}
        >>> form.append().version
        1
        """
        from funes_lab.widgets.form import AppendForm

        return AppendForm(_side(self), types)

    def scrub(
        self,
        projection: type[Projection[Any]],
        *,
        skip: int | Iterable[int] = (),
        fields: str | Iterable[str] | None = None,
    ) -> ReplayScrubber:
        """Step through the events: what each one changed, and what would be without some of them.

        Parameters
        ----------
        projection : Projection class
        skip : int or list of int
            Versions to leave out: every later state is drawn beside the recorded one. The log never changes.
        fields : str or list of str, optional
            Numeric fields of the state to draw. Default: the first one.

        Returns
        -------
        ReplayScrubber
            A widget that follows the log. `value` is the version that it stands on, `skipped` the versions that are
            left out, `fields` those drawn; all can be set. `static()` is the picture as it is now, `save("x.svg")` and
            `save("x.html")` write it.

        Raises
        ------
        ValueError
            For a version that the stream does not have, or a field that is not numeric.

        Examples
        --------
        >>> import funes_lab as fl
        >>> from pydantic import BaseModel
        >>> class Stored(fl.Event, name="Example::Stored"):
        ...     boxes: int
        >>> class Stock(BaseModel):
        ...     boxes: int = 0
        >>> class CurrentStock(fl.Projection[Stock]):
        ...     @fl.interpretation_for(Stored)
        ...     def stored(state, event):
        ...         state.boxes += event.boxes
        >>> lab = fl.Lab(clock=fl.testing.Clock("2026-06-01"))
        >>> stream = fl.EventStream.for_("shelf-1", lab=lab)
        >>> _ = stream.append_all([Stored(boxes=5), Stored(boxes=2)])
        >>> stream.scrub(CurrentStock)
        Replay of shelf-1 with CurrentStock. Version 2, Example::Stored 2 on 1 Jun 2026: boxes 5 → 7.
        >>> scrubber = stream.scrub(CurrentStock, skip=1)
        >>> scrubber.value, scrubber.skipped
        (2, [1])
        """
        from funes_lab.widgets.scrubber import ReplayScrubber

        return ReplayScrubber(_side(self), projection, skip=skip, fields=fields)

    def timeline(self, *, by: Literal["record", "actual"] = "record") -> StreamTimeline:
        """A picture of what was accepted, what was refused, and when; it moves, and follows the log.

        Parameters
        ----------
        by : {"record", "actual"}
            Whether marks stand where they were recorded, or where they happened.

        Returns
        -------
        StreamTimeline
            A lane an event type. `.selection` is what is selected: `(idx, version)` of an event, or the `Rejection` of
            an attempt; it can be set, also to a version. `.static()` and `.save("x.svg" | "x.html")` give the picture.

        Raises
        ------
        ValueError
            If `by` is neither.

        Examples
        --------
        >>> import funes_lab as fl
        >>> from pydantic import Field
        >>> class Lent(fl.Event, name="Example::LentOut"):
        ...     days: int = Field(gt=0)
        >>> lab = fl.Lab(clock=fl.testing.Clock("2026-01-01"))
        >>> book = fl.EventStream.for_("book-7", lab=lab)
        >>> for days in (14, -1, 7):
        ...     event = book.append(Lent(days=days))
        >>> timeline = book.timeline()
        >>> timeline
        Timeline of book-7 by record time: 2 events, 1 refused attempt, 1 Jan 2026
        >>> timeline.selection = 2
        >>> timeline.selection
        ('book-7', 2)
        """
        from funes_lab.widgets import timeline

        return timeline.of_stream(_side(self), by)

    def bitemporal(
        self,
        projection: type[Projection[Any]],
        field: str | None = None,
        *,
        at: Moment | Iterable[Moment] | None = None,
        as_of: Moment | Iterable[Moment] | None = None,
    ) -> BitemporalMap:
        """A map of both times: what was believed when, of when.

        Record time goes up, actual time to the right; `/` marks a belief that was corrected later. The numbers as a
        DataFrame: `lab.bitemporal`.

        Parameters
        ----------
        projection : Projection class
        field : str, optional
            A field of the state; default the first that is a number. Another one can be chosen in the widget.
        at, as_of : time, or list of times, optional
            The actual times across and the record times upwards; default the stream's own. More than 60 are thinned
            out, and the picture says so.

        Returns
        -------
        BitemporalMap
            A widget that follows the log. `.selection` is (at, as_of) of the cell that is shown and can be set;
            `.static()` is the picture, `.save("map.svg")` and `.save("map.html")` write it to a file.

        Raises
        ------
        ValueError
            If the state has no such field.
        ProjectionError
            If a block breaks.

        Examples
        --------
        >>> from datetime import timedelta
        >>> import funes_lab as fl
        >>> from pydantic import BaseModel
        >>> class Measured(fl.Event, name="Example::Measured"):
        ...     height: int
        >>> class Tree(BaseModel):
        ...     height: int = 0
        >>> class Measurements(fl.Projection[Tree]):
        ...     @fl.interpretation_for(Measured)
        ...     def measured(state, event):
        ...         state.height = event.height
        >>> lab = fl.Lab(clock=fl.testing.Clock("2026-03-01T00:00:00Z", tick=timedelta(days=1)))
        >>> tree = fl.EventStream.for_("tree", lab=lab)
        >>> for height, day in [(4, "2026-02-01"), (6, "2026-02-20"), (5, "2026-02-10")]:
        ...     event = tree.append(Measured(height=height), at=day)
        >>> shown = tree.bitemporal(Measurements)
        >>> shown.selection = ("2026-02-15", "2026-03-02")
        >>> print(shown.static().label)
        Bitemporal map of height, tree: 3 actual by 3 record times; 3 beliefs were corrected later. On 2 March we
        believed that on 10 February the height was 4. Today we know that it was 5: Measured of 10 February was
        recorded only on 3 March.
        """
        from funes_lab.widgets.bitemporal import BitemporalMap

        return BitemporalMap(_side(self), projection, field, at=at, as_of=as_of)


def _side(shown: Showing) -> ReadingSide:
    """What is shown is a stream or a reading: nothing else has this side."""
    return cast("ReadingSide", shown)
