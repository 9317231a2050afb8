"""The house stands: floors, sizes, first sentences, and one sorted front door."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "mobius"
MODULES = sorted(SOURCE.rglob("*.py"))
LONGEST_FILE = 450
POSIX_ONLY = {"fcntl", "grp", "pty", "pwd", "resource", "termios", "tty"}
HEAVY = {"rich", "jinja2", "httptools", "prometheus_client"}


def name_of(module: Path) -> str:
    return module.relative_to(SOURCE).as_posix()


def imports(module: Path, *, everywhere: bool) -> Iterator[str]:
    """What the module imports: at its top level only, or in its functions, too."""
    tree = ast.parse(module.read_text("utf-8"))
    for node in ast.walk(tree) if everywhere else tree.body:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""


def test_every_floor_imports_lower_ones_only() -> None:
    linter = Path(sys.executable).with_name("lint-imports")
    if not linter.exists():
        pytest.skip("import-linter is not installed here")

    done = subprocess.run([linter, "--no-cache"], cwd=ROOT, capture_output=True, text=True)

    assert done.returncode == 0, done.stdout + done.stderr


def test_no_flow_knows_an_adapter() -> None:
    flows = [module for module in MODULES if name_of(module).startswith("flows/")]
    assert len(flows) > 10
    for module in flows:
        known = [name for name in imports(module, everywhere=True) if name.startswith("mobius.adapters")]
        assert known == [], name_of(module)


def test_judgement_has_no_clock_and_no_network() -> None:
    outside = {"time", "socket", "http", "urllib", "subprocess", "os", "sqlite3", "threading", "random"}
    for module in MODULES:
        if name_of(module).startswith(("rules/", "model/")):
            roots = {name.split(".")[0] for name in imports(module, everywhere=True)}
            assert not roots & outside, name_of(module)


@pytest.mark.parametrize("module", MODULES, ids=name_of)
def test_every_file_is_short_and_opens_with_what_it_is_for(module: Path) -> None:
    text = module.read_text("utf-8")
    first = (ast.get_docstring(ast.parse(text)) or "").split("\n")[0]

    assert first, "no docstring"
    assert first.rstrip()[-1] in ".:?!" or "\n" in (ast.get_docstring(ast.parse(text)) or ""), first
    assert len(text.splitlines()) <= LONGEST_FILE


def test_what_exists_on_posix_alone_is_imported_where_it_is_used() -> None:
    for module in MODULES:
        if not name_of(module).startswith(("adapters/", "host/")):
            assert not POSIX_ONLY & set(imports(module, everywhere=False)), name_of(module)


def test_what_is_heavy_is_imported_where_it_is_used() -> None:
    for module in MODULES:
        if not name_of(module).startswith("host/"):
            roots = {name.split(".")[0] for name in imports(module, everywhere=False)}
            assert not roots & HEAVY, name_of(module)


def test_the_front_door_is_sorted_and_everything_in_it_is_there() -> None:
    import mobius

    assert list(mobius.__all__) == sorted(mobius.__all__)
    assert all(hasattr(mobius, name) for name in mobius.__all__)


def test_every_package_has_a_sentence_too() -> None:
    for folder in {module.parent for module in MODULES}:
        assert (folder / "__init__.py").is_file(), folder
