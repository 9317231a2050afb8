"""haproxy.cfg as people have it: what is changed so that mobius can move its traffic, and what is left alone."""

from __future__ import annotations

import random
import shutil
import subprocess
from pathlib import Path

import pytest

from mobius.model.adoption import ProxyFound
from mobius.rules.adopting_haproxy import find, sections
from mobius.rules.adopting_nginx import with_edits

OURS = "/srv/app/.mobius/production/live/web.sock"
PLAIN = """\
global
    log /dev/log local0
    stats socket /run/haproxy/admin.sock mode 660 level admin expose-fd listeners

defaults
    mode http   # all of them
    timeout connect 5s
    timeout client 50s
    timeout server 50s

frontend web
    bind *:80
    default_backend app

backend app
    # server old 127.0.0.1:3000
    balance leastconn
    server s1 127.0.0.1:3000
backend other
    server s1 127.0.0.1:30000 check
"""


def changed(text: str) -> tuple[str, ProxyFound]:
    found = find({"/etc/haproxy/haproxy.cfg": text}, (3000,), (), OURS)
    return with_edits(text, found.edits), found


def test_its_server_becomes_two_and_a_door_and_every_other_line_stays() -> None:
    after, found = changed(PLAIN)
    assert after == PLAIN.replace(
        "    server s1 127.0.0.1:3000\n",
        "    retries 3\n    option redispatch 1\n    http-reuse safe\n    load-server-state-from-file local\n"
        "    server-state-file-name /srv/app/.mobius/production/run/haproxy.state\n"
        "    default-server weight 100 pool-purge-delay 2s\n"
        "    server blue 127.0.0.1:3000\n    server green 127.0.0.1:1 disabled\n    server door 127.0.0.1:1 disabled\n",
    )
    assert (found.url, found.dials, found.blockers, found.notes) == (
        "http://127.0.0.1:80",
        "127.0.0.1:3000",
        (),
        (),
    )
    assert found.traffic == {"socket": "/run/haproxy/admin.sock", "backend": "app"}


def test_what_the_server_said_besides_is_noted() -> None:
    _, found = changed(PLAIN.replace("s1 127.0.0.1:3000\n", "s1 localhost:3000 check inter 2s maxconn 50\n"))
    assert found.notes == (
        "/etc/haproxy/haproxy.cfg:18: `check inter 2s maxconn 50` of the server is not kept: mobius watches its health"
        " itself",
    )


SERVER = "s1 127.0.0.1:3000\n"


@pytest.mark.parametrize(
    ("old", "new", "because"),
    [
        (
            SERVER,
            f"{SERVER}    server s2 127.0.0.1:3001\n",
            "the backend has s2 as well: mobius moves all traffic or none",
        ),
        (
            SERVER,
            "s1 127.0.0.1:3000 ssl verify none\n",
            "it speaks TLS or the PROXY protocol with the service; a release is reached by plain http",
        ),
        ("mode http", "mode tcp", "it passes TCP on, not HTTP: write `mode http`"),
        (
            "leastconn",
            "source",
            "it balances by source, which does not go by weights: write `balance roundrobin`",
        ),
        (
            "balance leastconn",
            "cookie SRV insert",
            "it keeps clients on their server (cookie or stick), so a switch would not move them",
        ),
        (
            "backend other\n",
            "backend other\n    server s2 127.0.0.1:3000\n",
            "2 server lines dial it: mobius moves the traffic of one backend",
        ),
    ],
)
def test_what_cannot_be_moved_is_said_and_not_touched(old: str, new: str, because: str) -> None:
    text = PLAIN.replace(old, new, 1)
    after, found = changed(text)
    assert after == text
    assert [blocker.partition(": ")[2] for blocker in found.blockers] == [because]


def test_without_a_socket_of_level_admin_it_is_said_what_to_write() -> None:
    _, found = changed(PLAIN.replace(" level admin", ""))
    assert found.blockers == (
        "/etc/haproxy/haproxy.cfg: mobius needs its runtime API; write in `global`, then reload HAProxy:"
        " stats socket /run/haproxy/admin.sock mode 660 level admin",
    )


def test_a_listen_section_and_windows_line_ends_are_understood() -> None:
    text = (
        "global\r\n\tstats socket /run/h.sock level admin\r\nlisten app\r\n\tmode http\r\n\tbind 127.0.0.1:8080\r\n"
        "\tserver s1 127.0.0.1:3000 backup\r\n"
    )
    after, found = changed(text)
    assert after.count("\n") == after.count("\r\n")
    assert (found.url, found.blockers) == ("http://127.0.0.1:8080", ())


def test_a_front_with_a_certificate_only_has_no_plain_address() -> None:
    assert changed(PLAIN.replace("*:80", "*:443 ssl crt /etc/x.pem"))[1].url == ""


def test_words_with_quotes_and_comments_are_split_as_haproxy_does() -> None:
    (section,) = sections("backend 'a b' # c\n  server s\\ 1 \"127.0.0.1:3000\" # x\n\n")
    assert (section.name, section.lines[0].words[2]) == ("a b", "127.0.0.1:3000")


def test_garbage_is_read_without_an_error() -> None:
    chance = random.Random(7)
    for _ in range(500):
        changed(
            "".join(
                chance.choices(
                    ["backend a", "server", " ", "\n", "'", '"', "\\", "#", "s 127.0.0.1:3000"], k=30
                )
            )
        )


@pytest.mark.skipif(shutil.which("haproxy") is None, reason="HAProxy is not installed")
def test_haproxy_itself_takes_the_changed_file(tmp_path: Path) -> None:
    after, _ = changed(PLAIN.replace("*:80", "127.0.0.1:45875"))
    file = tmp_path / "haproxy.cfg"
    file.write_text(after)
    done = subprocess.run(
        ["haproxy", "-c", "-q", "-f", str(file)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, [line for line in done.stderr.splitlines() if "ALERT" in line]) == (0, [])
