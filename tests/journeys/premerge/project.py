"""A sample project that `mobius init` made, in a git repository, with everything that a validation asks about."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from adapters.media.films import film
from free_ports import free_port
from init.samples import NODE, git_in, lay_out
from journeys.service import Done
from rules.scanning.shapes import NPM, npm_clean

MORE = """
[migrations]
kind = "sql"
path = "migrations"
database = "data/app.db"

[media]
latest = "out/*.mp4"

[quality_gates.audio]
lufs_target = -20
lufs_tolerance = 90
true_peak_max = 20
loudness_range_max = 90

[github]
ops_team = "ops"

[scan]
npm = {npm}

[premerge]
watch = "300ms"
tests = [["node", "--check", "src/api/index.js"]]
"""
FAST = """min_healthy = "0s"
interval = "100ms"
"""
LOCK = {
    "name": "dhash",
    "version": "2.1.0",
    "lockfileVersion": 3,
    "requires": True,
    "packages": {
        "": {"name": "dhash", "version": "2.1.0", "dependencies": {"lodash": "4.17.21"}},
        "node_modules/lodash": {"version": "4.17.21"},
    },
}
NPM_STAND_IN = """import json, os, sys
if '--version' in sys.argv: print('11.0.0'); sys.exit(0)
knows, theirs = json.loads({knows!r}), json.loads({theirs!r})
told = knows if 'mobius-scan-' in os.getcwd() else theirs
print(json.dumps(told)); sys.exit(1 if told['vulnerabilities'] else 0)
"""
LONG_S = 400.0


class Project:
    """The sample in `folder`; `env` points mobius at a GitHub."""

    def __init__(self, folder: Path, env: Mapping[str, str]) -> None:
        self.folder = lay_out(folder / "dhash", NODE)
        self._tools = folder / "tools"
        self._tools.mkdir()
        self.env = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "CI": "", **env}
        for name in ("GITHUB_STEP_SUMMARY", "ARTIFACT_DIR", "RELEASE_TAG"):
            self.env.pop(name, None)
        made = self.mobius("init", "--yes")
        assert made.code == 0, made
        self.write("migrations/001_notes.sql", "CREATE TABLE notes (body TEXT);\n")
        self.write("package-lock.json", json.dumps(LOCK))
        self.write(".gitignore", "node_modules/\nout/\n.mobius/\n*_artifacts/\nlogs/\nbackups/\n")
        self.edit("quality-gates.json", '"1920x1080"', '"320x180"')
        config = (self.folder / "mobius.toml").read_text()
        config = config.replace(', "ms < 200"', "").replace('[["npm", "ci", "--omit=dev"]]', "[]")
        for port in ("5001", "5002"):
            config = config.replace(f"127.0.0.1:{port}", f"127.0.0.1:{free_port()}")
        config = config.replace("[health]\n", f"[health]\n{FAST}")
        place = config.index("[environments.production]")
        tool = json.dumps([sys.executable, str(self._tools / "npm.py")])
        config = config[:place] + MORE.format(npm=tool) + "\n" + config[place:]
        (self.folder / "mobius.toml").write_text(config)
        self.vulnerable(None)
        self.film()
        self.commit("Take mobius in")

    def write(self, path: str, text: str) -> None:
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")

    def edit(self, path: str, old: str, new: str) -> None:
        text = (self.folder / path).read_text(encoding="utf-8")
        assert old in text, f"{old} is not in {path}"
        self.write(path, text.replace(old, new))

    def commit(self, message: str) -> None:
        git_in(self.folder, "add", "-A")
        git_in(self.folder, "commit", "-q", "-m", message)

    def film(self, **how: Any) -> None:
        """The newest film that the service rendered."""
        (self.folder / "out").mkdir(exist_ok=True)
        made = film(self.folder / "out" / "film.mp4", seconds=6.0, **how)
        os.utime(made, (made.stat().st_mtime - 60,) * 2)

    def vulnerable(self, theirs: Mapping[str, Any] | None, *, knows: Mapping[str, Any] = NPM) -> None:
        """What `npm audit` says of the project; None for nothing."""
        told = json.dumps(npm_clean() if theirs is None else theirs)
        text = NPM_STAND_IN.format(knows=json.dumps(knows), theirs=told)
        (self._tools / "npm.py").write_text(text)

    def mobius(self, *words: str) -> Done:
        return self.run(sys.executable, "-m", "mobius", *words)

    def run(self, *words: str, **env: str) -> Done:
        done = subprocess.run(
            words, cwd=self.folder, env={**self.env, **env}, capture_output=True, text=True, timeout=LONG_S
        )
        return Done(done.returncode, done.stdout, done.stderr)

    def report(self, artifacts: str = "premerge_artifacts") -> dict[str, Any]:
        """premerge.json."""
        told: dict[str, Any] = json.loads((self.folder / artifacts / "premerge.json").read_text())
        return told

    def answers(self, artifacts: str = "premerge_artifacts") -> dict[str, str]:
        """By step, the outcome."""
        return {step["name"]: step["outcome"] for step in self.report(artifacts)["steps"]}
