"""The files that `mobius init` writes, as text: mobius.toml first, then everything that follows from it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from mobius.model.policies import PolicySettings
from mobius.model.project import Project, Repository, Wanted
from mobius.model.settings import EnvironmentSettings, Settings
from mobius.report.members import with_members
from mobius.report.notices.project import MESSAGES, notices, variables_table
from mobius.report.quick import latest_backup, main_environment, quick, quick_markdown
from mobius.report.shims import shims
from mobius.report.texts import template
from mobius.report.words import duration
from mobius.report.workflows import steps

if TYPE_CHECKING:
    from jinja2 import Environment

IGNORED = (".mobius/", "backups/", "/logs/*", "!/logs/quality/", "premerge_artifacts/", "monitor_logs/")
NPM_SCRIPTS = {
    "golden:check": "node scripts/check_golden.js",
    "smoke:production": "node scripts/mobius.js smoke -e production",
}


def mobius_toml(project: Project) -> str:
    """mobius.toml with its comments; it loads as it is."""
    said = [f'json.status == "{project.health_says}"'] if project.health_says else []
    return _render("mobius.toml.j2", p=project, expect=["status == 200", *said])


def files(
    settings: Settings, seen: Repository, schema: Mapping[str, Any], version: str
) -> tuple[Wanted, ...]:
    """Everything but mobius.toml. What is merged into files that are there comes from `merged`."""
    e = main_environment(settings)
    staging = "staging" if "staging" in settings.environments else e.name
    words = {
        "s": settings,
        "e": e,
        # Not a tag by name: what is written here must stay the same when the next one is made.
        "newest": "$(git describe --tags --abbrev=0)" if e.release.source == "git" else "$(date +%Y%m%d)",
        "window": duration(e.window_s),
        "emergency": duration(e.emergency_within_s),
        "limits": limits(e),
        "latest": latest_backup(settings, e),
        "names": " and ".join(settings.environments),
        "commands": quick_markdown(quick(settings, e, '"$RELEASE_TAG"')),
        "reviewers": _reviewers(seen),
        "messages": MESSAGES,
        "variables": variables_table(),
        "version": version,
        "staging": staging,
        "golden": _golden(settings, e),
        **steps(),
    }
    return (
        Wanted("mobius.schema.json", json.dumps(schema, indent=2, ensure_ascii=False) + "\n"),
        quality_gates(),
        *(
            Wanted(path, _render(source, **words))
            for path, source in (
                ("runbooks/deployment_runbook.md", "deployment_runbook.md.j2"),
                ("runbooks/rollback_runbook.md", "rollback_runbook.md.j2"),
                ("PR_BODY_TEMPLATE.md", "PR_BODY_TEMPLATE.md.j2"),
                ("NOTIFICATION_TEMPLATES.md", "NOTIFICATION_TEMPLATES.md.j2"),
                (".github/workflows/premerge-validation.yml", "premerge-validation.yml.j2"),
                (".github/workflows/premerge-comment.yml", "premerge-comment.yml.j2"),
            )
        ),
        Wanted("curl-format.txt", template("curl-format.txt")),
        Wanted("logs/quality/.gitignore", "*\n!.gitignore\n"),
        *notices(),
        *shims(settings.service, e.name, staging),
    )


def quality_gates() -> Wanted:
    """The quality gates as the operations guide has them."""
    return Wanted("quality-gates.json", template("quality-gates.json"), theirs_wins=True)


def merged(path: str, there: str | None) -> str | None:
    """The text of a file that is not ours alone, with what we need in it; None where it is none of them, or
    there is nothing to put it into."""
    if path == ".gitignore":
        return _with_lines(there or "", IGNORED)
    if path == "package.json" and there is not None:
        return with_members(there, "scripts", NPM_SCRIPTS)
    return None


def limits(e: EnvironmentSettings) -> list[str]:
    """When a release is taken back, one line a rule that is on."""
    p: PolicySettings = e.policy
    held = {"error": p.error_for_s, "p95": p.p95_for_s, "resources": p.resources_for_s}
    lasting = {
        name: f" for more than {duration(seconds)}" if seconds else "" for name, seconds in held.items()
    }
    rules = (
        (p.max_failed_checks, f"more than {p.max_failed_checks} health checks fail in a row"),
        (
            p.min_success_rate_pct,
            f"under {p.min_success_rate_pct or 0:g} % of at least {p.success_min_checks} checks succeed",
        ),
        (p.max_p95_ms, f"the 95th percentile is over {p.max_p95_ms or 0:g} ms{lasting['p95']}"),
        (
            p.max_error_rate_pct,
            f"over {p.max_error_rate_pct or 0:g} % of {_for_as_long(e, lasting['error'])}",
        ),
        (p.max_failed_gates, f"more than {p.max_failed_gates} quality gates fail in a row"),
        (p.max_failed_smoke, "the smoke tests fail in the window"),
        (p.max_cpu_pct, f"CPU is over {p.max_cpu_pct or 0:g} %{lasting['resources']}"),
        (p.max_memory_pct, f"memory is over {p.max_memory_pct or 0:g} %{lasting['resources']}"),
    )
    return [words for limit, words in rules if limit is not None]


def _for_as_long(e: EnvironmentSettings, lasting: str) -> str:
    """Of how many requests, and for how long: what holds a release against the one before forgives a bad moment."""
    if not e.policy.is_adaptive:
        return f"at least {e.policy.error_min_requests} requests fail{lasting}"
    blip_s = e.monitor.within(e.window_s).blip_tolerance_s
    return (
        f"the requests fail, surely, and for more than {duration(blip_s)}"
        if blip_s
        else "the requests fail, surely"
    )


def _golden(settings: Settings, e: EnvironmentSettings) -> str:
    """The folder of the goldens in the repository, as a shell on every system reads it between quotes."""
    folder = settings.project / e.media.golden
    if folder.is_relative_to(settings.project):
        named = folder.relative_to(settings.project).as_posix()
        if re.fullmatch(r"[A-Za-z0-9_./ -]+", named):
            return named
    return "tests/golden"


def _reviewers(seen: Repository) -> list[str]:
    """The owners of everything by CODEOWNERS, then the rule itself."""
    texts = [text for path, text in seen.texts.items() if path.rpartition("/")[2] == "CODEOWNERS"]
    owners = [line.split()[1:] for text in texts for line in text.splitlines() if line.startswith("* ")]
    named = [f"{owner}, by CODEOWNERS" for owner in (owners[-1] if owners else []) if owner.startswith("@")]
    return [*named, "two people, one of them from operations, at the commit that is merged"]


def _with_lines(there: str, lines: Sequence[str]) -> str:
    """The text with those lines at its end that it lacks, in its own line endings."""
    have = {line.strip() for line in there.splitlines()}
    missing = [line for line in lines if line not in have and line.rstrip("/") not in have]
    if not missing:
        return there
    end = "\r\n" if "\r\n" in there else "\n"
    before = there if not there or there.endswith("\n") else there + end
    gap = end if before.strip() else ""
    return f"{before}{gap}# mobius{end}" + "".join(f"{line}{end}" for line in missing)


def _render(name: str, **values: Any) -> str:
    text = _environment().from_string(template(name)).render(**values)
    return re.sub(r"\n{3,}", "\n\n", text).rstrip("\n") + "\n"


@lru_cache(maxsize=1)
def _environment() -> Environment:
    from jinja2 import Environment, StrictUndefined

    made = Environment(
        autoescape=False,  # TOML, Markdown and YAML; what others wrote goes through `q`
        undefined=StrictUndefined,
        variable_start_string="«",
        variable_end_string="»",
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["q"] = _quoted
    made.filters["array"] = lambda value: _array(value)
    return made


def _quoted(text: str) -> str:
    """A TOML string: JSON's escapes are TOML's, but for DEL."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _array(value: Any) -> str:
    return "[" + ", ".join(_quoted(v) if isinstance(v, str) else _array(v) for v in value) + "]"
