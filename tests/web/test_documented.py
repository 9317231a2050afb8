"""What the documentation says about metrics and verdicts is true: files check, expressions hold, names exist."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonpath_ng import parse as json_path

from mobius import config
from mobius.model.run import RunState
from mobius.web.exchange import Request
from web.looking_at import Asked, held_against_before, live_world, with_open_window
from web.test_metrics import counting
from world import Script

HOW_TO = Path(__file__).parents[2] / "docs" / "how-to"
PROMTOOL = shutil.which("promtool")
needs_promtool = pytest.mark.skipif(PROMTOOL is None, reason="promtool is not installed here")
KEPT = {"environment": "production", "release": "v2"}


def block(page: str, first_line: str) -> str:
    """The one block of a page that begins with this comment."""
    text = (HOW_TO / page).read_text("utf-8")
    found = re.findall(rf"```\w+\n{re.escape(first_line)}\n(.*?)```", text, re.DOTALL)
    assert len(found) == 1, (page, first_line)
    return str(found[0])


@needs_promtool
@pytest.mark.parametrize(("name", "kind"), [("prometheus.yml", "config"), ("mobius-rules.yml", "rules")])
def test_the_tool_of_prometheus_takes_what_the_page_shows(name: str, kind: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(block("metrics.md", f"# {name}"))
    done = subprocess.run(
        [str(PROMTOOL), "check", kind, str(tmp_path / name)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_metric_of_the_page_is_there_and_every_metric_is_on_the_page() -> None:
    world = live_world()
    assert world.deploy("v2").state is RunState.ACCEPTED
    world.scripts["v3"] = Script(bad_after=1)
    assert world.deploy("v3").state is RunState.ROLLED_BACK
    held_against_before(world)
    with_open_window(world, "v1")
    counting(world)
    asked = Asked(world)
    asked.site.journal = lambda: True
    page = asked.get("/metrics").body.decode()
    there = set(re.findall(r"^# TYPE (\w+) ", page, re.MULTILINE)) - {"mobius_build_info"}
    text = (HOW_TO / "metrics.md").read_text("utf-8")
    told = set(re.findall(r"\bmobius_\w+", text)) - {"mobius_request_duration_seconds_bucket"}
    told |= {f"mobius_backup_{what}_timestamp_seconds" for what in re.findall(r"`…_(\w+)_…`", text)}
    assert (told - there, there - told) == (set(), set())


def test_the_settings_of_the_page_are_settings(tmp_path: Path) -> None:
    text = (HOW_TO / "metrics.md").read_text("utf-8")
    base = 'service = "dhash"\n[release]\nsource = "."\n[environments.production]\nurl = "http://127.0.0.1:5001"\n'
    base += '[[process]]\nname = "web"\nkind = "web"\nstart = ["true"]\n'
    listens = []
    for shown in re.findall(r"```toml\n(.*?)```", text, re.DOTALL):
        (tmp_path / "mobius.toml").write_text(base + shown)
        found = config.load(tmp_path / "mobius.toml", environ={}, flags={})
        listens.append(found.environment("production").serve.listen)
    assert listens == ["127.0.0.1:8081", "10.0.0.5:8080"]


def measurement(answer: dict[str, Any], metric: dict[str, Any]) -> str:
    """How Argo would take an answer: the path, then the two conditions, which are `result == "X"`."""
    path = metric["provider"]["web"]["jsonPath"]
    found = re.fullmatch(r"\{(.*)\}", path)
    assert found is not None
    [match] = json_path(found[1]).find(answer)
    for name, outcome in (("successCondition", "Successful"), ("failureCondition", "Failed")):
        condition = re.fullmatch(r'result == "(\w+)"', metric[name])
        assert condition is not None
        if match.value == condition[1]:
            return outcome
    return "Inconclusive"


def test_an_analysis_of_argo_waits_for_the_window_and_takes_its_verdict() -> None:
    manifest = yaml.safe_load(block("argo-and-flagger.md", "# analysis-template.yaml"))
    assert (manifest["apiVersion"], manifest["kind"]) == ("argoproj.io/v1alpha1", "AnalysisTemplate")
    [metric] = manifest["spec"]["metrics"]
    url = metric["provider"]["web"]["url"].replace("{{args.release}}", "v2")
    path = url.removeprefix("https://mobius.example.com")
    world = live_world()
    asked = Asked(world)
    assert asked.get(path).status == 404
    run = with_open_window(world, "v2")
    assert measurement(asked.json(path), metric) == "Inconclusive"
    world.carry_on(run)
    assert measurement(asked.json(path), metric) == "Successful"
    world.rollback()
    assert measurement(asked.json(path), metric) == "Failed"


def test_the_hooks_of_flagger_go_on_wait_and_go_back() -> None:
    manifest = yaml.safe_load(block("argo-and-flagger.md", "# canary.yaml"))
    assert (manifest["apiVersion"], manifest["kind"]) == ("flagger.app/v1beta1", "Canary")
    hooks = {hook["type"]: hook for hook in manifest["spec"]["analysis"]["webhooks"]}
    world = live_world()
    asked = Asked(world)

    def answered() -> dict[str, int]:
        found = {}
        world.clock.wait(1.5)
        for kind, hook in hooks.items():
            sent = {"name": "dhash", "namespace": "ops", "phase": "Progressing", "metadata": hook["metadata"]}
            request = Request("POST", "/api/v1/verdict", host="localhost", body=json.dumps(sent).encode())
            found[kind] = asked.site.answer(request).status
        return found

    run = with_open_window(world, "v2")
    assert answered() == {"rollout": 200, "confirm-promotion": 409, "rollback": 409}
    world.carry_on(run)
    assert answered() == {"rollout": 200, "confirm-promotion": 200, "rollback": 409}
    world.scripts["v3"] = Script(bad_after=1)
    world.deploy("v3")
    assert answered() == {"rollout": 409, "confirm-promotion": 409, "rollback": 200}


def test_the_answer_of_the_page_has_the_fields_of_a_real_one() -> None:
    text = (HOW_TO / "argo-and-flagger.md").read_text("utf-8")
    [shown] = re.findall(r"```json\n(.*?)```", text, re.DOTALL)
    real = Asked(live_world()).json("/api/v1/verdict")
    assert set(json.loads(shown)) | {"time"} == set(real)
