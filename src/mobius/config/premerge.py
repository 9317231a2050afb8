"""The settings of what is asked before a merge: the steps, and the scan for known vulnerabilities."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, get_args

from mobius.config.kinds import Choice, Duration, Flag, Text, WrongError
from mobius.config.rows import ARGV
from mobius.config.shapes import ListOf, OrOff
from mobius.config.table import Field, Item, Rows, Section, with_defaults_of
from mobius.model.premerge import STEPS, PremergeSettings
from mobius.model.scan import ScanSettings, SourceName, Waiver

SOURCES: tuple[str, ...] = get_args(SourceName)


@dataclass(frozen=True, slots=True)
class Day:
    """A day, as TOML has it or as text."""

    words: str = "a day such as 2026-12-31"

    def read(self, raw: object) -> date:
        if isinstance(raw, date) and not isinstance(raw, datetime):
            return raw
        if not isinstance(raw, str) or not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", raw, re.ASCII):
            raise WrongError
        try:
            return date.fromisoformat(raw)
        except ValueError:
            raise WrongError from None

    def read_text(self, text: str) -> date:
        return self.read(text)

    def schema(self) -> dict[str, Any]:
        return {"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"}


WAIVERS = Rows(
    "waiver",
    with_defaults_of(
        Waiver,
        Field(
            "of",
            Text('a source such as "npm", or the id of a vulnerability', longest=200),
            "What is waived: a source that gives no answer, or one vulnerability by its id; `dependencies` where"
            " the project has nothing that could be read.",
            required=True,
        ),
        Field(
            "name",
            Text("a person's name", empty=True, longest=200),
            "Who says so. Without, it counts for nothing.",
        ),
        Field("reason", Text("text", empty=True, longest=2000), "Why. Without, it counts for nothing."),
        Field("until", Day(), "The last day on which it counts. Without, it counts for nothing."),
    ),
    "Somebody answers for what is not known, or for one vulnerability, until a day.",
)

BEFORE_A_MERGE: tuple[Item, ...] = (
    Section(
        "scan",
        (
            *with_defaults_of(
                ScanSettings,
                Field(
                    "sources",
                    ListOf(Choice(SOURCES), 'a list of sources, such as ["npm", "sarif"]'),
                    "What is asked.",
                    default_words="those that fit the files of the project",
                ),
                Field(
                    "severity",
                    Choice(("low", "moderate", "high", "critical")),
                    "So bad, or worse, stops a release; so does one of which nobody says how bad it is.",
                ),
                Field("max_age", Duration(), "Data that is older is no answer."),
                Field("timeout", Duration(), "Longest time for one tool."),
                Field("dev", Flag(), "What only developers install counts, too."),
                Field(
                    "sarif",
                    ListOf(Text('a pattern of files such as "reports/*.sarif"'), "a list of patterns"),
                    "What other scanners wrote; each pattern must find something.",
                ),
                Field("npm", ARGV, "How npm is called."),
                Field("pip", ARGV, "How pip-audit is called."),
                Field("osv", ARGV, "How OSV-Scanner is called."),
            ),
            WAIVERS,
        ),
        "The scan for known vulnerabilities.",
    ),
    Section(
        "premerge",
        with_defaults_of(
            PremergeSettings,
            Field(
                "required",
                ListOf(Choice(STEPS), 'a list of steps, such as ["smoke", "scan"]'),
                "Without an answer of these nothing is mergeable, also where they were skipped.",
            ),
            Field(
                "smoke",
                OrOff(Choice(("isolated", "plain", "url")), "auto"),
                "How this checkout is smoke-tested: started cut off by bubblewrap, started as it is, or not at all:"
                " whatever runs at `url` is asked.",
                default_words="auto: cut off where that can be; in CI else as it is",
            ),
            Field(
                "tests",
                ListOf(ARGV, 'a list of commands, such as [["npm", "test"]]'),
                "The project's own tests.",
            ),
            Field(
                "junit",
                ListOf(Text('a pattern of files such as "reports/*.xml"'), "a list of patterns"),
                "Reports in JUnit that these commands write; each pattern must find one that is new, and each must"
                " hold a test that ran.",
            ),
            Field("timeout", Duration(), "Longest time for one step."),
            Field("watch", Duration(zero=True), "How long this checkout is watched once it runs."),
        ),
        "`mobius premerge`.",
    ),
)


def scan(values: dict[str, Any]) -> ScanSettings:
    """The settings of the scan from complete values."""
    others = {key: value for key, value in values.items() if key != "waiver"}
    return ScanSettings(**others, waivers=tuple(Waiver(**_said(row)) for row in values["waiver"]))


def _said(row: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in row.items() if value is not None}
