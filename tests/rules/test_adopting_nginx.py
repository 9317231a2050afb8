"""nginx's files as people have them: what is changed so that it dials our socket, and what is left alone."""

from __future__ import annotations

import random
import shutil
import subprocess
from pathlib import Path

import pytest

from mobius.model.adoption import ProxyFound
from mobius.rules.adopting_nginx import find, with_edits
from mobius.rules.adopting_nginx_words import dumped, words

OURS = "/srv/app/.mobius/production/live/web.sock"

PLAIN = """\
server {
    listen 80 default_server;
    server_name _;
    location / {
        proxy_pass http://127.0.0.1:3000;
        proxy_set_header Host $host;
    }
}
"""


def changed(text: str, *, port: int = 3000, sockets: tuple[str, ...] = ()) -> tuple[str, ProxyFound]:
    found = find({"/etc/nginx/site": text}, (port,), sockets, OURS)
    return with_edits(text, found.edits), found


def test_a_location_dials_our_socket_and_every_other_byte_stays() -> None:
    after, found = changed(PLAIN)
    assert after == PLAIN.replace("http://127.0.0.1:3000", f"http://unix:{OURS}")
    assert (found.url, found.dials, found.blockers, found.notes) == (
        "http://127.0.0.1:80",
        "127.0.0.1:3000",
        (),
        (),
    )
    assert found.edits[0].old == "http://127.0.0.1:3000" and found.edits[0].line == 5


@pytest.mark.parametrize(
    ("dialled", "expected"),
    [
        ("http://localhost:3000", f"http://unix:{OURS}"),
        ("http://[::1]:3000", f"http://unix:{OURS}"),
        ("http://127.0.0.1:3000/", f"http://unix:{OURS}:/"),
        ("http://127.0.0.1:3000/api/", f"http://unix:{OURS}:/api/"),
        ("http://127.0.0.1:3000$request_uri", f"http://unix:{OURS}:$request_uri"),
        ('"http://127.0.0.1:3000"', f"http://unix:{OURS}"),
        ("'http://localhost:3000/'", f"http://unix:{OURS}:/"),
    ],
)
def test_the_uri_of_a_proxy_pass_is_kept(dialled: str, expected: str) -> None:
    after, found = changed(PLAIN.replace("http://127.0.0.1:3000", dialled))
    assert f"proxy_pass {expected};" in after
    assert not found.blockers


def test_a_service_on_a_unix_socket_is_found_by_its_path() -> None:
    text = PLAIN.replace("http://127.0.0.1:3000", "http://unix:/run/app.sock:/x")
    after, _ = changed(text, sockets=("/run/app.sock",))
    assert f"proxy_pass http://unix:{OURS}:/x;" in after


def test_an_upstream_dials_our_socket_and_keeps_no_connections() -> None:
    text = (
        "upstream app {\n    # the one\n    server 127.0.0.1:3000 weight=5 max_fails=0; keepalive 32;\n"
        "    keepalive_timeout 60s;\n}\nserver { listen 8080; location / { proxy_pass http://app; } }\n"
    )
    after, found = changed(text)
    assert after == text.replace("127.0.0.1:3000", f"unix:{OURS}").replace(" keepalive 32;", " ")
    assert found.url == "http://127.0.0.1:8080"
    assert [edit.old for edit in found.edits] == ["127.0.0.1:3000", "keepalive 32;"]


def test_what_only_looks_like_it_is_left_alone() -> None:
    text = (
        "# proxy_pass http://127.0.0.1:3000;\n"
        'log_format x "proxy_pass http://127.0.0.1:3000;";\n'
        "server { listen 80; location /a { proxy_pass http://127.0.0.1:30000; }\n"
        " location /b { proxy_pass http://10.0.0.1:3000; } location /c { return 200 '127.0.0.1:3000'; }\n"
        ' location /lua { content_by_lua_block { ngx.say("proxy_pass http://127.0.0.1:3000; }{") } }\n'
        " location ~ ^/(?<id>\\d{3})$ { return 200; }\n}\n"
    )
    after, found = changed(text)
    assert after == text and not found.edits and not found.blockers


def test_windows_line_ends_tabs_and_two_servers_in_a_line_survive() -> None:
    text = (
        'server\r\n{\tlisten 443 ssl;server_name "a.example.org" b.example.org;\r\n'
        "\tlocation /{proxy_set_header Host $host;proxy_pass   http://127.0.0.1:3000  ;}}"
        "server{listen 443 ssl;server_name c.example.org;location /{proxy_pass\r\nhttp://localhost:3000;}}"
    )
    after, found = changed(text)
    socket = f"http://unix:{OURS}"
    assert after == text.replace("http://127.0.0.1:3000", socket).replace("http://localhost:3000", socket)
    assert found.url == "https://a.example.org:443"


def test_bytes_that_are_no_utf8_survive() -> None:
    raw = b"# caf\xe9 \xff\x00\n" + PLAIN.encode()
    text = raw.decode("latin-1")
    after, _ = changed(text)
    assert after.encode("latin-1") == raw.replace(b"http://127.0.0.1:3000", f"http://unix:{OURS}".encode())


