"""A tag is found without touching anything, and its files land inside the folder they were meant for."""

from __future__ import annotations

import io
import os
import re
import socket
import subprocess
import tarfile
import zipfile
from pathlib import Path

import pytest

from mobius.adapters.releases.sources import Files, Git, check_tag, origin_of
from mobius.errors import MobiusError, UsageError

OWN = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}


def git(folder: Path, *words: str) -> str:
    env = {**OWN, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    who = ["-c", "user.name=ann", "-c", "user.email=ann@example.org", "-c", "protocol.file.allow=always"]
    return subprocess.run(
        ["git", *who, *words], cwd=folder, env=env, check=True, capture_output=True, text=True
    ).stdout


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A repository with a program and a migration, tagged v1."""
    folder = tmp_path / "project"
    (folder / "migrations").mkdir(parents=True)
    (folder / "app.py").write_text("print(1)\n")
    (folder / "run.sh").write_text("#!/bin/sh\n")
    (folder / "run.sh").chmod(0o755)
    (folder / "migrations" / "001_notes.sql").write_text("CREATE TABLE note (id);\n")
    git(folder, "init", "-q", "-b", "main")
    commit(folder, "v1")
    return folder


def commit(folder: Path, tag: str = "") -> str:
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "--allow-empty", "-m", "work")
    if tag:
        git(folder, "tag", tag)
    return git(folder, "rev-parse", "HEAD").strip()


def laid_out(origin: Git | Files, tag: str, into: Path, subpath: str = "") -> list[str]:
    into.mkdir()
    origin.copy(origin.find(tag), subpath, into)
    return sorted(
        path.relative_to(into).as_posix()
        for path in into.rglob("*")
        if path.is_symlink() or not path.is_dir()
    )


# Git


def test_a_tag_a_branch_and_a_commit_all_name_the_same_source(project: Path) -> None:
    head = git(project, "rev-parse", "HEAD").strip()
    found = [Git(project).find(name) for name in ("v1", "main", head, head[:10], "HEAD")]
    assert {(one.commit, one.dirty, one.branch) for one in found} == {(head, False, "main")}
    assert len({one.digest for one in found}) == 1
    assert re.fullmatch("[0-9a-f]{64}", found[0].digest)


def test_the_digest_changes_with_content_and_mode_and_with_nothing_else(project: Path) -> None:
    source = Git(project)
    first = source.find("v1").digest
    commit(project, "same-files")
    assert source.find("same-files").digest == first
    (project / "run.sh").chmod(0o644)
    commit(project, "other-mode")
    assert source.find("other-mode").digest != first
    (project / "app.py").write_text("print(2)\n")
    commit(project, "other-text")
    assert len({source.find(tag).digest for tag in ("v1", "other-mode", "other-text")}) == 3


def test_the_files_of_the_tag_are_laid_out_whatever_the_work_tree_holds(
    project: Path, tmp_path: Path
) -> None:
    (project / "app.py").write_text("not committed\n")
    (project / "new.txt").touch()
    assert laid_out(Git(project), "v1", tmp_path / "out") == ["app.py", "migrations/001_notes.sql", "run.sh"]
    assert (tmp_path / "out" / "app.py").read_text() == "print(1)\n"
    assert (tmp_path / "out" / "run.sh").stat().st_mode & 0o777 == 0o755


def test_only_the_part_that_is_asked_for_is_laid_out(project: Path, tmp_path: Path) -> None:
    source = Git(project)
    for number, asked in enumerate(("migrations", "./migrations", "migrations/")):
        assert laid_out(source, "v1", tmp_path / f"out{number}", asked) == ["migrations/001_notes.sql"]
    assert laid_out(source, "v1", tmp_path / "none", "nowhere") == []


def test_an_unknown_tag_is_refused_with_those_that_exist(project: Path) -> None:
    git(project, "tag", "v2")
    with pytest.raises(UsageError) as refused:
        Git(project).find("v9")
    assert refused.value.message == f'no tag, branch or commit "v9" in {project}'
    assert set(refused.value.hint.removeprefix("the newest tags: ").split(", ")) == {"v1", "v2"}


HOSTILE = [
    "--upload-pack=touch x", "-v1", "", " v1", "v1\n", "v1;id", "$(id)", "v1^{tree}", "HEAD~1", "v1:app.py",
    "@{-1}", "a..b", "../v1", "/etc/passwd", "v1\0", "ü", "x" * 200,
]  # fmt: skip


@pytest.mark.parametrize("tag", HOSTILE)
def test_what_could_be_an_option_a_path_or_a_command_is_no_tag(tag: str, project: Path) -> None:
    for look in (check_tag, Git(project).find, Files(f"{project}/{{tag}}", ()).find):
        with pytest.raises(UsageError, match="cannot be a tag"):
            look(tag)


def test_it_knows_when_the_commit_was_made_whatever_git_is_told_to_show(project: Path) -> None:
    made = float(git(project, "log", "-1", "--format=%ct", "v1").strip())
    git(project, "config", "log.showSignature", "true")
    assert Git(project).find("v1").committed_at == made > 1e9


def test_a_tag_wins_over_a_branch_of_the_same_name(project: Path) -> None:
    tagged = git(project, "rev-parse", "v1").strip()
    git(project, "checkout", "-q", "-b", "v1")
    assert commit(project) != tagged
    assert Git(project).find("v1").commit == tagged


def test_a_project_in_a_folder_of_its_repository_ships_that_folder(project: Path, tmp_path: Path) -> None:
    inner = project / "services" / "dhash"
    (inner / "migrations").mkdir(parents=True)
    (inner / "server.py").touch()
    (inner / "migrations" / "002_inner.sql").touch()
    commit(project, "v2")
    source = Git(inner)
    assert laid_out(source, "v2", tmp_path / "all") == ["migrations/002_inner.sql", "server.py"]
    assert laid_out(source, "v2", tmp_path / "part", "migrations") == ["migrations/002_inner.sql"]
    before = source.find("v2").digest
    (project / "app.py").write_text("a change elsewhere\n")
    assert not source.find("v2").dirty
    commit(project, "v3")
    assert source.find("v3").digest == before
    with pytest.raises(UsageError, match="has no folder services/dhash"):
        source.find("v1")


def test_dirty_means_changed_files_that_git_knows(project: Path) -> None:
    source = Git(project)
    (project / "untracked.txt").touch()
    (project / ".mobius" / "production").mkdir(parents=True)
    (project / ".mobius" / "production" / "journal.db").touch()
    assert not source.find("v1").dirty
    (project / "app.py").write_text("changed\n")
    (project / "run.sh").unlink()
    found = source.find("v1")
    assert (found.dirty, found.message) == (True, "app.py, run.sh")


def test_git_variables_of_a_hook_point_nowhere(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "nowhere"))
    assert Git(project).find("v1").branch == "main"


def test_a_folder_without_a_repository_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(MobiusError, match="git says: fatal: not a git repository") as refused:
        Git(tmp_path).find("v1")
    assert refused.value.hint == (
        f"{tmp_path} must be a git repository with a commit, or set release.source to a directory"
    )


def test_a_repository_without_a_commit_says_so(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    with pytest.raises(UsageError) as refused:
        Git(tmp_path).find("v1")
    assert refused.value.hint == "the repository has no commit yet; commit, then git tag it"


def test_without_git_it_says_what_to_install(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(project))
    with pytest.raises(MobiusError) as refused:
        Git(project).find("v1")
    assert (refused.value.message, refused.value.hint) == (
        "git is not installed",
        "install git, or set release.source to a directory",
    )


def test_a_submodule_is_an_empty_folder_and_no_obstacle(project: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    git(other, "init", "-q")
    commit(other)
    git(project, "submodule", "-q", "add", str(other), "vendored")
    commit(project, "v2")
    assert laid_out(Git(project), "v2", tmp_path / "out")[0] == ".gitmodules"
    assert list((tmp_path / "out" / "vendored").iterdir()) == []


@pytest.mark.parametrize("target", ["/etc/passwd", "../../secret", "migrations/../../secret"])
def test_a_committed_link_that_leaves_the_release_is_refused(
    target: str, project: Path, tmp_path: Path
) -> None:
    (project / "link").symlink_to(target)
    commit(project, "v2")
    with pytest.raises(MobiusError) as refused:
        laid_out(Git(project), "v2", tmp_path / "out")
    assert refused.value.message == f"v2 was refused: the link link -> {target} leads outside"


def test_a_committed_link_inside_the_release_stays_a_link(project: Path, tmp_path: Path) -> None:
    (project / "bin").mkdir()
    (project / "bin" / "run").symlink_to("../run.sh")
    (project / "sql").symlink_to("migrations")
    commit(project, "v2")
    laid_out(Git(project), "v2", tmp_path / "out")
    assert (tmp_path / "out" / "bin" / "run").read_text() == "#!/bin/sh\n"
    assert (tmp_path / "out" / "sql").is_symlink()


def test_strange_file_names_are_only_names(project: Path, tmp_path: Path) -> None:
    names = ["dev-x\\x2dy.mount", "-rf", "a b", "üñí", ":(top)x", "*", "x:y"]
    for name in names:
        (project / name).touch()
    commit(project, "v2")
    assert set(names) < set(laid_out(Git(project), "v2", tmp_path / "out"))


# A directory


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A built release in a directory, v1."""
    made = tmp_path / "built" / "v1"
    (made / "sub").mkdir(parents=True)
    (made / "app.py").write_text("print(1)\n")
    (made / "sub" / "more.txt").write_text("more\n")
    (made / "latest").symlink_to("app.py")
    return made


def test_a_directory_for_each_tag(folder: Path, tmp_path: Path) -> None:
    source = Files(f"{folder.parent}/{{tag}}", ())
    found = source.find("v1")
    assert (found.tag, found.commit, found.dirty, len(found.digest)) == ("v1", "", False, 64)
    assert laid_out(source, "v1", tmp_path / "all") == ["app.py", "latest", "sub/more.txt"]
    assert laid_out(source, "v1", tmp_path / "part", "sub") == ["sub/more.txt"]
    assert (tmp_path / "all" / "latest").is_symlink()
    with pytest.raises(UsageError) as refused:
        source.find("v2")
    assert refused.value.message == f'no release "v2": {folder.parent}/v2 does not exist'
    assert refused.value.hint == "there are: v1"


def test_a_directory_without_a_tag_in_its_name_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"release.source .*/dist does not exist"):
        Files(str(tmp_path / "dist"), ()).find("v1")


