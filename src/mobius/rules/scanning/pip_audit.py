"""What `pip-audit --format json` says."""

from __future__ import annotations

import re
from collections.abc import Collection

from mobius.model.scan import Level, Vulnerability
from mobius.rules.scanning.shapes import Unread, document, rows, table, text, texts

TOOL = "pip-audit"


def read_pip_audit(
    output: str, exit_code: int, wanted: Collection[str], of: str
) -> tuple[tuple[Vulnerability, ...], int]:
    """(vulnerabilities, packages looked at). `wanted`: the packages that must have been looked at. Raises `Unread` for
    one that was passed over, for what is missing, and for an exit code that belongs to something else."""
    made = document(output, TOOL)
    found: list[Vulnerability] = []
    seen: set[str] = set()
    for each in rows(made.get("dependencies"), "its packages"):
        package = table(each, "a package")
        name = normal(text(package.get("name"), "the name of a package"))
        if "skip_reason" in package:
            raise Unread(
                f"{TOOL} passed over {name}: {text(package['skip_reason']) or 'it does not say why'}"
            )
        version = text(package.get("version"), f"the version of {name}")
        for vuln in rows(package.get("vulns"), f"the vulnerabilities of {name}"):
            found.append(_vulnerability(table(vuln, "a vulnerability"), name, version, of))
        seen.add(name)
    if missing := sorted({normal(name) for name in wanted} - seen):
        raise Unread(f"{TOOL} did not look at {', '.join(missing[:5])}")
    if exit_code not in (0, 1) or (exit_code == 0) != (not found):
        raise Unread(f"{TOOL} ended with exit code {exit_code} and names {len(found)} vulnerabilities")
    return tuple(found), len(seen)


def normal(name: str) -> str:
    """The name of a package as indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _vulnerability(vuln: dict[str, object], name: str, version: str, of: str) -> Vulnerability:
    known = text(vuln.get("id"), "the id of a vulnerability")
    return Vulnerability(
        id=known,
        package=name,
        version=version,
        level=Level.UNKNOWN,  # pip-audit says of none how bad it is
        title=text(vuln.get("description")) or known,
        fixed_in=" or ".join(texts(vuln.get("fix_versions"))),
        aliases=texts(vuln.get("aliases")),
        place=of,
    )
