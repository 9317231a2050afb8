"""The settings of the watch: how often it looks, how a canary grows, and where it is seen."""

from __future__ import annotations

from mobius.config.figures import COUNT
from mobius.config.kinds import Duration, Flag, Number, Text
from mobius.config.rows import VARIABLE
from mobius.config.shapes import ListOf
from mobius.config.table import Field, Item, Section, with_defaults_of
from mobius.model.settings import CanarySettings, MonitorSettings, ServeSettings

LISTEN = Text('host:port, such as "127.0.0.1:5001"', r"([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]):[0-9]{1,5}")

WATCHING: tuple[Item, ...] = (
    Section(
        "monitor",
        with_defaults_of(
            MonitorSettings,
            Field("interval", Duration(), "Time between two checks."),
            Field("failure_threshold", COUNT, "Failed checks in a row that mean unhealthy."),
            Field("recovery_threshold", COUNT, "Good checks in a row that mean healthy again."),
            Field(
                "warmup", Duration(zero=True), "No rule fires so soon.", default_words="twice the interval"
            ),
            Field(
                "blip_tolerance",
                Duration(zero=True),
                "Outages up to this long are forgiven, and never more than a quarter of the window; 0 forgives none.",
            ),
            Field(
                "blind_after",
                Duration(),
                "Nothing measured for so long ends the window: it could not be measured.",
                default_words="five intervals, at least 1m",
            ),
            Field(
                "smoke_interval",
                Duration(zero=True),
                "Time between two rounds of the smoke tests in a window; 0 makes none.",
            ),
            Field("shadow", Flag(), "Judge and keep score, but never act."),
        ),
        "The looking. Its defaults are `quality_gates.monitoring`.",
    ),
    Section(
        "canary",
        with_defaults_of(
            CanarySettings,
            Field(
                "stages",
                ListOf(Number(1, 100, whole=True), "a list of percentages, such as [1, 10, 50]"),
                "Percent of requests for the new release, rising; 100 always follows. None: all at once.",
            ),
            Field("stage_min", Duration(zero=True), "Least time of a stage."),
            Field("stage_max", Duration(), "Without enough evidence by then, the stage is inconclusive."),
        ),
        "A few requests first, then more, each stage ended by evidence.",
    ),
    Section(
        "serve",
        with_defaults_of(
            ServeSettings,
            Field("listen", LISTEN, "Where `/metrics` and the web page are."),
            Field(
                "token_env",
                VARIABLE,
                "The variable with the token that is asked for; off loopback it is a must.",
            ),
            Field(
                "hosts",
                ListOf(
                    Text("the name of a host", r"[A-Za-z0-9.:\[\]-]+"),
                    'a list of names, such as ["ops.example.org"]',
                ),
                "Further names in the Host header that are answered.",
            ),
        ),
        "What `mobius serve` answers.",
    ),
)
