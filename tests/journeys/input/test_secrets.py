"""Secrets that come by environment are in the processes that need them, and in nothing that is written."""

from __future__ import annotations

import base64
import json
import stat
import zipfile
from pathlib import Path
from urllib.parse import quote

import pytest

from journeys.input.project import Project
from journeys.service import wait_until

# Each comes another way. One has characters that a URL, JSON and HTML write differently.
HANDED_ON = "canary-handed-on-4f1c"
BY_NAME = 'canary/by name+é&<"1>'
IN_FILE = "canary-in-the-file-77ab"
IN_TOML = "canary-in-mobius-toml-09d2"
RUN, RELEASES = (".mobius", "production", "run"), (".mobius", "production", "releases")
CANARIES = {"handed on": HANDED_ON, "by name": BY_NAME, "in a file": IN_FILE, "in mobius.toml": IN_TOML}


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory):  # type: ignore[no-untyped-def]
    """A project with a good and a bad release, both of which tell everything they know; and all that was said."""
    with Project(tmp_path_factory.mktemp("secrets") / "shop") as project:
        (project.shared / ".env").write_text(f"PLAIN_NAME={IN_FILE}\n")
        project.environ |= {"PLAIN": HANDED_ON, "STRIPE_API_KEY": BY_NAME}
        loud = f"echo key $STRIPE_API_KEY, in a link ?k={quote(BY_NAME, safe='')}; echo plain $PLAIN"
        (project.folder / "loud.sh").write_text(f"{loud}\n")
        (project.folder / "loud-and-broken.sh").write_text(f"{loud}\nexit 1\n")
        gate = f'[[gate]]\nname = "loud"\nwhen = "both"\nrun = ["sh", "{project.folder}/loud.sh"]'
        process = (
            'pass_env = ["PLAIN", "STRIPE_API_KEY"]\nenv_file = "shared/.env"\n'
            f'env = {{ DATABASE_PASSWORD = "{IN_TOML}" }}'
        )
        smoke = f'[[smoke]]\nname = "link"\nget = "/?k={quote(HANDED_ON)}"'
        project.configure(
            process=process,
            top=gate,
            smoke=smoke,
            release=f'build = [["sh", "{project.folder}/loud.sh"]]',
        )
        project.release("v1", says_variables=["PLAIN", "STRIPE_API_KEY", "PLAIN_NAME", "DATABASE_PASSWORD"])
        said = [project.deploy("v1", expect=0)]
        live = (project.root / "run" / "blue" / "web.log").read_text()
        assert all(canary in live for canary in CANARIES.values()), "the service itself was given every one"
        # A build that fails, a gate that says no, and a release that dies with everything in its last words.
        project.configure(release=f'build = [["sh", "{project.folder}/loud-and-broken.sh"]]', process=process)
        project.release("v2")
        said.append(project.deploy("v2", "--json", expect=3))
        project.configure(top=gate.replace("loud.sh", "loud-and-broken.sh"), process=process)
        said.append(project.deploy("v2", expect=3))
        project.configure(process=process)
        project.release("v3", says_variables=[*project.environ, "PLAIN_NAME"], refuses_to_start=True)
        said += [
            project.deploy("v3", expect=12),
            project.mobius("rollback", "--reason", f"leaked {HANDED_ON}"),
        ]
        said += [
            project.mobius(*words)
            for words in (
                ["status", "--json"], ["history", "--json"], ["audit", "log", "--json"], ["logs", "-n", "500"],
                ["logs", "--slot", "green"], ["plan", "--tag", "v2"], ["report", "--json"], ["report", "--run", "4"],
                ["smoke", "--junit", "smoke.xml"], ["config", "show", "--json"], ["backup", "list", "--json"],
            )
        ]  # fmt: skip
        yield project, "\n".join(f"{done.out}\n{done.err}" for done in said)


def spellings(canary: str) -> set[bytes]:
    """As it is, as a URL, JSON, XML and base64 write it."""
    json_text = json.dumps(canary)[1:-1]
    xml = canary.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    texts = {canary, quote(canary, safe=""), quote(canary), json_text, xml, xml.replace('"', "&quot;")}
    return {text.encode() for text in texts} | {base64.b64encode(canary.encode())}


@pytest.mark.parametrize("canary", CANARIES.values(), ids=CANARIES)
def test_a_secret_is_in_nothing_that_a_command_says(told: tuple[Project, str], canary: str) -> None:
    _, said = told
    found = [spelling for spelling in spellings(canary) if spelling in said.encode()]
    assert found == [], [line for line in said.splitlines() if any(f.decode() in line for f in found)]


@pytest.mark.parametrize("canary", CANARIES.values(), ids=CANARIES)
def test_a_secret_is_in_no_file_but_those_that_hand_it_on(told: tuple[Project, str], canary: str) -> None:
    project, _ = told
    found = {
        file.relative_to(project.folder)
        for file in project.folder.rglob("*")
        if file.is_file() and not file.is_symlink()
        if any(spelling in file.read_bytes() for spelling in spellings(canary))
    }

    leaked = {file for file in found if not _may_hold(file)}

    assert leaked == set()
    for file in (file for file in found if file.parts[:3] in (RUN, RELEASES)):
        assert stat.S_IMODE((project.folder / file).stat().st_mode) == 0o600, f"{file} can be read by others"


def test_a_backup_tells_of_no_secret_but_holds_the_configuration_as_it_is(told: tuple[Project, str]) -> None:
    project, _ = told
    backups = sorted((project.folder / "backups").glob("*.zip"))
    assert backups
    for path in backups:
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                held = archive.read(name)
                for canary in CANARIES.values():
                    may = name == "mobius.toml"
                    assert may or not any(s in held for s in spellings(canary)), f"{path.name}: {name}"


def test_the_supervisor_does_not_show_them_to_who_looks_at_the_command_lines(
    told: tuple[Project, str],
) -> None:
    import psutil

    project, _ = told
    wait_until(lambda: project.host.status() is not None, 5)
    for process in psutil.process_iter():
        try:
            words = " ".join(process.cmdline())
        except psutil.Error:
            continue
        assert not any(canary in words for canary in CANARIES.values()), process


def _may_hold(file: Path) -> bool:
    """The user's own files; what hands the environment to processes and runners, or keeps the configuration of a
    release or a run; and what the service itself wrote."""
    if len(file.parts) == 1 or file.parts[:3] == (".mobius", "production", "shared"):
        return True
    if file.parts[:3] == RELEASES:
        return file.suffix == ".json"
    return file.parts[:3] == RUN and file.name.endswith(("env.json", ".settings.json", "web.log"))
