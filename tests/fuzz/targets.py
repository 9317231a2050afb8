"""What reads the words of others, each as a function of bytes: it gives an answer or a `MobiusError`, and nothing else.

`hunt.py` looks for bytes for which that is not so; `test_corpus.py` tries the kept ones in every `make test`.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from pathlib import Path

from mobius.adapters.evidence import envelope
from mobius.adapters.traffic import haproxy_reading
from mobius.config import load
from mobius.errors import MobiusError
from mobius.model.quality import AudioGates, VideoGates
from mobius.rules.access_log import request_line
from mobius.rules.expect import read_json
from mobius.rules.junit import judge_junit, read_junit
from mobius.rules.media.golden_record import golden_of
from mobius.rules.media.manifest import films_of_manifest
from mobius.rules.migrations import lint
from mobius.rules.notices.answers import judge, retry_after_s
from mobius.rules.quality.audio import judge_audio, of_summary
from mobius.rules.quality.container import judge_container, of_ffprobe
from mobius.rules.scanning.npm import read_npm
from mobius.rules.scanning.osv import read_osv
from mobius.rules.scanning.pip_audit import read_pip_audit
from mobius.rules.scanning.sarif import read_sarif
from mobius.rules.secret_patterns import without_patterns

Target = Callable[[bytes], object]
_FOLDER = tempfile.TemporaryDirectory(prefix="mobius-fuzz-")
_FILE = Path(_FOLDER.name, "mobius.toml")


def configuration(data: bytes) -> object:
    """A whole mobius.toml."""
    _FILE.write_bytes(data)
    return load(_FILE, environ={}, flags={})


def migration(data: bytes) -> object:
    """The first byte chooses the dialect."""
    text = _text(data[1:])
    dialect = "sqlite" if data[:1] in (b"s", b"S") else "postgresql"
    return lint(text, dialect=dialect, assume_in_transaction=data[:1].isupper())


def haproxy_servers(data: bytes) -> object:
    """`show servers state`, also out of the kept file."""
    return haproxy_reading.read_servers(_text(data), "dhash")


def haproxy_statistics(data: bytes) -> object:
    """`show stat`, and `show info`."""
    haproxy_reading.read_process(_text(data))
    return haproxy_reading.read_statistics(_text(data), "dhash")


def sarif(data: bytes) -> object:
    """Of a scanner that somebody else ran."""
    return read_sarif(_text(data))


def npm_audit(data: bytes) -> object:
    """The first byte is the exit code."""
    return read_npm(_text(data[1:]), data[0] if data else 0, {"node_modules/lodash": "4.17.4"})


def pip_audit(data: bytes) -> object:
    """The same of pip-audit."""
    return read_pip_audit(_text(data[1:]), data[0] if data else 0, ("jinja2",), "requirements.txt")


def osv_scanner(data: bytes) -> object:
    """The same of OSV-Scanner."""
    return read_osv(_text(data[1:]), data[0] if data else 0)


def ffprobe(data: bytes) -> object:
    """A report of a film's container, judged."""
    return judge_container(of_ffprobe(read_json(_text(data))), VideoGates())


def ebur128(data: bytes) -> object:
    """What FFmpeg's meter says of a film's sound, judged."""
    return judge_audio(of_summary(_text(data)), AudioGates())


def junit(data: bytes) -> object:
    """What a project's own tests wrote, judged."""
    return judge_junit("tests.xml", read_junit(data))


def golden(data: bytes) -> object:
    """golden.json."""
    return golden_of(_text(data))


def manifest(data: bytes) -> object:
    """The films of a suite, as JSON or as TOML."""
    return films_of_manifest(_text(data), "films")


def webhook_answer(data: bytes) -> object:
    """Kind, status and body in one: `slack 200 ok`."""
    kind, _, rest = _text(data).partition(" ")
    status, _, body = rest.partition(" ")
    headers = {"retry-after": body[:40]}
    retry_after_s(headers, 1_000.0)
    return judge(kind, int(status) if status.isdecimal() and len(status) < 4 else 200, headers, body, 1_000.0)


def evidence(data: bytes) -> object:
    """A signed record of a run."""
    return envelope.statement_of(envelope.read(data))


def record(data: bytes) -> object:
    """Any text that is kept: secrets are taken out by their form."""
    request_line(_text(data)[:1000])
    return without_patterns(_text(data))


TARGETS: dict[str, Target] = {
    target.__name__: target
    for target in (
        configuration,
        migration,
        haproxy_servers,
        haproxy_statistics,
        sarif,
        npm_audit,
        pip_audit,
        osv_scanner,
        ffprobe,
        ebur128,
        junit,
        golden,
        manifest,
        webhook_answer,
        evidence,
        record,
    )
}


def tried(name: str, data: bytes) -> None:
    """Raises whatever is neither an answer nor an error that can be shown to a person."""
    try:
        TARGETS[name](data)
    except MobiusError as refused:
        assert refused.message and refused.hint, f"{name}: an error without words: {refused!r}"
        json.dumps({"message": refused.message, "hint": refused.hint}).encode()
        str(refused).encode("utf-8", "surrogateescape")


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")
