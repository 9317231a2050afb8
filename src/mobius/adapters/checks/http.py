"""Health, smoke tests and gates as `mobius.toml` describes them, looked at for real."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import ssl
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache, partial
from pathlib import Path

from mobius.adapters.checks.ask import NotAsked, Request, Unanswered, ask, certificate_days, shown
from mobius.adapters.checks.bounded import within
from mobius.adapters.checks.films import films_operational
from mobius.adapters.checks.local import look_at_database, look_at_file
from mobius.adapters.checks.run import Ran, run
from mobius.adapters.signals.newest_file import newest_file
from mobius.errors import ConfigurationError
from mobius.model.settings import EnvironmentSettings, GateCommand, SmokeSettings
from mobius.model.verdict import CheckResult, Outcome
from mobius.rules.expect import Answer, evaluate, parse
from mobius.rules.expect_grammar import Expectation

AT_ONCE = 4
HOSTS_AT_ONCE = 64
SHOWN_BODY = 500
DEFAULT_EXPECT = ("status in 200..299",)
DEFAULT_TLS_DAYS = 14.0
COULD_NOT_MEASURE = 4  # the exit code by which a gate says so itself
NOT_STARTED_BY_SHELL = (126, 127)

# What a look brings home: the outcome, the line for a person, what was said at length, and how long the other side took
# in milliseconds, where that is not all the time that the look took.
Found = tuple[Outcome, str, str, float | None]


class HttpChecks:
    """Implements `mobius.ports.Checks` for one environment.

    `resolve` turns a path of the configuration (`data/app.db`) into where it lies now; `cwd` is where commands
    run (the project). Raises ConfigurationError with every expectation that cannot be read.
    """

    def __init__(
        self,
        settings: EnvironmentSettings,
        *,
        resolve: Callable[[str], Path],
        redact: Callable[[str], str] = str,
        cwd: Path | None = None,
    ) -> None:
        self._settings = settings
        self._resolve = resolve
        self._redact = redact
        self._cwd = cwd
        self._health, self._smoke = _understood(settings)
        self._tls = lru_cache(maxsize=1)(self._tls_context)

    def health(self, base_url: str) -> CheckResult:
        """The health endpoint once: PASS, FAIL with what was wrong, ERROR when we could not ask."""
        health = self._settings.health
        look = partial(self._ask, base_url, health.path, Request(""), self._health, health.timeout_s)
        return self._result("health", "http", look, f"try: curl -i {shown(_joined(base_url, health.path))}")

    def health_of_each(self, base_urls: Sequence[str]) -> tuple[CheckResult, ...]:
        """The same of each address, many at a time."""
        with ThreadPoolExecutor(max_workers=max(1, min(HOSTS_AT_ONCE, len(base_urls)))) as pool:
            return tuple(pool.map(self.health, base_urls))

    def smoke(self, base_url: str) -> tuple[CheckResult, ...]:
        """Every smoke test in the order configured, a few at a time, then whether each gate can be run."""
        tests = [partial(self._one, smoke, base_url) for smoke in self._settings.smoke]
        tests = tests or [partial(self.health, base_url)]
        looks = [*tests, *(partial(self._operational, gate) for gate in self._settings.checks)]
        if self._settings.media.latest:
            films = partial(films_operational, self._settings.media)
            looks.append(partial(self._result, "gate media", "gates", films, "try: mobius media check"))
        with ThreadPoolExecutor(max_workers=min(AT_ONCE, len(looks))) as pool:
            return tuple(pool.map(lambda look: look(), looks))

    def gate(self, name: str, file: str = "") -> CheckResult:
        """One gate command: exit 0 passes, 4 and whatever kept it from ending by itself is ERROR, else FAIL. One with a
        pattern is asked of `file`, or of the newest that matches."""
        gate = next((gate for gate in self._settings.checks if gate.name == name), None)
        if gate is None:
            known = ", ".join(gate.name for gate in self._settings.checks) or "none"
            return CheckResult(
                name, Outcome.ERROR, "no such gate", 0.0, f"known gates: {known}", group="gates"
            )
        argv = [word.replace("{file}", file) for word in gate.run] if file else gate.run
        look = partial(self._run, argv, gate.timeout_s, "", is_gate=True)
        if gate.file and not file:
            look = partial(self._of_the_newest, gate)
        return self._result(name, "gates", look, f"try: {shlex.join(argv)}")

    def _of_the_newest(self, gate: GateCommand) -> Found:
        found = newest_file(str(self._resolve(gate.file)), time.sleep)
        if found is None:
            raise NotAsked(f"no file {gate.file} that is done")
        argv = [word.replace("{file}", found.path) for word in gate.run]
        return self._run(argv, gate.timeout_s, "", is_gate=True)

    def _one(self, smoke: SmokeSettings, base_url: str) -> CheckResult:
        """One smoke test of any kind."""
        advice, look = "", partial(self._misconfigured, smoke)
        if smoke.kind == "http":
            request = Request("", smoke.method, smoke.headers, smoke.body)
            look = partial(self._ask, base_url, smoke.url, request, self._smoke[smoke.name], smoke.timeout_s)
            advice = f"try: curl -i {shown(_joined(base_url, smoke.url))}"
        elif smoke.kind == "database" and smoke.database:
            path = partial(self._resolve, smoke.database)
            look = partial(
                self._bounded, lambda: look_at_database(path(), smoke.timeout_s), smoke.timeout_s + 1
            )
        elif smoke.kind == "file" and smoke.file:
            path = partial(self._resolve, smoke.file)
            look = partial(
                self._bounded, lambda: look_at_file(path(), writable=smoke.writable), smoke.timeout_s
            )
        elif smoke.kind == "tls":
            look = partial(self._look_at_certificate, smoke)
        elif smoke.kind == "command" and smoke.run:
            look = partial(self._run, smoke.run, smoke.timeout_s, base_url, is_gate=False)
            advice = f"try: {shlex.join(smoke.run)}"
        return self._result(smoke.name, smoke.kind, look, advice)

    def _result(self, name: str, group: str, look: Callable[[], Found], advice: str) -> CheckResult:
        """Looks, times it, and turns whatever happens into a result; nothing is raised past here."""
        begun = time.monotonic()
        try:
            outcome, message, output, took_ms = look()
        except Unanswered as unanswered:
            outcome, message, output, took_ms = Outcome.FAIL, str(unanswered), "", None
        except NotAsked as not_asked:
            outcome, message, output, took_ms = Outcome.ERROR, str(not_asked), "", None
        except Exception as error:  # a check that breaks is a check that could not be made
            outcome, message, output, took_ms = Outcome.ERROR, f"the check itself broke: {error!r}", "", None
        took_ms = (time.monotonic() - begun) * 1000 if took_ms is None else took_ms
        advice = "" if outcome is Outcome.PASS else self._redact(advice)
        return CheckResult(name, outcome, self._redact(message), took_ms, advice, self._redact(output), group)

    def _ask(
        self, base_url: str, path: str, request: Request, expect: Sequence[Expectation], timeout_s: float
    ) -> Found:
        url = _joined(base_url, path)
        target = path if url == base_url and url.startswith("unix:") else ""
        asked = Request(url, request.method, request.headers, request.body, target)
        answer = ask(asked, timeout_s, self._tls)
        checked = [evaluate(one, answer) for one in expect]
        if all(one.ok for one in checked):
            return Outcome.PASS, f"{answer.status} in {answer.ms:.0f} ms", "", answer.ms
        return (
            Outcome.FAIL,
            "; ".join(one.line for one in checked if not one.ok),
            _beginning(answer),
            answer.ms,
        )

    def _look_at_certificate(self, smoke: SmokeSettings) -> Found:
        days = certificate_days(smoke.url or self._settings.url, smoke.timeout_s, self._tls)
        least = DEFAULT_TLS_DAYS if smoke.tls_min_days is None else smoke.tls_min_days
        if days > least:
            return Outcome.PASS, f"certificate valid for {days:.0f} more days", "", None
        return (
            Outcome.FAIL,
            f"certificate valid for {days:.1f} more days (more than {least:g} needed)",
            "",
            None,
        )

    def _bounded(self, look: Callable[[], str], timeout_s: float) -> Found:
        try:
            return Outcome.PASS, within(timeout_s, look), "", None
        except TimeoutError as error:
            raise NotAsked(f"not done within {timeout_s:g} s") from error

    def _run(self, argv: Sequence[str], timeout_s: float, base_url: str, *, is_gate: bool) -> Found:
        env = {"MOBIUS_ENVIRONMENT": self._settings.name, "API_BASE_URL": base_url or self._settings.url}
        ran = run(argv, cwd=self._cwd, env=env, timeout_s=timeout_s)
        message = ran.reason if ran.exit_code != 0 else f"passed in {ran.seconds:.1f} s"
        return _outcome_of(ran, is_gate=is_gate), message, ran.output, None

    def _operational(self, gate: GateCommand) -> CheckResult:
        """Whether the gate could be run: its program and its script are there. A gate that cannot run is no fault
        of the release, so it is ERROR and never FAIL."""
        return self._result(
            f"gate {gate.name}", "gates", lambda: self._find_program(gate), f"try: {shlex.join(gate.run)}"
        )

    def _find_program(self, gate: GateCommand) -> Found:
        program = gate.run[0]
        here = self._cwd or Path.cwd()
        found = shutil.which(str(here / program) if "/" in program or os.sep in program else program)
        if found is None:
            raise NotAsked(f"{program} is not there or may not be run")
        script = gate.run[1] if len(gate.run) > 1 else ""
        if script.endswith((".py", ".js", ".mjs", ".sh")) and not (here / script).is_file():
            raise NotAsked(f"{script} is not there")
        return Outcome.PASS, f"can be run: {found}", "", None

    def _misconfigured(self, smoke: SmokeSettings) -> Found:
        raise NotAsked(f"a {smoke.kind} test that does not say what to look at")

    def _tls_context(self) -> ssl.SSLContext:
        """Trusts what the system trusts, and the front door's own certificate, which may be self-signed."""
        context = ssl.create_default_context()
        if self._settings.door.tls_cert is not None:
            context.load_verify_locations(self._settings.door.tls_cert)
            context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        return context


