"""The unit files, whole, and that no name and no path in them can be more than it is."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from mobius.errors import UsageError
from mobius.model.settings import ProcessSettings, SystemdSettings
from mobius.report.unit_lines import as_it_is, comment, quoted, setting
from mobius.report.units import UnitPlace, is_ours, process_unit, runtime_folder, unit_files, unit_prefix

GOLDEN = Path(__file__).parent / "golden" / "units"
PLACE = UnitPlace(
    service="dhash",
    environment="production",
    root="/srv/dhash/.mobius/production",
    project="/srv/dhash",
    python="/opt/mobius/bin/python",
    owner="deploy",
    owner_group="deploy",
    listen="127.0.0.1:5001",
)
API = ProcessSettings("api", ("node", "api.js"), stop_timeout_s=12.5)
MAIL = ProcessSettings("mail", ("node", "mail.js"), kind="worker", ready="notify", stop_signal="INT")
TIDY = ProcessSettings("tidy", ("node", "tidy.js"), kind="singleton", schedule="*-*-* 03:00:00")
HOSTILE = '/srv/a b/%n/$HOME/${X}/"quoted"/it\'s/back\\slash/;#[Service]/üñ'


def test_the_units_of_a_new_service_read_so() -> None:
    """MOBIUS_GOLDEN=1 writes them anew."""
    credentials = {"db": "/etc/dhash/db.secret"}
    systemd = SystemdSettings(user="dhash", credentials=credentials, directives={"MemoryMax": "1G"})
    found = unit_files(PLACE, systemd, [API, MAIL, TIDY])
    if os.environ.get("MOBIUS_GOLDEN"):
        GOLDEN.mkdir(exist_ok=True)
        for name, text in found.items():
            (GOLDEN / name).write_text(text)
    assert found == {path.name: path.read_text() for path in sorted(GOLDEN.iterdir())}


def test_a_proxy_that_has_the_port_leaves_no_socket_unit() -> None:
    found = unit_files(replace(PLACE, listen=""), SystemdSettings(), [API])
    assert "mobius-dhash.socket" not in found
    assert ".socket" not in found["mobius-dhash.service"]


def test_an_adopted_service_keeps_every_right_it_had() -> None:
    plain = unit_files(PLACE, SystemdSettings(harden=False), [API])["mobius-dhash-api@.service"]
    hard = unit_files(PLACE, SystemdSettings(), [API])["mobius-dhash-api@.service"]
    assert "NoNewPrivileges" not in plain and "Protect" not in plain
    assert "NoNewPrivileges=yes" in hard and "CapabilityBoundingSet=\n" in hard


def test_root_keeps_its_capabilities_and_a_project_in_tmp_its_files() -> None:
    place = replace(
        PLACE, owner="root", owner_group="root", root="/tmp/x/.mobius/production", project="/tmp/x"
    )
    text = unit_files(place, SystemdSettings(), [API])["mobius-dhash-api@.service"]
    assert "CapabilityBoundingSet" not in text
    assert "PrivateTmp" not in text


def test_what_somebody_says_of_a_unit_replaces_what_we_say() -> None:
    said = SystemdSettings(directives={"PrivateTmp": "no", "KillMode": "mixed", "IOWeight": "%i"})
    text = unit_files(PLACE, said, [API])["mobius-dhash-api@.service"]
    assert re.findall(r"(?:PrivateTmp|KillMode|IOWeight)=.*", text) == [
        "PrivateTmp=no",
        "KillMode=mixed",
        "IOWeight=%i",
    ]


@pytest.mark.parametrize("name", ["Type", "User", "ExecStart", "LoadCredential"])
def test_what_makes_the_unit_ours_is_not_said_by_others(name: str) -> None:
    with pytest.raises(UsageError, match=f"{name} of a unit is mobius's own to say"):
        unit_files(PLACE, SystemdSettings(directives={name: "x"}), [API])


@pytest.mark.parametrize("char", ["\n", "\r", "\0", "\x1b", "\t", "\x7f"])
def test_a_line_break_or_control_character_never_comes_into_a_unit(char: str) -> None:
    for place in (
        replace(PLACE, root=f"/srv/a{char}b"),
        replace(PLACE, python=f"/opt/a{char}ExecStart=/bin/sh"),
    ):
        with pytest.raises(UsageError, match="control characters"):
            unit_files(place, SystemdSettings(), [API])
    with pytest.raises(UsageError, match="control characters"):
        unit_files(PLACE, SystemdSettings(directives={"Nice": f"5{char}User=root"}), [API])
    with pytest.raises(UsageError, match="control characters"):
        unit_files(PLACE, SystemdSettings(credentials={"db": f"/etc/a{char}b"}), [API])


@pytest.mark.parametrize(
    "name",
    ["../../etc/x", "a b", "a@b", "a.service", "a\nb", "a%n", "", "-" * 64, "a/b", "ü", "a;b", "a\\x2db"],
)
def test_a_hostile_name_makes_no_unit(name: str) -> None:
    with pytest.raises(UsageError, match="no unit can be called"):
        process_unit("mobius-dhash", name, "blue")
    if name:
        with pytest.raises(UsageError, match="no unit can be called"):
            process_unit("mobius-dhash", "api", name)
    if name != "-" * 64:
        with pytest.raises(UsageError, match="no unit can be called"):
            unit_prefix(name or "a b", "production")


def test_production_has_the_name_of_the_service_and_others_their_own_too() -> None:
    assert unit_prefix("dhash", "production") == "mobius-dhash"
    assert unit_prefix("dhash", "staging") == "mobius-dhash-staging"


def test_values_are_escaped_and_never_refused_for_being_strange() -> None:
    assert quoted(HOSTILE) == ('"/srv/a b/%%n/$$HOME/$${X}/\\"quoted\\"/it\'s/back\\\\slash/;#[Service]/üñ"')
    assert setting("Description", "100 % of %i") == "Description=100 %% of %%i"
    assert as_it_is("Nice", "%i") == "Nice=%i"
    for wrong in ("ends \\", " begins", "ends "):
        with pytest.raises(UsageError):
            setting("Description", wrong)


def test_a_comment_stays_one() -> None:
    assert comment("a\nExecStart=/bin/sh \\") == "# a?ExecStart=/bin/sh "


def test_a_unit_is_known_by_its_root() -> None:
    text = unit_files(PLACE, SystemdSettings(), [API])["mobius-dhash.service"]
    assert is_ours(text, PLACE.root)
    assert not is_ours(text, "/srv/dhash/.mobius/prod")
    assert not is_ours(text.replace("# mobius-root", "# root"), PLACE.root)


def test_the_socket_of_a_web_process_fits_its_address_whatever_the_names() -> None:
    longest = ProcessSettings("p" * 63, ("x",))
    assert (
        len(f"/run/{runtime_folder('mobius-' + 's' * 63 + '-' + 'e' * 63, longest, 'green')}/web.sock") < 100
    )
    assert runtime_folder("mobius-dhash", API, "blue") == "mobius-dhash-api-blue"
    assert runtime_folder("mobius-dhash", MAIL, "blue") == runtime_folder("mobius-dhash", MAIL, "green")


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed here")
@pytest.mark.parametrize("strange", [False, True])
def test_systemd_takes_every_unit_without_a_word(strange: bool, tmp_path: Path) -> None:
    """With a path full of what means something to it, too."""
    here = "/usr/bin/python3"
    root = HOSTILE if strange else PLACE.root
    place = replace(PLACE, python=here, owner="root", owner_group="root", root=root, project=root)
    systemd = SystemdSettings(user="daemon", credentials={"db": f"{root}/db"}, directives={"MemoryMax": "1G"})
    files = []
    for name, text in unit_files(place, systemd, [API, MAIL, TIDY]).items():
        files.append(tmp_path / name)
        files[-1].write_text(text)
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *files], capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, "")
