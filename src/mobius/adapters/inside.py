"""Runs a program where a release runs, with what its process was given, and keeps secrets out of what it writes."""

from __future__ import annotations

import codecs
import os
import re
import signal
import subprocess
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import IO

from mobius.adapters.places import Places
from mobius.adapters.redaction import ORDINARY, SECRET_NAME, SHOWN, forms_of
from mobius.adapters.targets.environment_file import environment_of, read_environment_file
from mobius.errors import ConfigurationError, MobiusError
from mobius.host.slots import inherited_environment, read_values
from mobius.host.unit import unit_file
from mobius.model.settings import EnvironmentSettings, ProcessSettings

CHUNK = 65_536
LAST_OUTPUT_S = 2.0  # of programs that it left behind and that keep its output open
NOT_FOUND, NOT_EXECUTABLE = 127, 126
_URL_PASSWORD = re.compile(r"(\b[a-z][a-z0-9+.-]*://[^/\s:@]*:)[^/\s@]+(@)", re.IGNORECASE)

Write = Callable[[str], None]


def given_to(
    process: ProcessSettings,
    slot: str,
    settings: EnvironmentSettings,
    places: Places,
    environ: Mapping[str, str],
) -> dict[str, str]:
    """What the process in this slot was given when it was started; what it would be given now where that was not
    kept, or is not ours to read."""
    try:
        kept = read_values(places.root / "run" / slot / "env.json").get(process.name)
        unit = read_values(unit_file(places.root, process.name, slot)).get("env")
    except OSError:
        kept = unit = None
    return dict(kept or unit or environment_of(process, settings.name, places, environ))


def given_by_unit(settings: EnvironmentSettings) -> tuple[dict[str, str], str]:
    """What the `EnvironmentFile` of its unit gives every process, and why that is not known; "" where it is."""
    named = settings.systemd.directives.get("EnvironmentFile", "") if settings.target == "systemd" else ""
    path = Path(named.removeprefix("-"))
    if not named or (named.startswith("-") and not path.exists()):
        return {}, ""
    try:
        return read_environment_file(path), ""
    except ConfigurationError as problem:
        return {}, problem.message


def environment_inside(given: Mapping[str, str], facts: Mapping[str, str]) -> dict[str, str]:
    """The whole environment: what is inherited, without what is ours; what was given; and `facts`."""
    return {**inherited_environment(), **given, **facts}


def secrets_among(given: Mapping[str, str], process: ProcessSettings) -> set[str]:
    """The values that nobody should read: what did not come from `env` in mobius.toml, and what sounds secret."""
    return {
        value
        for name, value in given.items()
        if SECRET_NAME.search(name)
        or not (name in process.env or name.startswith("MOBIUS_") or name == "PYTHONUNBUFFERED")
    } - ORDINARY


def without_secrets(argv: Sequence[str], redact: Callable[[str], str]) -> list[str]:
    """The words as they may be written down: known secrets, and whatever is named like one, taken out."""
    shown, follows = [], False
    for word in argv:
        name, equals, _ = word.partition("=")
        if follows and not word.startswith("-"):
            shown.append(SHOWN)
        elif equals and SECRET_NAME.search(name):
            shown.append(f"{name}={SHOWN}")
        else:
            shown.append(redact(_URL_PASSWORD.sub(rf"\1{SHOWN}\2", word)))
        follows = word.startswith("-") and not equals and bool(SECRET_NAME.search(word))
    return shown


def run_inside(
    argv: Sequence[str],
    cwd: Path,
    env: Mapping[str, str],
    *,
    secrets: Iterable[str] | None,
    out: Write,
    err: Write,
    interrupts: bool,
) -> int:
    """Runs `argv` through no shell, and returns its exit code; 128 and the signal's number when one killed it.

    Its output goes to `out` and `err`, secrets taken out; with None as `secrets` it is not looked at. `interrupts`:
    Ctrl-C reaches this process alone, and is handed on. Raises `MobiusError` when it cannot be started.
    """
    pipe = None if secrets is None else subprocess.PIPE
    try:
        process = subprocess.Popen(list(argv), cwd=cwd, env=dict(env), stdout=pipe, stderr=pipe, bufsize=0)
    except (OSError, ValueError) as problem:
        raise _not_started(argv[0], problem) from problem
    forms = forms_of(secrets or ())
    streams = ((process.stdout, out), (process.stderr, err))
    readers = [
        threading.Thread(target=_pass_on, args=(stream, write, forms), daemon=True)
        for stream, write in streams
        if stream is not None
    ]
    for reader in readers:
        reader.start()
    before = signal.signal(signal.SIGTERM, lambda *_: process.terminate())
    try:
        code = _wait(process, interrupts=interrupts)
    finally:
        signal.signal(signal.SIGTERM, before)
    for reader in readers:
        reader.join(LAST_OUTPUT_S)
    return 128 - code if code < 0 else code


def _wait(process: subprocess.Popen[bytes], *, interrupts: bool) -> int:
    """To its end: whether Ctrl-C is one is for the program to say."""
    while True:
        try:
            return process.wait()
        except KeyboardInterrupt:
            if interrupts:
                process.send_signal(signal.SIGINT)


def _not_started(program: str, problem: OSError | ValueError) -> MobiusError:
    why = problem.strerror if isinstance(problem, OSError) else str(problem)
    error = MobiusError(
        f"{program!a} cannot be started: {why}", "it is looked for on the PATH, or in the release"
    )
    error.exit_code = NOT_FOUND if isinstance(problem, FileNotFoundError) else NOT_EXECUTABLE
    return error


def _pass_on(stream: IO[bytes], write: Write, forms: set[str]) -> None:
    """What was read so far is written at once, but for an end that may be the beginning of a secret."""
    decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
    pattern = re.compile("|".join(re.escape(form) for form in sorted(forms, key=len, reverse=True)))
    held = ""
    while True:
        more = os.read(stream.fileno(), CHUNK)
        held += decoder.decode(more, final=not more)
        end = len(held) - (_begun(held, forms) if more else 0)
        for found in pattern.finditer(held) if forms else ():
            if found.start() < end < found.end():  # a whole one whose own end may be the beginning of another
                end = found.start()
        said = pattern.sub(SHOWN, held[:end]) if forms else held[:end]
        held = held[end:]
        try:
            if said:
                write(said)
        except (OSError, ValueError):
            stream.close()  # nobody reads on: the program is told in the way of all programs
            return
        if not more:
            return


def _begun(text: str, forms: set[str]) -> int:
    """How long the longest end of `text` is that some secret begins with."""
    longest = max(map(len, forms), default=1) - 1
    for length in range(min(longest, len(text)), 0, -1):
        end = text[-length:]
        if any(form.startswith(end) for form in forms):
            return length
    return 0
