"""The thresholds for rolling back, as data, by name. Percent and milliseconds; None switches a rule off.

Every limit is exceeded by *more than* itself: `max_failed_checks = 3` rolls back at the fourth in a row.
A rate is taken over the last `*_window_s`, reaching further back until it holds the least number of samples.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class PolicySettings:
    """One named policy. `base`: the preset it started from; `note`: for who asked for another."""

    name: str
    base: str
    note: str = ""
    max_error_rate_pct: float | None = None
    error_min_requests: int = 100
    error_window_s: float = 60.0
    error_for_s: float = 0.0  # how long without a break; 0 is at once
    max_p95_ms: float | None = None
    p95_min_samples: int = 1
    p95_window_s: float = 60.0
    p95_for_s: float = 0.0
    min_success_rate_pct: float | None = None
    success_min_checks: int = 5
    max_failed_checks: int | None = None  # in a row
    max_failed_gates: int | None = None  # in a row
    max_failed_smoke: int | None = None  # in a row
    max_cpu_pct: float | None = None
    max_memory_pct: float | None = None
    resources_for_s: float = 300.0
    max_issues: int | None = None  # reported by users within ten minutes

    @property
    def is_adaptive(self) -> bool:
        """Whether a release is held against the one before, too (`mobius.rules.adaptive`)."""
        return self.base == "adaptive"


# The framework summary: 3 failed checks in a row; success under 70 % after 5 checks; errors over 5 %;
# p95 over 5000 ms "consistently", which is three minutes one after the other.
CONSERVATIVE = PolicySettings(
    name="conservative",
    base="conservative",
    max_error_rate_pct=5.0,
    max_p95_ms=5000.0,
    p95_for_s=180.0,
    min_success_rate_pct=70.0,
    max_failed_checks=2,
)

# The operations guide: errors over 1 % for more than 5 minutes; over 500 ms "consistently"; gates or checks
# failing more than 3 times in a row; critical functionality broken; CPU over 90 %, memory over 95 %.
# The guide gives no time for the last two: five minutes, as for the errors.
STRICT = PolicySettings(
    name="strict",
    base="strict",
    max_error_rate_pct=1.0,
    error_for_s=300.0,
    max_p95_ms=500.0,
    p95_for_s=300.0,
    max_failed_checks=3,
    max_failed_gates=3,
    max_failed_smoke=0,
    max_cpu_pct=90.0,
    max_memory_pct=95.0,
)

# The release before is the measure (mobius.rules.adaptive); beyond it the limits of the framework summary hold.
ADAPTIVE = replace(CONSERVATIVE, name="adaptive", base="adaptive")

PRESETS: Mapping[str, PolicySettings] = MappingProxyType(
    {"conservative": CONSERVATIVE, "strict": STRICT, "adaptive": ADAPTIVE}
)
