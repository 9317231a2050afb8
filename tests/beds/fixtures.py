"""The beds as fixtures. `tests/conftest.py` gives them to every test; where there can be none, the test is skipped."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from .bed import Bed
    from .host import Host


@pytest.fixture
def bed() -> Iterator[Bed]:
    """A network for hosts: `bed.host("web")`, `bed.laptop()`."""
    from .bed import Bed
    from .possible import why_not

    if reason := why_not():
        pytest.skip(reason)
    with Bed() as made:
        yield made


@pytest.fixture
def host(bed: Bed) -> Host:
    """One host, booted."""
    return bed.host("host")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A failed test of a bed is reported with what its hosts said last."""
    report = yield
    made = getattr(item, "funcargs", {}).get("bed")
    if report.when == "call" and report.failed and made is not None and hasattr(made, "hosts"):
        report.sections.extend((f"host {each.name}", each.last_words()) for each in made.hosts.values())
    return report
