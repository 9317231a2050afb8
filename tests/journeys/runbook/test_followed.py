"""The runbooks are followed: every command of them, from top to bottom, on a real service."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from journeys.service import LONG_S, Service

BLOCK = re.compile(r"```bash\n(.*?)```", re.DOTALL)


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    made = Service(tmp_path / "shop", window="6s")
    try:
        for tag in ("v1", "v2"):
            made.add_release(tag)
        made.mobius("deploy", "--tag", "v1", expect=0)
        yield made
    finally:
        made.close()


def followed(service: Service, text: str, under: str = "") -> list[tuple[int, str]]:
    """Every line of its shell blocks (of one heading, where one is named), typed into one bash, with its exit code."""
    bin_folder = service.folder / "typed"
    bin_folder.mkdir(exist_ok=True)
    program = bin_folder / "mobius"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m mobius "$@"\n')
    program.chmod(0o755)
    parts = re.split(r"^## ", text, flags=re.MULTILINE)
    chosen = [part for part in parts if part.startswith(under)] if under else parts
    lines = [line for part in chosen for block in BLOCK.findall(part) for line in block.splitlines()]
    typed = "\n".join(f'{line}\necho "$?" >> codes' for line in lines)
    (service.folder / "codes").unlink(missing_ok=True)
    subprocess.run(
        ["bash", "-c", typed],
        cwd=service.folder,
        env={**service.environ, "PATH": f"{bin_folder}:{os.environ['PATH']}"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=4 * LONG_S,
    )
    codes = [int(code) for code in (service.folder / "codes").read_text().split()]
    return list(zip(codes, lines, strict=True))


def test_the_deployment_runbook_deploys_and_the_one_for_the_way_back_goes_back(service: Service) -> None:
    text = service.mobius("runbook", "deploy", "--tag", "v2", expect=0).out
    done = followed(service, text)
    assert any("mobius deploy" in line and "--plan" in line for _, line in done)
    assert [line for code, line in done if code and "doctor" not in line] == []
    assert service.get("/")["release"] == "v2"

    text = service.mobius("runbook", "rollback", expect=0).out
    done = followed(service, text, "Now, without a question") + followed(service, text, "Afterwards")
    assert [line for code, line in done if code] == []
    assert service.get("/")["release"] == "v1"


def test_the_way_back_with_a_look_first_and_the_one_with_data_work_as_they_are_written(
    service: Service,
) -> None:
    service.mobius("deploy", "--tag", "v2", expect=0)
    text = service.mobius("runbook", "rollback", expect=0).out
    done = followed(service, text, "With a moment to look") + followed(
        service, text, "Code, configuration and data"
    )
    assert [line for code, line in done if code] == []
    assert service.get("/")["release"] == "v1"


def test_a_plan_that_is_not_true_any_more_is_refused(service: Service) -> None:
    text = service.mobius("runbook", "deploy", "--tag", "v2", expect=0).out
    (service.folder / "releases" / "v2" / "another").write_text("file")
    done = followed(service, text, "Deploy")
    assert [code for code, line in done if "mobius deploy" in line] == [2]
    assert service.get("/")["release"] == "v1"


def test_it_names_who_to_call_and_keeps_secrets(service: Service) -> None:
    config = service.folder / "mobius.toml"
    config.write_text(
        config.read_text()
        + '\n[escalation]\nsteps = [{ role = "deploy lead", name = "whoever|leads", contact = "@lead", wait = "5m" }]\n'
    )
    text = service.mobius("runbook", "deploy", "--tag", "v2", expect=0).out
    assert "| 1 | deploy lead | whoever\\|leads | @\u200blead | 5 min |" in text
    told = json.loads(service.mobius("runbook", "rollback", "--json", expect=0).out)
    assert "whoever" in told["markdown"]


def test_before_the_first_deployment_the_way_back_says_that_there_is_none(tmp_path: Path) -> None:
    made = Service(tmp_path / "shop")
    try:
        assert "There is no way back now" in made.mobius("runbook", "rollback", expect=0).out
    finally:
        made.close()
