"""What the web face needs is loaded by the web face alone: no command waits for it, least of all in an emergency."""

from __future__ import annotations

import subprocess
import sys

import pytest

SCRIPT = """
import sys
from mobius.cli.main import run
run({argv})
print([name for name in sys.modules if name.partition(".")[0] == "prometheus_client" or name.startswith("mobius.web")])
"""


@pytest.mark.parametrize(
    "argv", [["--help"], ["rollback", "--emergency", "-e", "production"], ["status"], ["serve", "--help"]]
)
def test_no_command_loads_what_only_the_web_face_needs(argv: list[str], tmp_path: object) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT.format(argv=argv)], capture_output=True, text=True, cwd=str(tmp_path)
    )
    assert done.stdout.splitlines()[-1] == "[]", done.stderr


def test_the_client_library_is_loaded_with_the_first_scrape() -> None:
    script = "import sys; import mobius.web.face; print('prometheus_client' in sys.modules, 'jinja2' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout.strip() == "False False", done.stderr
