"""What a signal is asked over HTTP: one bounded request, and its answer only when it is a whole 200."""

from __future__ import annotations

from mobius.adapters.checks.ask import NotAsked, Request, Unanswered, ask, shown
from mobius.model.settings import SignalSettings
from mobius.ports import Around, Unread
from mobius.rules.expect import Answer


def answer_of(settings: SignalSettings, around: Around, url: str = "", *, body: str | None = None) -> Answer:
    """What the signal's address, or `url`, answers with whatever status. Redirects are not followed, so that a token
    goes nowhere else. Raises Unread within the timeout."""
    address = url or settings.url
    headers = {"Accept": "application/json, text/plain, */*"}
    if settings.token_env:
        token = around.environ.get(settings.token_env, "").strip()
        if not token:
            raise Unread(f"{settings.token_env}, the variable with its token, is not set")
        headers["Authorization"] = f"Bearer {token}"
    if body is not None:
        headers["Content-Type"] = "application/x-www-form-urlencoded"
    request = Request(address, "GET" if body is None else "POST", headers, body)
    try:
        return ask(request, settings.timeout_s)
    except (Unanswered, NotAsked) as error:
        raise Unread(f"{shown(address)}: {error}") from error


def why_refused(answer: Answer, settings: SignalSettings) -> str:
    """In words, why this status is no answer."""
    if answer.status in (401, 403):
        hint = f"is the token in {settings.token_env} right?" if settings.token_env else "set token_env"
        return f"{shown(settings.url)} answered {answer.status}: {hint}"
    if 300 <= answer.status < 400:
        return f"{shown(settings.url)} answered {answer.status}, and redirects are not followed"
    return f"{shown(settings.url)} answered {answer.status}"
