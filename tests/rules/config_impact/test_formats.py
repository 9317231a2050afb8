"""The formats of configuration, as teams write them: what is only said another way weighs nothing."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest

from mobius.rules.config_impact import config_impact, is_looked_at

MERGED = "default: &d\n  pool: 5\n  host: a\nprod:\n  <<: *d\n  pool: {pool}\ntest:\n  <<: *d\n"
UNIT = """[Service]
ExecStart=/usr/bin/app \\
   --port 80
Environment="A=1" B=2
EnvironmentFile=-/etc/app.env
"""
BUILT = """ARG NODE=18
FROM --platform=linux/amd64 node:${NODE}-alpine AS build
ENV A=1 B=2 \\
    C=3
FROM build AS test
FROM nginx:1.25
CMD ["a", \\
 "b"]
"""
COMPOSED = """x-env: &env
  LOG: info
services:
  db:
    image: postgres:14
    environment: {<<: *env}
  web:
    ports: ['80:80']
"""
CERTIFICATE = 'B=1\nCERT="-----BEGIN X-----\nabc=def\nFOO=bar\n-----END"\n'


def found(old: Mapping[str, str], new: Mapping[str, str]) -> list[str]:
    changes = config_impact(old, new, set())
    return sorted(f"{each.impact.name} {each.key}".strip() for each in changes)


@pytest.mark.parametrize(
    ("path", "old", "new", "expected"),
    [
        (".env.example", "export A=\"x y\"\nB='z'\n", "A='x y'  # same\nexport B=z\n", []),
        (".env.example", "A=1\r\nB=\r\n", "A=1\nB=\n", []),
        (".env.example", "B=1\n", CERTIFICATE, ["LOW CERT"]),
        (".env.example", CERTIFICATE, CERTIFICATE.replace("FOO", "QUX"), ["MEDIUM CERT"]),
        (".env.example", "# don't\nA=it's\n# isn't it\nB=2\n", "# don't\nA=it's\nB=3\n", ["LOW B"]),
        (".env.example", 'A="no end\nB=1\n', 'A="no end\nB=2\n', ["LOW B"]),
        (".env.example", '#A="x\nB=1\n', '#A="x\nB=2\n', ["LOW B"]),
        (".env.example", 'A="a #b"\n', 'A="a #c"\n', ["LOW A"]),
        (".env.example", "DB=postgres://u@h/d\n", "DB=mysql://u@h/d\n", ["HIGH DB"]),
        (".env.example", "DB_URL=postgres://u@h/d\n", "DB_URL=postgresql+psycopg://u@h/e\n", ["MEDIUM DB_URL"]),
        (".env.example", "CACHE_TTL=30\n", "CACHE_TTL=30s\n", ["HIGH CACHE_TTL"]),
        (".env.example", "VERSION=1.0\n", "VERSION=1.0.1\n", ["LOW VERSION"]),
        (".env.production.example", "A=1\n", "A=1\nNEW=\n", ["HIGH NEW"]),
        ("config/database.yml", MERGED.format(pool=10), MERGED.format(pool=20), ["MEDIUM prod.pool"]),
        (
            "config/database.yml",
            MERGED.format(pool=10),
            MERGED.format(pool=10).replace("host: a", "host: b"),
            ["MEDIUM default.host", "MEDIUM prod.host", "MEDIUM test.host"],
        ),
        ("c.yml", "a: {x: 1}\nb: {x: 1}\n", "a: &q {x: 1}\nb: *q\n", []),
        ("appsettings.json", '{"a": 1}', '{\n// said\n"a": 1, /* too */ "u": "http://x//y",\n}', ["LOW u"]),
        ("c.json", '{"a": 1}', '{"a": 1, // said\n "b": }', ["HIGH"]),
        ("deploy.yaml", "spec: {image: 'postgres:14'}", "spec: {image: 'postgres:15'}", ["HIGH spec.image"]),
        ("app.service", UNIT, UNIT.replace(" \\\n   --port", " --port").replace('"A=1" B=2', "B=2 A=1"), []),
        ("app.service", UNIT, UNIT.replace("--port 80", "--port 81"), ["MEDIUM ExecStart"]),
        ("app.service", UNIT, UNIT.replace("A=1", "API_KEY=aB3dE5fG7hI9jK1"), ["HIGH Environment"]),
        ("app.service.d/limits.conf", "[Service]\nMemoryMax=1G\n", "[Service]\nMemoryMax=2G\n", ["MEDIUM MemoryMax"]),
        ("Dockerfile", BUILT, BUILT.replace("NODE=18", "NODE=20"), ["HIGH FROM", "MEDIUM NODE"]),
        ("Dockerfile", BUILT, "# FROM node:99\n" + BUILT.replace("build", "builder"), []),
        ("Dockerfile", BUILT, BUILT.replace("B=2", "B=5").replace(" \\\n    C=3", ""), ["MEDIUM B", "MEDIUM C"]),
        ("Dockerfile", "FROM python:3.11-slim\n", "FROM python:3.12-slim\n", ["HIGH FROM"]),
        ("Dockerfile", "FROM python:3.11-slim\n", "FROM python:3.11-alpine\n", ["MEDIUM FROM"]),
        ("Dockerfile", "FROM debian:bullseye\n", "FROM debian:bookworm\n", ["MEDIUM FROM"]),
        ("Dockerfile", "FROM r:5000/a@sha256:aa\n", "FROM r:5000/a@sha256:bb\n", ["LOW FROM"]),
        ("compose.yaml", COMPOSED, COMPOSED.replace("postgres:14", "mysql:8"), ["HIGH services.db.image"]),
        ("compose.yaml", COMPOSED, COMPOSED.replace("80:80", "81:80"), ["MEDIUM services.web.ports[0]"]),
        ("compose.yaml", "a: {image: '${PG:-pg:15}'}", "a: {image: '${PG:-pg:16}'}", ["HIGH a.image"]),
        (".nvmrc", "lts/hydrogen\n", "lts/iron\n", ["HIGH"]),
        ("requirements.txt", "django==4.2 --hash=sha256:aa\n", "django==4.2 \\\n  --hash=sha256:bb\n", []),
        ("requirements.txt", "django>=4.2,<5\n", "django>=5.1,<6\n", ["MEDIUM django"]),
        ("requirements/prod.txt", "django==4.2\n", "django==5.1\n", ["MEDIUM django"]),
        ("package.json", '{"packageManager": "pnpm@8.1.0"}', '{"packageManager": "pnpm@9.1.0"}', ["HIGH engines.pnpm"]),
    ],
)  # fmt: skip
def test_what_changed_is_told_and_what_is_said_another_way_is_not(
    path: str, old: str, new: str, expected: list[str]
) -> None:
    assert is_looked_at(path)
    assert found({path: old}, {path: new}) == expected


def npm(asked: str, version: str, made_for: str, number: int) -> dict[str, str]:
    if number == 1:
        lock: dict[str, object] = {"dependencies": {"a": {"version": version}, "ms": {"version": "1.0.0"}}}
    else:
        other = {"node_modules/b/node_modules/a": {"version": "0.1.0"}}
        packages = {"": {"dependencies": {"a": made_for}}, "node_modules/a": {"version": version}, **other}
        lock = {"lockfileVersion": number, "packages": packages}
    return {"package.json": json.dumps({"dependencies": {"a": asked}}), "package-lock.json": json.dumps(lock)}


def yarn(asked: str, version: str, made_for: str, number: int) -> dict[str, str]:
    if number == 1:
        lock = f'"@s/b@^7":\n  version "7.1.0"\n\na@{made_for}, a@^4.1.0:\n  version "{version}"\n'
        lock += '\na@^3.0.0:\n  version "3.9.0"\n'
    else:
        lock = f'"a@npm:{made_for}":\n  version: {version}\n  resolution: "a@npm:{version}"\n'
        lock += '\n"a@npm:^3.0.0":\n  version: 3.9.0\n'
    return {"package.json": json.dumps({"dependencies": {"a": asked}}), "yarn.lock": lock}


def pnpm(asked: str, version: str, made_for: str, number: int) -> dict[str, str]:
    if number == 5:
        lock = f"specifiers:\n  a: {made_for}\ndependencies:\n  a: {version}\n"
        lock += f"packages:\n  /a/{version}:\n    dev: false\n"
    else:
        own = f"dependencies:\n  a:\n    specifier: {made_for}\n    version: {version}(p@1.0.0)\n"
        own = own if number == 6 else "importers:\n  .:\n    " + own.replace("\n", "\n    ").rstrip() + "\n"
        lock = f"{own}packages:\n  {'/' if number == 6 else ''}a@{version}:\n    dev: false\n"
    return {"package.json": json.dumps({"dependencies": {"a": asked}}), "pnpm-lock.yaml": lock}


@pytest.mark.parametrize(
    ("made", "number"),
    [(npm, 1), (npm, 2), (npm, 3), (yarn, 1), (yarn, 2), (pnpm, 5), (pnpm, 6), (pnpm, 9)],
)
def test_locks_of_node_say_major_versions_and_what_they_were_not_made_for(made, number: int) -> None:  # type: ignore[no-untyped-def]
    old = made("^4.0.0", "4.17.0", "^4.0.0", number)
    assert found(old, made("^4.0.0", "4.18.0", "^4.0.0", number)) == ["LOW a"]
    assert found(old, made("^5.0.0", "5.0.0", "^5.0.0", number)) == ["MEDIUM a"]
    if (made, number) != (npm, 1):  # it does not say what it was made for
        assert found(old, made("^6.0.0", "4.17.0", "^4.0.0", number)) == ["MEDIUM a"]


def test_a_lock_file_that_is_gone_is_said() -> None:
    old = npm("^4.0.0", "4.17.0", "^4.0.0", 3)
    assert found(old, {"package.json": old["package.json"]}) == ["LOW a", "MEDIUM"]


def toml_lock(**versions: str) -> str:
    return "".join(
        f'[[package]]\nname = "{name}"\nversion = "{version}"\n' for name, version in versions.items()
    )


def pipfile(flask: str, click: str, python: str) -> dict[str, str]:
    lock = {"default": {"flask": {"version": f"=={flask}"}, "click": {"version": f"=={click}"}}}
    asked = f'[packages]\nflask = "*"\n[requires]\npython_version = "{python}"\n'
    return {"Pipfile": asked, "Pipfile.lock": json.dumps(lock)}


def test_locks_of_python_and_rust_tell_direct_dependencies_from_the_others() -> None:
    poetry = {"pyproject.toml": '[tool.poetry.dependencies]\nDjango = {version = "^4", extras = ["x"]}\n'}
    old, new = toml_lock(django="4.2", sqlparse="0.4"), toml_lock(django="5.0", sqlparse="0.5")
    assert found(poetry | {"poetry.lock": old}, poetry | {"poetry.lock": new}) == ["LOW", "MEDIUM django"]
    assert found(pipfile("2.0", "8.0", "3.11"), pipfile("3.0", "8.1", "3.11")) == ["LOW", "MEDIUM flask"]
    assert found(pipfile("2.0", "8.0", "3.11"), pipfile("2.0", "8.0", "3.12")) == ["HIGH engines.python"]
    cargo = {"Cargo.toml": '[dependencies]\ntokio = {version = "1", features = []}\nme = {path = "../me"}\n'}
    old, new = toml_lock(tokio="0.2.1", me="0.1"), toml_lock(tokio="1.0.1", me="0.1")
    assert found(cargo | {"Cargo.lock": old}, cargo | {"Cargo.lock": new}) == ["MEDIUM tokio"]


def go(name: str, version: str, other: str = "v1.0.0", summed: str = "") -> dict[str, str]:
    asked = f"module x\n\ngo 1.21\n\nrequire (\n\t{name} {version}\n\tgolang.org/x/c {other} // indirect\n)\n"
    sums = f"{name} {summed or version} h1:a=\n{name} {summed or version}/go.mod h1:b=\ngolang.org/x/c {other} h1:c=\n"
    return {"go.mod": asked, "go.sum": sums}


def test_a_module_of_go_has_another_name_with_another_major_version() -> None:
    old = go("github.com/a/b", "v1.2.0")
    assert found(old, go("github.com/a/b", "v1.3.0")) == ["LOW github.com/a/b"]
    assert found(old, go("github.com/a/b/v2", "v2.0.0")) == ["MEDIUM github.com/a/b"]
    assert found(old, go("github.com/a/b", "v1.2.0", "v1.1.0")) == ["LOW"]
    unsummed = go("github.com/a/b", "v1.3.0", summed="v1.2.0")
    assert found(old, unsummed) == ["LOW github.com/a/b", "MEDIUM github.com/a/b"]


GEMS = "GEM\n  specs:\n    rails ({0})\n      rack (~> 2.0)\n    rack ({1})\n\nDEPENDENCIES\n  rails (~> 6)\n\nLAST\n"


def test_locks_of_bundler_and_composer() -> None:
    old, new = GEMS.format("6.1.7", "2.2.0"), GEMS.format("7.0.1", "2.2.1")
    assert found({"Gemfile.lock": old}, {"Gemfile.lock": new}) == ["LOW", "MEDIUM rails"]

    def php(version: str) -> dict[str, str]:
        asked = {"require": {"php": ">=8.1", "ext-json": "*", "symfony/http": "^5"}}
        return {
            "composer.json": json.dumps(asked),
            "composer.lock": json.dumps({"packages": [{"name": "symfony/http", "version": version}]}),
        }

    assert found(php("v5.4.1"), php("v6.0.0")) == ["MEDIUM symfony/http"]


def test_merges_of_merges_are_read_and_do_not_grow_without_end() -> None:
    levels = "".join(f"a{n}: &a{n} {{<<: [*a{n - 1}, *a{n - 1}], k{n}: 1}}\n" for n in range(1, 60))
    assert found({"c.yaml": "a: 1\n"}, {"c.yaml": f"a0: &a0 {{x: 1}}\n{levels}"})
