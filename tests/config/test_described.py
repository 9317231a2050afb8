"""The schema and the reference page say what loading does, because all three come from one table."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import pytest

from mobius.config import load, reference, schema

from .validating import errors

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "reference" / "configuration.md"
VECTORS = ROOT / "tests" / "vectors" / "config"
# Wrong by themselves, so that an editor can say it; the others are wrong only together, or not TOML at all.
WRONG_ALONE = (
    "addresses",
    "everything_at_once",
    "nothing",
    "paths_that_escape",
    "policies",
    "secrets",
    "signals",
    "wrong_types",
)


def test_the_reference_page_ends_with_what_the_table_says() -> None:
    assert PAGE.read_text(encoding="utf-8").endswith(reference())


def test_the_example_of_the_page_loads_and_is_good_by_the_schema(tmp_path: Path) -> None:
    example = re.search(r"```toml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert example
    file = tmp_path / "mobius.toml"
    file.write_text(example[1], encoding="utf-8")
    settings = load(file, environ={})
    assert set(settings.environments) == {"production", "staging"}
    assert settings.environment("production").policy.max_p95_ms == 800.0
    assert settings.environment("production").policy.max_memory_pct == 90.0
    assert errors(schema(), tomllib.loads(example[1])) == []


@pytest.mark.parametrize("name", WRONG_ALONE)
def test_the_schema_refuses_what_loading_refuses(name: str) -> None:
    assert errors(schema(), tomllib.loads((VECTORS / f"{name}.toml").read_text(encoding="utf-8"))) != []


def test_the_schema_is_json_and_says_of_every_setting_what_it_is() -> None:
    assert json.loads(json.dumps(schema()))["required"] == ["service", "environments"]

    def undescribed(node: dict[str, object], path: str) -> list[str]:
        properties = node.get("properties", {})
        assert isinstance(properties, dict)
        found = [f"{path}.{key}" for key, inner in properties.items() if not inner.get("description")]
        return found + [
            each for key, inner in properties.items() for each in undescribed(inner, f"{path}.{key}")
        ]

    assert undescribed(schema(), "") == []
