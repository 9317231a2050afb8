"""What `osv-scanner scan source --format json --all-packages` says, of OSV-Scanner 2."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from mobius.model.scan import Level, Vulnerability
from mobius.rules.scanning.shapes import Unread, document, level_of, level_of_score, rows, table, text, texts

TOOL = "osv-scanner"


def read_osv(output: str, exit_code: int) -> tuple[tuple[Vulnerability, ...], Mapping[str, int]]:
    """(vulnerabilities, how many packages of each file were looked at). Raises `Unread`."""
    made = document(output, TOOL)
    looked_at: dict[str, int] = {}
    found: list[Vulnerability] = []
    for result in rows(made.get("results"), "its results"):
        one = table(result, "a result")
        place = text(table(one.get("source"), "the source of a result").get("path"), "the path of a result")
        packages = rows(one.get("packages"), "its packages")
        looked_at[place] = looked_at.get(place, 0) + len(packages)
        for package in packages:
            found += _of_package(table(package, "a package"), place)
    if exit_code not in (0, 1) or (exit_code == 0) != (not found):
        raise Unread(f"{TOOL} ended with exit code {exit_code} and names {len(found)} vulnerabilities")
    return tuple(found), looked_at


def _of_package(package: dict[str, Any], place: str) -> Iterator[Vulnerability]:
    about = table(package.get("package"), "a package")
    name, version = text(about.get("name"), "the name of a package"), text(about.get("version"))
    scores = _scores(package)
    listed = package.get("vulnerabilities")
    described = [
        table(each, "a vulnerability")
        for each in rows([] if listed is None else listed, "its vulnerabilities")
    ]
    if unsaid := sorted(_grouped(package) - {str(vuln.get("id")) for vuln in described}):
        raise Unread(f"{TOOL} groups {unsaid[0]} of {name} and does not describe it")
    for vuln in described:
        known, aliases = text(vuln.get("id"), "the id of a vulnerability"), texts(vuln.get("aliases"))
        level = next((scores[one] for one in (known, *aliases) if one in scores), Level.UNKNOWN)
        theirs = vuln.get("database_specific")
        if level is Level.UNKNOWN and isinstance(theirs, dict):
            level = level_of(theirs.get("severity"))
        yield Vulnerability(
            id=known,
            package=name,
            version=version,
            level=level,
            title=text(vuln.get("summary")) or text(vuln.get("details")) or known,
            fixed_in=_fixed_in(vuln, name),
            aliases=aliases,
            place=place,
        )


def _groups(package: Mapping[str, Any]) -> list[dict[str, Any]]:
    groups = package.get("groups")
    return [table(each, "a group") for each in rows([] if groups is None else groups, "its groups")]


def _grouped(package: Mapping[str, Any]) -> set[str]:
    return {known for group in _groups(package) for known in texts(group.get("ids"))}


def _scores(package: Mapping[str, Any]) -> dict[str, Level]:
    found: dict[str, Level] = {}
    for one in _groups(package):
        level = level_of_score(one.get("max_severity"))
        if level is not Level.UNKNOWN:
            found |= dict.fromkeys((*texts(one.get("ids")), *texts(one.get("aliases"))), level)
    return found


def _fixed_in(vuln: Mapping[str, Any], name: str) -> str:
    """The fixed versions of this package, as far as they can be read: only advice hangs on them."""
    versions: list[str] = []
    for affected in vuln.get("affected") or () if isinstance(vuln.get("affected"), list) else ():
        about = affected.get("package") if isinstance(affected, dict) else None
        if not isinstance(about, dict) or about.get("name") != name:
            continue
        for each in affected.get("ranges") or () if isinstance(affected.get("ranges"), list) else ():
            events = each.get("events") if isinstance(each, dict) else None
            for event in events if isinstance(events, list) else ():
                fixed = event.get("fixed") if isinstance(event, dict) else None
                versions += [fixed] if isinstance(fixed, str) and fixed else []
    return " or ".join(dict.fromkeys(versions))[:200]
