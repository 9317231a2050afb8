"""What looks at a service: signals and checks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from mobius.model.sample import Sample
from mobius.model.settings import SignalSettings
from mobius.model.verdict import CheckResult


class Signals(Protocol):
    """Measurements for the window. Never raises: what could not be measured is a sample with `missing`."""

    def sample(self, now: float) -> tuple[Sample, ...]:
        """One reading of every signal: the probe, real traffic since the last call, resources, gates."""


class Unread(Exception):
    """A gauge could not be read; the text is the reason, for a person."""


class NothingYet(Unread):
    """It answers, and has nothing to measure from yet: no sample, and not one that is missing."""


@dataclass(frozen=True, slots=True)
class Around:
    """What a gauge may need of the environment it is read in. `resolve`: where a path of the configuration lies now;
    `cwd`: where commands run; `release_id`: who is watched, "" for nobody; `backend`: HAProxy's."""

    name: str
    url: str
    environ: Mapping[str, str]
    resolve: Callable[[str], Path]
    cwd: Path | None = None
    release_id: str = ""
    backend: str = ""


class Gauge(Protocol):
    """One number that is read now and then, of which more is worse. What the entry points of `mobius.signals` name is
    called with `SignalSettings` and `Around`, and gives one."""

    def read(self) -> float:
        """The number now, within the `timeout_s` of its settings. Raises `Unread` where there is none: no data is no
        number, and never 0. Whatever else it raises is the reason there is none, too."""


GaugeMaker = Callable[[SignalSettings, Around], Gauge]


class Checks(Protocol):
    """The looking: smoke tests, health, gates. Never raises: what cannot be measured is an ERROR result."""

    def smoke(self, base_url: str) -> tuple[CheckResult, ...]:
        """Every configured smoke test against this address."""

    def health(self, base_url: str) -> CheckResult:
        """The health endpoint once."""

    def health_of_each(self, base_urls: Sequence[str]) -> tuple[CheckResult, ...]:
        """The same of each of these addresses, side by side, in their order: of a thousand hosts none waits for all."""

    def gate(self, name: str, file: str = "") -> CheckResult:
        """One configured gate command; of one with a pattern of files, `file` is asked about, or the newest."""
