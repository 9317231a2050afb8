"""What takes long to set up is set up once: each test gets a host that is like it, booted."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from beds.bed import Bed
from beds.host import Host
from beds.possible import why_not
from journeys.fleet.django_blog import Blog


@pytest.fixture(scope="session")
def blog_host() -> Iterator[Host]:
    """Where v1 of the Django project is live and kept. It is powered off: a host is to be like it."""
    if reason := why_not():
        pytest.skip(reason)
    with Bed() as bed:
        origin = bed.host("origin")
        blog = Blog(origin)
        blog.set_up()
        blog.begin()
        blog.await_live("v1", "blue")
        origin.poweroff()
        yield origin


@pytest.fixture
def blog(bed: Bed, blog_host: Host) -> Blog:
    """v1 is live and kept, on a host that has just booted."""
    made = Blog(bed.host("blog", like=blog_host))
    made.await_live("v1", "blue")
    return made
