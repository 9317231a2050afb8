"""A service with users and a history of its own making, whose next release falls ill in a way that is told.

with Ward(folder) as ward:
    ward.settle_in(150)
    found = ward.deploy_ill(FAULTS[0])
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Event, Thread
from typing import Any

from journeys.service import PYTHON, Done, Service, wait_until
from mobius.adapters.load import Load
from mobius.host.gauges import FILE as GAUGES
from mobius.host.history import FILE

LATE_S = 20.0  # into the window
PATIENT_S = 600.0


@dataclass(frozen=True, slots=True)
class Fault:
    """One way to be ill, what the verdict should speak of, and in how many seconds traffic should be back."""

    name: str
    trouble: dict[str, Any]
    words: str  # a regular expression
    goal_s: float = 60.0
    late: bool = False
    gauges: bool = False
    hour: bool = False  # of history, where a few minutes cannot show it

    def __str__(self) -> str:
        return f"{self.name}, late" if self.late else self.name


@dataclass(frozen=True, slots=True)
class Found:
    """How it went. `back_s`: from the first effect to the first answer of the release before; nan where none came."""

    fault: Fault
    done: Done
    sentence: str
    back_s: float


ERRORS = r"requests failed|errors|health check|success"
DOWN = rf"{ERRORS}|smoke"  # so soon that the smoke tests after the switch may meet it first
FAULTS = (
    Fault("1 % of answers 5xx", {"kind": "errors", "share": 0.01}, ERRORS, 150),
    Fault("5 % of answers 5xx", {"kind": "errors", "share": 0.05}, ERRORS, 60),
    Fault("50 % of answers 5xx", {"kind": "errors", "share": 0.5}, ERRORS, 45),
    Fault("100 % of answers 5xx", {"kind": "errors", "share": 1.0}, ERRORS, 45),
    Fault("every answer takes half as long again", {"kind": "slower", "times": 1.5}, "slower than", 120),
    Fault("10 % take 2 s more", {"kind": "slow", "share": 0.1, "s": 2.0}, "slower than", 120),
    Fault("it exits, again and again", {"kind": "exits"}, DOWN, 60),
    Fault("it hangs: accepts and never answers", {"kind": "hangs"}, DOWN, 60),
    Fault("its answers drip", {"kind": "drips", "s": 2.0}, "slower than", 120),
)
LATE = tuple(
    replace(fault, late=True, hour=fault.trouble["kind"] == "slower")
    for fault in FAULTS
    if fault.trouble["kind"] != "drips"
)
LEAK = Fault(
    "it leaks memory", {"kind": "leaks", "mb_s": 100, "mb": 2_500}, "^memory: ", 300, late=True, gauges=True
)


class Ward:
    """v1 is live, `rate` users' requests a second come, and what the door counts is written down by the supervisor."""

    def __init__(
        self,
        folder: Path,
        *,
        window: str = "6m",
        rate: float = 40.0,
        noisy: bool = False,
        takes_s: float = 0.04,
        clients: int = 15,
        **how: Any,
    ) -> None:
        web = (*PYTHON, "ailing.py")
        self.service = Service(folder, window="1s", interval="1s", alone=False, web=web, **how)
        self._behaviour = {"noisy": noisy, "takes_s": takes_s}
        self._window, self._number = window, 0
        self.load = Load(
            self.service.url,
            keepalive=clients * 4 // 5,
            fresh=clients - clients * 4 // 5,
            post_share=0.0,
            slow_share=0.0,
            paths=("/work",),
            rate=rate,
        )

    def __enter__(self) -> Ward:
        try:
            self.service.mobius("deploy", "--tag", self.next_tag(), expect=0)
            config = self.service.config.read_text().replace('"conservative"', '"adaptive"', 1)
            self.service.config.write_text(config.replace('window = "1s"', f'window = "{self._window}"'))
            self.load.start()
        except BaseException:
            self.service.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        try:
            if self.load.is_running:
                self.load.stop()
        finally:
            self.service.close()

    def settle_in(self, blocks: int = 6) -> None:
        """Waits until so many half minutes of real traffic were written down."""
        file = self.service.root / "run" / FILE
        wait_until(
            lambda: file.exists() and len(file.read_text().splitlines()) >= blocks,
            60.0 * blocks,
            what="a history of the traffic",
        )

    def write_hour(self, blocks: int = 120) -> None:
        """The traffic that the live release alone really had, as if for an hour: nobody waits so long here."""
        file, live = self.service.root / "run" / FILE, self.service.status()["live"]["id"]
        lines = file.read_text().splitlines()
        told = [json.loads(line) for line in lines]
        real = [each for each in told if set(each["releases"]) == {live}]
        older = [
            json.dumps({**real[number % len(real)], "at": told[0]["at"] - 30 * number})
            for number in range(blocks, 0, -1)
        ]
        file.write_text("\n".join([*older, *lines, ""]))

    def write_gauges(self, blocks: int = 60) -> None:
        """What the live release uses now, as if it had been so for half an hour: nobody waits so long here."""
        file = self.service.root / "run" / GAUGES
        lines = file.read_text().splitlines()
        last = json.loads(lines[-1])
        older = [json.dumps({**last, "at": last["at"] - 30 * number}) for number in range(blocks, 0, -1)]
        file.write_text("\n".join([*older, *lines, ""]))

    def set_window(self, window: str) -> None:
        """How long releases are watched from now on."""
        config = self.service.config
        config.write_text(config.read_text().replace(f'window = "{self._window}"', f'window = "{window}"'))
        self._window = window

    @contextmanager
    def told(self, tag: str, **trouble: Any) -> Iterator[None]:
        """Meanwhile this release is ill."""
        file = self.service.root / "shared" / "trouble.json"
        (self.service.root / "shared" / "struck").unlink(missing_ok=True)
        file.write_text(json.dumps({"release": tag, **trouble}))
        try:
            yield
        finally:
            file.unlink(missing_ok=True)

    def has_struck(self) -> bool:
        """Whether any user felt what was told."""
        return (self.service.root / "shared" / "struck").exists()

    def next_tag(self) -> str:
        """A release that may be deployed."""
        self._number += 1
        tag = f"v{self._number}"
        self.service.add_release(tag, **self._behaviour)
        return tag

    def deploy(self) -> Done:
        """One that is well."""
        return self.service.mobius("deploy", "--tag", self.next_tag(), timeout_s=PATIENT_S)

    def deploy_ill(self, fault: Fault) -> Found:
        """One that is not, to its end. What was told of it is taken away again."""
        before, tag = self.service.status()["live"]["tag"], self.next_tag()
        shared = self.service.root / "shared"
        trouble, struck = shared / "trouble.json", shared / "struck"
        struck.unlink(missing_ok=True)
        told = json.dumps({"release": tag, **fault.trouble})
        try:
            if not fault.late:
                trouble.write_text(told)
            with Answers(self.load, before) as answers:
                running = self.service.start("deploy", "--tag", tag)
                if fault.late:
                    wait_until(
                        lambda: self.load.snapshot().by_release.get(tag), 180.0, what=f"users of {tag}"
                    )
                    time.sleep(LATE_S)  # it is the time itself that is tried
                    trouble.write_text(told)
                done = self.service.finish(running, timeout_s=PATIENT_S)
                if done.code == 12:
                    since = float(struck.read_text()) if struck.exists() else float("nan")
                    wait_until(lambda: answers.after(since), 60.0, what=f"answers of {before}")
        finally:
            trouble.unlink(missing_ok=True)
        return Found(
            fault, done, self.why(), answers.after(since) - since if done.code == 12 else float("nan")
        )

    def why(self) -> str:
        """The sentence of the newest verdict that took a release back, or, where it went before any, of its run."""
        told = self.service.journal(
            "SELECT data FROM events WHERE kind IN ('verdict', 'rollback begun') AND run_id ="
            " (SELECT max(id) FROM runs WHERE kind = 'deploy') ORDER BY seq"
        )
        [(ended,)] = self.service.journal(
            "SELECT sentence FROM runs WHERE kind = 'deploy' ORDER BY id DESC LIMIT 1"
        )
        return next(
            (str(data["sentence"]) for (text,) in told if "sentence" in (data := json.loads(text))), ended
        )


def runner_pid(service: Service) -> int:
    """The process that watches, once a window is open."""
    wait_until(lambda: "observing" in str(service.status().get("run")), 90.0, what="an open window")
    found = re.search(r"\(pid (\d+)\)", service.status()["run"]["holder"])
    assert found is not None
    return int(found.group(1))


@dataclass(slots=True)
class Answers:
    """Notes when `release` answered users again, after a second in which it had not, or longer."""

    load: Load
    release: str
    came_back_at: list[float] = field(default_factory=list)  # unix seconds
    _stopped: Event = field(default_factory=Event)
    _thread: Thread = field(init=False)

    def __enter__(self) -> Answers:
        self._thread = Thread(target=self._look, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._thread.join()

    def after(self, moment: float) -> float:
        """The first time since then; 0 where there is none."""
        return next((at for at in self.came_back_at if at > moment), 0.0)

    def _look(self) -> None:
        seen, seen_at = self._count(), time.monotonic()
        while not self._stopped.wait(0.05):
            now, count = time.monotonic(), self._count()
            if count > seen:
                if now - seen_at > 1.0:
                    self.came_back_at.append(time.time())
                seen, seen_at = count, now

    def _count(self) -> int:
        return self.load.snapshot().by_release.get(self.release, 0)
