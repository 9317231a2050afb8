"""nginx or HAProxy of the host's own before the Django project, told once what `mobius traffic snippet` prints."""

from __future__ import annotations

from journeys.fleet.django_blog import FOLDER, PORT, Blog

NGINX = """
[traffic]
kind = "nginx"
config = "/etc/nginx/nginx.conf"
access_log = "/var/log/nginx/blog.log"
group = "www-data"
"""
SITE = f"""server {{
    listen {PORT} default_server;
    include snippets/mobius-blog.conf;
}}
"""
HAPROXY = """
[traffic]
kind = "haproxy"
config = "/etc/haproxy/haproxy.cfg"
socket = "/run/haproxy/admin.sock"
state_file = "/var/lib/mobius/blog.state"
"""
FRONTEND = f"""
frontend people
    bind *:{PORT}
    default_backend blog

"""


def behind_nginx(blog: Blog) -> None:
    """Sets everything up; nothing is live yet."""
    blog.set_up(NGINX, groups=("www-data",))
    host = blog.host
    for part, path in (
        ("mobius-blog-http.conf", "/etc/nginx/conf.d/mobius-blog.conf"),
        ("mobius-blog-server.conf", "/etc/nginx/snippets/mobius-blog.conf"),
    ):
        host.write(path, blog.mobius("traffic", "snippet", "--part", part).stdout)
    host.run(["rm", "/etc/nginx/sites-enabled/default"])
    host.write("/etc/nginx/sites-enabled/blog", SITE)
    _start(blog, "nginx")


def behind_haproxy(blog: Blog) -> None:
    """Sets everything up; nothing is live yet."""
    blog.set_up(HAPROXY, groups=("haproxy",))
    host = blog.host
    host.run(["install", "-d", "-o", "deploy", "/var/lib/mobius"])
    backend = blog.mobius("traffic", "snippet", "--part", "mobius-blog.cfg").stdout
    path = "/etc/haproxy/haproxy.cfg"
    host.write(path, host.read(path) + FRONTEND + backend)
    _start(blog, "haproxy")


def _start(blog: Blog, proxy: str) -> None:
    blog.host.run(["systemctl", "enable", proxy])
    blog.host.run(["systemctl", "restart", proxy])
    blog.host.run(["mobius", "traffic", "check"], cwd=FOLDER)


IN_FRONT = {"nginx": behind_nginx, "haproxy": behind_haproxy}
