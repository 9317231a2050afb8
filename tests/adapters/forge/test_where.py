"""Which repository it is and whose token: from mobius.toml, a workflow's variables, or the git remote."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from mobius.adapters.forge.where import github_of, repository_of, token_of
from mobius.model.forge import GitHubSettings, Unknown

API = "https://api.github.com"


def repository(folder: Path, remote: str, environ: dict[str, str] | None = None, **said: str) -> object:
    subprocess.run(["git", "init", "--quiet", str(folder)], check=True)
    subprocess.run(["git", "-C", str(folder), "remote", "add", "origin", remote], check=True)
    found = repository_of(GitHubSettings(**said), folder, environ or {})  # type: ignore[arg-type]
    return found.reason if isinstance(found, Unknown) else found


@pytest.mark.parametrize(
    "remote",
    [
        "git@github.com:acme/dhash.git",
        "https://github.com/acme/dhash",
        "https://github.com/acme/dhash.git/",
        "https://x-access-token:secret@github.com/acme/dhash.git",
        "ssh://git@ssh.github.com:443/acme/dhash.git",
        "git://github.com/acme/dhash",
    ],
)
def test_the_remote_of_github_says_which_it_is(tmp_path: Path, remote: str) -> None:
    assert repository(tmp_path, remote) == (API, "acme/dhash")


@pytest.mark.parametrize(
    ("remote", "reason"),
    [
        (
            "git@git.example.org:acme/dhash.git",
            "the repository is on git.example.org, which is not github.com",
        ),
        (
            "https://github.com.evil.example/acme/dhash",
            "the repository is on github.com.evil.example, which is not",
        ),
        ("/srv/git/dhash.git", "nothing says which repository on GitHub this is"),
        ("https://github.com/acme", "nothing says which repository on GitHub this is"),
        ("https://github.com/acme/dhash/extra", "nothing says which repository on GitHub this is"),
    ],
)
def test_another_remote_is_not_guessed_and_its_host_gets_no_token(
    tmp_path: Path, remote: str, reason: str
) -> None:
    found = repository(tmp_path, remote)
    assert isinstance(found, str)
    assert found.startswith(reason)


def test_a_github_of_ones_own_is_named_by_its_address(tmp_path: Path) -> None:
    own = "https://git.example.org/api/v3"
    remote = "git@git.example.org:acme/dhash.git"
    assert repository(tmp_path / "a", remote, api_url=own) == (own, "acme/dhash")
    assert repository(tmp_path / "b", remote, {"GITHUB_API_URL": own}) == (own, "acme/dhash")


def test_mobius_toml_wins_over_the_workflow_and_the_workflow_over_the_remote(tmp_path: Path) -> None:
    environ = {"GITHUB_REPOSITORY": "acme/flow"}
    assert repository(tmp_path / "a", "git@github.com:acme/x", environ) == (API, "acme/flow")
    assert repository(tmp_path / "b", "git@github.com:acme/x", environ, repository="acme/toml") == (
        API,
        "acme/toml",
    )


@pytest.mark.parametrize("named", ["acme", "acme/../x", "acme/..", "a b/c", "acme/dhash/x"])
def test_a_repository_that_is_none_is_unknown(tmp_path: Path, named: str) -> None:
    assert isinstance(repository_of(GitHubSettings(), tmp_path, {"GITHUB_REPOSITORY": named}), Unknown)


def test_without_git_nothing_is_known(tmp_path: Path) -> None:
    assert isinstance(github_of(GitHubSettings(), tmp_path, {}), Unknown)


def test_the_token_comes_from_the_variables_then_from_the_file(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("from-the-file\n")
    settings = GitHubSettings(token_file=file)
    assert token_of(settings, {"GITHUB_TOKEN": "one", "GH_TOKEN": "two"}) == "one"
    assert token_of(settings, {"GITHUB_TOKEN": "", "GH_TOKEN": "two"}) == "two"
    assert token_of(settings, {}) == "from-the-file"
    assert token_of(GitHubSettings(), {}) == ""


@pytest.mark.parametrize("content", [b"two words", b"line\nline", b"\xff\xfe", "nön".encode(), b"x" * 5000])
def test_a_file_that_holds_no_token_is_told_without_its_content(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "token"
    file.write_bytes(content)
    found = token_of(GitHubSettings(token_file=file), {})
    assert isinstance(found, Unknown)
    assert str(file) in found.reason
    assert content.decode("latin-1")[:5] not in found.reason.replace(str(file), "")


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    found = token_of(GitHubSettings(token_file=tmp_path / "gone"), {})
    assert isinstance(found, Unknown)
    assert found.reason.endswith("cannot be read: No such file or directory")
