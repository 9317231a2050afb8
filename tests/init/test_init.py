"""`mobius init` on small repositories: what it writes, and what it leaves alone."""

from __future__ import annotations

import json
import os
import re
import stat
from pathlib import Path

import pytest

from init.samples import LOCK, NODE, PACKAGE, SAMPLES, git_in, lay_out
from mobius.cli.main import run
from mobius.config import load
from mobius.report.members import with_members

GOLDEN = Path(__file__).parent / "golden"
PLACEHOLDERS = re.compile(
    r"\b(TODO|FIXME|XXX|CHANGE_?ME|REPLACE[-_ ]ME|PLACEHOLDER|your[-_]\w+|example\.(com|org))\b"
    r"|<[A-Z_]{3,}>|[«»]|(?<!\$)\{\{|\{%",
    re.I,
)


def tree(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and ".git" not in path.relative_to(folder).parts
    }


def init(folder: Path, *words: str) -> int:
    return run(["--config", str(folder / "mobius.toml"), "init", *words])


def compare(golden: Path, found: str) -> None:
    """With GOLDEN=write the file is written anew, to be read before it is committed."""
    if os.environ.get("GOLDEN") == "write":
        golden.parent.mkdir(parents=True, exist_ok=True)
        golden.write_bytes(found.encode())
    assert found == golden.read_bytes().decode()


@pytest.mark.parametrize("name", SAMPLES)
def test_mobius_toml_of_each_sample_is_the_one_that_was_read_and_approved(name: str, tmp_path: Path) -> None:
    project = lay_out(tmp_path / name, SAMPLES[name])
    assert init(project, "--yes") == 0
    compare(GOLDEN / f"{name}.toml", (project / "mobius.toml").read_text(encoding="utf-8"))
    settings = load(project / "mobius.toml", environ={})
    assert set(settings.environments) == {"production", "staging"}


@pytest.mark.parametrize(
    ("file", "folder"),
    [
        ("db/migrations/20240101000000_notes.sql", "db/migrations"),
        ("src/main/resources/db/migration/V1__notes.sql", "src/main/resources/db/migration"),
        ("prisma/migrations/20240101_init/migration.sql", "prisma/migrations"),
    ],
)
def test_a_folder_of_sql_is_found_whosever_layout_it_has(file: str, folder: str, tmp_path: Path) -> None:
    without = {name: text for name, text in SAMPLES["sqlite"].items() if not name.startswith("migrations/")}
    project = lay_out(tmp_path / "notes", {**without, file: "CREATE TABLE notes (body TEXT);\n"})
    assert init(project, "--yes") == 0
    moved = load(project / "mobius.toml", environ={}).environment("production").migrations
    assert moved is not None and (moved.path, moved.database) == (folder, "data/notes.db")


def test_all_other_files_are_the_ones_that_were_read_and_approved(tmp_path: Path) -> None:
    project = lay_out(tmp_path / "dhash", NODE)
    assert init(project, "--yes") == 0
    written = {
        path: text for path, text in tree(project).items() if path not in NODE or path == "package.json"
    }
    del written["mobius.schema.json"], written["mobius.toml"], written[".mobius/mobius.path"]
    compare(GOLDEN / "node.files", "".join(f"{path}\n" for path in written))
    shown = [p for p in written if not p.endswith(".cmd") and ("deploy" not in p or "run" in p)]
    text = "".join(f"===== {p}\n{written[p].decode()}" for p in shown)
    compare(GOLDEN / "node.texts", text)


@pytest.mark.parametrize("name", SAMPLES)
def test_nothing_written_holds_a_placeholder(name: str, tmp_path: Path) -> None:
    project = lay_out(tmp_path / name, SAMPLES[name])
    init(project, "--yes")
    for path, text in tree(project).items():
        filled_when_sent = path.startswith(("notifications/", "NOTIFICATION_TEMPLATES"))
        if path not in SAMPLES[name] and path != "mobius.schema.json" and not filled_when_sent:
            assert not (found := PLACEHOLDERS.search(text.decode())), f"{path}: {found}"


