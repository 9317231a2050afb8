"""Runs the shell steps of a workflow as GitHub would, on this machine: real bash, real git, the real mobius."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

BIN = Path(sys.executable).parent
PIP = '#!/bin/sh\n[ "$1 $2 $3" = "-m pip install" ] || exec "{python}" "$@"\nprintf "%s\\n" "$*" >> "{log}"\n'


def read(file: Path) -> dict[str, Any]:
    """The workflow; YAML takes its key `on` for a yes."""
    made: dict[str, Any] = yaml.safe_load(file.read_text(encoding="utf-8"))
    made["on"] = made.pop(True, made.get("on"))
    return made


@dataclass
class Runner:
    """One machine. `contexts`: what GitHub would put for `${{ … }}`; `environ`: what it sets for every step."""

    folder: Path
    contexts: Mapping[str, str]
    environ: Mapping[str, str]
    done: list[tuple[str, int, str]] = field(default_factory=list)  # name, exit code, what it printed

    def run(self, workflow: Mapping[str, Any], job: str) -> bool:
        """The shell steps of a job in their order; whether it passed. After one that failed, those that run always."""
        work = self.folder / "work"
        for each in (work, self.folder / "temp", self.folder / "bin"):
            each.mkdir(parents=True, exist_ok=True)
        python = self.folder / "bin" / "python"
        python.write_text(PIP.format(python=sys.executable, log=self.folder / "pip.log"))
        python.chmod(0o755)
        passed = True
        for step in workflow["jobs"][job]["steps"]:
            if "run" not in step or not (passed or step.get("if") == "always()"):
                continue
            given = {**workflow.get("env", {}), **step.get("env", {})}
            code, said = self._shell(
                step["run"], {name: self._value(str(v)) for name, v in given.items()}, work
            )
            self.done.append((step["name"], code, said))
            passed = passed and code == 0
        return passed

    def _shell(self, text: str, env: Mapping[str, str], work: Path) -> tuple[int, str]:
        script = self.folder / "step.sh"
        script.write_text(text)
        usual = {"HOME": str(self.folder), "RUNNER_TEMP": str(self.folder / "temp"), "LANG": "C.UTF-8"}
        path = f"{self.folder / 'bin'}:{BIN}:{os.environ['PATH']}"
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", str(script)],
            cwd=work,
            env={"PATH": path, **usual, **self.environ, **env},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
        )
        return done.returncode, done.stdout

    def _value(self, text: str) -> str:
        def put(match: re.Match[str]) -> str:
            names = [each.strip() for each in match[1].split("||")]
            found = next((self.contexts[n] for n in names if self.contexts.get(n)), None)
            quoted = next((n[1:-1] for n in names if n.startswith("'")), None)
            assert found is not None or quoted is not None or names[0] in self.contexts, (
                f"nothing for {match[0]}"
            )
            return found or quoted or ""

        return re.sub(r"\$\{\{ *(.*?) *\}\}", put, text)
