"""Tags of releases that somebody else lays out: looked up where there is a repository, a name where there is none."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from mobius.adapters.releases.elsewhere import ElsewhereOrigin
from mobius.adapters.releases.sources import origin_of
from mobius.errors import UsageError


def origin(project: Path) -> ElsewhereOrigin:
    return ElsewhereOrigin(origin_of("git", project, ()))


def repository(project: Path) -> Path:
    for words in (
        ["init", "-q"],
        ["-c", "user.name=a", "-c", "user.email=a@b", "commit", "-q", "--allow-empty", "-m", "x"],
        ["tag", "v1"],
    ):
        subprocess.run(["git", *words], cwd=project, check=True, capture_output=True)
    return project


def test_where_there_is_a_repository_a_mistyped_tag_is_refused(tmp_path: Path) -> None:
    there = origin(repository(tmp_path))

    assert len(there.find("v1").commit) == 40
    with pytest.raises(UsageError, match=r'no tag, branch or commit "v1\.O"'):
        there.find("v1.O")


def test_where_there_is_none_every_name_is_another_release(tmp_path: Path) -> None:
    there = origin(tmp_path)

    one, other = there.find("v1"), there.find("v2")

    assert (one.tag, one.commit, one.dirty) == ("v1", "", False)
    assert one.digest != other.digest
    assert there.find("v1") == one


@pytest.mark.parametrize("tag", ["-rf", "v1; rm -rf /", "$(id)", "a\nb", "../v1", "", "v1 v2"])
def test_a_name_that_could_be_read_as_anything_else_is_none(tmp_path: Path, tag: str) -> None:
    with pytest.raises(UsageError, match="cannot be a tag"):
        origin(tmp_path).find(tag)
