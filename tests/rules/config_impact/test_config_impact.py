"""What a change of configuration weighs: the reasons a reviewer reads, and nothing where nothing changed."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mobius.model.linting import Impact
from mobius.rules.config_impact import config_impact, is_looked_at

HIGH, MEDIUM, LOW = Impact.HIGH, Impact.MEDIUM, Impact.LOW
GITHUB = "ghp_" + "a1B2" * 9


def changes(path: str, old: str, new: str, present: set[str] | None = None) -> list[tuple[Impact, str]]:
    return [(each.impact, each.reason) for each in config_impact({path: old}, {path: new}, present)]


def test_a_variable_that_is_required_and_absent_is_high_and_one_that_is_there_is_not() -> None:
    assert changes(".env.example", "", "QUEUE_URL=\n", {"PATH"}) == [
        (HIGH, "QUEUE_URL is required, and not set where the service runs")
    ]
    assert changes(".env.example", "", "QUEUE_URL=\n", {"QUEUE_URL"}) == [
        (LOW, "QUEUE_URL is new, and set where the service runs")
    ]
    assert changes(".env.example", "", "export QUEUE_URL=''\n", None) == [
        (
            MEDIUM,
            "QUEUE_URL is new and has no default; whether it is set where the service runs could not be seen",
        )
    ]


def test_what_the_live_release_reads_must_stay_for_the_way_back() -> None:
    only = config_impact({".env.sample": "OLD=1\n"}, {".env.sample": ""}, set())[0]
    assert (only.impact, only.undo) == (HIGH, "keep OLD where the service runs until the window has ended")


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("A=1\n# c\nB=2\n", "B=2\n\nA=1   # said anew\n", []),
        ("# A=1\n", "A=1\n", [(LOW, "A is now optional")]),
        ("A=1\n", "A=\n", [(MEDIUM, "A is now required")]),
        ("TIMEOUT=5\n", "TIMEOUT=50\n", [(MEDIUM, "TIMEOUT: the default goes from '5' to '50'")]),
        ("GREETING=hi\n", "GREETING=ho\n", [(LOW, "GREETING: the default goes from 'hi' to 'ho'")]),
        ("", "API_TOKEN=change-me\n", [(LOW, "API_TOKEN is new, with a default")]),
        (
            "",
            f"API_TOKEN={GITHUB}\n",
            [
                (
                    HIGH,
                    "API_TOKEN holds what looks like a real secret, in a file that everybody with the code can read",
                )
            ],
        ),
    ],
)
def test_an_example_of_the_environment(old: str, new: str, expected: list[tuple[Impact, str]]) -> None:
    assert changes(".env.example", old, new, {"A", "B"}) == expected


def test_a_type_that_changed_is_high_and_a_port_medium() -> None:
    old, new = {"server": {"port": 8080}, "name": "a"}, {"server": {"port": "8080"}, "name": "b"}
    assert changes("config/app.json", json.dumps(old), json.dumps(new)) == [
        (HIGH, "server.port goes from number 8080 to text '8080'"),
        (LOW, "name goes from 'a' to 'b'"),
    ]
    assert changes("app.toml", "[db]\npool = 5\n", "[db]\npool = 9\nnew = true\n") == [
        (MEDIUM, "db.pool goes from 5 to 9"),
        (LOW, "db.new is new"),
    ]
    assert changes("app.yaml", "on: true\n", "on: 1\n") == [(HIGH, "True goes from flag True to number 1")]


def test_the_order_of_keys_and_comments_weigh_nothing() -> None:
    assert changes("a.json", '{"a": 1, "b": 2}', '{"b": 2,\n "a": 1}') == []
    assert changes("a.toml", "a = 1\nb = 2\n", "# hello\nb = 2\na = 1\n") == []
    assert changes("a.yml", "a: 1\nb: 2\n", "b: 2 # two\na: 1\n") == []


def test_a_file_that_cannot_be_read_is_high() -> None:
    found = changes("config.json", "{}", "{broken")
    assert [impact for impact, _ in found] == [HIGH]
    assert found[0][1].startswith("config.json cannot be read: ")


def test_secrets_are_never_shown() -> None:
    old, new = {"db": {"password": "hunter2hunter2"}}, {"db": {"password": "another9secret"}}
    unit = "[Service]\nExecStart=/bin/a --password {}\n"
    said = str(config_impact({"a.json": json.dumps(old)}, {"a.json": json.dumps(new)}))
    said += str(
        config_impact({"a.service": unit.format("hunter2")}, {"a.service": unit.format("other9secret")})
    )
    said += str(config_impact({"Procfile": "web: a"}, {"Procfile": "web: a postgres://u:hunter2pw@db/x"}))
    assert "hunter2" not in said
    assert "secret9" not in said and "another9secret" not in said and "other9secret" not in said


@pytest.mark.parametrize(
    ("path", "old", "new", "impact", "reason"),
    [
        (
            "Dockerfile",
            "FROM node:18-alpine\n",
            "FROM node:20-alpine\n",
            HIGH,
            "node goes from 18-alpine to 20-alpine: another major version",
        ),
        ("Dockerfile", "FROM node:18.1\n", "FROM node:18.9\n", LOW, "node goes from 18.1 to 18.9"),
        (
            "docker-compose.yml",
            "services: {db: {image: 'postgres:14'}}",
            "services: {db: {image: 'postgres:16'}}",
            HIGH,
            "postgres goes from 14 to 16: another major version",
        ),
        (".nvmrc", "v18.3.0\n", "v20.1.0\n", HIGH, ".nvmrc goes from v18.3.0 to v20.1.0: another runtime"),
        (
            ".python-version",
            "3.11.2\n",
            "3.12.0\n",
            HIGH,
            ".python-version goes from 3.11.2 to 3.12.0: another runtime",
        ),
        (".python-version", "3.11.2\n", "3.11.9\n", LOW, ".python-version goes from 3.11.2 to 3.11.9"),
        (
            "go.mod",
            "module x\ngo 1.21\n",
            "module x\ngo 1.22\n",
            HIGH,
            "go goes from 1.21 to 1.22: another runtime",
        ),
        ("Procfile", "web: node a\n", "web: node b\n", MEDIUM, "web goes from node a to node b"),
        (
            "dhash.service",
            "[Unit]\nDescription=a\n",
            "[Unit]\nDescription=b\n",
            LOW,
            "Description goes from a to b",
        ),
        (
            "dhash.service",
            "[Service]\nUser=dhash\n",
            "[Service]\nUser=root\n",
            MEDIUM,
            "User goes from dhash to root",
        ),
    ],
)
def test_what_it_runs_on(path: str, old: str, new: str, impact: Impact, reason: str) -> None:
    assert changes(path, old, new) == [(impact, reason)]


def test_direct_dependencies_weigh_by_their_major_version_and_0_x_by_its_minor() -> None:
    def files(versions: dict[str, str], runs: bool) -> dict[str, str]:
        package = {"dependencies": dict.fromkeys(("express", "zod", "ms"), "*")}
        lock = {f"node_modules/{name}": {"version": version} for name, version in versions.items()}
        lock |= {"node_modules/esbuild": {"version": "1.0.0", **({"hasInstallScript": True} if runs else {})}}
        return {
            "package.json": json.dumps(package),
            "package-lock.json": json.dumps({"packages": {"": {}, **lock}}),
        }

    old = files({"express": "4.18.2", "zod": "0.1.3", "ms": "2.1.0"}, runs=False)
    new = files({"express": "5.0.0", "zod": "0.2.0", "ms": "2.1.9"}, runs=True)
    assert [(each.impact, each.key, each.reason) for each in config_impact(old, new)] == [
        (MEDIUM, "esbuild", "esbuild runs a program of its own when it is installed, and did not before"),
        (MEDIUM, "express", "express goes from 4.18.2 to 5.0.0: its interface may differ"),
        (MEDIUM, "zod", "zod goes from 0.1.3 to 0.2.0: its interface may differ"),
        (LOW, "ms", "ms goes from 2.1.0 to 2.1.9"),
    ]


def test_a_dependency_that_the_lock_does_not_have_is_said() -> None:
    old = {
        "pyproject.toml": "[project]\ndependencies = ['django>=4']\n",
        "uv.lock": "[[package]]\nname='django'\nversion='4.2'\n",
    }
    new = old | {"pyproject.toml": "[project]\ndependencies = ['django>=4', 'celery']\n"}
    assert [(each.impact, each.reason) for each in config_impact(old, new)] == [
        (MEDIUM, "celery is asked for, and is not in uv.lock: what is built is not what was tried"),
        (LOW, "celery is new"),
    ]


def test_pinned_requirements_are_compared() -> None:
    found = changes("requirements.txt", "django==4.2.1 \\\n  --hash=x\n", "Django==5.0.0\n")
    assert found == [(MEDIUM, "django goes from 4.2.1 to 5.0.0: its interface may differ")]


def test_files_of_tests_and_of_others_are_left_alone() -> None:
    looked_at = [
        ".env.example",
        "config/app.yaml",
        "Dockerfile",
        "deploy/api.Dockerfile",
        "package-lock.json",
        "a.service",
    ]
    left = [
        "node_modules/x/package.json",
        "src/a.py",
        "tests/fixtures/a.json",
        "tsconfig.json",
        ".env",
        "README.md",
    ]
    assert [path for path in looked_at + left if is_looked_at(path)] == looked_at


BOMB = "a: &a [x, x]\n" + "".join(
    f"{chr(98 + n)}: &{chr(98 + n)} [*{chr(97 + n)}, *{chr(97 + n)}]\n" for n in range(20)
)


def test_a_document_that_grows_without_end_is_only_read() -> None:
    assert changes("a.yaml", "a: 1\n", BOMB)


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(
        [
            ".env.example",
            "a.json",
            "a.yaml",
            "a.toml",
            "Dockerfile",
            "compose.yml",
            "package.json",
            "a.service",
            "go.mod",
            "package-lock.json",
            "poetry.lock",
            "yarn.lock",
            "requirements.txt",
            ".nvmrc",
            "pnpm-lock.yaml",
            "Pipfile",
            "go.sum",
            "Gemfile.lock",
            "composer.lock",
            "Cargo.toml",
            "a.service.d/b.conf",
        ]
    ),
    st.text(max_size=120),
    st.text(max_size=120),
)
def test_no_text_is_refused(path: str, old: str, new: str) -> None:
    config_impact({path: old}, {path: new}, set())
    config_impact({}, {path: new})
    config_impact({path: old}, {})
    assert config_impact({path: old}, {path: old}) == ()
