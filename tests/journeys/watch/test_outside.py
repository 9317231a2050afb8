"""What is ill around a release: a certificate that has expired, a name that nobody knows."""

from __future__ import annotations

import http.server
import shutil
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from journeys.service import Service, wait_until
from journeys.watch.ward import PATIENT_S, Ward, runner_pid

pytestmark = [pytest.mark.journey, pytest.mark.slow]


def certificate(folder: Path, name: str, *, days_ago: int, days: int) -> Path:
    """Of this computer, its key in the same file, made so many days ago for so many days."""
    if shutil.which("openssl") is None or shutil.which("faketime") is None:
        pytest.skip("making an expired certificate needs openssl and faketime")
    made = folder / f"{name}.pem"
    words = ["faketime", "-f", f"-{days_ago}d", "openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes"]
    words += ["-days", str(days), "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    words += ["-keyout", f"{made}.key", "-out", f"{made}.crt"]
    subprocess.run(words, check=True, capture_output=True)
    made.write_text(Path(f"{made}.key").read_text() + Path(f"{made}.crt").read_text())
    return made


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def https(cert: Path) -> Iterator[tuple[str, ssl.SSLContext]]:
    """Somebody's https server; another certificate can be loaded while it runs."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Quiet) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield f"https://127.0.0.1:{server.server_port}", context
        finally:
            server.shutdown()
            thread.join()


def with_smoke(new_service: Callable[..., Service], lines: str, trusted: Path | None = None) -> Service:
    """v1 is live; the next is asked this, too."""
    environ = {"SSL_CERT_FILE": str(trusted)} if trusted else None
    service = new_service(window="1s", interval="500ms", alone=False, environ=environ)
    service.add_release("v1")
    service.mobius("deploy", "--tag", "v1", expect=0)
    text = service.config.read_text().replace('policy = "conservative"', 'policy = "adaptive"')
    service.config.write_text(text + lines)
    service.add_release("v2")
    return service


def tls_smoke(url: str) -> str:
    return f'\n[[smoke]]\nname = "certificate"\n[smoke.tls]\nmin_days = 1\nurl = "{url}"\n'


def test_a_release_behind_a_certificate_that_has_expired_does_not_stay(
    new_service: Callable[..., Service], tmp_path: Path
) -> None:
    good = certificate(tmp_path, "good", days_ago=0, days=30)
    bad = certificate(tmp_path, "bad", days_ago=40, days=30)
    both = tmp_path / "trusted.pem"
    both.write_text(Path(f"{good}.crt").read_text() + Path(f"{bad}.crt").read_text())
    with https(bad) as (url, context):
        service = with_smoke(new_service, tls_smoke(url), both)
        began = time.monotonic()
        done = service.mobius("deploy", "--tag", "v2")
        assert done.code not in (0, 4), done
        assert "expired" in done.out + done.err
        assert time.monotonic() - began < 60
        assert service.get("/")["release"] == "v1"
        context.load_cert_chain(good)
        service.mobius("deploy", "--tag", "v2", expect=0)


def test_a_name_that_nobody_knows_is_said_and_the_release_does_not_stay(
    new_service: Callable[..., Service],
) -> None:
    smoke = '\n[[smoke]]\nname = "payments"\nget = "http://payments.invalid/health"\n'
    service = with_smoke(new_service, smoke)
    began = time.monotonic()
    done = service.mobius("deploy", "--tag", "v2")
    assert done.code not in (0, 4), done
    assert "payments" in done.out + done.err
    assert time.monotonic() - began < 60
    assert service.get("/")["release"] == "v1"


@pytest.fixture(scope="module")
def ward(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ward]:
    with Ward(tmp_path_factory.mktemp("ward"), window="4m") as there:
        there.settle_in()
        yield there


def test_a_release_that_needs_an_address_whose_certificate_expires_in_its_window_goes(
    ward: Ward, tmp_path: Path
) -> None:
    good = certificate(tmp_path, "good", days_ago=0, days=30)
    bad = certificate(tmp_path, "bad", days_ago=40, days=30)
    trusted = tmp_path / "trusted.pem"
    trusted.write_text(Path(f"{good}.crt").read_text() + Path(f"{bad}.crt").read_text())
    before, tag = ward.service.status()["live"]["tag"], ward.next_tag()
    with https(good) as (url, context):
        needed = {"host": "127.0.0.1", "port": int(url.rpartition(":")[2]), "trusted": str(trusted)}
        with ward.told(tag, kind="calls", **needed):
            running = ward.service.start("deploy", "--tag", tag)
            runner_pid(ward.service)
            time.sleep(20.0)
            assert not ward.has_struck()
            context.load_cert_chain(bad)
            done = ward.service.finish(running, timeout_s=PATIENT_S)
            assert ward.has_struck()
    assert done.code == 12, done
    assert ward.service.get("/")["release"] == before


def test_a_release_that_needs_a_name_which_is_no_longer_known_in_its_window_goes(ward: Ward) -> None:
    before, tag = ward.service.status()["live"]["tag"], ward.next_tag()
    with ward.told(tag, kind="names", name="localhost"):
        running = ward.service.start("deploy", "--tag", tag)
        runner_pid(ward.service)
        time.sleep(20.0)
        assert not ward.has_struck()
        with ward.told(tag, kind="names", name="payments.invalid"):
            done = ward.service.finish(running, timeout_s=PATIENT_S)
            assert ward.has_struck()
    assert done.code == 12, done
    assert ward.service.get("/")["release"] == before


def test_a_certificate_that_expires_late_takes_a_strictly_watched_release_back_by_its_smoke_test(
    new_service: Callable[..., Service], tmp_path: Path
) -> None:
    good = certificate(tmp_path, "good", days_ago=0, days=30)
    bad = certificate(tmp_path, "bad", days_ago=40, days=30)
    both = tmp_path / "trusted.pem"
    both.write_text(Path(f"{good}.crt").read_text() + Path(f"{bad}.crt").read_text())
    with https(good) as (url, context):
        service = with_smoke(new_service, tls_smoke(url), both)
        text = service.config.read_text().replace('"adaptive"', '"strict"').replace('"1s"', '"5m"')
        service.config.write_text(text.replace("[monitor]", '[monitor]\nsmoke_interval = "2s"'))
        running = service.start("deploy", "--tag", "v2")
        said = "SELECT ok FROM samples WHERE signal = 'smoke' AND ok"
        wait_until(lambda: service.journal(said), 90.0, what="a good smoke test in the window")
        context.load_cert_chain(bad)
        done = service.finish(running)
        assert done.code == 12, done
        assert "smoke tests failed" in done.out + done.err
        assert "expired" in done.out + done.err
        assert service.get("/")["release"] == "v1"
