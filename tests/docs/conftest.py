"""What the tests that follow pages share."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from journeys.service import Service

pytest.register_assert_rewrite("pages.followed", "pages.shop")


@pytest.fixture
def shop(new_service: Callable[..., Service]) -> Service:
    """The sample service with v2.0.0 live, which came after v1.2.0; v2.1.0 can be deployed."""
    from pages.shop import bring

    service = new_service(window="3s", interval="500ms")
    service.add_release("v2.1.0", migrations=1)
    bring(service, "v1.2.0", "v2.0.0")
    return service
