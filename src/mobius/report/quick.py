"""The commands of a day and of a bad night, with a project's own values, ready to be copied."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mobius.model.settings import EnvironmentSettings, Settings
from mobius.report.words import wrapped

WIDTH = 80


@dataclass(frozen=True, slots=True)
class Command:
    """What it is for, and the lines to copy."""

    why: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Group:
    title: str
    commands: tuple[Command, ...]


def quick(settings: Settings, e: EnvironmentSettings, tag: str) -> tuple[Group, ...]:
    """The commands of one environment; `tag` is what would be deployed next."""
    on = f"-e {e.name}"
    find, verify = latest_backup(settings, e), 'sha256sum -c "${LATEST_BACKUP}.sha256"'
    restore = ("mobius rollback", f"{on} --backup", '"$LATEST_BACKUP"')
    observed = e.target == "observe"
    every = (
        Group(
            "Deploy",
            (
                _command("what would happen, and every way back", "mobius plan", f"{on} --tag {tag}"),
                _command("ship it, and follow it to the verdict", "mobius deploy", f"{on} --tag {tag}"),
                _command(
                    "the same, back at once when it is live", "mobius deploy", f"{on} --tag {tag}", "--detach"
                ),
            ),
        ),
        Group(
            "Watch",
            (
                _command("what is live, and the way back", "mobius status", on),
                _command("look on; Ctrl-C only ends the looking", "mobius monitor", on),
                _command("is it well?", f"watch -n 5 'mobius health {on}'"),
                _command("every smoke test", "mobius smoke", on),
                *([] if observed else [_command("what the service writes", "mobius logs", on, "-f")]),
                _command("what was done", "tail -f logs/deployment.log"),
            ),
        ),
        Group(
            "Go back",
            (
                _command("now, asking nothing; the data stays", "mobius rollback", f"{on} --emergency"),
                _command("to the previous release", "mobius rollback", on),
                _command("the steps; changes nothing", "mobius rollback", f"{on} --dry-run"),
            ),
        ),
        Group(
            "Backups",
            (
                _command("make one", "mobius backup create", on),
                _command("find the latest", find),
                _command("verify it", verify),
                _command("verify every one", "mobius backup verify", on),
                _command("code, configuration and data of the latest", *restore),
            ),
        ),
        Group(
            "Emergency: the latest backup, in one line",
            (
                Command(
                    f"within {e.emergency_within_s / 60:g} min; what was written since is in emergency_*.zip",
                    (*_folded(f"{find} &&"), f"{verify} &&", *_folded(*restore, "--emergency")),
                ),
            ),
        ),
    )
    refused = {"Deploy": observed, "Go back": not (goes_back_by_itself(e) or e.command.rollback)}
    return tuple(group for group in every if not refused.get(group.title))


def goes_back_by_itself(e: EnvironmentSettings) -> bool:
    """Whether mobius itself moves the traffic and the processes back: elsewhere it needs a command for that."""
    return e.target not in ("command", "observe")


def quick_text(groups: Sequence[Group], title: str) -> str:
    """For a terminal of 80 columns: the reason as a comment, so that whole groups can be pasted."""
    lines = [title]
    for group in groups:
        lines += ["", f"# {group.title}"]
        for command in group.commands:
            lines += [f"  {line}" for line in wrapped(command.why, WIDTH - 2, "# ", "# ")]
            lines += [f"  {line}" for line in _continued(command.lines)]
    return "\n".join(lines)


def quick_markdown(groups: Sequence[Group]) -> str:
    """The same for a page."""
    blocks = []
    for group in groups:
        body = "\n".join(f"# {c.why}\n" + "\n".join(_continued(c.lines)) for c in group.commands)
        blocks.append(f"### {group.title}\n\n```bash\n{body}\n```")
    return "\n\n".join(blocks)


def latest_backup(settings: Settings, e: EnvironmentSettings) -> str:
    """The line that finds the latest backup of a healthy release, from the project's folder."""
    folder = _relative(e.backup.folder, settings.project)
    return f"LATEST_BACKUP=$(ls -1 {folder}/{settings.service}_*.zip | sort -r | head -n1)"


def main_environment(settings: Settings) -> EnvironmentSettings:
    """Production, or the first there is."""
    return settings.environments.get("production") or next(iter(settings.environments.values()))


def next_tag(tags: Sequence[str]) -> str:
    """The newest tag; what is checked out where there is none."""
    return tags[0] if tags else "HEAD"


def _command(why: str, *parts: str) -> Command:
    return Command(why, tuple(_folded(*parts)))


def _folded(*parts: str) -> list[str]:
    """One line, or several where one would be wider than a terminal."""
    line = " ".join(parts)
    return [line] if len(line) <= WIDTH - 6 or len(parts) == 1 else list(parts)


def _continued(lines: Sequence[str]) -> list[str]:
    """With a backslash where a line goes on."""
    return [
        f"{'  ' if number else ''}{line}{'' if number == len(lines) - 1 else f' {chr(92)}'}"
        for number, line in enumerate(lines)
    ]


def _relative(path: Path, project: Path) -> str:
    inside = path.relative_to(project) if path.is_relative_to(project) else path
    return inside.as_posix()
