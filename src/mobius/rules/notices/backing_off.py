"""How long to wait before a receiver that did not take a message is asked again, and when to give up."""

from __future__ import annotations

from collections.abc import Sequence

from mobius.model.notices import Delivery, NotifySettings, NotSent, Sent, Settlement

FIRST_S, LONGEST_S = 2.0, 300.0
LONGEST_ASKED_S = 3600.0  # of what a receiver may ask for


def pause_s(failures: int, retry_after_s: float, luck: float) -> float:
    """Twice as long each time, up to five minutes, less up to a half by `luck` (0 to 1) so that many senders do not
    come back in step; never sooner than the receiver asked for."""
    grown = min(LONGEST_S, FIRST_S * 2.0 ** min(failures - 1, 30))
    asked = min(max(0.0, retry_after_s), LONGEST_ASKED_S)
    return max(grown * (1.0 - 0.5 * luck), asked * (1.0 + 0.1 * luck))


def settled(
    batch: Sequence[Delivery],
    result: Sent | NotSent,
    settings: NotifySettings,
    *,
    failures: int,
    luck: float,
    now: float,
) -> Settlement:
    """What one attempt makes of these messages; `failures` in a row before it."""
    ids = tuple(delivery.id for delivery in batch)
    if isinstance(result, Sent):
        return Settlement(sent=ids, answer=result.answer)
    if result.ours:
        return Settlement(error=result.reason, failures=failures, next_at=now + pause_s(1, 0.0, luck))
    dead = tuple(
        delivery.id
        for delivery in batch
        if result.final
        or delivery.attempts + 1 >= settings.attempts
        or now - delivery.created_at > settings.give_up_after_s
    )
    # A refusal of one message says nothing about the next.
    wait_s = 0.0 if result.final else pause_s(failures + 1, result.retry_after_s, luck)
    return Settlement(
        failed=tuple(row_id for row_id in ids if row_id not in dead),
        dead=dead,
        error=result.reason,
        failures=failures + 1,
        next_at=now + wait_s,
    )
