"""The settings of readiness: which points are asked before a deployment, and how old their evidence may be."""

from __future__ import annotations

from mobius.config.kinds import Choice, Duration, Flag, Text
from mobius.config.shapes import Inside, ListOf, MapOf
from mobius.config.table import Field, Section, with_defaults_of
from mobius.model.ready import Point, ReadySettings

POINTS = tuple(str(point) for point in Point)
_NAMED = ", ".join(POINTS)

READY = Section(
    "ready",
    with_defaults_of(
        ReadySettings,
        Field(
            "required",
            Flag(),
            "A deployment is refused unless every point passed (exit 3), or where one is unknown (exit 4).",
        ),
        Field(
            "max_age",
            Duration(),
            "Evidence that is older counts no more, nor a confirmation; `ci`: at least 7 d.",
        ),
        Field(
            "ages",
            MapOf(
                "|".join(POINTS), Duration(), 'a table of durations, such as { backup = "12h", ci = "7d" }'
            ),
            f"The same of single points: {_NAMED}.",
            {},
        ),
        Field(
            "without",
            ListOf(Choice(POINTS), 'a list of points, such as ["gates"]'),
            "Points that are not asked here; each is shown as such.",
        ),
        Field(
            "premerge_from",
            Text("the name of an environment", r"[A-Za-z0-9_-]{1,63}"),
            "The environment that is validated before a merge.",
            default_words="`staging` where there is one, else the environment itself",
        ),
        Field(
            "documents",
            ListOf(Inside(), "a list of paths"),
            "Where placeholders are looked for, in the release.",
        ),
        Field(
            "placeholders",
            ListOf(Text("a word", longest=200), "a list of words"),
            "Further words that must not stand there.",
        ),
    ),
    "What `mobius ready` asks before a deployment.",
)
