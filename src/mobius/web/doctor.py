"""What doctor says of the web page: where it is, and why it is not where it was wanted."""

from __future__ import annotations

from mobius.adapters.served import seen
from mobius.errors import MobiusError
from mobius.model.settings import EnvironmentSettings
from mobius.model.verdict import CheckResult, Outcome
from mobius.web.listening import listen_near

NAME = "web page"


def web_check(settings: EnvironmentSettings) -> CheckResult:
    """Looks, changes nothing. That `mobius serve` does not run stops no deployment."""
    served = seen(settings.root / "run")
    cure = "correct [serve] in mobius.toml, then restart mobius serve"
    if served is not None and served.problem:
        return CheckResult(NAME, Outcome.FAIL, f"there is none: {served.problem}", 0.0, cure)
    if served is not None:
        return _found(served.url, served.wanted if served.moved else "")
    try:
        would = listen_near(settings.serve.listen)
    except MobiusError as problem:
        return CheckResult(NAME, Outcome.FAIL, problem.message, 0.0, problem.hint)
    would.socket.close()
    where = f"mobius serve does not run; it would answer on {would.url}"
    return _found(where, would.wanted if would.listen != would.wanted else "")


def _found(where: str, taken: str) -> CheckResult:
    """Another port than a scraper was told of is worth a warning."""
    told = f"warning: {where}, because {taken} is taken" if taken else where
    return CheckResult(NAME, Outcome.PASS, told, 0.0)
