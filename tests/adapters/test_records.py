"""The log is appended to and never stops anything; artifacts hold no secret."""

from __future__ import annotations

import os
import re
from pathlib import Path

from mobius.adapters.records import artifacts, deployment_log, holder


def test_each_line_has_its_time_in_utc(tmp_path: Path) -> None:
    path = tmp_path / "logs" / "deployment.log"
    log = deployment_log(path)
    for line in ("first", "zweite ü"):
        log(line)
    first, second = path.read_text("utf-8").splitlines()
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z first", first)
    assert second.endswith("Z zweite ü")


def test_a_log_that_cannot_be_written_stops_nothing(tmp_path: Path) -> None:
    (tmp_path / "logs").touch()
    deployment_log(tmp_path / "logs" / "deployment.log")("a line")
    deployment_log(tmp_path)("a line")
    assert (tmp_path / "logs").read_text() == ""


def test_the_newest_artifact_replaces_the_one_before_without_its_secrets(tmp_path: Path) -> None:
    write = artifacts(tmp_path / "premerge", lambda text: text.replace("hunter2", "…"))
    write("smoke.xml", "old and longer")
    path = write("smoke.xml", "key hunter2 ü")
    assert path == tmp_path / "premerge" / "smoke.xml"
    assert path.read_text("utf-8") == "key … ü"


def test_the_holder_is_this_process() -> None:
    made = holder()
    assert made.pid == os.getpid()
    assert made.user and made.host and made.since > 0
