"""What `npm audit --json` says, of npm 7 and newer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from mobius.model.scan import Vulnerability
from mobius.rules.scanning.shapes import LEVELS, Unread, document, level_of, number, rows, table, text

TOOL = "npm audit"
CODES = {0: "none", 1: "some"}


def read_npm(
    output: str, exit_code: int, versions: Mapping[str, str]
) -> tuple[tuple[Vulnerability, ...], int]:
    """(vulnerabilities, packages looked at). `versions`: of each place in the lock file. Raises `Unread` for an error,
    for what does not add up, and for an exit code that belongs to something else."""
    made = document(output, TOOL)
    if "error" in made or "message" in made:
        raise Unread(f"{TOOL} got no answer: {_complaint(made)}")
    if made.get("auditReportVersion") != 2:
        raise Unread(f"{TOOL} wrote a report of a version that is not known")
    named = table(made.get("vulnerabilities"), "its vulnerabilities")
    counted = table(made.get("metadata"), "its metadata")
    counts = table(counted.get("vulnerabilities"), "its counts")
    total = number(counts.get("total"), "its count of vulnerabilities")
    looked_at = number(table(counted.get("dependencies"), "its counts").get("total"), "its count of packages")
    found = tuple(dict.fromkeys(each for one in named.values() for each in _advisories(one, versions)))
    if unsaid := next((name for key, one in named.items() for name in _unsaid(key, one, named)), None):
        raise Unread(f"{TOOL} does not say what is wrong with {text(unsaid)}")
    if total != len(named) or (named and not found):
        raise Unread(f"{TOOL} counts {total} and names {len(named)} packages by {len(found)} advisories")
    worst = max((each.level for each in found), default=0)
    if worse := [word for word, count in counts.items() if count and LEVELS.get(word, 0) > worst]:
        raise Unread(f"{TOOL} counts {worse[0]} ones, and names none that is so bad")
    if exit_code not in CODES or (exit_code == 1 and not named):
        raise Unread(f"{TOOL} ended with exit code {exit_code} and names {len(named)} packages")
    if not looked_at:
        raise Unread(f"{TOOL} looked at no package")
    return found, looked_at


def _complaint(made: Mapping[str, Any]) -> str:
    inner = made.get("error")
    said = made.get("message") or (inner.get("summary") if isinstance(inner, dict) else inner)
    return text(said) if isinstance(said, str) and said else "it does not say why"


def _advisories(one: object, versions: Mapping[str, str]) -> Iterator[Vulnerability]:
    """Those of this package itself; what it only has from another is named there."""
    package = table(one, "a vulnerability")
    name = text(package.get("name"), "the name of a package")
    places = [text(place, "a place") for place in rows(package.get("nodes"), "the places of a package")]
    there = sorted({versions[place] for place in places if place in versions})
    for via in rows(package.get("via"), "the reasons of a vulnerability"):
        if isinstance(via, str):
            continue
        advisory = table(via, "an advisory")
        address = text(advisory.get("url"))
        known = address.rstrip("/").rpartition("/")[2] or f"npm:{advisory.get('source')}"
        yield Vulnerability(
            id=known,
            package=name,
            version=", ".join(there),
            level=level_of(advisory.get("severity")),
            title=text(advisory.get("title")) or known,
            fixed_in=_fix(package.get("fixAvailable"), name),
        )


def _unsaid(name: str, one: object, named: Mapping[str, Any]) -> Iterator[str]:
    """The packages that this one is vulnerable by, and that are not described."""
    reasons = rows(table(one, "a vulnerability").get("via"), "the reasons of a vulnerability")
    yield from (via for via in reasons if isinstance(via, str) and via not in named)
    if not reasons:
        yield name


def _fix(available: object, name: str) -> str:
    if isinstance(available, dict):
        fixed, version = text(available.get("name")) or name, text(available.get("version"))
        return version if fixed == name else f"{fixed} {version}"
    return "a newer version: npm audit fix" if available is True else ""
