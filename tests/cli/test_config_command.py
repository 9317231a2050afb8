"""`mobius config`: data on stdout, the next step on stderr, exit 2 with every mistake."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from mobius.cli.config import command
from mobius.config import schema
from mobius.errors import ConfigurationError

GOOD = """
service = "dhash"

[[process]]
name = "api"
start = ["node", "app.js", "--token", "s3cr3t"]
env = { API_TOKEN = "s3cr3t", MODE = "fast" }

[environments.production]
url = "http://127.0.0.1:5001"
window = "90m"

[environments.staging]
url = "http://127.0.0.1:5002"
policy = "strict"
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "mobius.toml"
    file.write_text(GOOD, encoding="utf-8")
    return file


def run(file: Path, *args: str, **environ: str) -> Result:
    return CliRunner().invoke(command, args, obj={"config": file, "environ": environ})


def test_show_prints_each_environment_and_where_every_value_comes_from(file: Path) -> None:
    result = run(file, "show", "-e", "production", "--origin", MOBIUS_MAX_ERROR_RATE="2")
    lines = result.stdout.splitlines()
    assert result.exit_code == 0
    assert "[environments.production]" in lines
    assert "[environments.staging]" not in lines
    said = {line.split(" = ")[0]: line.split("# ")[-1] for line in lines if " = " in line}
    assert said["window"] == "mobius.toml: environments.production.window"
    assert said["policy.max_error_rate_pct"] == "environment: MOBIUS_MAX_ERROR_RATE"
    assert said["auto_rollback"] == "default"
    assert said["listen"] == "default: from url"
    assert result.stderr.splitlines() == ["try: mobius config check"]


def test_show_as_json_is_one_object_with_the_values_in_effect(file: Path) -> None:
    data = json.loads(run(file, "show", "--json", "--origin", MONITOR_DURATION="120").stdout)
    assert data["schema_version"] == 1
    assert data["environments"]["production"]["window_s"] == 120.0
    assert data["environments"]["staging"]["policy"]["max_p95_ms"] == 500.0
    origin = data["origins"]["environments.production.window"]
    assert origin == {"value": '"120"', "source": "environment", "where": "MONITOR_DURATION"}


def test_secrets_are_never_shown(file: Path) -> None:
    for args in (("show",), ("show", "--origin"), ("show", "--json"), ("show", "--json", "--origin")):
        result = run(file, *args)
        assert "s3cr3t" not in result.output
        assert "«redacted»" in result.stdout
        assert "fast" in result.stdout


def test_check_says_yes_and_what_to_do_next(file: Path) -> None:
    result = run(file, "check")
    assert (result.exit_code, result.stdout) == (0, f"{file} is right: dhash, production, staging\n")
    assert result.stderr.splitlines()[-1] == "try: mobius plan -e production"


def test_check_lists_every_mistake_and_leaves_with_2(file: Path) -> None:
    file.write_text(GOOD.replace("90m", "soon").replace("strict", "strickt"), encoding="utf-8")
    result = run(file, "check")
    assert isinstance(result.exception, ConfigurationError)
    assert (result.exception.exit_code, len(result.exception.details)) == (2, 2)
    as_json = run(file, "check", "--json")
    data = json.loads(as_json.stdout)
    assert (as_json.exit_code, data["ok"], data["message"]) == (2, False, "mobius.toml has 2 mistakes")
    assert data["mistakes"] == list(result.exception.details)


def test_an_unknown_environment_is_a_usage_error(file: Path) -> None:
    result = run(file, "show", "-e", "prod")
    assert getattr(result.exception, "exit_code", None) == 2


def test_schema_prints_what_may_be_written() -> None:
    result = CliRunner().invoke(command, ["schema"])
    assert json.loads(result.stdout) == json.loads(json.dumps(schema()))
    assert result.stderr.startswith("save it as mobius.schema.json")
