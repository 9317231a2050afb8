"""Which question has which answer. Nothing here changes a run; whatever cannot be seen is an answer, too."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from mobius.errors import MobiusError, UsageError
from mobius.model.run import Run
from mobius.model.verdict import Outcome
from mobius.report.overview import overview_html
from mobius.report.run import run_report
from mobius.report.status import status_json
from mobius.rules.canary import nobody_could_tell
from mobius.web.exchange import HTML, Answer, Request, as_json, problem
from mobius.web.guard import OPEN, Guard
from mobius.web.looking import Looker, Watched
from mobius.web.metrics import exposition
from mobius.web.verdict import run_asked_for, taken_back_by, verdict_json

READING = ("GET", "HEAD")
RUN = re.compile(r"/runs/([0-9]{1,9})")
SHOWN_RUNS = 12
# What a caller who looks at the status code only may ask for, and the outcomes that are a yes.
REQUIRED: Mapping[str, frozenset[Outcome]] = {
    "pass": frozenset({Outcome.PASS}),
    "fail": frozenset({Outcome.FAIL}),
    "no-alarm": frozenset({Outcome.PASS, Outcome.INCONCLUSIVE}),
}
QUESTIONS = ("environment", "release", "require")  # what is asked of a verdict
NO_ALARM = "no-alarm"  # what a POST asks for that says nothing else: Flagger's webhook while it goes on
Json = dict[str, Any]


@dataclass(slots=True)
class Site:
    """One environment. `say` is told in one line of what nobody foresaw; `journal` says whether
    the journal could be written now, None where nobody asks."""

    looker: Looker
    guard: Guard
    version: str
    say: Callable[[str], None]
    journal: Callable[[], bool] | None = None
    _told: set[str] = field(default_factory=set)

    def answer(self, request: Request) -> Answer:
        """Never raises."""
        try:
            return self.guard.refuses(request) or self._routed(request)
        except UsageError as wrong:
            return problem(404, self._clean(wrong.message), self._clean(wrong.hint))
        except MobiusError as unseen:
            return problem(503, self._clean(unseen.message), self._clean(unseen.hint))
        except Exception as unforeseen:
            self._say_once(f"the web page failed at {request.path[:80]!r}: {unforeseen!r}")
            return problem(500, "this failed; `mobius serve` has written down why", "mobius status")

    def _routed(self, request: Request) -> Answer:
        found, methods = self._page_of(request.path)
        if found is None:
            return problem(404, "there is nothing here", f"there are {', '.join(PAGES)} and /runs/N")
        if request.method not in methods:
            return problem(405, f"only {' and '.join(methods)} is answered here", Allow=", ".join(methods))
        return found(request)

    def _page_of(self, path: str) -> tuple[Callable[[Request], Answer] | None, tuple[str, ...]]:
        if RUN.fullmatch(path):
            return self._run, READING
        name, methods = PAGES.get(path, ("", ()))
        return (getattr(self, name), methods) if name else (None, ())

    def _health(self, request: Request) -> Answer:
        return as_json({"status": "OK"})

    def _metrics(self, request: Request) -> Answer:
        settings, ports = self.looker.ports.settings, self.looker.ports
        page, content_type = exposition(
            self.looker.counted(),
            names=(ports.service, settings.name),
            version=self.version,
            journal_writable=self.journal() if self.journal else None,
            redact=ports.redact,
            accept=request.accept,
        )
        return Answer(200, page, content_type)

    def _status(self, request: Request) -> Answer:
        self._expect_environment(request.query)
        return as_json(self._cleaned(status_json(self.looker.status())))

    def _verdict(self, request: Request) -> Answer:
        try:
            asked = {**_of_body(request.body), **_of_query(request.query)}
        except ValueError as unclear:
            return problem(
                400, str(unclear), f"say {', '.join(QUESTIONS)}, each with a value, or leave it out"
            )
        self._expect_environment(asked)
        required = asked.get("require") or (NO_ALARM if request.method == "POST" else "")
        if required and required not in REQUIRED:
            return problem(400, "require is one of " + ", ".join(REQUIRED))
        watched = self._asked_for(asked.get("release", ""))
        told = self._told_of(watched)
        held = not required or Outcome(told["outcome"]) in REQUIRED[required]
        return as_json(told, 200 if held else 409)

    def _asked_for(self, release: str) -> Watched:
        """Raises UsageError where no run is about it."""
        run, shown = run_asked_for(self.looker.runs(), release), self.looker.watched()
        if run is None:
            raise UsageError(
                "no run is about this release" if release else "nothing was deployed or watched here yet",
                f"mobius history -e {self.looker.ports.settings.name}",
            )
        watched = shown if shown and shown.run == run else self.looker.watched_of(run)
        assert watched is not None
        return watched

    def _told_of(self, watched: Watched) -> Json:
        ports = self.looker.ports
        told = verdict_json(
            watched.run,
            watched.window,
            service=ports.service,
            now=ports.clock.now(),
            reason=watched.reason,
            untold=nobody_could_tell(watched.events),
            taken_back=taken_back_by(watched.run, self.looker.runs()),
            is_shadow=watched.is_shadow,
        )
        cleaned: Json = self._cleaned(told)
        return cleaned

    def _run(self, request: Request) -> Answer:
        from mobius.report.html import run_html

        found = RUN.fullmatch(request.path)
        assert found is not None
        run = self.looker.ports.journal.run(int(found[1]))
        if run.environment != self.looker.ports.settings.name:
            raise UsageError("this run is of another environment", "mobius history")
        watched = self.looker.watched_of(run)
        assert watched is not None
        page = run_html(self._report(watched), watched.samples)
        return Answer(200, page.encode("utf-8", "replace"), HTML)

    def _overview(self, request: Request) -> Answer:
        status, runs, watched = self.looker.status(), self.looker.runs(), self.looker.watched()
        page = overview_html(
            status,
            runs[:SHOWN_RUNS],
            verdict=self._told_of(watched) if watched else None,
            report=self._report(watched) if watched else None,
            samples=watched.samples if watched else (),
            version=self.version,
        )
        return Answer(200, self._clean(page).encode("utf-8", "replace"), HTML)

    def _report(self, watched: Watched) -> Json:
        ports, run = self.looker.ports, watched.run
        current, previous = ports.releases.current()
        settings = ports.settings
        made = run_report(
            run,
            ports.journal.steps(run.id),
            watched.events,
            watched.samples,
            policy=settings.policy if settings.policy.name == _policy_of(run) else None,
            version_markers={"current": current, "previous": previous},
        )
        cleaned: Json = self._cleaned(made)
        return cleaned

    def _expect_environment(self, asked: Mapping[str, str]) -> None:
        """Raises UsageError for another one than is looked after here."""
        ours = self.looker.ports.settings.name
        if asked.get("environment", ours) != ours:
            raise UsageError(
                f"this answers for {ours} alone", "every environment has a `mobius serve` of its own"
            )

    def _clean(self, text: str) -> str:
        return self.looker.ports.redact(text)

    def _cleaned(self, value: Any) -> Any:
        """The same JSON without secrets in any of its texts."""
        match value:
            case str():
                return self._clean(value)
            case Mapping():
                return {str(key): self._cleaned(one) for key, one in value.items()}
            case list() | tuple():
                return [self._cleaned(one) for one in value]
            case _:
                return value

    def _say_once(self, words: str) -> None:
        if words not in self._told and len(self._told) < 100:
            self._told.add(words)
            self.say(self._clean(words))


PAGES: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "/": ("_overview", READING),
    "/metrics": ("_metrics", READING),
    "/api/v1/verdict": ("_verdict", (*READING, "POST")),
    "/api/v1/status": ("_status", READING),
    OPEN: ("_health", READING),
}


def _policy_of(run: Run) -> Any:
    return run.plan.facts.get("policy")


def _of_query(query: Mapping[str, str]) -> Mapping[str, str]:
    """Raises ValueError for what is not asked here: who mistypes `release` must not be told of another one."""
    for name, value in query.items():
        if name not in QUESTIONS or not value:
            raise ValueError(
                f"{name[:40]!r} {'is empty' if name in QUESTIONS else 'is nothing that is asked here'}"
            )
    return query


def _of_body(body: bytes) -> Mapping[str, str]:
    """What the `metadata` of a Flagger webhook says of ours. Raises ValueError where it is none: who was not understood
    must not be told to go on."""
    try:
        told = json.loads(body) if body else {}
    except (ValueError, RecursionError):
        raise ValueError("the body is no JSON") from None
    given = told.get("metadata") or {} if isinstance(told, dict) else None
    if not isinstance(given, dict):
        raise ValueError("the body is not that of a webhook: an object, and `metadata` in it another one")
    ours = {name: given[name] for name in QUESTIONS if name in given}
    for name, value in ours.items():
        if not isinstance(value, str) or not value:
            raise ValueError(f"{name!r} of `metadata` is no text")
    return ours
