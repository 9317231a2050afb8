"""A project under systemd behind the host's own nginx or HAProxy: nothing is lost, and a power cut changes nothing."""

from __future__ import annotations

import random

import pytest

from beds.bed import Bed
from journeys.fleet.django_blog import FOLDER, Blog
from journeys.fleet.in_front import IN_FRONT
from mobius.adapters.load import Load

pytestmark = pytest.mark.fleet

ON_ITS_SOCKET = """
import os

bind = f"unix:{os.environ['MOBIUS_SOCKET']}"
workers = 1
threads = 4
graceful_timeout = 10
control_socket_disable = True
"""


def a_post(_: random.Random) -> bytes:
    return b"a post"


@pytest.mark.parametrize("proxy", IN_FRONT)
def test_switches_behind_a_proxy_lose_nothing_and_a_power_cut_changes_nothing(bed: Bed, proxy: str) -> None:
    blog = Blog(bed.host("blog"))
    IN_FRONT[proxy](blog)
    blog.begin()
    load = Load(blog.url, rate=40, keepalive=6, fresh=3, make_body=a_post, rtt_ms=40)
    load.start()
    try:
        blog.mobius("deploy", "--tag", "v2", "--detach")
        blog.await_live("v2", "green", warm="blue")
        blog.mobius("rollback", "--yes")
        blog.await_live("v1", "blue")
    finally:
        report = load.stop()

    assert report.lost == ()
    assert report.errors_by_release == {}
    assert set(report.by_release) == {"v1", "v2"}

    blog.mobius("deploy", "--tag", "v2", "--detach")
    blog.host.crash()
    blog.host.boot()

    blog.await_live("v2", "green", warm="blue")
    assert blog.status()["warnings"] == []
    assert [life for life in blog.lives() if life.what == "TWO"] == []


def test_nginx_goes_straight_to_the_socket_of_a_release_that_listens_on_one(bed: Bed) -> None:
    blog = Blog(bed.host("blog"))
    IN_FRONT["nginx"](blog)
    for tag in ("v1", "v2"):
        blog.host.write(f"{FOLDER}/releases/{tag}/gunicorn.conf.py", ON_ITS_SOCKET, owner="deploy")
    blog.begin()
    load = Load(blog.url, rate=40, keepalive=6, fresh=3, make_body=a_post, rtt_ms=40)
    load.start()
    try:
        blog.mobius("deploy", "--tag", "v2", "--detach")
        blog.await_live("v2", "green", warm="blue")
        straight = blog.host.run(["readlink", "-f", f"{FOLDER}/.mobius/production/live/web.sock"]).stdout
    finally:
        report = load.stop()

    assert straight.startswith("/run/mobius-blog-web-green/")
    assert report.lost == ()
    assert set(report.by_release) == {"v1", "v2"}
