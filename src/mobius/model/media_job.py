"""One question about one film, as it is handed to whoever measures it, and the answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mobius.errors import MobiusError


@dataclass(frozen=True, slots=True)
class MediaJob:
    """`number` tells the jobs of a suite apart. `job` and `options`: what is asked, in plain values that go into JSON.
    `file`: the film, absolute. `sha256`: of the film as it was when it was asked for; "" where nobody looked."""

    number: int
    job: str
    file: str
    options: Mapping[str, Any] = field(default_factory=dict)
    sha256: str = ""


@dataclass(frozen=True, slots=True)
class MediaAnswer:
    """What was measured, in plain values, or the problem: one of the two. `seconds`: what the measurement took.
    `by`: who measured, as host:process; "cache" where it was known from before."""

    number: int
    told: Any = None
    problem: MobiusError | None = None
    seconds: float = 0.0
    by: str = ""
