"""Every command line of the two documents runs as written, in a project that `mobius init` made."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import trustme

from adapters.media.films import film
from init.samples import NODE, git_in, lay_out
from journeys.mission.terminal import Terminal

LOUDNESS = """[Parsed_ebur128_0 @ 0x5581d2b3a0c0] Summary:

  Integrated loudness:
    I:         -16.2 LUFS
    Threshold: -26.5 LUFS

  Loudness range:
    LRA:         5.3 LU
    Threshold: -36.6 LUFS
    LRA low:   -19.3 LUFS
    LRA high:  -14.0 LUFS

  True peak:
    Peak:       -1.6 dBFS
"""
STREAM = {
    "codec_type": "video",
    "width": 1920,
    "height": 1080,
    "avg_frame_rate": "30/1",
    "pix_fmt": "yuv420p",
    "sample_aspect_ratio": "1:1",
}
VECTOR = Path(__file__).parents[2] / "vectors" / "mission" / "commands.txt"
SERVERS = Path(__file__).with_name("servers.py")
ENTRY = re.compile(r"(\S+\.md:\d+(?:-\d+)?)  (exit|until)=(.*?)(?:  shows=(.*))?")
TOOLS = ("node", "npm", "unzip", "sha256sum", "curl", "watch", "unshare", "ip", "git")
STAND_INS = {
    "gh": """echo '{"required_status_checks": {"contexts": ["ci/premerge-validation", "golden-checks-ubuntu"]}}'""",
    "systemctl": """case $1 in restart) echo "restarted $2" ;; *) echo "$2.service: active (running)" ;; esac""",
    "sudo": 'exec "$@"',
    "htop": "echo htop: one process tree",
    "ffprobe": "printf '0,0.000000\\n1,0.033333\\n'",
    "ffmpeg": "echo '    I:  -16.0 LUFS' >&2",
}


@dataclass(frozen=True, slots=True)
class Line:
    """One entry of the vector."""

    place: str
    command: str
    exit_code: int | None  # None: it goes on until it is interrupted
    shows: str


def lines() -> list[Line]:
    found: list[Line] = []
    for block in VECTOR.read_text(encoding="utf-8").split("\n\n"):
        rows = [row for row in block.splitlines() if not row.startswith("#")]
        if not rows:
            continue
        entry = ENTRY.fullmatch(rows[0])
        assert entry, f"not an entry: {rows[0]}"
        command = "\n".join(row.removeprefix("    ") for row in rows[1:])
        place, kind, value, shows = entry.groups()
        shows = shows or ("" if kind == "exit" else value)
        found.append(Line(place, command, int(value) if kind == "exit" else None, shows))
    return found


def why_not() -> str:
    """Why the journey cannot be made here; "" where it can."""
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    if missing:
        return f"not on this machine: {', '.join(missing)}"
    if sys.platform != "linux" or os.geteuid() != 0:
        return "port 5001 is only surely free in a network of one's own, which takes root on Linux"
    if subprocess.run(
        ["unshare", "--net", "--mount", "--pid", "--fork", "true"], capture_output=True
    ).returncode:
        return "this machine gives no network of one's own"
    return ""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The sample service, taken in by `mobius init` and committed, with three tags."""
    made = lay_out(tmp_path / "dhash", NODE)
    mobius = Path(sys.executable).with_name("mobius")
    subprocess.run([mobius, "init", "--yes"], cwd=made, check=True, capture_output=True)
    add_films(made, mobius)
    for tag in ("v2.0.0", "v2.1.0"):
        package = made / "package.json"
        package.write_text(re.sub(r'"version": "[^"]*"', f'"version": "{tag[1:]}"', package.read_text()))
        git_in(made, "add", "-A")
        git_in(made, "commit", "-q", "-m", tag)
        git_in(made, "tag", tag)
    return made


def add_films(project: Path, mobius: Path) -> None:
    """What the guide takes for granted: a film with its golden, and what ffmpeg and ffprobe said of another."""
    artifacts = project / "artifacts"
    artifacts.mkdir()
    (artifacts / "preview_with_audio_ebur128.txt").write_text(LOUDNESS)
    (artifacts / "preview_ffprobe.json").write_text(json.dumps({"streams": [STREAM]}))
    film(artifacts / "preview.mp4", seconds=21, fps=10)
    shutil.copy(artifacts / "preview.mp4", project / "video.mp4")
    record = ["media", "golden", "record", "--game", "production", "--in", "artifacts/preview.mp4"]
    environ = {**os.environ, "CI": ""}
    subprocess.run(
        [mobius, *record, "--by", "Ada"], cwd=project, check=True, capture_output=True, env=environ
    )


