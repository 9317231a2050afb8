"""What HAProxy is told: as it is printed, taken by HAProxy itself, and nothing hostile gets into it."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from mobius.errors import UsageError
from mobius.model.haproxy import haproxy_place
from mobius.model.settings import EnvironmentSettings, ProcessSettings, TrafficSettings
from mobius.report.snippets.haproxy import haproxy_configuration, haproxy_snippet

GOLDEN = Path(__file__).parent / "golden" / "haproxy.snippet"
USUAL = """\
global
  daemon
defaults
  mode http
  timeout connect 1s
  timeout client 1s
  timeout server 1s
frontend theirs
  bind 127.0.0.1:18080
  default_backend dhash
"""


def settings(root: str = "/srv/dhash", **changes: object) -> EnvironmentSettings:
    made = EnvironmentSettings(
        "production",
        "http://127.0.0.1:5001",
        Path(root),
        listen="127.0.0.1:5001",
        processes=(ProcessSettings("api", ("node", "index.js")),),
        traffic=TrafficSettings("haproxy"),
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def printed(made: EnvironmentSettings, service: str = "dhash") -> str:
    return haproxy_snippet(haproxy_place(service, made), made)


def accepted(text: str, folder: Path) -> None:
    if not shutil.which("haproxy"):
        pytest.skip("haproxy is not installed: apt-get install haproxy")
    (folder / "haproxy.cfg").write_text(text)
    done = subprocess.run(
        ["haproxy", "-c", "-f", str(folder / "haproxy.cfg")], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


def test_the_snippet_is_as_it_was_agreed() -> None:
    assert printed(settings()) == GOLDEN.read_text()


def test_haproxy_takes_it_behind_a_configuration_that_is_there(tmp_path: Path) -> None:
    accepted(USUAL + printed(settings()), tmp_path)


@pytest.mark.parametrize("listen", ["127.0.0.1:5001", "[::1]:5001", "0.0.0.0:5001"])
def test_haproxy_takes_a_whole_configuration_of_ours(tmp_path: Path, listen: str) -> None:
    made = settings(listen=listen)
    accepted(haproxy_configuration(haproxy_place("dhash", made), made, log="127.0.0.1:514"), tmp_path)


@pytest.mark.parametrize(
    "root", ["/srv/my service", '/srv/a"b', "/srv/a#b", "/srv/a\\b", "/srv/ä", "/srv/{x}"]
)
def test_a_path_is_one_word_whatever_it_holds(tmp_path: Path, root: str) -> None:
    made = settings(root, processes=(ProcessSettings("api", ("x",), listen="socket"),))
    text = printed(made)
    assert f"server-state-file-name '{root}/run/haproxy.state'" in text
    accepted(USUAL + text, tmp_path)


@pytest.mark.parametrize(
    "root", ["/srv/a'b", "/srv/a\n  mode tcp", "/srv/$HOME", "/srv/a\tb", "relative", "/srv/a\x7f"]
)
def test_a_path_that_could_say_something_else_is_refused(root: str) -> None:
    with pytest.raises(UsageError, match="cannot be written into HAProxy's configuration"):
        printed(settings(root))


@pytest.mark.parametrize("name", ["a b", "a\nserver x", "", "a;b", "a'b", "é", "${HOME}"])
def test_a_backend_that_is_no_name_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="cannot be a name in HAProxy's configuration"):
        haproxy_snippet(replace(haproxy_place("dhash", settings()), backend=name), settings())


def test_a_process_that_listens_on_a_socket_is_dialled_there_for_good() -> None:
    made = settings(processes=(ProcessSettings("api", ("x",), listen="socket"),))
    text = printed(made)
    assert "  server blue unix@/srv/dhash/run/blue/api.sock\n" in text
    assert "  server green unix@/srv/dhash/run/green/api.sock\n" in text
    too_deep = settings("/srv/" + "x" * 90, processes=made.processes)
    with pytest.raises(UsageError, match="is too long for a Unix socket of HAProxy"):
        printed(too_deep)


def test_two_environments_of_one_service_have_a_backend_each() -> None:
    staging = replace(settings(), name="staging")
    assert haproxy_place("dhash", settings()).backend == "dhash"
    assert haproxy_place("dhash", staging).backend == "dhash-staging"
    named = replace(staging, traffic=TrafficSettings("haproxy", backend="web"))
    assert haproxy_place("dhash", named).backend == "web"
