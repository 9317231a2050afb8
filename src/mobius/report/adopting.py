"""An adoption in words: what changes, as diffs, what stays, and what it costs; and the same as JSON types."""

from __future__ import annotations

import difflib
from typing import Any

from mobius.model.adoption import Adoption, FileChange

# Five reloads each under 50 strict clients on a line of 40 ms (docs/how-to/adopt.md).
COSTS = {
    "nginx": "14 of about 1,800 requests in the mean of five reloads, none in one of them",
    "caddy": "18 of about 1,900 requests in the mean of five reloads",
    "haproxy": "14 of about 1,800 requests in the mean of five reloads",
}


def shown(plan: Adoption) -> str:
    """The whole plan, fit to be read before saying yes."""
    rows = [
        f"{plan.unit} becomes release 0 of {plan.service} ({plan.environment}), in place, untouched:",
        f"  it goes on as it runs now, from {plan.tree}, on port {plan.port}",
        f"  {_turned(plan)}, and is reloaded once",
        f"  {_at_boot(plan)}",
        "",
    ]
    for change in (*plan.project_files, *plan.proxy_files):
        rows += [difference(change), ""]
    if plan.units:
        rows += [f"  new units of mobius's own: {', '.join(plan.units)}"]
    rows += [f"  {name} in every release will be {target}" for name, target in plan.links]
    rows += [f"note: {note}" for note in plan.notes]
    rows += [
        "",
        cost(plan.proxy),
        f"Everything goes back byte for byte: mobius adopt --undo -e {plan.environment}",
    ]
    return "\n".join(rows)


def _at_boot(plan: Adoption) -> str:
    if plan.enabled.startswith("enabled"):
        return "it is not started at boot any more: mobius brings up what is live after boot"
    return f"it does not start at boot by itself ({plan.enabled}); mobius brings up what is live after boot"


def _turned(plan: Adoption) -> str:
    if plan.proxy == "haproxy":
        return "haproxy will have a second server beside it, between which mobius moves traffic"
    return f"{plan.proxy} will dial {plan.root}/live/web.sock instead of it"


def difference(change: FileChange) -> str:
    """One file's change as a unified diff; of what may hold secrets, the names alone."""
    before, after = _text(change.before or b""), _text(change.after)
    if change.path.endswith(".env"):
        names = ", ".join(line.partition("=")[0] for line in after.splitlines())
        return f"+++ {change.path} (new, for its owner alone): {names}"
    lines = difflib.unified_diff(
        before.splitlines(),
        after.splitlines(),
        "/dev/null" if change.before is None else change.path,
        change.path,
        lineterm="",
        n=2,
    )
    return "\n".join(_printable(line) for line in lines)


def cost(proxy: str) -> str:
    """What the one reload costs, in one sentence."""
    return (
        f"The reload of {proxy} closes connections that are idle at that moment, and a request that is just on its"
        f" way on one of them is lost: measured on a line of 40 ms, {COSTS[proxy]}; without connections kept"
        " alive, none. It happens once now and once at --undo, never in a deployment."
    )


def turned(change: FileChange) -> FileChange:
    """The way back of a change."""
    return FileChange(change.path, change.after, change.before or b"")


def drifted(path: str, ours: bytes, theirs: bytes | None) -> str:
    """What somebody else did to a file of ours since."""
    if theirs is None:
        return f"{path} was removed since, by somebody else"
    lines = difflib.unified_diff(
        _text(ours).splitlines(),
        _text(theirs).splitlines(),
        f"{path} as mobius left it",
        f"{path} now",
        lineterm="",
        n=2,
    )
    return "\n".join(_printable(line) for line in lines)


def facts(plan: Adoption, *, dry_run: bool) -> dict[str, Any]:
    """The plan as JSON types, without what may hold secrets."""
    return {
        "schema_version": 1,
        "event": "adopt",
        "dry_run": dry_run,
        "service": plan.service,
        "environment": plan.environment,
        "unit": plan.unit,
        "enabled": plan.enabled,
        "port": plan.port,
        "release_id": plan.release_id,
        "tag": plan.tag,
        "tree": plan.tree,
        "url": plan.url,
        "proxy": {"kind": plan.proxy, "unit": plan.proxy_unit, "config": plan.proxy_config},
        "files": [change.path for change in (*plan.project_files, *plan.proxy_files)],
        "diffs": {change.path: difference(change) for change in (*plan.project_files, *plan.proxy_files)},
        "units": list(plan.units),
        "links": dict(plan.links),
        "notes": list(plan.notes),
        "cost": cost(plan.proxy),
    }


def _text(content: bytes) -> str:
    return content.decode("utf-8", errors="replace")


def _printable(line: str) -> str:
    """What stands in a file must not move the reader's cursor."""
    return "".join(c if c.isprintable() or c == "\t" else f"\\x{ord(c):02x}" for c in line)
