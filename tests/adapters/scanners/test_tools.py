"""The tools as they are called: stand-ins that answer, lie, hang and crash; and the real ones."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from adapters.scanners.registry import advisories, registry
from init.samples import git_in, lay_out
from mobius.adapters.scanners.together import ProjectScanners
from mobius.model.scan import Asked, Known, Level, NotKnown, ScanSettings
from rules.scanning.shapes import NPM, OSV, SARIF, npm_clean

LOCK = {
    "name": "x",
    "version": "1.0.0",
    "lockfileVersion": 3,
    "requires": True,
    "packages": {
        "": {"name": "x", "version": "1.0.0", "dependencies": {"lodash": "4.17.21"}},
        "node_modules/lodash": {"version": "4.17.21"},
    },
}
HASH = "sha256:" + "0" * 64
CANARY_SAYS_SO = "if 'mobius-scan-' in os.getcwd(): print(json.dumps(KNOWS)); sys.exit(1)"


def project(folder: Path, **files: str) -> Path:
    return lay_out(folder, {name.replace("__", "."): text for name, text in files.items()})


def npm_project(folder: Path, version: str = "4.17.21") -> Path:
    text = json.dumps(LOCK).replace("4.17.21", version)
    return lay_out(folder, {"package-lock.json": text, "package.json": json.dumps(LOCK["packages"][""])})  # type: ignore[index]


def stand_in(folder: Path, *lines: str) -> tuple[str, ...]:
    """A program of this Python; KNOWS is a report that knows of lodash."""
    file = folder / "stand_in.py"
    head = f"import json, os, sys, time\nKNOWS = json.loads({json.dumps(json.dumps(NPM))})\n"
    file.write_text(head + "\n".join(lines) + "\n", encoding="utf-8")
    return (sys.executable, str(file))


def asked(at: Path, environ: dict[str, str] | None = None, **settings: Any) -> tuple[Asked, ...]:
    made = replace(ScanSettings(timeout_s=60.0), **settings)
    commit = git_in(at, "rev-parse", "HEAD").strip()
    return ProjectScanners(made, at, commit, {**os.environ, **(environ or {})}, str).ask()


def answer(at: Path, **settings: Any) -> Known | NotKnown:
    (only,) = asked(at, **settings)
    return only.answer


def not_known(at: Path, **settings: Any) -> str:
    found = answer(at, **settings)
    assert isinstance(found, NotKnown), found
    return found.why


def test_a_tool_that_knows_what_everybody_knows_is_believed(tmp_path: Path) -> None:
    clean = json.dumps(json.dumps(npm_clean()))
    words = stand_in(tmp_path, CANARY_SAYS_SO, f"print({clean})")
    found = answer(npm_project(tmp_path / "p"), npm=words)
    assert found == Known((), 0.0, 2, Path(sys.executable).name)


def test_a_tool_that_says_none_without_any_data_is_not_believed(tmp_path: Path) -> None:
    words = stand_in(tmp_path, f"print({json.dumps(json.dumps(npm_clean()))})")
    assert "knows of no vulnerability in lodash 4.17.4" in not_known(npm_project(tmp_path / "p"), npm=words)


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("sys.exit(0)", "printed nothing, exit code 0"),
        ("sys.exit('npm error code E401')", "exit code 1: npm error code E401"),
        ("print('found 0 vulnerabilities')", "no JSON"),
        ("print(json.dumps(KNOWS)[:200])", "no JSON"),
        ("print(json.dumps(KNOWS)); sys.exit(2)", "exit code 2"),
        ("os.kill(os.getpid(), 9)", "ended by SIGKILL"),
        ("print('{}', flush=True); time.sleep(60)", "not done within 2 s"),
        ("print(json.dumps({'message': 'https://ann:hunter22@mirror/x', 'error': {}}))", "https://…@mirror"),
    ],
)
def test_whatever_else_a_tool_does_is_no_answer(tmp_path: Path, line: str, why: str) -> None:
    words = stand_in(tmp_path, CANARY_SAYS_SO, line)
    assert why in not_known(
        npm_project(tmp_path / "p"), npm=words, timeout_s=2.0 if "sleep" in line else 60.0
    )


def test_a_tool_that_is_missing_is_no_answer_and_says_how_to_have_it(tmp_path: Path) -> None:
    at = npm_project(tmp_path / "p")
    (at / "requirements.txt").write_text(f"flask==3.1.0 --hash={HASH}\n")
    (at / "go.mod").write_text("module x\n")
    missing = ("no-such-scanner",)
    found = asked(at, npm=missing, pip=missing, osv=missing)
    assert {each.source for each in found} == {"npm", "pip", "osv"}
    for each in found:
        assert isinstance(each.answer, NotKnown) and "no-such-scanner is not there" in each.answer.why
        assert "install" in each.answer.advice


def test_a_lock_file_without_a_package_asks_nobody(tmp_path: Path) -> None:
    empty = {**LOCK, "packages": {"": {"name": "x"}}}
    at = project(tmp_path / "p", package_lock="")
    (at / "package-lock.json").write_text(json.dumps(empty))
    assert answer(at, npm=("no-such-npm",)) == Known((), 0.0, 0)
    (at / "package-lock.json").write_text(json.dumps(empty)[:40])
    assert "no JSON" in not_known(at, npm=("no-such-npm",))


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_requirements_file_with_a_byte_order_mark_is_asked_about_as_any_other(
    tmp_path: Path, encoding: str
) -> None:
    at = project(tmp_path / "p", requirements__txt="")
    (at / "requirements.txt").write_text("flask==0.5\n", encoding=encoding)
    assert "no-such-pip is not there" in not_known(at, pip=("no-such-pip",))


def test_a_tool_that_looks_at_no_package_of_a_file_that_names_some_is_no_answer(tmp_path: Path) -> None:
    canary = '{"dependencies": [{"name": "jinja2", "version": "2.10", "vulns": [{"id": "X"}]}]}'
    words = stand_in(
        tmp_path,
        f"if 'mobius-scan-' in os.getcwd(): print({canary!r}); sys.exit(1)",
        "print(json.dumps({'dependencies': []}))",
    )
    at = project(tmp_path / "p", requirements__txt="!flask\n")
    assert "looked at no package of requirements.txt" in not_known(at, pip=words)


def test_a_lock_file_behind_very_many_others_is_asked_about(tmp_path: Path) -> None:
    at = project(tmp_path / "p", z="")
    (at / "a").mkdir()
    for number in range(20_100):
        (at / "a" / str(number)).touch()
    npm_project(at / "b")
    assert "no-such-npm is not there" in not_known(at, npm=("no-such-npm",))


def test_a_lock_file_that_lacks_what_is_needed_is_no_answer(tmp_path: Path) -> None:
    at = npm_project(tmp_path / "p")
    (at / "package.json").write_text('{"dependencies": {"lodash": "4", "express": "5"}}')
    assert "is older than package.json: it does not have express" in not_known(at, npm=("no-such-npm",))


def test_osv_scanner_must_see_every_file_and_the_one_that_everybody_knows(tmp_path: Path) -> None:
    at = project(tmp_path / "p", yarn__lock="# yarn\n")
    bad, good = json.dumps(OSV["results"][0]["packages"]), json.dumps(OSV["results"][0]["packages"][1:])

    def says(theirs: str, known: str) -> tuple[str, ...]:
        return stand_in(
            tmp_path,
            "if '--version' in sys.argv: print('osv-scanner version: 2.2.1'); sys.exit(0)",
            "files = [w for w, before in zip(sys.argv[1:], sys.argv) if before == '--lockfile']",
            f"theirs, known = {theirs}, {known}",
            "results = [{'source': {'path': f}, 'packages': known if 'mobius-scan' in f else theirs} for f in files]",
            "results = [each for each in results if each['packages'] is not None]",
            "print(json.dumps({'results': results}))",
            "sys.exit(1 if 'GHSA' in json.dumps(results) else 0)",
        )

    found = answer(at, osv=says(good, bad))
    assert isinstance(found, Known) and (found.found, found.looked_at) == ((), 1)
    found = answer(at, osv=says(bad, bad))
    assert isinstance(found, Known) and [one.level for one in found.found] == [Level.CRITICAL]
    assert "it has no data" in not_known(at, osv=says(good, good))
    assert "found no package in yarn.lock" in not_known(at, osv=says("None", bad))


def test_what_a_file_of_osv_scanner_ignores_is_found_all_the_same(tmp_path: Path) -> None:
    at = project(tmp_path / "p", yarn__lock="# yarn\n", osv_scanner__toml='[[IgnoredVulns]]\nid = "GHSA-x"\n')
    words = stand_in(
        tmp_path,
        "file = dict(zip(sys.argv, sys.argv[1:])).get('--config', 'osv-scanner.toml')",
        "print('it reads ' + file + ': ' + open(file).read())",
    )
    assert "IgnoredVulns" not in (told := not_known(at, osv=words)), told
    assert "no JSON" in told


def test_a_sarif_file_is_of_this_commit_and_has_an_age(tmp_path: Path) -> None:
    at = project(tmp_path / "p", README="x")
    commit = git_in(at, "rev-parse", "HEAD").strip()
    document = json.loads(json.dumps(SARIF))
    run = document["runs"][0]
    file = at / "reports" / "semgrep.sarif"
    file.parent.mkdir()

    def says() -> Known | NotKnown:
        file.write_text(json.dumps(document))
        return answer(at, sarif=("reports/*.sarif",), sources=("sarif",))

    found = says()
    assert isinstance(found, Known) and [one.id for one in found.found] == ["sql-injection"]
    run["versionControlProvenance"] = [{"repositoryUri": "https://example.org/x", "revisionId": commit[:12]}]
    assert isinstance(says(), Known)
    run["versionControlProvenance"][0]["revisionId"] = "f" * 40
    other = says()
    assert isinstance(other, NotKnown) and "another commit" in other.why
    del run["versionControlProvenance"], run["invocations"]
    made = says()
    assert isinstance(made, Known) and 0 <= made.data_age_s < 60
    git_in(at, "add", "-A")
    tracked = says()
    assert isinstance(tracked, NotKnown) and "nobody knows how old it is" in tracked.why
    assert "there is no such file" in not_known(at, sarif=("none/*.sarif",), sources=("sarif",))
    assert "no file is named" in not_known(at, sources=("sarif",))


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_a_sarif_file_that_powershell_wrote_is_read_as_any_other(tmp_path: Path, encoding: str) -> None:
    at = project(tmp_path / "p", README="x")
    (at / "x.sarif").write_text(json.dumps(SARIF), encoding=encoding)
    found = answer(at, sarif=("*.sarif",), sources=("sarif",))
    assert isinstance(found, Known) and [one.id for one in found.found] == ["sql-injection"]


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (json.dumps(SARIF).encode("utf-16-le"), "no JSON"),
        (b"\x89PNG\r\n\x1a\n\0\0", "no JSON"),
        (b"[" * 200_000, "no JSON"),
        (json.dumps(SARIF).replace('"results"', '"runs": null, "results"').encode() + b"\0", "no JSON"),
        (b'{"version": "2.1.0", "runs": null}', "its runs is no list"),
        (b'{"version": "2.1.0", "version": "2.1.0", "runs": []}', "it says 'version' twice"),
        (b"", "printed nothing"),
    ],
)
def test_what_is_no_sarif_file_is_no_answer(tmp_path: Path, content: bytes, why: str) -> None:
    at = project(tmp_path / "p", README="x")
    (at / "x.sarif").write_bytes(content)
    assert why in not_known(at, sarif=("*.sarif",), sources=("sarif",))


@pytest.mark.parametrize("pattern", ["", ".", "/", "no[", "\0", "**x/**", "x" * 5000])
def test_a_pattern_that_finds_no_sarif_file_is_no_answer(tmp_path: Path, pattern: str) -> None:
    at = project(tmp_path / "p", README="x")
    found = asked(at, sarif=(pattern,), sources=("sarif",))
    assert found and all(isinstance(each.answer, NotKnown) and each.answer.advice for each in found)


def test_patterns_find_what_is_hidden_in_folders_below_and_elsewhere(tmp_path: Path) -> None:
    at = project(tmp_path / "a [b]", README="x")
    for name in (".hidden.sarif", "deep/er/x.sarif"):
        (at / name).parent.mkdir(parents=True, exist_ok=True)
        (at / name).write_text(json.dumps(SARIF))
    for pattern in ("**/*.sarif", f"{tmp_path}/a*/**/*.sarif"):
        found = asked(at, sarif=(pattern,), sources=("sarif",))
        assert sorted(each.of for each in found) == [".hidden.sarif", "deep/er/x.sarif"]


def test_a_sarif_file_of_any_size_is_no_answer_before_it_is_read(tmp_path: Path) -> None:
    at = project(tmp_path / "p", README="x")
    with (at / "x.sarif").open("wb") as file:
        file.truncate(1 << 40)
    assert "more than is read of a report" in not_known(at, sarif=("*.sarif",), sources=("sarif",))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_is_no_file_and_nobody_waits_for_it(tmp_path: Path) -> None:
    at = project(tmp_path / "p", z="")
    names = ("x.sarif", "package.json", "pyproject.toml", "package-lock.json", "requirements.txt")
    for name in names:
        os.mkfifo(at / name)
    told = [each.answer.why for each in asked(at, sarif=("*.sarif",)) if isinstance(each.answer, NotKnown)]
    unread = "pyproject.toml cannot be read: Invalid statement (at line 1, column 1)"
    assert told == ["it is no file", unread, "it is no file", "it is no file"]
    for name in names[1:3]:  # beside them there is nothing that says which versions are installed
        at = project(tmp_path / name, z="")
        os.mkfifo(at / name)
        assert f"{name} cannot be read" in not_known(at)


def test_a_source_that_was_asked_for_and_has_nothing_to_read_is_no_answer(tmp_path: Path) -> None:
    at = project(tmp_path / "p", README="x")
    assert asked(at) == ()
    assert "there is no file for it" in not_known(at, sources=("npm",))


npm_is_here = pytest.mark.skipif(shutil.which("npm") is None, reason="npm is not on this machine")


@npm_is_here
@pytest.mark.slow
@pytest.mark.parametrize("version", ["4.17.4", "4.17.21"])
def test_the_real_npm_finds_what_its_registry_knows(tmp_path: Path, version: str) -> None:
    at = npm_project(tmp_path / "p", version)
    with registry("knows") as url:
        (found,) = asked(at, {"npm_config_registry": url, "npm_config_offline": "true"})
    assert isinstance(found.answer, Known), found.answer
    assert [one.version for one in found.answer.found] == (["4.17.4"] if version == "4.17.4" else [])
    assert found.answer.tool.startswith("npm ")


@npm_is_here
@pytest.mark.slow
@pytest.mark.parametrize("dev", [False, True])
def test_the_real_npm_looks_at_what_an_npmrc_of_the_project_leaves_out(tmp_path: Path, dev: bool) -> None:
    lock = json.loads(
        json.dumps(LOCK).replace("4.17.21", "4.17.4").replace('"dependencies"', '"optionalDependencies"')
    )
    lock["packages"]["node_modules/lodash"]["optional"] = True
    at = lay_out(
        tmp_path / "p",
        {
            "package-lock.json": json.dumps(lock),
            "package.json": json.dumps(lock["packages"][""]),
            ".npmrc": "omit[]=optional\nomit[]=peer\n",
        },
    )
    with registry("knows") as url:
        (found,) = asked(at, {"npm_config_registry": url}, dev=dev)
    assert isinstance(found.answer, Known), found.answer
    assert [one.version for one in found.answer.found] == ["4.17.4"]


@npm_is_here
@pytest.mark.slow
@pytest.mark.parametrize("kind", ["empty", "refuses", "garbage", "cut"])
def test_the_real_npm_with_a_registry_that_knows_nothing_is_no_answer(tmp_path: Path, kind: str) -> None:
    at = npm_project(tmp_path / "p", "4.17.4")
    with registry(kind) as url:
        (found,) = asked(at, {"npm_config_registry": url, "npm_config_fetch_retries": "0"})
    assert isinstance(found.answer, NotKnown), found.answer


def test_the_real_npm_says_none_when_it_is_offline_which_is_why_it_is_put_to_the_test(tmp_path: Path) -> None:
    if shutil.which("npm") is None:
        pytest.skip("npm is not on this machine")
    at = npm_project(tmp_path / "p", "4.17.4")
    words = ["npm", "audit", "--json", "--package-lock-only", "--offline"]
    done = subprocess.run(words, cwd=at, capture_output=True, text=True, timeout=60)
    assert (done.returncode, json.loads(done.stdout)["vulnerabilities"]) == (0, {})


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["knows", "empty", "refuses"])
def test_the_real_pip_audit_is_believed_only_where_its_service_knows(tmp_path: Path, kind: str) -> None:
    at = project(tmp_path / "p", README="x")
    (at / "requirements.txt").write_text(f"markupsafe==3.0.2 --hash={HASH}\njinja2==2.10 --hash={HASH}\n")
    with advisories(kind) as url:
        tool = str(Path(sys.executable).with_name("pip-audit"))
        words = (tool, "--vulnerability-service", "osv", "--osv-url", f"{url}/v1/query", "--timeout", "5")
        found = answer(at, pip=words)
    if kind == "knows":
        assert isinstance(found, Known), found
        assert [(one.package, one.id) for one in found.found] == [("jinja2", "PYSEC-2019-217")]
    else:
        assert isinstance(found, NotKnown), found