def test_a_directorys_digest_sees_content_modes_names_and_links(folder: Path) -> None:
    source = Files(str(folder), ())
    seen = [source.find("v1").digest]
    for change in (
        lambda: (folder / "app.py").write_text("print(2)\n"),
        lambda: (folder / "app.py").chmod(0o755),
        lambda: (folder / "app.py").rename(folder / "main.py"),
        lambda: ((folder / "latest").unlink(), (folder / "latest").symlink_to("main.py")),
    ):
        change()
        seen.append(source.find("v1").digest)
    assert len(set(seen)) == 5
    (folder / "main.py").touch()
    assert source.find("v1").digest == seen[-1]


def test_what_is_ours_and_what_is_no_file_is_not_shipped(folder: Path, tmp_path: Path) -> None:
    (folder / "backups").mkdir()
    (folder / "backups" / "dhash.zip").touch()
    for name in (".git", ".mobius", "sub/.git"):
        (folder / name).mkdir()
        (folder / name / "x").touch()
    os.mkfifo(folder / "pipe")
    with socket.socket(socket.AF_UNIX) as line:
        line.bind(os.path.relpath(folder / "sock"))
        # By a link, as some people reach their project.
        (tmp_path / "link").symlink_to(folder)
        source = origin_of(str(tmp_path / "link"), folder, (folder / "backups",))
        assert laid_out(source, "v1", tmp_path / "out") == ["app.py", "latest", "sub/more.txt"]  # type: ignore[arg-type]


