"""`mobius exec` in a live release, here and over the line: no shell on either side, no secret in what it prints."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable

import pytest

from journeys.line.far import FarSide
from journeys.service import Service

pytestmark = pytest.mark.journey

PYTHON = [sys.executable, "-I", "-S", "-c"]
WORDS = "import json, sys; print(json.dumps(sys.argv[1:]))"
HOSTILE = [
    "$(touch pwned)",
    "`touch pwned`",
    "; touch pwned",
    "&& touch pwned",
    "| touch pwned",
    "> pwned",
    "a\ntouch pwned",
    "$HOME",
    "${IFS}",
    "~",
    "*",
    "?",
    "!!",
    "'",
    '"',
    "\\",
    "a b",
    "",
    "-oProxyCommand=touch pwned",
    "--on",
    "--",
    "%h",
    "ü €",
    "\x1b[2J",
]
SECRETS = 'env_file = "shared/.env"\n'


@pytest.fixture
def live(far: FarSide, shop: Callable[..., Service]) -> Service:
    """v1 is live, with an environment file."""
    service = shop(alone=False)
    text = service.config.read_text().replace('kind = "web"\n', f'kind = "web"\n{SECRETS}', 1)
    service.config.write_text(text)
    (service.root / "shared").mkdir(parents=True)
    (service.root / "shared" / ".env").write_text("DB_PASSWORD=hunter22-abc\nPLACE=north-by-northwest\n")
    service.mobius("deploy", "--tag", "v1", "--detach", expect=0)
    return service


def test_a_command_sees_the_world_of_the_live_release(far: FarSide, live: Service) -> None:
    code = "import os, json; print(json.dumps([os.getcwd(), dict(os.environ)]))"
    done = live.mobius("exec", "--raw", *PYTHON, code, expect=0)
    folder, environ = done.json
    assert folder == str(live.root / "releases" / environ["MOBIUS_RELEASE"])
    wanted = {"DB_PASSWORD": "hunter22-abc", "DATABASE": "../../shared/data/app.db", "MOBIUS_PROCESS": "web"}
    assert {name: environ[name] for name in wanted} == wanted
    assert environ["MOBIUS_SHARED"] == str(live.root / "shared")
    assert "MOBIUS_ROOT" not in environ

    printed = live.mobius("exec", "--", "env", expect=0).out.splitlines()
    assert {"DB_PASSWORD=«redacted»", "PLACE=«redacted»", "MOBIUS_KIND=web"} <= set(printed)

    asked = [*PYTHON, WORDS, *HOSTILE]
    assert live.mobius("exec", "--", *asked, expect=0).json == HOSTILE
    there = far.on("exec", "-e", "production", "--process", "web", "--", *asked)
    assert (there.code, there.json, there.err) == (0, HOSTILE, "")

    code = "import os, sys; os.write(1, bytes(range(256))); os.write(2, b'no\\n'); sys.exit(7)"
    done = far.on("exec", *PYTHON, code, text=False)
    assert (done.code, done.out, done.err) == (7, bytes(range(256)), b"no\n")
    assert far.on("exec", "--", "no-such-program").code == 127

    events = [
        json.loads(row) for (row,) in live.journal("SELECT data FROM events WHERE kind = 'command run'")
    ]
    assert len(events) == 6
    assert events[1] == {
        "argv": ["env"],
        "process": "web",
        "release": environ["MOBIUS_RELEASE"],
        "slot": "blue",
    }
    assert events[3]["argv"] == asked
    assert not list(live.folder.rglob("pwned")) and not list(far.folder.rglob("pwned"))


def test_nothing_is_run_where_nothing_is_live(far: FarSide, shop: Callable[..., Service]) -> None:
    service = shop(alone=False)
    done = far.on("exec", "--", "touch", "here")
    assert (done.code, done.out) == (2, "")
    assert done.err.splitlines() == [
        "error: nothing is live in production",
        "  try: mobius deploy -e production --tag TAG",
    ]
    assert not list(service.folder.rglob("here"))
    assert service.journal("SELECT 1 FROM events") == []


def test_a_hostile_tag_or_environment_is_a_word_like_any_other(
    far: FarSide, shop: Callable[..., Service]
) -> None:
    service = shop(alone=False)
    for word in ("$(touch pwned)", "'; touch pwned; '", "--tag=\ntouch pwned"):
        assert far.on("deploy", "--tag", word).code in (1, 2, 3), word
    assert far.on("status", "-e", "`touch pwned`").code == 2
    assert not list(far.folder.rglob("pwned"))
    assert service.journal("SELECT 1 FROM runs") == []


def test_a_hostile_folder_is_a_folder(far: FarSide) -> None:
    folder = far.home / "a b;$(touch pwned)'\""
    service = Service(folder)
    done = far.on("history", at=f"deploy@far:{folder.name}")
    assert (done.code, done.err) == (0, "no run yet in production\n"), done
    gone = far.on("history", at="deploy@far:$(touch pwned)")
    assert gone.code == 2
    assert gone.err.splitlines() == [
        "error: '$(touch pwned)' on deploy@far: No such file or directory",
        "  name the folder of mobius.toml there: --on user@host:FOLDER",
    ]
    assert not list(far.folder.rglob("pwned"))
    service.close()
    assert all(argv[-1].endswith("mobius relay") for argv in far.connections)
