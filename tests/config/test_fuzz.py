"""Whatever a file, a variable or a flag holds, loading it gives Settings or a ConfigurationError."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mobius.config import load
from mobius.config.fields import TOP
from mobius.config.mistakes import Mistakes
from mobius.config.reading import lines_of
from mobius.config.table import Field, Item, Named, Rows, Section, spelled
from mobius.config.tree import Reader
from mobius.errors import ConfigurationError
from mobius.model.settings import Settings

QUICK = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def loaded(text: bytes, **named: Any) -> Settings | ConfigurationError:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "mobius.toml"
        file.write_bytes(text)
        try:
            return load(file, **{"environ": {}, **named})
        except ConfigurationError as error:
            str(error).encode("utf-8")  # can be printed and stored
            return error


SCALARS = st.one_of(
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from(
        ["off", "60m", "http://127.0.0.1:1", "strict", "git", "/x", "a", "0.0.0.0:1", "1GiB", "../x"]
    ),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


def tables(items: tuple[Item, ...]) -> st.SearchStrategy[dict[str, Any]]:
    """Tables with the right keys and anything at all in them."""
    return st.fixed_dictionaries({}, optional={key: of(item) for item in items for key in spelled(item)})


def of(item: Item) -> st.SearchStrategy[Any]:
    if isinstance(item, Field):
        return VALUES
    inner = st.deferred(lambda: tables(item.items))
    if isinstance(item, Rows):
        return VALUES | st.lists(inner, max_size=2)
    if isinstance(item, Named):
        return VALUES | st.dictionaries(
            st.sampled_from(["production", "staging", "a b", "careful"]), inner, max_size=2
        )
    assert isinstance(item, Section)
    return VALUES | inner


@QUICK
@given(st.binary(max_size=200))
def test_any_bytes(content: bytes) -> None:
    loaded(content)


@QUICK
@given(st.text(alphabet="[]{}=.\"'\n #ab1-:T,", max_size=80))
def test_any_text_that_looks_like_toml(text: str) -> None:
    loaded(text.encode())
    lines_of(text)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(tables(TOP))
def test_any_table_is_read_without_another_error(raw: dict[str, Any]) -> None:
    tree = Reader("mobius.toml", Mistakes()).read(TOP, raw)
    assert isinstance(tree, dict)


@QUICK
@given(
    key=st.sampled_from(
        ["window", "url", "listen", "root", "policy", "backup", "health", "smoke", "thresholds", "door"]
    ),
    value=VALUES,
    variable=st.sampled_from(
        ["MONITOR_DURATION", "API_BASE_URL", "MOBIUS_MAX_P95_MS", "ARTIFACT_DIR", "DEPLOY_LEAD"]
    ),
    text=st.text(max_size=12),
    flag=st.sampled_from(["window", "url", "monitor.interval", "auto_rollback", "nonsense"]),
)
def test_a_good_file_with_one_value_replaced(
    key: str, value: Any, variable: str, text: str, flag: str
) -> None:
    good = {
        "service": "dhash",
        "process": [{"name": "api", "start": ["x"]}],
        "environments": {"production": {"url": "http://127.0.0.1:5001", key: value}},
    }
    loaded(toml(good).encode("utf-8", "surrogatepass"), environ={variable: text}, flags={flag: value})


def toml(value: Any) -> str:
    """A document of one table, inline below the top."""
    return "\n".join(f"{quoted(key)} = {inline(inner)}" for key, inner in value.items())


def inline(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return "{" + ", ".join(f"{quoted(key)} = {inline(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(inline, value)) + "]"
    return quoted(value) if isinstance(value, str) else repr(value)


def quoted(text: str) -> str:
    return '"' + "".join(c if c.isalnum() or c in " /:._-" else f"\\U{ord(c):08x}" for c in text) + '"'
