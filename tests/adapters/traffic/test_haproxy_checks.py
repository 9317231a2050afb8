"""What stands against moving traffic on an HAProxy is found before a deployment, each with its cure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from adapters.contracts.conftest import Ground
from adapters.contracts.haproxy_ground import haproxy_ground
from adapters.traffic.haproxies import Haproxy
from mobius.adapters.traffic.haproxy_checks import haproxy_checks, split_check
from mobius.model.verdict import CheckResult, Outcome


@pytest.fixture(scope="module")
def house() -> Iterator[tuple[Ground, Haproxy, str]]:
    with haproxy_ground() as (ground, haproxy):
        yield ground, haproxy, haproxy.config.read_text()


def found(haproxy: Haproxy, **changed: object) -> tuple[CheckResult, ...]:
    place = replace(haproxy.place, config=haproxy.config, **changed)  # type: ignore[arg-type]
    return haproxy_checks(place, haproxy.api)


def test_what_we_print_passes_every_check(house: tuple[Ground, Haproxy, str]) -> None:
    ground, haproxy, _ = house
    results = found(haproxy)
    assert [result.outcome for result in results] == [Outcome.PASS] * 4
    assert [result.message for result in results] == [
        f"{haproxy.place.socket} answers, and may change who gets requests",
        "has blue, green, door, by weights",
        f"{haproxy.place.state_file} can be written",
        f"{haproxy.config} keeps who gets requests over HAProxy's restart",
    ]
    assert [r.outcome for r in ground.traffic.preflight()] == [Outcome.PASS] * 4
    before = haproxy.state()
    found(haproxy)
    assert haproxy.state() == before, "looking changes nothing"


def test_whether_a_client_stays_with_its_release_in_a_canary_is_for_the_configuration(
    house: tuple[Ground, Haproxy, str], tmp_path: Path
) -> None:
    _, haproxy, text = house
    config = tmp_path / "haproxy.cfg"
    config.write_text(text)
    place = replace(haproxy.place, config=config)
    without = split_check(place)
    assert without.outcome is Outcome.PASS
    assert without.message == "HAProxy splits by weight; no cookie keeps a client with its release"
    assert without.advice.endswith(f"write `cookie` in backend {place.backend}")
    config.write_text(text + f"\nbackend {place.backend}\n  cookie WHO insert\n")
    assert "a client stays with its release by what" in split_check(place).message
    missing = split_check(replace(place, config=tmp_path / "none.cfg"))
    assert missing.outcome is Outcome.PASS
    assert missing.message.endswith("cannot be seen: No such file or directory")


# What is changed in our configuration, the check that fails, what it says, and its advice.
CHANGES = {
    "level operator": (
        ("level admin", "level operator"),
        "SOCKET is of level operator, so nothing can be changed by it",
        "write `stats socket SOCKET mode 660 level admin` in `global`, and reload HAProxy once",
    ),
    "another backend": (
        (r"\bapp\b", "other"),
        "HAProxy has no backend app",
        "correct [traffic] backend, or include what `mobius traffic snippet` prints and reload HAProxy once",
    ),
    "no door": (
        ("  server door .*\n", ""),
        "it has no server door",
        "include what `mobius traffic snippet` prints, and reload HAProxy once",
    ),
    "no slots": (
        ("  server (blue|green) .*\n", ""),
        "it has no server blue, green",
        "include what `mobius traffic snippet` prints, and reload HAProxy once",
    ),
    "static weights": (
        ("balance roundrobin", "balance static-rr"),
        "it balances by static-rr, which does not go by weights",
        "write `balance roundrobin` in it",
    ),
    "tcp": (
        (r"  default_backend app\n([\s\S]*backend app\n  mode) http", r"\1 tcp"),
        "it is in mode tcp, which knows no requests",
        "write `mode http` in it",
    ),
    "another server": (
        ("  server door", "  server third 127.0.0.1:9 enabled\n  server door"),
        "its server third gets requests, too, whatever is live",
        "take it out of the backend, or write `backup` behind it",
    ),
    "no state": (
        ("  load-server-state-from-file local\n", ""),
        "CONFIG does not read STATE, so a restart of HAProxy would forget who is live",
        "write in backend app: load-server-state-from-file local, and server-state-file-name STATE",
    ),
    "another state file": (
        ("server-state-file-name .*", "server-state-file-name /var/lib/other"),
        "CONFIG does not read STATE, so a restart of HAProxy would forget who is live",
        "write in backend app: load-server-state-from-file local, and server-state-file-name STATE",
    ),
    "sessions cut": (
        ("default-server ", "default-server on-marked-down shutdown-sessions "),
        "CONFIG cuts what is in flight on a server that is taken out (on-marked-down)",
        "take `on-marked-down shutdown-sessions` away",
    ),
    "sticky for ever": (
        ("retries 3", "retries 3\n  option persist"),
        "CONFIG sends clients with a cookie to servers that are taken out (option persist)",
        "take `option persist` away from backend app",
    ),
    "unix sockets in a jail": (
        (
            r"global\n([\s\S]*)server blue 127.0.0.1:1",
            r"global\n  chroot /var/empty\n\1server blue unix@/srv/b.sock",
        ),
        "HAProxy is locked into /var/empty, so it does not come to /srv/b.sock",
        'let the process listen on its PORT (listen = "port"), or take `chroot` away',
    ),
}


@pytest.mark.parametrize("what", CHANGES)
def test_what_does_not_fit_is_said_with_its_cure(house: tuple[Ground, Haproxy, str], what: str) -> None:
    _, haproxy, text = house
    (pattern, instead), message, advice = CHANGES[what]
    changed = re.sub(pattern, instead, text)
    assert changed != text
    haproxy.kill()
    haproxy.write(changed if "chroot" not in changed else text)  # the jail is read, not entered
    haproxy.start()
    haproxy.config.write_text(changed)
    try:
        last = found(haproxy)[-1]
    finally:
        haproxy.kill()
        haproxy.write(text)
        haproxy.start()

    def named(said: str) -> str:
        for path, name in (
            (haproxy.place.socket, "SOCKET"),
            (haproxy.place.state_file, "STATE"),
            (haproxy.config, "CONFIG"),
        ):
            said = said.replace(str(path), name)
        return said

    assert (last.outcome, named(last.message), named(last.advice)) == (Outcome.FAIL, message, advice)


def test_a_server_that_is_only_a_backup_is_nobodys_business(house: tuple[Ground, Haproxy, str]) -> None:
    _, haproxy, text = house
    haproxy.write(text.replace("  server door", "  server sorry 127.0.0.1:9 backup enabled\n  server door"))
    haproxy.restart()
    try:
        assert [result.outcome for result in found(haproxy)] == [Outcome.PASS] * 4
    finally:
        haproxy.write(text)
        haproxy.restart()


def test_a_configuration_that_nobody_named_and_is_not_ours_is_not_judged(
    house: tuple[Ground, Haproxy, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    _, haproxy, _ = house
    usual = tmp_path / "haproxy.cfg"
    monkeypatch.setattr("mobius.adapters.traffic.haproxy_checks.USUAL_CONFIG", usual)
    last = haproxy_checks(replace(haproxy.place, config=usual), haproxy.api)[-1]
    assert (last.outcome, last.message) == (
        Outcome.PASS,
        f"not looked at: {usual} cannot be read (No such file or directory)",
    )
    usual.write_text("global\n  daemon\nbackend theirs\n  server a 127.0.0.1:1\n")
    last = haproxy_checks(replace(haproxy.place, config=usual), haproxy.api)[-1]
    assert last.message.startswith(f"not looked at: {usual} has no backend app")
    other = tmp_path / "named.cfg"
    other.write_text("backend theirs\n  server a 'un closed\n")
    last = haproxy_checks(replace(haproxy.place, config=other), haproxy.api)[-1]
    assert (last.outcome, last.message) == (Outcome.FAIL, f"{other} has no backend app")


def test_an_haproxy_that_does_not_run_stops_the_looking(house: tuple[Ground, Haproxy, str]) -> None:
    _, haproxy, _ = house
    haproxy.kill()
    try:
        (only,) = found(haproxy)
    finally:
        haproxy.start()
    assert (only.outcome, only.message) == (
        Outcome.FAIL,
        f"HAProxy does not run: nobody answers on {haproxy.place.socket}",
    )
