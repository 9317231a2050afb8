"""The page about signals is run: its settings are loaded, its queries are asked, its class is a signal."""

from __future__ import annotations

import importlib
import sys
import tomllib
from pathlib import Path

import pytest

from adapters.signals.prometheuses import WHY_NOT, prometheus
from adapters.signals.reading import missing, read
from mobius.config import load
from mobius.model.settings import EnvironmentSettings

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "how-to" / "signals.md").read_text("utf-8")
SERVICE = """service = "dhash"
[[process]]
name = "api"
start = ["node", "app.js"]
{block}
[environments.production]
url = "http://127.0.0.1:5001"
"""


def blocks(language: str) -> list[str]:
    """What stands in the page in this language."""
    return [part.partition("\n```")[0] for part in PAGE.split(f"```{language}\n")[1:]]


def loaded(block: str, folder: Path) -> EnvironmentSettings:
    file = folder / "mobius.toml"
    file.write_text(SERVICE.format(block=block), "utf-8")
    return load(file, environ={}).environment("production")


def test_every_setting_of_the_page_is_good_and_all_kinds_are_shown(tmp_path: Path) -> None:
    settings = [loaded(block, tmp_path) for block in blocks("toml") if "project.entry-points" not in block]

    shown = [signal for one in settings for signal in one.signals]
    assert {signal.kind for signal in shown} == {"prometheus", "json", "command", "haproxy"}
    assert len({signal.name for signal in shown}) == len(shown) == 7
    assert [gate.file for one in settings for gate in one.checks] == ["shared/out/**/*.mp4"]


def test_the_queries_of_the_page_are_understood_by_a_real_prometheus(tmp_path: Path) -> None:
    if WHY_NOT:
        pytest.skip(WHY_NOT)
    fresh, share = blocks("promql")
    with prometheus(tmp_path / "prometheus") as server:
        page = "jobs_waiting 3\njobs_failed_total 0\njobs_total 0\n"
        server.await_page(page, "rate(jobs_total[1m])", 1)
        assert read(url=server.url, query=fresh).value == 3.0
        assert missing(url=server.url, query=share) == "the query gives NaN"


def test_the_class_of_the_page_is_a_signal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (entry,) = [block for block in blocks("toml") if "project.entry-points" in block]
    named = tomllib.loads(entry)["project"]["entry-points"]["mobius.signals"]["replica-lag"]
    module, _, class_name = named.partition(":")
    (code,) = blocks("python")
    (tmp_path / f"{module}.py").write_text(code, "utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    installed, lags = importlib.import_module(module), iter([1.5, None])
    monkeypatch.setattr(installed, "lag_of", lambda url, within_s: next(lags), raising=False)
    monkeypatch.setattr(
        "mobius.adapters.signals.configured.OURS", {"replica-lag": getattr(installed, class_name)}
    )

    assert read(kind="replica-lag").value == 1.5
    assert missing(kind="replica-lag") == "the replica is not connected"
    del sys.modules[module]
