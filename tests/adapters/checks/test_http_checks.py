"""Health and HTTP smoke tests against a server that misbehaves in every way a server can."""

from __future__ import annotations

import errno
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import trustme

from adapters.checks.server import Script, answers, drips, raw, resets, serving, silent, unused_port
from mobius.adapters.checks import lag
from mobius.adapters.checks.http import HttpChecks
from mobius.errors import ConfigurationError
from mobius.model.settings import DoorSettings, EnvironmentSettings, HealthSettings, SmokeSettings
from mobius.model.verdict import CheckResult, Outcome

OK = answers(body=b'{"status":"OK"}', headers="Content-Type: application/json\r\n")
QUICK = HealthSettings(timeout_s=1.5)


@pytest.fixture(autouse=True)
def is_patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that is busy with other tests starves this prober, too: that is not what these are about."""
    monkeypatch.setattr(lag, "LATE_S", 60.0)


def checks(*smoke: SmokeSettings, health: HealthSettings = QUICK, **changes: object) -> HttpChecks:
    environment = EnvironmentSettings(
        "staging", "http://127.0.0.1:1", Path("root"), smoke=smoke, health=health
    )
    return HttpChecks(replace(environment, **changes), resolve=Path)  # type: ignore[arg-type]


def told(result: CheckResult) -> tuple[Outcome, str]:
    return result.outcome, result.message


def test_a_healthy_answer_passes_and_says_what_it_was() -> None:
    with serving(OK) as (url, _):
        result = checks().health(url)

    assert result.outcome is Outcome.PASS
    assert result.message.startswith("200 in ") and 0 < result.duration_ms < 1500


def test_a_probe_says_who_it_is_and_asks_the_right_host() -> None:
    with serving(OK) as (url, requests):
        checks(health=replace(QUICK, path="/health?full=1&x=ü")).health(f"{url}/base/")

    head, *lines = requests[0].decode().split("\r\n")
    assert head == "GET /base/health?full=1&x=%C3%BC HTTP/1.1"
    assert f"Host: {url.removeprefix('http://')}" in lines
    assert "X-Mobius-Probe: 1" in lines and "Connection: close" in lines


@pytest.mark.parametrize(
    ("script", "message"),
    [
        (answers("503 Service Unavailable", b"down"), "[status == 200] was 503"),
        (answers("302 Found", headers="Location: /elsewhere\r\n"), "[status == 200] was 302"),
        (raw(b""), "it closed the connection without an answer"),
        (raw(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"), "the answer was cut off"),
        (
            raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel"),
            "the answer was cut off",
        ),
        (raw(b"SSH-2.0-OpenSSH_9.6\r\n"), "the answer is not HTTP: it begins with SSH-2.0-OpenSSH_9.6"),
        (raw(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000), "the head of the answer is larger than 64 KB"),
        (silent, "no answer within 1.5 s"),
        (drips(), "the answer not complete within 1.5 s"),
        (drips(b" ", head=b"HTTP/1.1 200 OK\r\n"), "the answer not complete within 1.5 s"),
        (resets, "it broke the connection off"),
    ],
)
def test_a_wrong_answer_is_a_failed_check_within_its_time(script: Script, message: str) -> None:
    with serving(script) as (url, _):
        begun = time.monotonic()
        result = checks().health(url)

        assert told(result) == (Outcome.FAIL, message)
        assert time.monotonic() - begun < 8, "it would go on for ever"
        assert result.advice == f"try: curl -i {url}/health"


def test_nobody_listening_is_a_failed_check() -> None:
    result = checks().health(f"http://127.0.0.1:{unused_port()}")

    assert told(result) == (Outcome.FAIL, "connection refused")


def test_a_listener_that_never_accepts_is_a_failed_check() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"

        assert told(checks().health(url)) == (Outcome.FAIL, "no answer within 1.5 s")


def test_an_endless_answer_is_cut_at_its_limit() -> None:
    endless = raw(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * (6 * 1024 * 1024))
    with serving(endless) as (url, _):
        result = checks(health=replace(QUICK, timeout_s=10)).health(url)

    assert told(result) == (Outcome.FAIL, "the answer is larger than 5 MB")


@pytest.mark.parametrize(
    ("number", "message"),
    [
        (errno.EMFILE, "too many open files here"),
        (errno.EADDRNOTAVAIL, "no free port left on this machine"),
        (errno.ENETUNREACH, "no network to reach it by"),
    ],
)
def test_what_we_could_not_do_ourselves_is_not_the_releases_fault(
    number: int, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(number, "no")

    monkeypatch.setattr(socket, "socket", refuse)

    assert told(checks().health("http://127.0.0.1:5001")) == (Outcome.ERROR, message)


def test_a_name_that_cannot_be_looked_up_is_no_measurement(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)

    assert told(checks().health("http://nowhere.invalid")) == (
        Outcome.ERROR,
        "its name could not be looked up (Name or service not known)",
    )


def test_a_resolver_that_hangs_does_not_hold_the_probe(monkeypatch: pytest.MonkeyPatch) -> None:
    over = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: over.wait(60))

    result = checks(health=replace(QUICK, timeout_s=0.3)).health("http://slow.invalid")

    assert not over.is_set() and told(result) == (Outcome.ERROR, "its name could not be looked up in time")
    over.set()


def test_an_address_that_cannot_be_an_address_is_no_measurement() -> None:
    for url in (
        "http://",
        "http://[::1",
        "ftp//x",
        "ftp://x",
        "http://127.0.0.1:99999",
        "http://a b/",
        "",
        "\0",
    ):
        assert checks().health(url).outcome is Outcome.ERROR, url


def test_a_socket_file_can_be_asked_too(tmp_path: Path) -> None:
    if not hasattr(socket, "AF_UNIX"):
        pytest.skip("no Unix sockets here")
    path = tmp_path / "s"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()

        assert told(checks().health(f"unix:{path}")) == (Outcome.FAIL, "no answer within 1.5 s")
        sock, _ = listener.accept()
        with sock:
            assert sock.recv(100).startswith(b"GET /health HTTP/1.1\r\nHost: localhost\r\n")


# Smoke tests


def test_smoke_results_come_in_the_order_configured_with_the_lines_that_failed() -> None:
    smoke = (
        SmokeSettings("home", url="/", expect=("status == 200", 'json.status == "OK"', "ms < 2000")),
        SmokeSettings("version", url="/version", expect=('json.version ~ "^v"', "status == 201")),
        SmokeSettings("gone", url=f"http://127.0.0.1:{unused_port()}/partner"),
        SmokeSettings("default", method="POST", url="/jobs", body='{"a":1}', headers={"X-Key": "k"}),
    )
    with serving(OK) as (url, requests):
        results = checks(*smoke).smoke(url)

    assert [result.name for result in results] == ["home", "version", "gone", "default"]
    assert [result.outcome.value for result in results] == ["PASS", "FAIL", "FAIL", "PASS"]
    assert results[1].message == '[json.version ~ "^v"] was missing; [status == 201] was 200'
    assert results[1].output == '{"status":"OK"}'
    assert results[2].message == "connection refused"
    posted = next(request for request in requests if request.startswith(b"POST /jobs"))
    assert b"X-Key: k\r\n" in posted and b"Content-Length: 7\r\n" in posted


def test_smoke_tests_run_side_by_side() -> None:
    together = threading.Barrier(4)

    def once_all_have_asked(sock: socket.socket, asked: bytes, over: threading.Event) -> None:
        together.wait(10)
        OK(sock, asked, over)

    with serving(once_all_have_asked) as (url, _):
        results = checks(*(SmokeSettings(f"slow {i}", url="/", timeout_s=20.0) for i in range(4))).smoke(url)

    assert [result.outcome for result in results] == [Outcome.PASS] * 4


def test_without_smoke_tests_the_health_endpoint_is_the_smoke_test() -> None:
    with serving(OK) as (url, _):
        assert [(r.name, r.outcome) for r in checks().smoke(url)] == [("health", Outcome.PASS)]


def test_secrets_are_redacted_from_what_is_told() -> None:
    leak = answers("500 Oops", b"token=hunter2")
    settings = EnvironmentSettings("staging", "http://x", Path("root"), smoke=(SmokeSettings("a", url="/"),))
    redacting = HttpChecks(settings, resolve=Path, redact=lambda text: text.replace("hunter2", "«redacted»"))
    with serving(leak) as (url, requests):
        with_password = url.replace("http://", "http://user:pass%40word@")
        result = redacting.smoke(with_password)[0]

    assert result.output == "token=«redacted»"
    assert "pass" not in result.advice + result.message
    assert b"Authorization: Basic dXNlcjpwYXNzQHdvcmQ=\r\n" in requests[0]


def test_every_expectation_that_cannot_be_read_is_told_at_once() -> None:
    with pytest.raises(ConfigurationError) as caught:
        checks(SmokeSettings("home", url="/", expect=("status = 200",)), health=HealthSettings(expect=("x",)))

    assert caught.value.message == "expectations of staging cannot be read"
    assert [line for line in caught.value.details if "character" in line] == [
        "health: expectation is wrong at character 1: "
        "expected one of status, ms, tls.days, body, header.NAME, json.PATH",
        'smoke "home": expectation is wrong at character 8: expected one of == != <= >= < > ~ contains in',
    ]


# TLS


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def tls(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    return context


@pytest.fixture
def trusted(authority: trustme.CA, tmp_path: Path) -> Iterator[DoorSettings]:
    pem = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(pem))
    yield DoorSettings(tls_cert=pem)


def test_a_certificate_nobody_vouches_for_is_a_failed_check(tls: ssl.SSLContext) -> None:
    with serving(OK, tls) as (url, _):
        result = checks(health=replace(QUICK, timeout_s=5)).health(url)

    assert result.outcome is Outcome.FAIL
    assert result.message.startswith("its certificate is not trusted: ")


def test_the_days_of_a_trusted_certificate_are_measured(tls: ssl.SSLContext, trusted: DoorSettings) -> None:
    smoke = (
        SmokeSettings("days", url="/", expect=("tls.days > 14",)),
        SmokeSettings("certificate", kind="tls"),
        SmokeSettings("long", kind="tls", tls_min_days=1_000_000),
    )
    with serving(OK, tls) as (url, _):
        results = checks(*smoke, door=trusted, url=url).smoke(url)

    assert [result.outcome.value for result in results] == ["PASS", "PASS", "FAIL"]
    assert results[1].message.startswith("certificate valid for ")


def test_an_address_without_tls_has_no_certificate_to_judge() -> None:
    smoke = SmokeSettings("certificate", kind="tls")

    assert told(checks(smoke).smoke("http://127.0.0.1:1")[0]) == (
        Outcome.ERROR,
        "http://127.0.0.1:1 has no certificate: it is not https",
    )


def test_something_that_does_not_speak_tls_is_a_failed_check(trusted: DoorSettings) -> None:
    with serving(raw(b"HTTP/1.1 400 Bad Request\r\n\r\n")) as (url, _):
        result = checks(door=trusted).health(url.replace("http://", "https://"))

    assert result.outcome is Outcome.FAIL
