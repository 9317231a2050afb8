"""A service with a release to go back to, whose next one is deployed stage by stage; and clients that keep cookies."""

from __future__ import annotations

import http.cookiejar
import json
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any

from journeys.service import Service

WEB = (sys.executable, "asgi.py")
TAKES_S = 0.06  # so that the noise of a busy machine is small beside it

BLIP = "1s"  # a stage can be no shorter than what is forgiven


def staged(new_service: Callable[..., Service], **how: Any) -> Service:
    """v1 is live and accepted."""
    service = new_service(window="1s", interval="500ms", alone=False, web=WEB, **how)
    service.add_release("v1", takes_s=TAKES_S)
    service.mobius("deploy", "--tag", "v1", expect=0)
    set_stages(service)
    return service


def set_stages(service: Service, *, least: str = "2s", most: str = "150s") -> None:
    """From now on a stage lasts so long."""
    text = service.config.read_text().partition("[canary]")[0]
    if "blip_tolerance" not in text:
        text = text.replace("[monitor]\n", f'[monitor]\nblip_tolerance = "{BLIP}"\n')
    service.config.write_text(f'{text}[canary]\nstage_min = "{least}"\nstage_max = "{most}"\n')


def told(service: Service, kind: str) -> list[dict[str, Any]]:
    """The data of the newest run's events of this kind."""
    rows = service.journal(  # a rollback by itself is followed by a run that watches
        f"SELECT data FROM events WHERE kind = '{kind}' AND run_id ="
        " (SELECT max(id) FROM runs WHERE kind = 'deploy') ORDER BY seq"
    )
    return [json.loads(data) for (data,) in rows]


class Browser:
    """A client that keeps its cookies, and notes which release has answered it."""

    def __init__(self, url: str) -> None:
        self._url = url
        self.seen: list[str] = []
        jar = urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
        self._opener = urllib.request.build_opener(jar)

    def look(self) -> None:
        with self._opener.open(self._url, timeout=10) as answer:
            self.seen.append(json.load(answer)["release"])

    @property
    def went_back(self) -> bool:
        """Whether it met the new release and then the old one again."""
        return self.seen != sorted(self.seen)


class Browsers:
    """So many of them, all in one thread, until they are stopped."""

    def __init__(self, url: str, count: int) -> None:
        self.all = [Browser(url) for _ in range(count)]
        self.failed: list[str] = []
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._browse)

    def __enter__(self) -> Browsers:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._thread.join()

    def _browse(self) -> None:
        while not self._stopped.wait(0.05):
            for browser in self.all:
                try:
                    browser.look()
                except OSError as problem:
                    self.failed.append(str(problem))