@pytest.mark.parametrize(
    ("text", "because"),
    [
        (
            "upstream a { server 127.0.0.1:3000; server 127.0.0.1:3001; }",
            '/etc/nginx/site:1: upstream "a" dials 127.0.0.1:3001 as well: mobius moves all traffic or none',
        ),
        (
            "server { location / { set $to 127.0.0.1:3000; proxy_pass http://$to; } }",
            "/etc/nginx/site:1: the address is in a variable (127.0.0.1:3000): write it into proxy_pass itself",
        ),
        (
            "map $http_upgrade $to { default http://127.0.0.1:3000; }",
            "/etc/nginx/site:1: the address is in a variable (http://127.0.0.1:3000): write it into proxy_pass"
            " itself",
        ),
        (
            "stream { server { listen 1; proxy_pass 127.0.0.1:3000; } }",
            "/etc/nginx/site:1: it passes TCP on, not HTTP, which mobius cannot switch",
        ),
        (
            "stream { upstream s { server 127.0.0.1:3000; } server { listen 1; proxy_pass s; } }",
            "/etc/nginx/site:1: it passes TCP on, not HTTP, which mobius cannot switch",
        ),
        (
            "server { location / { grpc_pass 127.0.0.1:3000; } }",
            "/etc/nginx/site:1: grpc_pass speaks another protocol than HTTP, which mobius cannot switch",
        ),
        (
            "server { location / { proxy_pass https://127.0.0.1:3000; } }",
            "/etc/nginx/site:1: it dials the service by https; a release is reached by http on this machine",
        ),
    ],
)
def test_what_cannot_be_moved_is_said_and_not_touched(text: str, because: str) -> None:
    after, found = changed(text)
    assert found.blockers == (because,)
    assert after == text


def test_a_spare_upstream_server_may_stay() -> None:
    text = "upstream a { server 127.0.0.1:3000; server 127.0.0.1:9 backup; server 127.0.0.1:8 down; }"
    _, found = changed(text)
    assert not found.blockers and len(found.edits) == 1


def test_a_changed_host_header_is_said() -> None:
    _, found = changed(PLAIN.replace("        proxy_set_header Host $host;\n", ""))
    assert found.notes == (
        "/etc/nginx/site:5: nothing sets the Host header here, so the service has seen"
        ' "127.0.0.1:3000" in it, and will see "localhost"',
    )
    http = "http { proxy_set_header Host $host; server { location / { proxy_pass http://127.0.0.1:3000; } } }"
    assert changed(http)[1].notes == ()


@pytest.mark.parametrize(
    ("servers", "url"),
    [
        ("server { listen 8080; server_name x.org; @ }", "http://127.0.0.1:8080"),
        ("server { listen 80; server_name x.org; @ } server { listen 80; }", "http://x.org:80"),
        (
            "server { listen 80 default_server; server_name x.org; @ } server { listen 80; }",
            "http://127.0.0.1:80",
        ),
        ("server { listen [::]:443 ssl; listen 443 ssl; server_name x.org; @ }", "https://x.org:443"),
        ("server { listen 443 ssl; listen 80; server_name x.org; @ }", "http://127.0.0.1:80"),
        ("server { @ }", "http://127.0.0.1:80"),
        ("server { listen unix:/run/n.sock; @ }", ""),
    ],
)
def test_the_address_of_the_service_is_read_from_its_server(servers: str, url: str) -> None:
    location = "location / { proxy_pass http://127.0.0.1:3000; }"
    assert changed(servers.replace("@", location))[1].url == url


def test_files_are_told_apart_in_what_nginx_prints() -> None:
    text = (
        "nginx: the configuration file is ok\n# configuration file /etc/nginx/nginx.conf:\nhttp {}\n\n"
        "# configuration file /etc/nginx/a b.conf:\nserver {\n}\n"
    )
    assert dumped(text) == {"/etc/nginx/nginx.conf": "http {}\n\n", "/etc/nginx/a b.conf": "server {\n}\n"}


def test_garbage_is_read_without_an_error() -> None:
    chance = random.Random(7)
    for _ in range(500):
        text = "".join(chance.choices("{};\"'\\$#\n\r ab3:/proxy_pass http://127.0.0.1:3000", k=60))
        after, _ = changed(text)
        assert all(text[w.start : w.end] for w in words(text))
        assert len(after) >= 0


@pytest.mark.skipif(shutil.which("nginx") is None, reason="nginx is not installed")
@pytest.mark.parametrize("uri", ["", "/", "/x/", "$request_uri"])
def test_nginx_itself_takes_the_changed_file(tmp_path: Path, uri: str) -> None:
    text = (
        f"pid {tmp_path}/pid; error_log stderr; events {{}}\nhttp {{ access_log off;\n"
        f" client_body_temp_path {tmp_path}/b; proxy_temp_path {tmp_path}/p; fastcgi_temp_path {tmp_path}/f;\n"
        f" uwsgi_temp_path {tmp_path}/u; scgi_temp_path {tmp_path}/s;\n"
        " upstream app { zone app 64k; server localhost:3000 max_fails=0 weight=3; keepalive 8; }\n"
        " server { listen 127.0.0.1:45871; location / { proxy_pass http://app; }\n"
        f"  location /x/ {{ proxy_pass http://127.0.0.1:3000{uri}; }} }} }}\n"
    )
    after, found = changed(text)
    file = tmp_path / "nginx.conf"
    file.write_text(after)
    done = subprocess.run(["nginx", "-t", "-q", "-c", str(file)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert not found.blockers and "3000" not in after