def test_links_of_a_directory_are_shipped_as_links_and_never_followed(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "key").touch()
    (folder / "python").symlink_to("/usr/bin/python3")
    (folder / "elsewhere").symlink_to(tmp_path / "secret")
    names = laid_out(Files(str(folder), ()), "v1", tmp_path / "out")
    assert names == ["app.py", "elsewhere", "latest", "python", "sub/more.txt"]
    assert (tmp_path / "out" / "elsewhere").is_symlink()


def test_a_directory_that_cannot_be_read_says_which_file(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path, *_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(MobiusError) as refused:
        Files(str(folder), ()).find("v1")
    assert refused.value.message == f"the release v1 cannot be read: {folder / 'app.py'}: Permission denied"


# Archives


def tar_of(path: Path, *members: tuple[str, str | bytes, str]) -> Path:
    """Members are (name, content or target, kind): file, link, hard, folder, device."""
    kinds = {"file": tarfile.REGTYPE, "link": tarfile.SYMTYPE, "hard": tarfile.LNKTYPE}
    kinds |= {"folder": tarfile.DIRTYPE, "device": tarfile.CHRTYPE, "pipe": tarfile.FIFOTYPE}
    with tarfile.open(path, "w:gz") as archive:
        for name, content, kind in members:
            info = tarfile.TarInfo(name)
            info.type, info.mode = kinds[kind], 0o6777
            if kind == "file":
                data = content if isinstance(content, bytes) else content.encode()
                info.size = len(data)
                archive.addfile(info, io.BytesIO(data))
            else:
                info.linkname = str(content)
                archive.addfile(info)
    return path


def zip_of(path: Path, *members: tuple[str, str, int]) -> Path:
    """Members are (name, content, mode with its kind)."""
    with zipfile.ZipFile(path, "w") as packed:
        for name, content, mode in members:
            info = zipfile.ZipInfo("placeholder")
            info.filename = name  # as it is: the constructor would correct it
            info.external_attr, info.create_system = mode << 16, 3
            packed.writestr(info, content)
    return path


def test_a_tar_and_a_zip_are_laid_out_with_their_modes(tmp_path: Path) -> None:
    tar_of(
        tmp_path / "v1.tar.gz",
        ("./bin", "", "folder"),
        ("./bin/run", "go", "file"),
        ("./again", "./bin/run", "hard"),
        ("./latest", "bin/run", "link"),
    )
    zip_of(
        tmp_path / "v1.zip", ("bin/run", "go", 0o100755), ("again", "go", 0), ("latest", "bin/run", 0o120777)
    )
    for kind in ("tar.gz", "zip"):
        source, out = Files(f"{tmp_path}/{{tag}}.{kind}", ()), tmp_path / kind
        assert laid_out(source, "v1", out) == ["again", "bin/run", "latest"]
        assert (out / "bin" / "run").stat().st_mode & 0o7777 == 0o755
        assert ((out / "latest").is_symlink(), (out / "latest").read_text()) == (True, "go")
        assert (out / "again").read_text() == "go"
        assert laid_out(source, "v1", tmp_path / f"{kind}-part", "bin") == ["bin/run"]


BAD_TARS = {
    "climbs": ("../out.txt", "x", "file"),
    "climbs inside": ("a/../../out.txt", "x", "file"),
    "absolute": ("/tmp/mobius-out.txt", "x", "file"),
    "link out": ("link", "../out.txt", "link"),
    "absolute link": ("link", "/etc/passwd", "link"),
    "hard link out": ("hard", "../../etc/passwd", "hard"),
    "device": ("null", "", "device"),
    "pipe": ("pipe", "", "pipe"),
}


@pytest.mark.parametrize("which", BAD_TARS)
def test_a_tar_that_would_leave_its_folder_is_refused(which: str, tmp_path: Path) -> None:
    path = tar_of(tmp_path / "v1.tar.gz", ("fine.txt", "x", "file"), BAD_TARS[which])
    with pytest.raises(MobiusError, match="was refused"):
        laid_out(Files(str(path), ()), "v1", tmp_path / "inner")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["inner", "v1.tar.gz"]
    assert not Path("/tmp/mobius-out.txt").exists()


def test_nothing_is_written_through_a_link_of_the_archive(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    for members in (
        (("d", str(outside), "link"), ("d/x", "x", "file")),
        (("d/x", "x", "file"), ("d", str(outside), "link")),
        (("d", ".", "link"), ("d", "x", "file")),
    ):
        path = tar_of(tmp_path / "v1.tar.gz", *members)
        into = tmp_path / f"out{len(list(tmp_path.iterdir()))}"
        with pytest.raises(MobiusError, match="was refused"):
            laid_out(Files(str(path), ()), "v1", into)
    assert list(outside.iterdir()) == []


def test_a_chain_of_links_that_leaves_together_is_refused(tmp_path: Path) -> None:
    # Read as text `out` stays inside; the kernel goes to the top by `up`, and then one further.
    path = tar_of(tmp_path / "v1.tar.gz", ("a/b/up", "../..", "link"), ("out", "a/b/up/../secret", "link"))
    with pytest.raises(MobiusError, match=r"the link out -> .* leads outside"):
        laid_out(Files(str(path), ()), "v1", tmp_path / "out")


BAD_NAMES = [
    "../out.txt",
    "a/../../out.txt",
    "/tmp/mobius-out.txt",
    "a\\..\\..\\out.txt",
    "C:\\out.txt",
    "C:x",
]


@pytest.mark.parametrize("name", BAD_NAMES)
def test_a_zip_that_would_leave_its_folder_is_refused(name: str, tmp_path: Path) -> None:
    path = zip_of(tmp_path / "v1.zip", ("fine.txt", "x", 0o100644), (name, "x", 0o100644))
    with pytest.raises(MobiusError) as refused:
        laid_out(Files(str(path), ()), "v1", tmp_path / "inner")
    assert refused.value.message == f"{path} was refused: {name!r} lies outside"


def test_a_link_in_a_zip_that_leaves_is_refused(tmp_path: Path) -> None:
    path = zip_of(tmp_path / "v1.zip", ("link", "/etc/passwd", 0o120777))
    with pytest.raises(MobiusError, match="the link link -> /etc/passwd leads outside"):
        laid_out(Files(str(path), ()), "v1", tmp_path / "out")


def test_what_is_no_archive_or_damaged_is_an_error_in_words(tmp_path: Path) -> None:
    whole_tar = tar_of(tmp_path / "whole.tar.gz", ("a", os.urandom(300_000), "file")).read_bytes()
    whole_zip = zip_of(tmp_path / "whole.zip", ("a", "x" * 1000, 0)).read_bytes()
    damaged = {
        "text.tar.gz": b"not an archive",
        "empty.zip": b"",
        "short.tar.gz": whole_tar[: len(whole_tar) // 2],
        "rotten.tar.gz": whole_tar[:1000] + bytes(2000) + whole_tar[3000:],
        "short.zip": whole_zip[:500],
        "rotten.zip": whole_zip[:200] + b"y" * 100 + whole_zip[300:],
    }
    for name, content in damaged.items():
        path = tmp_path / name
        path.write_bytes(content)
        with pytest.raises(MobiusError, match="cannot be unpacked") as refused:
            laid_out(Files(str(path), ()), "v1", tmp_path / f"out-{name}")
        assert refused.value.hint == "a release archive is a .zip or a .tar.gz"


def test_thousands_of_files_are_no_trouble(tmp_path: Path) -> None:
    many = [(f"d{n % 50}/f{n}", "x", 0o100644) for n in range(5000)]
    path = zip_of(tmp_path / "v1.zip", *many)
    assert len(laid_out(Files(str(path), ()), "v1", tmp_path / "out")) == 5000