@pytest.fixture
def terminal(project: Path, tmp_path: Path) -> Iterator[Terminal]:
    if reason := why_not():
        pytest.skip(reason)
    bin_folder, home = tmp_path / "bin", tmp_path / "home"
    home.mkdir()
    authority = trustme.CA()
    certificate = authority.issue_cert("api.mobius.com")
    certificate.private_key_and_cert_chain_pem.write_to_path(str(tmp_path / "api.pem"))
    authority.cert_pem.write_to_path(str(tmp_path / "authority.pem"))
    there = f"--connect-to api.mobius.com:443:127.0.0.1:4443 --cacert {tmp_path / 'authority.pem'}"
    stand_in(bin_folder, "curl", f'exec {shutil.which("curl")} {there} "$@"')
    for name, body in STAND_INS.items():
        stand_in(bin_folder, name, body)
    kept = {
        name: os.environ[name] for name in ("LANG", "LC_ALL", "TMPDIR", "PYTHONPATH") if name in os.environ
    }
    path = f"{bin_folder}:{Path(sys.executable).parent}:{os.environ['PATH']}"
    npm = {"npm_config_update_notifier": "false", "npm_config_fund": "false", "npm_config_audit": "false"}
    with Terminal(project, {**kept, **npm, "PATH": path, "HOME": str(home), "TZ": "UTC"}) as opened:
        assert opened.type("ip link set lo up")[0] == 0
        opened.type(
            f"{sys.executable} {SERVERS} {tmp_path / 'api.pem'} > {tmp_path / 'servers.log'} 2>&1 & disown"
        )
        yield opened


def stand_in(folder: Path, name: str, body: str) -> None:
    folder.mkdir(exist_ok=True)
    file = folder / name
    file.write_text(f"#!/bin/sh\n{body}\n")
    file.chmod(0o755)


def test_the_vector_holds_every_kind_of_line_and_each_place_once() -> None:
    found = lines()
    assert len(found) == len({line.place for line in found}) == 56
    assert {line.place.partition(":")[0] for line in found} == {"framework-summary.md", "operations-guide.md"}


@pytest.mark.journey
@pytest.mark.slow
def test_every_command_line_of_the_two_documents_runs_as_written(project: Path, terminal: Terminal) -> None:
    reports = Path("/tmp/production_quality.xml")  # as the guide says
    assert not reports.exists(), "somebody else's; it would be overwritten"
    wrong = []
    try:
        begin(terminal)
        step(terminal, "mount -t tmpfs none /var/log && mkdir /var/log/mobius")
        step(terminal, "cp artifacts/preview.mp4 /var/log/mobius/latest_output.mp4")
        for line in lines():
            if line.place == "framework-summary.md:91":
                step(terminal, "mobius deploy -e production --tag v2.1.0 --detach")
            if line.place == "operations-guide.md:384":
                step(terminal, 'cp "$LATEST_BACKUP" backup.zip && sha256sum backup.zip > backup.zip.sha256')
            try:
                problem = ran(terminal, line)
            except AssertionError as stuck:  # what was wrong before it is told, too
                wrong.append(f"{line.place}: {line.command}\n{stuck}")
                break
            if problem:
                wrong.append(problem)
    finally:
        reports.unlink(missing_ok=True)
    assert not wrong, "\n\n".join(wrong)
    new = ["backup.zip", "backup.zip.sha256", "tests/golden/test/"]
    assert git_in(project, "status", "--porcelain").split() == [word for name in new for word in ("??", name)]


@pytest.mark.journey
@pytest.mark.slow
def test_the_latest_backup_is_right_whichever_name_sorts_first(terminal: Terminal) -> None:
    begin(terminal)
    step(terminal, "mobius deploy -e production --tag v2.1.0 --detach")
    for picked in ("ls -1 backups/dhash_????????.zip", "ls -1 backups/dhash_????????_??????.zip"):
        step(terminal, f"LATEST_BACKUP=$({picked} | LC_ALL=C sort -r | head -n1)")
        step(terminal, 'sha256sum -c "${LATEST_BACKUP}.sha256"')
        _, text = step(
            terminal, './scripts/rollback_dhash.sh --backup "$LATEST_BACKUP" --env production --emergency'
        )
        assert re.search(r"v2\.0\.0-\w+ is live after", text)
        assert '"version":"2.0.0"' in step(terminal, "curl -s http://127.0.0.1:5001/health")[1]


def begin(terminal: Terminal) -> None:
    """A release is live and kept, as it is where the documents begin."""
    step(terminal, "mobius deploy -e production --tag v2.0.0 --detach")
    step(terminal, "mobius accept -e production")


def step(terminal: Terminal, line: str) -> tuple[int, str]:
    code, text = terminal.type(line)
    assert code == 0, f"{line}\n{text}"
    return code, text


def ran(terminal: Terminal, line: Line) -> str:
    """What was wrong with it, "" for nothing."""
    if line.exit_code is not None:
        code, text = terminal.type(line.command, answer="y")
        right = code == line.exit_code and re.search(line.shows, text)
    elif line.command.endswith("&"):
        code, text = terminal.leave_running(line.command, line.shows)
        right = bool(code)
    else:
        code, text = terminal.watch(line.command, line.shows)
        right = code in (0, 130)  # watch itself ends well when it is interrupted
    return "" if right else f"{line.place}: {line.command}\nexit {code}\n{text}"
