"""The real nginx and Caddy say what their files are; adopt finds in them who dials a port."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from mobius.adapters.adopting import proxies
from mobius.errors import GateUnknown, MobiusError, UsageError

OURS = "/srv/app/.mobius/production/live/web.sock"
needs_nginx = pytest.mark.skipif(shutil.which("nginx") is None, reason="nginx is not installed")
needs_caddy = pytest.mark.skipif(shutil.which("caddy") is None, reason="caddy is not installed")


@pytest.fixture
def nginx(tmp_path: Path) -> Path:
    (tmp_path / "on").mkdir()
    (tmp_path / "site").write_text(
        "server { listen 127.0.0.1:45872; location / { proxy_pass http://localhost:3000; } }\n"
    )
    (tmp_path / "on" / "app").symlink_to("../site")
    temps = " ".join(
        f"{name}_temp_path {tmp_path}/t;" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    main = tmp_path / "nginx.conf"
    main.write_text(
        f"pid {tmp_path}/pid;\nerror_log stderr;\nevents {{}}\n"
        f"http {{ access_log off; {temps} include {tmp_path}/on/*; }}\n"
    )
    return main


@needs_nginx
def test_a_site_behind_a_link_is_found_where_it_lies(nginx: Path, tmp_path: Path) -> None:
    (found,), texts = proxies.find([3000], OURS, nginx)
    (edit,) = found.edits
    assert (edit.file, edit.old) == (str(tmp_path / "site"), "http://localhost:3000")
    assert (found.kind, found.config, found.url) == ("nginx", str(nginx), "http://127.0.0.1:45872")
    assert texts[str(tmp_path / "site")] == (tmp_path / "site").read_text()
    assert proxies.find([3001], OURS, nginx) == ((), {})


@needs_nginx
def test_a_comment_that_looks_like_the_next_file_misleads_nobody(nginx: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_text("untouched\n")
    site = tmp_path / "site"
    site.write_text(f"# configuration file {other}:\n{site.read_text()}")
    found, texts = proxies.find([3000], OURS, nginx)
    assert str(other) not in texts
    assert not any(edit.file == str(other) for one in found for edit in one.edits)


@needs_nginx
def test_nginx_is_asked_before_a_reload(nginx: Path, tmp_path: Path) -> None:
    proxies.check("nginx", str(nginx))
    (tmp_path / "site").write_text("server { nonsense; }\n")
    with pytest.raises(MobiusError) as caught:
        proxies.check("nginx", str(nginx))
    assert any('unknown directive "nonsense"' in line for line in caught.value.details)
    with pytest.raises(GateUnknown, match="nginx -T failed"):
        proxies.find([3000], OURS, nginx)


@needs_caddy
def test_a_caddyfile_is_found_with_what_it_imports(tmp_path: Path) -> None:
    main = tmp_path / "Caddyfile"
    (tmp_path / "sites").mkdir()
    site = tmp_path / "sites" / "app.caddy"
    site.write_text("http://localhost:45873 {\n\treverse_proxy localhost:3000\n}\n")
    main.write_text("{\n\tadmin off\n}\nimport sites/*.caddy\nimport Caddyfile\n")
    (found,), texts = proxies.find([3000], OURS, main)
    assert {edit.file for edit in found.edits} == {str(site)}
    assert (found.kind, found.url, set(texts)) == ("caddy", "http://127.0.0.1:45873", {str(main), str(site)})


@needs_caddy
def test_caddy_is_asked_before_a_reload(tmp_path: Path) -> None:
    main = tmp_path / "Caddyfile"
    main.write_text("{\n\tadmin off\n}\n:45874 {\n\tnonsense\n}\n")
    with pytest.raises(MobiusError, match="caddy does not take its files"):
        proxies.check("caddy", str(main))


def test_a_file_of_another_kind_is_said(tmp_path: Path) -> None:
    file = tmp_path / "some.cfg"
    file.write_text("hello\n")
    with pytest.raises(UsageError, match="no file of nginx, Caddy or HAProxy"):
        proxies.kind_of(file)
    with pytest.raises(UsageError, match="there is no file"):
        proxies.kind_of(tmp_path / "none")


def test_kinds_are_told_by_their_words(tmp_path: Path) -> None:
    for kind, text in (
        ("nginx", "server {\n proxy_pass http://x;\n}\n"),
        ("haproxy", "backend app\n  server a 127.0.0.1:3000\n"),
        ("caddy", ":80 {\n\treverse_proxy :3000\n}\n"),
    ):
        file = tmp_path / "conf"
        file.write_text(text)
        assert proxies.kind_of(file) == kind
