"""`mobius serve` as a process: scraped by a real Prometheus, restarted without notice, and asked for a verdict
while a release turns bad."""

from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.parse import urlencode
from urllib.request import urlopen

import pytest

from free_ports import free_port
from journeys.service import Service, ask, wait_until

pytestmark = pytest.mark.journey
SERVE = '\n[environments.production.serve]\nlisten = "127.0.0.1:<web>"\n'
SCRAPE = Path(__file__).parents[3] / "docs" / "how-to" / "metrics.md"


@contextmanager
def serving(folder: Path, **how: Any) -> Iterator[tuple[Service, str, subprocess.Popen[str]]]:
    """A service with `mobius serve` beside it, and the address of its web page."""
    port = free_port()
    with Service(folder, more=SERVE.replace("<web>", str(port)), alone=False, **how) as service:
        process = service.start("serve", "-e", "production")
        url = f"http://127.0.0.1:{port}"
        wait_until(lambda: ask(f"{url}/healthz")["code"] == 200, what="the web page")
        yield service, url, process


def test_a_real_prometheus_scrapes_it_as_documented(tmp_path: Path) -> None:
    if shutil.which("prometheus") is None:
        pytest.skip("prometheus is not installed here")
    with serving(tmp_path / "service", window="60s") as (service, url, _):
        service.add_release("v1")
        service.mobius("deploy", "--tag", "v1", "--detach", expect=0)
        for _ in range(20):
            assert service.get("/")["code"] == 200
        [text] = re.findall(r"```yaml\n# prometheus.yml\n(.*?)```", SCRAPE.read_text("utf-8"), re.DOTALL)
        text = text.replace("127.0.0.1:8080", url.removeprefix("http://")).replace("15s", "500ms")
        with prometheus(tmp_path / "prometheus", text) as asked:
            wait_until(lambda: asked('mobius_requests_total{release=~"v1-.*"} >= 20'), what="the requests")
            assert asked('up{job="mobius"} == 1')
            assert asked("mobius_window_open == 1 and on () mobius_window_left_seconds > 0")
            assert asked(
                'mobius_release_info{role="live", tag="v1", service="probe", environment="production"}'
            )
            assert asked("histogram_quantile(0.95, sum by (le) (mobius_request_duration_seconds_bucket)) > 0")
            assert asked('mobius_verdict{outcome="INCONCLUSIVE"} == 1')
            assert asked("mobius_journal_writable == 1 and on () mobius_probe_up == 1")
            assert not asked("mobius_unseen == 1")


def test_the_verdict_follows_a_release_that_turns_bad_and_comes_back(tmp_path: Path) -> None:
    with serving(tmp_path, window="60s") as (service, url, _):
        service.add_release("v1")
        service.add_release("v2", sick_once_live_s=1.0)
        service.mobius("deploy", "--tag", "v1", "--detach", expect=0)
        service.mobius("accept", expect=0)
        assert ask(f"{url}/api/v1/verdict?release=v1")["outcome"] == "PASS"
        service.mobius("deploy", "--tag", "v2", expect=12)
        told = ask(f"{url}/api/v1/verdict?release=v2")
        assert (told["outcome"], told["final"], told["state"]) == ("FAIL", True, "rolled back")
        assert ask(f"{url}/api/v1/verdict?release=v2&require=pass")["code"] == 409
        status = service.status()
        assert status["web"] == f"{url}/"
        shown = ask(f"{url}/api/v1/status")
        assert (shown["live"]["tag"], shown["web"]) == ("v1", status["web"])
        assert b"v1 is live" in read(f"{url}/")
        assert b"v2 was taken back" in read(f"{url}/runs/{told['run']}")


def test_restarting_it_loses_no_request_and_no_window(tmp_path: Path) -> None:
    with serving(tmp_path, window="120s") as (service, url, process):
        service.add_release("v1")
        service.mobius("deploy", "--tag", "v1", "--detach", expect=0)
        before = ask(f"{url}/api/v1/verdict")
        runner = service.runner_pid(before["run"])
        supervisor = service.host.status().pid
        for number in range(2):
            process.send_signal(signal.SIGKILL if number else signal.SIGTERM)
            service.finish(process)
            assert service.get("/")["code"] == 200
            assert "web page" not in service.mobius("status", expect=0).out
            process = service.start("serve", "-e", "production")
            wait_until(lambda: ask(f"{url}/healthz")["code"] == 200, what="the web page again")
        after = ask(f"{url}/api/v1/verdict")
        assert (after["run"], after["window_open"]) == (before["run"], True)
        assert 0 < after["left_s"] < before["left_s"]
        assert (service.runner_pid(before["run"]), service.host.status().pid) == (runner, supervisor)


def read(url: str) -> bytes:
    """The body of an answer that must be a 200."""
    with urlopen(url, timeout=30) as answer:
        return bytes(answer.read())


@contextmanager
def prometheus(folder: Path, config: str) -> Iterator[Any]:
    """A real one with this configuration: what it yields asks a query, and answers with its series."""
    folder.mkdir()
    (folder / "prometheus.yml").write_text(config)
    url = f"http://127.0.0.1:{free_port()}"
    argv = [
        "prometheus",
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'data'}",
    ]
    argv += [f"--web.listen-address={url.removeprefix('http://')}", "--log.level=warn"]

    def asked(query: str) -> list[Any]:
        try:
            found = json.loads(read(f"{url}/api/v1/query?{urlencode({'query': query})}"))
        except (URLError, OSError):
            return []
        return list(found["data"]["result"])

    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(argv, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
    try:
        yield asked
    finally:
        process.terminate()
        process.wait(30)