def _understood(
    settings: EnvironmentSettings,
) -> tuple[tuple[Expectation, ...], dict[str, tuple[Expectation, ...]]]:
    """Every expectation read, or every mistake told at once."""
    mistakes: list[str] = []

    def read(what: str, lines: Sequence[str]) -> tuple[Expectation, ...]:
        understood = []
        for line in lines:
            try:
                understood.append(parse(line))
            except ConfigurationError as error:
                mistakes.extend([f"{what}: {error.message}", *error.details])
        return tuple(understood)

    health = read("health", settings.health.expect or DEFAULT_EXPECT)
    smoke = {s.name: read(f'smoke "{s.name}"', s.expect or DEFAULT_EXPECT) for s in settings.smoke}
    if mistakes:
        raise ConfigurationError(
            f"expectations of {settings.name} cannot be read",
            'an expectation is SUBJECT OPERATOR VALUE, for example: json.status == "OK"',
            details=tuple(mistakes),
        )
    return health, smoke


@lru_cache(maxsize=512)
def _joined(base_url: str, path: str) -> str:
    """An absolute address stands for itself; a path belongs to the base, below the base's own path."""
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]*:", path):
        return path
    if base_url.startswith("unix:"):
        return base_url
    return f"{base_url.rstrip('/')}/{path.lstrip('/')}"


def _beginning(answer: Answer) -> str:
    body = answer.body[:SHOWN_BODY]
    return "".join(c if c.isprintable() or c == "\n" else "\N{REPLACEMENT CHARACTER}" for c in body)


def _outcome_of(ran: Ran, *, is_gate: bool) -> Outcome:
    if ran.exit_code == 0:
        return Outcome.PASS
    if ran.timed_out:
        # A smoke test that hangs found something that does not answer; a gate that hangs measured nothing.
        return Outcome.ERROR if is_gate else Outcome.FAIL
    is_killed = ran.exit_code is not None and (ran.exit_code < 0 or 128 < ran.exit_code < 160)
    no_answer = ran.exit_code is None or ran.exit_code in (COULD_NOT_MEASURE, *NOT_STARTED_BY_SHELL)
    return Outcome.ERROR if is_killed or no_answer else Outcome.FAIL