@pytest.mark.parametrize("name", SAMPLES)
def test_a_repeat_changes_nothing_and_says_so(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    project = lay_out(tmp_path / name, SAMPLES[name])
    init(project, "--yes")
    before = tree(project)
    git_in(project, "tag", "v9.9.9")
    capsys.readouterr()
    assert init(project) == 0
    assert tree(project) == before
    assert "already as it should be" in capsys.readouterr().out


def test_a_dry_run_writes_nothing(tmp_path: Path) -> None:
    project = lay_out(tmp_path / "dhash", NODE)
    before = tree(project)
    assert init(project, "--dry-run") == 0
    assert tree(project) == before


def test_a_file_that_differs_is_shown_and_nothing_is_written_without_a_yes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    project = lay_out(tmp_path / "dhash", {**NODE, "curl-format.txt": "mine\n", "package.json": PACKAGE})
    before = tree(project)
    assert init(project) == 2
    told = capsys.readouterr()
    assert tree(project) == before
    assert "--- a/curl-format.txt\n+++ b/curl-format.txt\n@@ -1 +1,6 @@\n-mine\n" in told.out
    assert told.err == (
        "error: curl-format.txt, .gitignore, package.json: other than mobius would write, and there is no terminal"
        " to ask; nothing was written\n  read the diff, then mobius init --yes\n"
    )


def test_the_gates_and_the_configuration_that_are_there_stay_theirs(tmp_path: Path) -> None:
    project = lay_out(tmp_path / "dhash", NODE)
    init(project, "--yes")
    gates = project / "quality-gates.json"
    gates.write_text(gates.read_text().replace("200", "350"))
    config = project / "mobius.toml"
    config.write_text(config.read_text().replace('service = "dhash"', 'service = "hasher"'))
    assert init(project, "--yes") == 0
    assert "350" in gates.read_text()
    assert 'service = "hasher"' in config.read_text()
    assert (project / "scripts/deploy_hasher.sh").is_file(), "the other files follow mobius.toml"


def test_package_json_keeps_every_character_but_the_two_scripts() -> None:
    wild = '\ufeff{"a":[1,{"scripts":{}}],\r\n\t"scripts": {\r\n\t\t"x": "}{\\"",\r\n\t\t"y":"2" },\r\n"z":1}'
    made = with_members(wild, "scripts", {"x": "not taken", "n:m": "new"})
    assert made == wild.replace('"y":"2"', '"y":"2",\r\n\t\t"n:m": "new"')
    assert with_members(made, "scripts", {"n:m": "new"}) == made


@pytest.mark.parametrize(
    ("text", "made"),
    [
        ("{}", '{\n  "scripts": {\n    "a": "b"\n  }\n}'),
        ('{"name": "x"}', '{"name": "x", "scripts": {\n    "a": "b"\n  }}'),
        ('{\n\t"name": "x"\n}\n', '{\n\t"name": "x",\n\t"scripts": {\n\t\t"a": "b"\n\t}\n}\n'),
        ('{\n  "scripts": {}\n}', '{\n  "scripts": {\n    "a": "b"\n  }\n}'),
        ('{"scripts": {"x": "1"}}', '{"scripts": {"x": "1", "a": "b"}}'),
    ],
)
def test_scripts_find_their_place_in_any_package_json(text: str, made: str) -> None:
    assert with_members(text, "scripts", {"a": "b"}) == made
    assert json.loads(made)["scripts"]["a"] == "b"


def test_line_endings_of_files_that_are_there_are_kept(tmp_path: Path) -> None:
    files = {**NODE, "package.json": PACKAGE.replace("\n", "\r\n"), ".gitignore": "node_modules/\r\n"}
    project = lay_out(tmp_path / "dhash", files)
    assert init(project, "--yes") == 0
    for name in ("package.json", ".gitignore"):
        text = (project / name).read_bytes()
        assert text.count(b"\n") == text.count(b"\r\n") > 3, name


def test_an_empty_folder_is_refused_with_what_to_say(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    project = lay_out(tmp_path / "empty", {}, git=False)
    assert init(project, "--yes") == 2
    assert capsys.readouterr().err == (
        "error: nothing in empty says how the service starts\n  try: mobius init --start 'node server.js'\n"
    )
    assert tree(project) == {}


def test_what_is_said_makes_a_service_of_an_empty_folder_without_git(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    project = lay_out(tmp_path / "empty", {}, git=False)
    assert (
        init(project, "--start", "./serve --port $PORT", "--port", "7070", "--service", "Täglich & Co") == 0
    )
    settings = load(project / "mobius.toml", environ={})
    production = settings.environment("production")
    assert (settings.service, production.url) == ("t-glich-co", "http://127.0.0.1:7070")
    assert production.processes[0].start == ("sh", "-c", "exec ./serve --port $PORT")
    assert production.release.source == str(project)
    assert "This is no git repository" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("folder", "service"),
    [
        ("Été 2026!", "t-2026"),
        ('quo"te\\', "quo-te"),
        ("a.b_C", "a-b_c"),
        ("--rm", "rm"),
        ("x" * 90, "x" * 63),
    ],
)
def test_a_folder_of_any_name_gives_a_service_that_loads(folder: str, service: str, tmp_path: Path) -> None:
    project = lay_out(tmp_path / folder, {"server.js": "process.env.PORT"}, git=False)
    assert init(project) == 0
    assert load(project / "mobius.toml", environ={}).service == service


def test_a_file_whose_name_would_end_a_comment_is_not_read(tmp_path: Path) -> None:
    name = 'server\nservice = "owned"\n.js'
    files = {"server.js": "", name: 'get("/health"); process.env.PORT || 5001'}
    project = lay_out(tmp_path / "dhash", files)
    assert init(project, "--yes") == 0
    assert load(project / "mobius.toml", environ={}).service == "dhash"


def test_names_that_would_break_out_of_toml_or_of_a_script_do_not(tmp_path: Path) -> None:
    nasty = 'src/x"] = [1] #.js'
    package = {"name": "dhash", "scripts": {"start": f"node '{nasty}'"}}
    files = {
        "package.json": json.dumps(package),
        nasty: "process.env.PORT || 5001",
        "package-lock.json": json.dumps(LOCK),
    }
    project = lay_out(tmp_path / "dhash", files)
    assert init(project, "--yes") == 0
    assert load(project / "mobius.toml", environ={}).environment("staging").processes[0].start == (
        "node",
        nasty,
    )


def test_data_that_lies_among_code_is_not_linked_but_named(tmp_path: Path) -> None:
    files = {
        "server.js": 'open("app.db"); open("src/db/main.sqlite"); process.env.PORT',
        "src/db/schema.sql": "",
    }
    project = lay_out(tmp_path / "mixed", files)
    assert init(project, "--yes") == 0
    assert load(project / "mobius.toml", environ={}).environment("production").release.link == ()
    assert "app.db, src/db/main.sqlite: data beside the code" in (project / "mobius.toml").read_text()


def test_a_folder_of_a_larger_repository_is_told_where_its_workflow_belongs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    top = lay_out(tmp_path / "everything", {"services/web/server.js": "process.env.PORT"})
    assert init(top / "services/web") == 0
    assert "note: This is the folder services/web of a larger repository" in capsys.readouterr().err


def test_a_file_that_is_no_text_stops_it_before_anything_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    project = lay_out(tmp_path / "dhash", NODE)
    (project / "PR_BODY_TEMPLATE.md").write_bytes(b"\xff\xfe\x00")
    before = tree(project)
    assert init(project, "--yes") == 1
    assert tree(project) == before
    assert "PR_BODY_TEMPLATE.md cannot be read as text" in capsys.readouterr().err


def test_a_mobius_toml_with_mistakes_is_reported_and_nothing_is_written(tmp_path: Path) -> None:
    project = lay_out(tmp_path / "dhash", {**NODE, "mobius.toml": 'service = "dhash"\n'})
    before = tree(project)
    assert init(project, "--yes") == 2
    assert tree(project) == before


def test_json_says_what_became_of_each_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    project = lay_out(tmp_path / "dhash", NODE)
    assert init(project, "--yes", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    changes = {each["path"]: (each["change"], each["written"]) for each in told["files"]}
    assert changes["mobius.toml"] == ("new", True)
    assert changes["package.json"] == ("changed", True)
    assert set(told["diffs"]) == {"package.json", ".gitignore"}


@pytest.mark.skipif(os.name != "posix", reason="the bit that lets a file start is POSIX's")
def test_scripts_can_be_started_and_one_that_lost_that_gets_it_back(tmp_path: Path) -> None:
    project = lay_out(tmp_path / "dhash", NODE)
    init(project, "--yes")
    script = project / "scripts/deploy_dhash.sh"
    assert script.stat().st_mode & stat.S_IXUSR
    script.chmod(0o644)
    assert init(project, "--yes") == 0
    assert script.stat().st_mode & stat.S_IXUSR
