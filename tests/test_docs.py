"""The documentation is held to the code: its commands exist, its links lead somewhere, its lists are whole."""

from __future__ import annotations

import ast
import importlib.util
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType

import click
import pytest

from mobius import config, errors
from mobius.cli.main import mobius
from pages import reading


def _load(name: str) -> ModuleType:
    file = Path(__file__).parent / "docs" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"docs_{name}", file)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


commands_page = _load("commands_page")
PAGES = reading.pages()
FLOWS = reading.ROOT / "src" / "mobius"


@pytest.mark.parametrize("page", PAGES, ids=reading.named)
def test_every_command_in_the_documentation_exists(page: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (reading.ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    for words in reading.commands(page):
        if words[0] == "make":
            assert set(words[1:]) <= targets, f"{reading.named(page)}: {' '.join(words)}"
        else:
            _parse(words[1:], f"{reading.named(page)}: {' '.join(words)}")


def test_the_pages_for_starters_do_have_commands() -> None:
    for name in ("README.md", "docs/tutorial/first-rollback.md", "docs/how-to/roll-back.md"):
        assert len(reading.commands(reading.ROOT / name)) >= 5, name


def _parse(argv: list[str], where: str) -> None:
    """Parses as the command line would, and runs nothing."""
    command, context = mobius, click.Context(mobius, info_name="mobius", **mobius.context_settings)
    try:
        while isinstance(command, click.Group):
            _, rest, _ = command.make_parser(context).parse_args(list(argv))
            if not rest and command.invoke_without_command:
                break
            _, found, argv = command.resolve_command(context, rest)
            assert found is not None, where
            command = found
            context = click.Context(
                command, info_name=command.name, parent=context, **command.context_settings
            )
        command.parse_args(context, argv)
    except click.ClickException as wrong:
        pytest.fail(f"{where}: {wrong.format_message()}")


def test_the_page_of_commands_is_what_help_says() -> None:
    written = commands_page.PAGE.read_text("utf-8")
    assert written == commands_page.page(), "write it again: python tests/docs/commands_page.py"


@pytest.mark.parametrize("page", PAGES, ids=reading.named)
def test_every_link_leads_somewhere(page: Path) -> None:
    for link in reading.links(page):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f"{reading.named(page)}: {link}"
        if anchor:
            assert anchor in reading.anchors(target), f"{reading.named(page)}: {link}"


@pytest.mark.parametrize("page", PAGES, ids=reading.named)
def test_every_whole_mobius_toml_in_the_documentation_is_right(page: Path, tmp_path: Path) -> None:
    for code in reading.blocks(page, "toml"):
        if code.startswith("service = "):
            (tmp_path / "mobius.toml").write_text(code, "utf-8")
            assert config.load(tmp_path / "mobius.toml", environ={}, flags={}).environments


def test_every_smoke_test_that_is_explained_can_be_read(tmp_path: Path) -> None:
    page = reading.ROOT / "docs" / "how-to" / "write-smoke-tests.md"
    lines = [line for code in reading.blocks(page, "text") for line in code.splitlines()]
    shown = "".join(
        f"[[smoke]]\nname = 'line {n}'\nget = '/'\nexpect = ['{line}']\n" for n, line in enumerate(lines)
    )
    tests = "".join(reading.blocks(page, "toml")) + shown
    head = 'service = "shop"\n[[process]]\nname = "web"\nstart = ["true"]\n'
    tail = '[environments.production]\nurl = "https://shop.example.org"\nlisten = "127.0.0.1:5001"\n'
    (tmp_path / "mobius.toml").write_text(head + tests + tail, "utf-8")
    settings = config.load(tmp_path / "mobius.toml", environ={}, flags={})
    assert len(settings.environment("production").smoke) >= 6 + len(lines)


def test_every_error_has_its_line_with_its_exit_code() -> None:
    page = (reading.ROOT / "docs" / "reference" / "exit-codes.md").read_text("utf-8")
    rows = set(re.findall(r"^\| (\d+) \| `(\w+)` \|", page, re.MULTILINE))
    family = [errors.MobiusError, *_descendants(errors.MobiusError)]
    assert rows == {(str(error.exit_code), error.__name__) for error in family}


def _descendants(of: type[errors.MobiusError]) -> Iterator[type[errors.MobiusError]]:
    for one in of.__subclasses__():
        if one.__module__ == "mobius.errors":
            yield one
            yield from _descendants(one)


def test_every_kind_of_event_is_explained_and_no_other() -> None:
    page = (reading.ROOT / "docs" / "reference" / "events.md").read_text("utf-8")
    explained = set(re.findall(r"^\| `([a-z ]+)` \|", page, re.MULTILINE))
    trees = [ast.parse(file.read_text("utf-8")) for file in FLOWS.rglob("*.py")]
    names = {name: text for tree in trees for name, text in _named_texts(tree)}
    written = {kind for tree in trees for kind in _kinds(tree, names)}
    assert len(written) > 20
    assert explained == written


def _named_texts(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """`A = "a"`, and `A, B = "a", "b"`."""
    for line in tree.body:
        if isinstance(line, ast.Assign):
            target = line.targets[0]
            names = target.elts if isinstance(target, ast.Tuple) else [target]
            values = line.value.elts if isinstance(line.value, ast.Tuple) else [line.value]
            for name, value in zip(names, values, strict=False):
                text = value.value if isinstance(value, ast.Constant) else None
                if isinstance(name, ast.Name) and isinstance(text, str) and re.fullmatch("[a-z ]+", text):
                    yield name.id, text


def _kinds(tree: ast.AST, names: Mapping[str, str]) -> Iterator[str]:
    """The kinds of event that this source writes: `say(kind, …)`, `move(state, kind, …)`, `Note(kind, …)`."""
    places = {"say": 0, "move": 1, "Note": 0, "_step_note": 0}
    for call in ast.walk(tree):
        if not isinstance(call, ast.Call):
            continue
        name = getattr(call.func, "attr", getattr(call.func, "id", ""))
        if name in places and len(call.args) > places[name]:
            yield from _texts(call.args[places[name]], names)


def _texts(word: ast.expr, names: Mapping[str, str]) -> Iterator[str]:
    if isinstance(word, ast.Name) and word.id in names:
        yield names[word.id]
    elif isinstance(word, ast.Constant) and isinstance(word.value, str):
        yield word.value
    elif isinstance(word, ast.IfExp):
        yield from _texts(word.body, names)
        yield from _texts(word.orelse, names)
