"""The scripts of a project: one line each, which hands its words to mobius under a name that people know."""

from __future__ import annotations

from dataclasses import dataclass

from mobius.model.project import Wanted
from mobius.report.texts import template

TAG = '--tag "${RELEASE_TAG:-HEAD}"'  # a later --tag among the words wins


@dataclass(frozen=True, slots=True)
class Shim:
    """`words` is the command line of mobius that the script stands for; what it is given follows."""

    name: str  # below scripts/, without its ending; {service} in it is the service's name
    words: str
    needs_tag: bool = False
    language: str = "sh"  # sh (with a .cmd for Windows beside it), js, py


SHIMS = (
    Shim("deploy/backup_{service}", "backup create"),
    Shim("deploy/deploy_dryrun", "plan", needs_tag=True),
    Shim("deploy/migration_dryrun", "migrate plan", needs_tag=True),
    Shim("deploy/smoke_tests", "smoke"),
    Shim("deploy/monitor", "monitor"),
    Shim("deploy/rollback_{service}", "rollback"),
    Shim("deploy/lcm_export", "export"),
    Shim("deploy/premerge_orchestration", "premerge"),
    Shim("deploy/quick_commands", "quick"),
    Shim("premerge_run", "premerge -e {staging}"),
    Shim("deploy_{service}", "deploy --detach"),
    Shim("monitor_{service}", "monitor"),
    Shim("rollback_{service}", "rollback"),
    Shim("health_check", "health -e {main}"),
    Shim("create_backup", "backup create"),
    Shim("check_container", "gates check --container"),
    Shim("check_audio_compliance", "gates check --audio", language="py"),
    Shim("check_golden", "media golden check", language="js"),
    Shim("generate_golden", "media golden record", language="js"),
)


def shims(service: str, main: str, staging: str) -> tuple[Wanted, ...]:
    """Every script, with the launchers that find mobius, for the environments of these names."""
    made = [
        Wanted("scripts/.gitattributes", "*.sh text eol=lf\n*.cmd text eol=crlf\n"),
        Wanted("scripts/mobius.sh", template("scripts/mobius.sh"), executable=True),
        Wanted("scripts/mobius.cmd", _crlf(template("scripts/mobius.cmd"))),
        Wanted("scripts/mobius.js", template("scripts/mobius.js")),
    ]
    for shim in SHIMS:
        path = f"scripts/{shim.name.format(service=service)}"
        words = shim.words.format(main=main, staging=staging)
        up = "../" if "/" in shim.name else ""
        if shim.language == "js":
            made.append(Wanted(f"{path}.js", _js(words)))
        elif shim.language == "py":
            made.append(Wanted(f"{path}.py", _py(words), executable=True))
        else:
            made.append(Wanted(f"{path}.sh", _sh(words, up, shim.needs_tag), executable=True))
            made.append(Wanted(f"{path}.cmd", _crlf(_cmd(words, up, shim.needs_tag))))
    return tuple(made)


def _sh(words: str, up: str, needs_tag: bool) -> str:
    tag = f" {TAG}" if needs_tag else ""
    return f'#!/bin/sh\nexec sh "$(dirname -- "$0")/{up}mobius.sh" {words}{tag} "$@"\n'


def _cmd(words: str, up: str, needs_tag: bool) -> str:
    default = "@if not defined RELEASE_TAG set RELEASE_TAG=HEAD\n" if needs_tag else ""
    tag = ' --tag "%RELEASE_TAG%"' if needs_tag else ""
    there = up.replace("/", "\\")
    # Not by `call`: that expands what it hands on a second time, and "50% done" would lose its sign.
    return f'{"@setlocal" + chr(10) if needs_tag else ""}{default}@"%~dp0{there}mobius.cmd" {words}{tag} %*\n'


def _js(words: str) -> str:
    listed = ", ".join(f'"{word}"' for word in words.split())
    return f'process.argv.splice(2, 0, {listed});\nimport("./mobius.js");\n'


def _py(words: str) -> str:
    return f"""#!/usr/bin/env python3
import os, subprocess, sys
launcher = ["cmd", "/d", "/c", "mobius.cmd"] if os.name == "nt" else ["sh", "mobius.sh"]
launcher[-1] = os.path.join(os.path.dirname(os.path.abspath(__file__)), launcher[-1])
sys.exit(subprocess.call([*launcher, *{words.split()!r}, *sys.argv[1:]]))
"""


def _crlf(text: str) -> str:
    return text.replace("\n", "\r\n")
