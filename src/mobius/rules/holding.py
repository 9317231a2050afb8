"""How long requests would wait while data or schema change, against how long they may: said before anybody is asked."""

from __future__ import annotations

from collections.abc import Sequence

from mobius.model.settings import EnvironmentSettings
from mobius.model.verdict import CheckResult, Outcome

STOPPING_S = 1.0  # a service that ends on its signal; the limit is each process's own stop_timeout
EXCHANGING_S = 0.2
STARTING_S = 1.0


def expected_hold_s(settings: EnvironmentSettings) -> float:
    """Stop, exchange, start, health gate. What is laid out before requests wait is not in it."""
    return STOPPING_S + EXCHANGING_S + STARTING_S + gate_s(settings)


def gate_s(settings: EnvironmentSettings) -> float:
    """How long the health gate takes at least."""
    health = settings.health
    return max(health.min_healthy_s, health.successes * health.interval_s)


def hold_check(settings: EnvironmentSettings, restore_s: float) -> CheckResult:
    """Never a no: past the limits clients get 503 with Retry-After, which is said."""
    door, hold_s = settings.door, expected_hold_s(settings)
    first = (
        f"laying the data out took {restore_s:.1f} s when rehearsed, and nobody waits for it; then "
        if restore_s
        else ""
    )
    limits = f"{door.hold_max_requests:,} requests, {door.hold_max_bytes / 1_048_576:.0f} MiB"
    told = (
        f"{first}requests wait about {hold_s:.0f} s (at most {door.hold_max_s:g} s, {limits}; others get 503)"
    )
    advice = ""
    if hold_s > door.hold_max_s:
        told = (
            f"{first}it takes about {hold_s:.0f} s, longer than the {door.hold_max_s:g} s that requests may wait:"
            " from then on clients get 503 with Retry-After"
        )
        advice = "hold_max in [door] of mobius.toml lets them wait longer"
    return CheckResult("hold", Outcome.PASS, told, 0.0, advice)


def migrating_check(
    settings: EnvironmentSettings, pending: Sequence[str], hold_s: float
) -> CheckResult | None:
    """What a hold while the schema moves would ask of users; None where there is none. Never a no."""
    if not pending or not hold_s:
        return None
    expected_s, door = expected_hold_s(settings), settings.door
    limits = f"{door.hold_max_requests:,} requests, {door.hold_max_bytes / 1_048_576:.0f} MiB"
    told = (
        f"unless the previous release works on the new schema, requests wait about {expected_s:.0f} s and for as long"
        f" as the migrations take (at most {hold_s:g} s, {limits}; others get 503); a lock is waited for no longer than"
        " the hold while nothing is migrated"
    )
    advice = ""
    if expected_s > hold_s:
        advice = "hold in [migrations] of mobius.toml lets them wait longer"
    return CheckResult("hold", Outcome.PASS, told, 0.0, advice)


def is_sooner_back(*, held_s: float, hold_s: float, forward_s: float, back_s: float) -> bool:
    """Whether a hold that has run out before anything was migrated ends sooner by going back. While it lasts nobody is
    turned away, and the way is forward."""
    return held_s > hold_s and back_s < forward_s
