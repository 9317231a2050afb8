"""A real Prometheus on loopback that scrapes itself and one page of ours, gone afterwards in any case."""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.error import URLError
from urllib.parse import urlencode
from urllib.request import urlopen

from free_ports import free_port
from host.sites import wait_for

WHY_NOT = "" if shutil.which("prometheus") else "prometheus is not installed: apt-get install prometheus"
SCRAPE = "200ms"


class Exporter:
    """A page of metrics that says what it is told to; `gone`: it answers 503, and its series end."""

    def __init__(self) -> None:
        self.page = ""
        self.gone = False
        told = self

        class Answer(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = told.page.encode()
                self.send_response(503 if told.gone else 200)
                self.send_header("Content-Type", "text/plain; version=0.0.4")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
        self.port = self._server.server_port
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Nobody listens any more."""
        self._server.shutdown()
        self._server.server_close()


class Prometheus:
    """The server, and what it scrapes as the job "app"."""

    def __init__(self, url: str, exporter: Exporter) -> None:
        self.url = url
        self.exporter = exporter

    def ask(self, query: str) -> list[dict[str, object]]:
        """The result of a query, by the API itself."""
        with urlopen(f"{self.url}/api/v1/query?{urlencode({'query': query})}", timeout=30) as answer:
            found: list[dict[str, object]] = json.load(answer)["data"]["result"]
        return found

    def await_page(self, page: str, query: str, series: int) -> None:
        """The exporter says this, and the query gives so many series."""
        self.exporter.page = page
        wait_for(f"{query} to give {series}", lambda: len(self.ask(query)) == series, within_s=30)


@contextlib.contextmanager
def prometheus(folder: Path) -> Iterator[Prometheus]:
    """Running and ready, with its own configuration and its own data in `folder`."""
    exporter, port = Exporter(), free_port()
    folder.mkdir(parents=True, exist_ok=True)
    config = folder / "prometheus.yml"
    config.write_text(
        f"global: {{scrape_interval: {SCRAPE}, scrape_timeout: {SCRAPE}}}\n"
        "scrape_configs:\n"
        f"  - job_name: app\n    static_configs: [{{targets: ['127.0.0.1:{exporter.port}']}}]\n"
    )
    argv = ["prometheus", f"--config.file={config}", f"--storage.tsdb.path={folder / 'data'}"]
    argv += [f"--web.listen-address=127.0.0.1:{port}", "--log.level=warn"]
    url = f"http://127.0.0.1:{port}"

    def is_ready() -> bool:
        with contextlib.suppress(URLError, OSError), urlopen(f"{url}/-/ready", timeout=30) as answer:
            return bool(answer.status == 200)
        return False

    with (folder / "prometheus.log").open("wb") as log:
        process = subprocess.Popen(argv, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
    try:
        wait_for("Prometheus to be ready", is_ready, within_s=60)
        yield Prometheus(url, exporter)
    finally:
        process.terminate()
        process.wait(30)
        exporter.close()
