"""A uvicorn-served release under an honest load, switched by the library as the commands do it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass

from journeys.service import Service, wait_until
from mobius.adapters.load import Load, echoes_the_body
from mobius.adapters.load_report import LoadReport
from mobius.wiring import App, open_app

RTT_MS = 40.0  # on bare loopback a switch that loses requests loses almost none


@dataclass
class UnderLoad:
    """`go_back_and_forth` switches as often as asked; `load` says what its clients saw."""

    service: Service
    app: App
    load: Load

    def go_back_and_forth(self, switches: int) -> None:
        """v2 goes out, v1 comes back, as many times as it takes. Every time both have answered under load."""
        for number in range(switches):
            forward = number % 2 == 0
            run = (
                self.app.deploy("production", "v2", detach=True)
                if forward
                else self.app.rollback("production")
            )
            assert run.exit_code == 0, f"switch {number}: {run.sentence}\n{self.service.log()}"
            self.see_more_of("v2" if forward else "v1")

    def see_more_of(self, release: str, answers: int = 20) -> None:
        """Waits until clients have got so many more answers of this release."""
        seen = self.load.snapshot().by_release.get(release, 0)
        wait_until(
            lambda: self.load.snapshot().by_release.get(release, 0) >= seen + answers,
            what=f"answers of {release}",
        )


def under_load(new_service: Callable[..., Service], *, window: str = "10m", rate: float = 150.0) -> UnderLoad:
    """v1 is live and accepted, and the load is on."""
    service = new_service(window=window, interval="200ms", alone=False, web=(sys.executable, "asgi.py"))
    return loaded(service, rate=rate)


def loaded(service: Service, *, rate: float = 150.0) -> UnderLoad:
    """The same for a service that is there, behind whatever it has."""
    for tag in ("v1", "v2"):
        service.add_release(tag)
    app = open_app(service.folder, environ=service.environ)
    app.deploy("production", "v1", detach=True)
    app.accept("production")
    load = Load(
        service.url, paths=("/",), post_paths=("/",), slow_path="/slow", rtt_ms=RTT_MS, rate=rate,
        keepalive=20, fresh=5, validate=echoes_the_body,
    )  # fmt: skip
    load.start()
    ready = UnderLoad(service, app, load)
    ready.see_more_of("v1")
    return ready


def lost(report: LoadReport) -> list[str]:
    """Every lost request in words."""
    return [
        f"{f.kind} {f.method} {f.path} at {f.at_s - report.started_s:.2f} s: {f.detail}" for f in report.lost
    ]
