"""What a refusal of GitHub means: a rate limit with its time, a missing right, or a fault of its own."""

from __future__ import annotations

import math
from collections.abc import Mapping

import msgspec

from mobius.model.forge import Unknown

UNSAID_S = 60.0  # a limit that does not say for how long: GitHub asks for at least a minute
_PATH = "see github.api_url and github.repository"


class _Refusal(msgspec.Struct):
    message: str = ""


def message_in(body: bytes) -> str:
    """What GitHub says about it, on one line, without anything that a terminal would obey."""
    try:
        said = msgspec.json.decode(body, type=_Refusal).message
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return ""
    return "".join(c if c.isprintable() else " " for c in said)[:200].strip()


def limited_for_s(status: int, headers: Mapping[str, str], body: bytes, now: float) -> float | None:
    """Seconds until GitHub answers again; None where this is no rate limit."""
    if status not in (403, 429):
        return None
    after, reset = _number(headers.get("retry-after", "")), _number(headers.get("x-ratelimit-reset", ""))
    if after is not None:
        return after
    if reset is not None and headers.get("x-ratelimit-remaining", "").strip() == "0":
        return max(0.0, reset - now) + 1.0
    is_secondary = status == 429 or "rate limit" in message_in(body).lower()
    return UNSAID_S + 1.0 if is_secondary else None


def refused(status: int, headers: Mapping[str, str], body: bytes, has_token: bool) -> Unknown:
    """Why there is no answer, and what to do."""
    said = message_in(body)
    words = f": {said}" if said else ""
    if limited_for_s(status, headers, body, 0.0) is not None:
        return Unknown(f"GitHub's rate limit is used up{words}", "try again later")
    if status == 401:
        hint = "make a new token, and set GITHUB_TOKEN" if has_token else "set GITHUB_TOKEN"
        return Unknown(
            f"GitHub does not know the token (401){words}" if has_token else "GitHub wants a token", hint
        )
    if status == 403:
        needed = headers.get("x-accepted-github-permissions", "")
        needed = needed if needed.isprintable() and len(needed) < 200 else ""
        right = f"the token needs: {needed}" if needed else "give the token the right to read it"
        return Unknown(f"GitHub refuses it (403){words}", right if has_token else "set GITHUB_TOKEN")
    if status >= 500:
        return Unknown(f"GitHub failed ({status}){words}", "try again later")
    return Unknown(f"GitHub answered {status}{words}", _PATH)


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) and number >= 0 else None
