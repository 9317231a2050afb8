"""Which file is asked about by which source, and the packages in it."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mobius.report.sbom import cyclonedx
from mobius.rules.scanning.manifests import Manifest, manifests
from mobius.rules.scanning.npm_locks import missing_from_lock, npm_packages
from mobius.rules.scanning.requirements import (
    includes_others,
    requirement_packages,
    requirements,
    says_nothing,
)
from mobius.rules.scanning.shapes import Unread


def chosen(*paths: str, **texts: str) -> list[tuple[str, str]]:
    files = dict.fromkeys(paths, "") | {path.replace("__", "."): text for path, text in texts.items()}
    return [(each.source, each.path) for each in manifests(files, (), dev=False)]


def test_each_lock_file_goes_to_whoever_can_read_it() -> None:
    assert chosen(
        "package-lock.json", "web/npm-shrinkwrap.json", "web/package-lock.json", "requirements.txt"
    ) == [
        ("npm", "package-lock.json"),
        ("pip", "requirements.txt"),
        ("npm", "web/npm-shrinkwrap.json"),
    ]
    assert chosen("go.mod", "yarn.lock") == [("osv", "go.mod"), ("osv", "yarn.lock")]


def test_what_only_developers_install_and_what_lies_in_tests_is_left_out_unless_asked_for() -> None:
    paths = ("requirements-dev.txt", "tests/fixtures/package-lock.json", "docs/requirements.txt", "notes.txt")
    assert chosen(*paths) == []
    assert len(manifests(dict.fromkeys(paths, ""), (), dev=True)) == 3


def test_a_service_in_a_folder_that_sounds_like_one_for_developers_is_asked_about() -> None:
    paths = (
        "ci-board/requirements.txt",
        "lint-server/requirements-prod.txt",
        "test-runner/requirements/base.txt",
    )
    assert chosen(*paths) == [("pip", path) for path in paths]
    assert chosen("board/requirements/dev.txt", "board/requirements-test.txt") == []


def test_very_many_files_of_text_are_passed_over_in_a_moment() -> None:
    words = {f"spoken/{number}/words.txt": "" for number in range(20_000)}
    found = manifests({**words, "spoken/requirements.txt": "", "package.json": "no JSON"}, (), dev=False)
    assert [each.path for each in found] == ["package.json", "spoken/requirements.txt"]


def test_needs_without_a_lock_file_are_a_doubt_and_no_silence() -> None:
    for name, content in (
        ("package.json", '{"dependencies": {"express": "5"}}'),
        ("pyproject.toml", '[project]\nname = "x"\ndependencies = ["flask"]\n'),
        ("pyproject.toml", '[tool.poetry.dependencies]\npython = "^3.11"\nflask = "*"\n'),
        ("package.json", "no JSON"),
        ("pyproject.toml", "= no TOML"),
    ):
        (found,) = manifests({name: content}, (), dev=False)
        assert found.doubt is not None, name
    assert manifests({"package.json": '{"devDependencies": {"jest": "30"}}'}, (), dev=False) == ()
    assert manifests({"package.json": '{"dependencies": {"a": "1"}}', "yarn.lock": ""}, (), dev=False) == (
        Manifest("osv", "yarn.lock"),
    )


def test_the_lock_file_of_a_work_space_is_that_of_its_parts() -> None:
    needs = '{"dependencies": {"b": "1"}}'
    part = "packages/a/package.json"
    for root in ('{"workspaces": ["packages/*"]}', '{"workspaces": {"packages": ["./packages/**/"]}}'):
        files = {"package-lock.json": "", "package.json": root, part: needs}
        assert manifests(files, (), dev=False) == (Manifest("npm", "package-lock.json", parts=(part,)),)
    of_pnpm = {"pnpm-lock.yaml": "", "pnpm-workspace.yaml": "", part: needs}
    assert manifests(of_pnpm, (), dev=False) == (Manifest("osv", "pnpm-lock.yaml"),)
    apart = {"web/package-lock.json": "", "api/package.json": '{"dependencies": {"b": "1"}}'}
    assert [each.path for each in manifests(apart, (), dev=False) if each.doubt] == ["api/package.json"]


@pytest.mark.parametrize(
    "root",
    ["", "{}", '{"workspaces": ["apps/*"]}', '{"workspaces": ["!worker"]}', "no JSON", '{"workspaces": 7}'],
)
def test_what_is_no_part_of_a_work_space_is_not_covered_by_the_lock_file_above(root: str) -> None:
    files = {
        "package-lock.json": "",
        "package.json": root,
        "worker/package.json": '{"dependencies": {"b": "1"}}',
    }
    (found,) = [each for each in manifests(files, (), dev=False) if each.doubt]
    assert found.doubt is not None
    assert (found.path, found.doubt.why) == (
        "worker/package.json",
        "it has no lock file of its own, and is no part of the work space above it",
    )


def test_a_lock_file_of_another_language_fixes_no_version_of_python_packages() -> None:
    listed = """["flask>=3", "Zope.Interface", "pywin32; sys_platform == 'win32'"]"""
    needs = f'[project]\nname = "x"\ndependencies = {listed}\n'
    for others, doubt in (
        ({"go.mod": ""}, "no file says which versions are installed"),
        (
            {"requirements.txt": "flask==3.0\n"},
            "requirements.txt does not have Zope.Interface, which it needs",
        ),
        ({"requirements.txt": "flask==3.0\nzope-interface==7\n"}, ""),
        ({"requirements.txt": "-r base.txt\n"}, ""),
        ({"uv.lock": ""}, ""),
    ):
        found = manifests({"pyproject.toml": needs, **others}, (), dev=False)
        assert [each.doubt.why for each in found if each.doubt] == ([doubt] if doubt else []), others
    apart = {"api/pyproject.toml": needs, "uv.lock": "", "pyproject.toml": '[project]\nname = "y"\n'}
    assert [each.path for each in manifests(apart, (), dev=False) if each.doubt] == ["api/pyproject.toml"]
    parts = {**apart, "pyproject.toml": '[tool.uv.workspace]\nmembers = ["api"]\n'}
    assert not [each.path for each in manifests(parts, (), dev=False) if each.doubt]


def test_other_languages_without_their_lock_file_are_a_doubt() -> None:
    for name, lock in (
        ("Gemfile", "Gemfile.lock"),
        ("Cargo.toml", "Cargo.lock"),
        ("Pipfile", "Pipfile.lock"),
    ):
        (found,) = manifests({name: ""}, (), dev=False)
        assert found.doubt is not None and lock in found.doubt.why
        assert manifests({name: "", lock: ""}, (), dev=False) == (Manifest("osv", lock),)


def test_a_lock_file_of_another_day_lacks_what_package_json_needs() -> None:
    lock = '{"packages": {"node_modules/a": {"version": "1.0.0"}, "node_modules/part": {"link": true}}}'
    needs = '{"dependencies": {"a": "1", "part": "*", "b": "2", "mine": "file:../mine"}, "devDependencies": {"c": "1"}}'
    assert missing_from_lock(needs, lock, dev=False) == ["b"]
    assert missing_from_lock(needs, lock, dev=True) == ["b", "c"]
    assert missing_from_lock('{"optionalDependencies": {"d": "1"}}', lock, dev=False) == ["d"]


def test_the_old_list_of_a_lock_file_counts_where_the_new_one_is_empty() -> None:
    lock = '{"packages": {"": {}}, "dependencies": {"lodash": {"version": "4.17.4"}}}'
    assert [each.name for each in npm_packages(lock)] == ["lodash"]


def test_the_packages_of_a_lock_file_know_what_they_need_as_node_finds_it() -> None:
    lock = {
        "lockfileVersion": 3,
        "packages": {
            "": {"name": "app"},
            "lib": {"version": "1.0.0"},
            "node_modules/lib": {"link": True, "resolved": "lib"},
            "node_modules/a": {
                "version": "1.0.0",
                "dependencies": {"b": "^2", "c": "^1"},
                "integrity": "sha512-AA==",
            },
            "node_modules/a/node_modules/b": {"version": "2.0.0", "dependencies": {"c": "^1"}},
            "node_modules/b": {"version": "1.0.0", "dev": True},
            "node_modules/c": {"version": "1.0.0"},
        },
    }
    found = {each.place: each for each in npm_packages(json.dumps(lock))}
    assert set(found) == {
        "node_modules/a", "node_modules/a/node_modules/b", "node_modules/b", "node_modules/c",
    }  # fmt: skip
    assert found["node_modules/a"].depends == ("node_modules/a/node_modules/b", "node_modules/c")
    assert found["node_modules/a/node_modules/b"].depends == ("node_modules/c",)
    assert found["node_modules/b"].dev


def test_lines_of_requirements_are_read_with_their_pins_hashes_and_markers() -> None:
    content = (
        "# by hand\n-r base.txt\nFlask==3.1.0 \\\n    --hash=sha256:aa \\\n    --hash=sha256:bb\n"
        'colorama==0.4 ; sys_platform == "win32"\nrequests[socks]>=2.31  # why\nlocal @ file:///x\n'
    )
    assert [(one.name, one.version, one.is_sure, one.hashed) for one in requirements(content)] == [
        ("Flask", "3.1.0", True, True),
        ("colorama", "0.4", False, False),
        ("requests", "", True, False),
        ("local", "", True, False),
    ]


def test_a_requirements_file_says_nothing_only_where_every_line_is_understood_to() -> None:
    for content in ("", "\n  # none\n", "--index-url https://here/\n"):
        assert says_nothing(content)
    for content in ("flask\n", "-r base.txt\n", "\ufeffflask==1\n", "f\0l\0a\0", "!flask\n"):
        assert not says_nothing(content), content


@pytest.mark.parametrize(
    "content",
    [
        "-rbase.txt", "-cpins.txt", "-e.", "-egit+https://here/x", "--requirement=base.txt",
        "--req base.txt", "--edit .", "--constr pins.txt", "--unheard-of base.txt", "-x base.txt",
        "--index-url https://here/ -r base.txt", "-i https://here/ flask",
    ],
)  # fmt: skip
def test_a_requirements_file_that_names_others_in_any_way_that_pip_takes_says_something(content: str) -> None:
    assert not says_nothing(content)


@pytest.mark.parametrize(
    "content", ["# why \\\nflask==0.1\n", "--pre \\\n# why \\\nflask==0.1\n", "--pre \\\nflask\\"]
)
def test_a_comment_does_not_go_on_in_the_next_line_and_hides_no_package(content: str) -> None:
    assert not says_nothing(content)


def test_a_name_that_goes_on_in_the_next_line_is_one() -> None:
    assert [(one.name, one.version) for one in requirements("fla\\\r\nsk==3.1.0\n# x \\\nb==1 # y\n")] == [
        ("flask", "3.1.0"), ("b", "1"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "content",
    [
        "-i https://here/", "-ihttps://here/", "--index-url=https://here/", "--extra-index-url https://here/",
        "--no-index", "-f wheels", "--find-links=wheels", "--no-binary :all:", "--only-binary=:all:",
        "--pre", "--prefer-binary", "--require-hashes", "--trusted-host here",
    ],
)  # fmt: skip
def test_an_option_that_names_no_package_says_nothing(content: str) -> None:
    assert says_nothing(f"# options\n{content}\n")


@pytest.mark.parametrize(
    "content", ["-rbase.txt", "--requirement=base.txt", "-cpins.txt", "--req base.txt", "-e."]
)
def test_a_file_that_names_others_is_not_taken_for_the_whole(content: str) -> None:
    assert includes_others(content)


ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(codec=None), max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)
ENTRY = st.fixed_dictionaries(
    {},
    optional=dict.fromkeys(
        ("name", "version", "integrity", "license", "dependencies", "dev", "link", "optionalDependencies"),
        ANY,
    ),
)
PLACES = st.dictionaries(
    st.sampled_from(["", "node_modules/a", "node_modules/a/node_modules/b", "lib", "node_modules/\ud800"]),
    ENTRY | ANY,
)


@settings(max_examples=200, deadline=None)
@given(PLACES, st.sampled_from(["packages", "dependencies"]))
def test_any_lock_file_is_read_or_refused_and_what_was_read_can_be_written(places: object, key: str) -> None:
    try:
        packages = npm_packages(json.dumps({"lockfileVersion": 3, key: places}))
    except Unread:
        return
    made = cyclonedx(packages, service="x", version="1", serial="s", at="t", tool_version="1")
    json.dumps(made, ensure_ascii=False).encode()


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=80))
def test_any_text_can_be_a_requirements_file(content: str) -> None:
    assert len(requirement_packages(content, "r.txt")) <= len(content.splitlines())


@pytest.mark.parametrize(
    "content", ["", "[]", '{"packages": []}', '{"packages": {"node_modules/a": 7}}', "{"]
)
def test_what_is_no_lock_file_is_refused(content: str) -> None:
    with pytest.raises(Unread):
        npm_packages(content)
