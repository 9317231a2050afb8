"""Words in scripts and documents that somebody was to replace, and did not."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from mobius.model.ready import Proof
from mobius.model.verdict import Outcome

MARK = "placeholder-ok"  # a line that says this speaks about placeholders, and is none
MOST_NAMED = 5
LONGEST_LINE = 2000
# What the documents of a deployment ask to be replaced; then what a usage line may well say, and a runbook may not.
NAMES = r"RELEASE_TAG|DEPLOY_LEAD|DATE/TIME|SERVICE_NAME|WEBHOOK_URL|ACTUAL_\w+|PLACEHOLDER\w*"
IN_RUNBOOKS = (
    r"DATE|TIME|WHEN|REASON|SERVICE|ENVIRONMENT|ENV|VERSION|HOST(?:NAME)?|DOMAIN|PORT|EMAIL|MAIL_TO|PHONE|CONTACT"
    r"|CHANNEL|ON[_-]?CALL|TEAM|OWNER|REPO(?:SITORY)?|ORG|TOKEN|SECRET|PASSWORD|URL|WEBHOOK|NAME|USER(?:NAME)?"
)


def _dressed(names: str) -> tuple[re.Pattern[str], ...]:
    """Those names as a placeholder is written: {{NAME}}, <NAME>, __NAME__, [NAME] (but no link, and no index)."""
    return (
        re.compile(rf"(?<![$\w{{])\{{\{{\s*(?:{names})\s*\}}\}}"),
        re.compile(rf"<(?:{names})>"),
        re.compile(rf"(?<![\w$])__(?:{names})__(?!\w)"),
        re.compile(rf"(?<![\w$}}\]])\[(?:{names})\](?![(\[:=}}])"),
    )


PATTERNS = (
    *_dressed(NAMES),
    re.compile(r"(?<![\w.])@(?:DEPLOY_LEAD|OPS_LEAD|ONCALL|actual_lead)\b"),
    re.compile(r"\b(?:CHANGE[_-]?ME|REPLACE[_-]?ME|REPLACE[_-]WITH\w*|FILL[_-]?ME)\b", re.I),
    re.compile(r"#\s*replace with\b|\breplace with (?:the )?actual\b", re.I),
    re.compile(r"<your[-_ ][^<>\n]{1,60}>|\byour[-_](?:org|repo|domain|service|team|token|webhook)\b", re.I),
    re.compile(r"\bTBD\b"),
    re.compile(r"(?<![.\w/-])X{5,}\b|/services/[TX]0*X*/[BX]0*X*/\w*"),
)
# Where people are told whom to call and what to type, an address of the documentation is a placeholder, too.
ADDRESSES = re.compile(r"[\w.+-]*@example\.(?:com|org|net)\b|//(?:[\w-]+\.)*example\.(?:com|org|net)\b", re.I)
FOR_PEOPLE = (*_dressed(IN_RUNBOOKS), ADDRESSES)
READ_AT_NIGHT = ("runbooks/", "notifications/", "mobius.toml")
RUNBOOKS = ("runbooks/deployment_runbook.md", "runbooks/rollback_runbook.md")


@dataclass(frozen=True, slots=True)
class Texts:
    """The documents of a release, by path. `unread`: what could not be read, by path, with the reason."""

    texts: Mapping[str, str]
    unread: Mapping[str, str]


def judge_placeholders(found: Texts, also: Sequence[str], *, documents: Sequence[str]) -> tuple[Proof, ...]:
    """Whether every placeholder is replaced. `also`: further words that must not stand there."""
    looked_in = ", ".join(documents)
    if found.unread:
        first, why = next(iter(found.unread.items()))
        told = f"{len(found.unread)} files could not be read: {first}: {why}"
        return (
            Proof("documents", Outcome.ERROR, told, looked_in, 0.0, "mend them, or change ready.documents"),
        )
    if not found.texts:
        told = "the release has none of them"
        return (Proof("documents", Outcome.INCONCLUSIVE, told, looked_in, 0.0, "mobius init"),)
    places = [place for path, text in sorted(found.texts.items()) for place in _left(path, text, also)]
    if not places:
        told = f"none in {len(found.texts)} files"
        return (Proof("placeholders", Outcome.PASS, told, looked_in),)
    named = "; ".join(places[:MOST_NAMED])
    more = f"; and {len(places) - MOST_NAMED} more" if len(places) > MOST_NAMED else ""
    renew = "replace them, commit, and tag the release anew"
    return (Proof("placeholders", Outcome.FAIL, f"{len(places)}: {named}{more}", looked_in, 0.0, renew),)


def judge_runbooks(found: Texts) -> Proof:
    """Whether the release has the two runbooks, with something in them."""
    lacks = [path for path in RUNBOOKS if not found.texts.get(path, "").strip()]
    if lacks:
        return Proof("runbooks", Outcome.FAIL, f"missing: {', '.join(lacks)}", "runbooks", 0.0, "mobius init")
    return Proof(
        "runbooks", Outcome.PASS, " and ".join(PurePosixPath(path).name for path in RUNBOOKS), "runbooks"
    )


def _left(path: str, text: str, also: Sequence[str]) -> Iterator[str]:
    """`path:line: word` of each line that still has one."""
    patterns = (*PATTERNS, *FOR_PEOPLE) if path.startswith(READ_AT_NIGHT) else PATTERNS
    for number, line in enumerate(text.splitlines(), start=1):
        if MARK in line:
            continue
        shown = line[:LONGEST_LINE]
        match = next((match for pattern in patterns if (match := pattern.search(shown))), None)
        word = match[0] if match else next((word for word in also if word and word in line), "")
        if word:
            yield f"{path}:{number} {word.strip()[:40]}"
