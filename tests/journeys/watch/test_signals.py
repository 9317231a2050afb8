"""Numbers of one's own in the window of a real deployment: measured, held against their limit, and taken back by."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from adapters.signals.prometheuses import WHY_NOT, prometheus
from free_ports import free_port
from journeys.service import Service, wait_until

pytestmark = [pytest.mark.journey, pytest.mark.slow]

COUNT = "import os; print(len(os.listdir('queue')))"


def with_signals(new_service: Callable[..., Service], more: str, *, window: str) -> Service:
    """v1 is live, and what comes next is watched with these settings."""
    service = new_service(window="1s", interval="1s", alone=False)
    (service.config.parent / "queue").mkdir()
    service.add_release("v1")
    service.mobius("deploy", "--tag", "v1", expect=0)
    text = service.config.read_text().replace('window = "1s"', f'window = "{window}"')
    service.config.write_text(text + more)
    service.add_release("v2", migrations=1)
    return service


def command_signal(*settings: str) -> str:
    lines = ["[[environments.production.signal]]", 'name = "queue"', 'kind = "command"']
    lines += [f'run = ["{sys.executable}", "-I", "-S", "-c", "{COUNT}"]', 'timeout = "20s"', *settings]
    return "\n".join(["", *lines, ""])


def test_a_queue_that_grows_past_its_limit_takes_the_release_back(
    new_service: Callable[..., Service],
) -> None:
    service = with_signals(new_service, command_signal("max = 5", 'for = "2s"'), window="10m")
    running = service.start("deploy", "--tag", "v2")
    read = "SELECT value FROM samples WHERE signal = 'gauge:queue' AND value IS NOT NULL"
    wait_until(lambda: service.journal(read), timeout_s=90, what="a reading of the queue")
    for number in range(9):
        (service.config.parent / "queue" / str(number)).touch()

    done = service.finish(running, timeout_s=120)

    assert done.code == 12, done
    assert "queue 9 for " in done.out + done.err
    assert "(more than 5 for 2 s)" in done.out + done.err
    assert service.get("/")["release"] == "v1"


def test_a_required_signal_that_nobody_answers_stops_the_deployment_before_anything_moves(
    new_service: Callable[..., Service],
) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    signal = f'\n[[environments.production.signal]]\nname = "queue"\nurl = "{url}"\nquery = "up"\nrequired = true\n'
    service = with_signals(new_service, signal, window="2s")

    refused = service.mobius("deploy", "--tag", "v2", expect=4)

    assert (
        f"signal queue: could not be read: {url}/api/v1/query: connection refused"
        in refused.err + refused.out
    )
    assert service.get("/")["release"] == "v1"
    service.config.write_text(service.config.read_text().replace("required = true", "required = false"))
    doctor = service.mobius("doctor")
    assert "warn   signal queue: could not be read" in doctor.out
    service.mobius("deploy", "--tag", "v2", expect=0)


@pytest.mark.skipif(bool(WHY_NOT), reason=WHY_NOT)
def test_a_number_of_prometheus_is_read_all_through_the_window_and_a_gate_is_asked_of_each_file(
    new_service: Callable[..., Service], tmp_path: Path
) -> None:
    with prometheus(tmp_path / "prometheus") as server:
        server.await_page("jobs_waiting 3\n", "jobs_waiting", 1)
        more = f"""
[[environments.production.signal]]
name = "queue"
url = "{server.url}"
query = "sum(jobs_waiting)"
max = 100
required = true

[[environments.production.gate]]
name = "golden"
run = ["sh", "-c", "echo $0 >> asked; grep -q good $0", "{{file}}"]
file = "shared/data/out/*.txt"
when = "window"
"""
        service = with_signals(new_service, more, window="20s")
        running = service.start("deploy", "--tag", "v2")
        read = "SELECT value, missing FROM samples WHERE signal = 'gauge:queue'"
        wait_until(lambda: service.journal(read), timeout_s=90, what="a reading of the queue")
        out = service.root / "shared" / "data" / "out"
        out.mkdir(parents=True, exist_ok=True)
        (out / "a.txt").write_text("good")
        asked = "SELECT ok FROM samples WHERE signal = 'gate:golden' AND ok IS NOT NULL"
        wait_until(lambda: service.journal(asked), timeout_s=60, what="an answer of the gate")
        done = service.finish(running, timeout_s=120)

    assert done.code == 0, done
    values = service.journal(read)
    assert len(values) >= 8
    assert set(values) == {(3.0, "")}
    assert (service.config.parent / "asked").read_text().split() == [os.fspath(out / "a.txt")]
