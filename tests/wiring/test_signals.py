"""Which signals a real environment has: of its configuration, and of whoever counts its traffic."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from free_ports import free_port
from host.sites import wait_for
from mobius.model.release import Release
from mobius.model.sample import Sample
from mobius.wiring import open_app

CONFIG = """
service = "dhash"
monitor.interval = "100ms"
{more}
[environments.production]
target = "{target}"
url = "http://127.0.0.1:{port}"
[environments.production.command]
deploy = ["true"]
[environments.production.traffic]
kind = "nginx"
access_log = "{log}"
"""
LINE = '127.0.0.1 - - [{at}] "GET / HTTP/1.1" {status} 5 "-" "curl" 0.012\n'
LIVE = Release("r1", "v1", "", "", "")

Takes = Callable[..., Callable[[], dict[str, Sample]]]


@pytest.fixture
def takes(tmp_path: Path) -> Takes:
    """Takes one tick of the window of a release, by signal."""

    def opened(target: str, more: str = "") -> Callable[[], dict[str, Sample]]:
        (tmp_path / "access.log").touch()
        text = CONFIG.format(target=target, port=free_port(), log=tmp_path / "access.log", more=more)
        (tmp_path / "mobius.toml").write_text(text, "utf-8")
        ports = open_app(tmp_path, environ={"QUEUE_TOKEN": "s3cr3t-of-ours"}).ports(
            "production", read_only=True
        )
        signals = ports.signals(LIVE)
        return lambda: {sample.signal: sample for sample in signals.sample(time.time())}

    return opened


@pytest.mark.parametrize("target", ["observe", "command"])
def test_the_access_log_of_what_somebody_else_serves_is_its_traffic(
    takes: Takes, tmp_path: Path, target: str
) -> None:
    tick = takes(target)
    tick()
    with (tmp_path / "access.log").open("a") as log:
        for status in (200, 200, 503):
            log.write(LINE.format(at=time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime()), status=status))
    seen = [0, 0]

    def counted() -> bool:
        traffic = tick()["traffic"]
        assert not traffic.missing, traffic.missing
        seen[0] += traffic.requests
        seen[1] += traffic.errors
        return seen == [3, 1]

    wait_for("three requests, one of them failed", counted)


def test_the_signals_of_the_configuration_are_read_and_what_they_say_is_redacted(
    takes: Takes, tmp_path: Path
) -> None:
    (tmp_path / "depth.json").write_text('{"jobs": {"waiting": 7}}')
    (tmp_path / "broken.json").write_text('"s3cr3t-of-ours"')
    tick = takes(
        "observe",
        """
signal = [
    { name = "depth", kind = "json", file = "depth.json", path = "jobs.waiting" },
    { name = "broken", kind = "json", file = "broken.json" },
    { name = "who", kind = "command", run = ["sh", "-c", "test $MOBIUS_RELEASE = r1 && echo 1"], timeout = "20s" },
]
""",
    )
    found: dict[str, Sample] = {}

    def all_read() -> bool:
        found.update(tick())
        return {"gauge:depth", "gauge:broken", "gauge:who"} <= set(found)

    wait_for("all three signals", all_read)
    assert found["gauge:depth"].value == 7.0
    assert found["gauge:who"].value == 1.0
    assert found["gauge:broken"].missing == 'no number: ""«redacted»""'
