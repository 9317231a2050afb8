"""A program inside a release: what it is given, what it may not print, and how its end is told."""

from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mobius.adapters import inside
from mobius.adapters.places import Places
from mobius.adapters.redaction import SHOWN, forms_of, redactor
from mobius.errors import MobiusError
from mobius.model.settings import EnvironmentSettings, ProcessSettings, SystemdSettings

WEB = ProcessSettings(
    "web", ("true",), env={"COLOUR": "green", "API_KEY": "from-the-file"}, env_file="shared/.env"
)


@pytest.fixture
def places(tmp_path: Path) -> Places:
    made = Places(tmp_path, tmp_path / "root")
    made.shared.mkdir(parents=True)
    (made.shared / ".env").write_text("DB=postgres://u:hunter22@db/shop\n")
    return made


def given_now(places: Places) -> dict[str, str]:
    there = EnvironmentSettings("production", "http://127.0.0.1:1", places.root)
    return inside.given_to(WEB, "blue", there, places, {})


def test_it_is_given_what_the_process_was_given_when_it_was_started(places: Places) -> None:
    assert given_now(places)["DB"] == "postgres://u:hunter22@db/shop"
    slot = places.root / "run" / "blue"
    slot.mkdir(parents=True)
    (slot / "env.json").write_text(json.dumps({"web": {"DB": "of then"}}))
    assert given_now(places) == {"DB": "of then"}


def test_it_is_given_what_a_unit_was_given(places: Places) -> None:
    unit = places.root / "run" / "units" / "blue"
    unit.mkdir(parents=True)
    (unit / "web.json").write_text(json.dumps({"argv": ["x"], "env": {"DB": "of the unit"}}))
    assert given_now(places) == {"DB": "of the unit"}


def of_a_unit(places: Places, file: str) -> EnvironmentSettings:
    systemd = SystemdSettings(directives={"EnvironmentFile": file})
    return EnvironmentSettings(
        "production", "http://127.0.0.1:1", places.root, target="systemd", systemd=systemd
    )


def test_it_is_given_what_its_unit_reads_from_a_file(places: Places) -> None:
    file = places.root / "shop.env"
    file.write_text("DB='of the unit'\n")
    assert inside.given_by_unit(of_a_unit(places, f"{file}")) == ({"DB": "of the unit"}, "")
    assert inside.given_by_unit(of_a_unit(places, f"-{file}")) == ({"DB": "of the unit"}, "")


def test_a_file_of_its_unit_that_is_not_there_is_said_where_the_unit_needs_it(places: Places) -> None:
    gone = places.root / "gone.env"
    assert inside.given_by_unit(of_a_unit(places, f"-{gone}")) == ({}, "")
    why = f"the environment file {gone} does not exist"
    assert inside.given_by_unit(of_a_unit(places, f"{gone}")) == ({}, why)


def test_secret_is_whatever_the_configuration_does_not_show(places: Places) -> None:
    assert inside.secrets_among(given_now(places), WEB) == {"postgres://u:hunter22@db/shop", "from-the-file"}


@pytest.mark.parametrize(
    ("argv", "shown"),
    [
        (["npm", "run", "migrate"], ["npm", "run", "migrate"]),
        (["curl", "-H", "x: hunter22-abc"], ["curl", "-H", f"x: {SHOWN}"]),
        (["psql", "--password", "abc", "-c", "x"], ["psql", "--password", SHOWN, "-c", "x"]),
        (["psql", "--password", "-c", "x"], ["psql", "--password", "-c", "x"]),
        (["app", "--api-token=abc", "TOKEN=abc"], ["app", f"--api-token={SHOWN}", f"TOKEN={SHOWN}"]),
        (["psql", "postgres://u:abc@db/x"], ["psql", f"postgres://u:{SHOWN}@db/x"]),
        (["echo", "$(id)", "a b\n"], ["echo", "$(id)", "a b\n"]),
    ],
)
def test_what_is_written_down_of_the_words_holds_no_secret(argv: list[str], shown: list[str]) -> None:
    assert inside.without_secrets(argv, redactor(["hunter22-abc"])) == shown


def run(code: str, *words: str, secrets: Iterable[str] | None = ()) -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    argv = [sys.executable, "-I", "-S", "-c", code, *words]
    done = inside.run_inside(
        argv, Path.cwd(), {}, secrets=secrets, out=out.write, err=err.write, interrupts=False
    )
    return done, out.getvalue(), err.getvalue()


def test_its_exit_code_is_passed_on_and_a_signal_told_as_shells_do() -> None:
    assert run("import sys; print('a'); print('b', file=sys.stderr); sys.exit(7)") == (7, "a\n", "b\n")
    assert run("import os; os.kill(os.getpid(), 9)")[0] == 137


@pytest.mark.parametrize(
    ("program", "code", "message"),
    [
        ("no-such-program", 127, "'no-such-program' cannot be started: No such file or directory"),
        ("/etc", 126, "'/etc' cannot be started: Permission denied"),
        ("a\0b", 126, "'a\\x00b' cannot be started: embedded null byte"),
    ],
)
def test_what_cannot_be_started_is_told_as_shells_do(program: str, code: int, message: str) -> None:
    with pytest.raises(MobiusError) as refused:
        inside.run_inside([program], Path.cwd(), {}, secrets=(), out=print, err=print, interrupts=False)
    assert (refused.value.exit_code, refused.value.message) == (code, message)


def test_no_word_is_read_by_a_shell() -> None:
    hostile = ["$(touch x)", "`id`", "; id", "a\nb", "'", '"', "*", "~", "-rf", "", "\\", "ü\udcff"]
    code, out, _ = run("import sys; print(ascii(sys.argv[1:]))", *hostile)
    assert (code, out) == (0, f"{hostile!a}\n")


def test_bytes_that_are_no_text_get_through() -> None:
    _, out, _ = run("import os; os.write(1, bytes(range(256)))")
    assert os.fsencode(out) == bytes(range(256))


def test_a_prompt_without_a_line_end_is_written_at_once_and_a_secret_in_two_pieces_is_not() -> None:
    pieces = ["name? ", "the se", "cret is hunt", "er22-abc", " and hunt", "ing"]
    code = f"""import os, time
for piece in {pieces!r}:
    os.write(1, piece.encode()); time.sleep(0.05)"""
    written: list[str] = []
    argv = [sys.executable, "-I", "-S", "-c", code]
    inside.run_inside(
        argv, Path.cwd(), {}, secrets=["hunter22-abc"], out=written.append, err=print, interrupts=False
    )
    assert written[0] == "name? "
    assert "".join(written) == f"name? the secret is {SHOWN} and hunting"


@given(
    secrets=st.lists(st.text("ab/", min_size=6, max_size=9), max_size=3),
    pieces=st.lists(st.text("ab/\n", max_size=12), max_size=12),
)
@settings(max_examples=300, deadline=None)
def test_however_it_is_cut_into_pieces_no_secret_gets_through(secrets: list[str], pieces: list[str]) -> None:
    source, sink = os.pipe()
    written: list[str] = []
    forms = forms_of(secrets)
    reads = iter([*(piece.encode() for piece in pieces if piece), b""])
    with os.fdopen(source, "rb", buffering=0) as stream, pytest.MonkeyPatch.context() as patch:
        os.close(sink)
        patch.setattr(inside.os, "read", lambda *_: next(reads))
        inside._pass_on(stream, written.append, forms)
    said = "".join(written)
    assert not any(form in said for form in forms)
    if not any(form in "".join(pieces) for form in forms):
        assert said == "".join(pieces)
