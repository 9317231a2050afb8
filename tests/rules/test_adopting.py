"""From what was found of a running service to what its adoption does, or to every reason why it cannot be."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

from mobius import config
from mobius.errors import GateFailed
from mobius.model.adoption import FileChange, Listening, ProxyFound, Timer, UnitFound
from mobius.rules.adopting import Looked, adoption, undone
from mobius.rules.adopting_carry import carried
from mobius.rules.adopting_config import environment_file
from mobius.rules.adopting_nginx import find

SITE = "server { listen 80; location / { proxy_set_header Host $host; proxy_pass http://127.0.0.1:3000; } }\n"
ROOT = "/srv/app-deploy/.mobius/production"
OURS = f"{ROOT}/live/web.sock"


def unit(**changes: object) -> UnitFound:
    made = UnitFound(
        name="app.service",
        files=("/etc/systemd/system/app.service",),
        directives=(
            ("LimitNOFILE", "65536"),
            ("NoNewPrivileges", "true"),
            ("ExecStart", "/usr/bin/node s.js"),
        ),
        argv=("/usr/bin/node", "s.js"),
        working_directory="/srv/app",
        user="app",
        group="app",
        environment={"PORT": "3000", "NODE_ENV": "production"},
        environment_files=(),
        kind="simple",
        main_pid=41,
        enabled="enabled",
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def nginx(text: str = SITE) -> ProxyFound:
    return replace(find({"/etc/nginx/site": text}, (3000,), (), OURS), config="/etc/nginx/nginx.conf")


def looked(**changes: object) -> Looked:
    made = Looked(
        unit=unit(),
        listening=(Listening(41, 3000, "127.0.0.1"),),
        proxies=(nginx(),),
        proxy_texts={"/etc/nginx/site": SITE},
        file_env={},
        service="app",
        environment="production",
        project="/srv/app-deploy",
        root=ROOT,
        tree="/srv/app",
        tree_digest="ab" * 32,
        tag="v1",
        is_git=True,
        config=None,
        health="/health",
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def refusal(**changes: object) -> tuple[str, ...]:
    with pytest.raises(GateFailed) as caught:
        adoption(looked(**changes))
    assert caught.value.exit_code == 3
    return caught.value.details


def toml_of(**changes: object) -> str:
    return next(
        c.after for c in adoption(looked(**changes)).project_files if c.path.endswith("toml")
    ).decode()


def test_the_whole_of_a_plain_adoption() -> None:
    plan = adoption(looked())
    assert (plan.unit, plan.port, plan.process, plan.tag, plan.tree) == (
        "app.service",
        3000,
        "web",
        "v1",
        "/srv/app",
    )
    assert plan.release_id.startswith("adopted-") and plan.release_id == adoption(looked()).release_id
    assert plan.proxy_files == (
        FileChange(
            "/etc/nginx/site",
            SITE.encode(),
            SITE.replace("http://127.0.0.1:3000", f"http://unix:{OURS}").encode(),
        ),
    )
    assert [change.path for change in plan.project_files] == ["/srv/app-deploy/mobius.toml"]
    assert plan.notes == ("its port is set by PORT in Environment=; another release gets another one there",)


def test_the_file_it_writes_says_what_the_unit_says_and_loads(tmp_path: Path) -> None:
    text = toml_of(links=("data",))
    (tmp_path / "mobius.toml").write_text(text)
    settings = config.load(tmp_path / "mobius.toml", environ={}).environment("production")
    assert (settings.target, settings.url, settings.traffic.kind) == (
        "systemd",
        "http://127.0.0.1:80",
        "nginx",
    )
    assert (settings.systemd.user, settings.systemd.harden) == ("app", False)
    assert settings.systemd.directives == {"LimitNOFILE": "65536", "NoNewPrivileges": "true"}
    (web,) = settings.processes
    assert (web.start, web.env, web.listen) == (("/usr/bin/node", "s.js"), {"NODE_ENV": "production"}, "port")
    assert settings.release.link == settings.backup.paths == ("data",)
    assert [(smoke.name, smoke.url) for smoke in settings.smoke] == [("health", "/health")]


def test_a_file_that_is_there_keeps_every_line_of_its_own(tmp_path: Path) -> None:
    there = (
        '# ours\nservice = "app"\nwindow = "9m"   # long\n\n[environments.production] # here\n'
        'target = "process" # so far\n'
        'url = "http://127.0.0.1:5001"\n\n[environments.staging]\nurl = "http://127.0.0.1:5002"\n\n[[process]]\n'
        'name = "api"\nstart = ["node", "s.js"]\n'
    )
    text = toml_of(config=there)
    assert [line for line in there.splitlines() if line not in text.splitlines()] == [
        'target = "process" # so far',
        'url = "http://127.0.0.1:5001"',
    ]
    assert 'target = "systemd" # so far' in text
    said = tomllib.loads(text)
    assert said["environments"]["staging"] == {"url": "http://127.0.0.1:5002"}
    (tmp_path / "mobius.toml").write_text(text)
    settings = config.load(tmp_path / "mobius.toml", environ={})
    assert [p.name for p in settings.environment("production").processes] == ["web"]
    assert [p.name for p in settings.environment("staging").processes] == ["api"]


@pytest.mark.parametrize(
    "there",
    [
        'service = "app"\nenvironments.production.url = "http://127.0.0.1:1"\n',
        'service = "app"\nenvironments = { production = { url = "http://127.0.0.1:1" } }\n',
        'service = "app"\n[environments]\nproduction = { url = "http://127.0.0.1:1" }\n',
    ],
)
def test_a_file_that_cannot_be_added_to_is_left_and_the_lines_are_shown(there: str) -> None:
    with pytest.raises(GateFailed) as caught:
        adoption(looked(config=there))
    assert "[environments.production.traffic]" in caught.value.details


def test_a_file_that_says_otherwise_already_is_left() -> None:
    there = (
        'service = "app"\n[environments.production]\nurl = "http://x"\n'
        '[environments.production.traffic]\nkind = "door"\n'
    )
    with pytest.raises(GateFailed, match=r"has \[environments\.production\.traffic\] already"):
        adoption(looked(config=there))
    with pytest.raises(GateFailed, match="of the service 'other', not 'app'"):
        adoption(looked(config='service = "other"\n'))


def test_windows_line_ends_of_mobius_toml_are_kept() -> None:
    text = toml_of(config='service = "app"\r\n\r\n[environments.production]\r\nurl = "http://x"\r\n')
    assert text.count("\n") == text.count("\r\n") and 'target = "systemd"\r\n' in text


@pytest.mark.parametrize(
    ("changes", "because"),
    [
        ({"unit": unit(main_pid=0)}, "app.service does not run: systemctl start app.service"),
        (
            {"unit": unit(environment={})},
            "nothing says where its port 3000 is set (no argument, no variable of the unit): two releases of it could"
            " not run beside each other. Let it read PORT; if it does already, and takes 3000 without it, add"
            " --port-variable PORT",
        ),
        ({"proxies": ()}, "no proxy was found that dials 127.0.0.1:3000: say which file does, --proxy FILE"),
        (
            {"proxies": (nginx(), replace(nginx(), kind="caddy", config="/etc/caddy/Caddyfile"))},
            "/etc/nginx/nginx.conf and /etc/caddy/Caddyfile both dial it: say which one is in front, --proxy FILE",
        ),
        (
            {"listening": (Listening(41, 3000, "127.0.0.1"), Listening(41, 9090, "127.0.0.1"))},
            "it listens on several ports (3000, 9090): a second release beside it could not have the same; move what"
            " is not its main port into a variable, or into a service of its own",
        ),
        (
            {"listening": (Listening(41, 3000, "10.0.0.5"),)},
            "it listens on 10.0.0.5:3000, where this machine's own programs do not come: let it listen on 127.0.0.1",
        ),
        ({"tree": "/"}, "its unit has no WorkingDirectory: say where its files are, --tree DIR"),
        (
            {"tree": "/srv/app-deploy"},
            "this folder lies in /srv/app-deploy, which is release 0 from now on: a checkout here would change it under"
            " the running service. Clone the repository beside it and run mobius adopt there",
        ),
        (
            {"root": "/srv/a b;{}"},
            "the path /srv/a b;{} has characters that no proxy's file should hold: use a plainer folder",
        ),
        (
            {"root": "/" + "x" * 100},
            f"/{'x' * 100}/live/web.sock is too long for a Unix socket (at most 103 bytes): use a shorter folder",
        ),
        (
            {"unit": unit(kind="forking")},
            "it is of Type=forking: let the program stay in the foreground, with Type=simple or notify",
        ),
        (
            {"unit": unit(triggered_by=("app.socket",))},
            "app.socket holds its port and hands it over: let the program listen on a port itself",
        ),
        (
            {"unit": unit(directives=(("DynamicUser", "yes"),))},
            "it has DynamicUser=yes: give it a user of its own with User=",
        ),
        (
            {"unit": unit(directives=(("InaccessiblePaths", "-/srv"),))},
            f"its InaccessiblePaths hides /srv, and so the releases in {ROOT}: use another folder for the project",
        ),
        (
            {
                "proxies": (replace(nginx(), group="www-data"),),
                "owner": "deploy",
                "owner_groups": ("deploy",),
            },
            "deploy, who owns this folder and so runs mobius, cannot let nginx to its socket:"
            " usermod -aG www-data deploy",
        ),
        (
            {"owner": "deploy", "unreadable": ("/etc/nginx/site",)},
            "deploy may not read /etc/nginx/site, which every deployment looks at: chmod o+r /etc/nginx/site",
        ),
        (
            {"unit": unit(environment_files=(("/a", False), ("/b", True)))},
            "it has 2 environment files (/a, /b): make them one",
        ),
    ],
)
def test_what_cannot_be_adopted_is_said_with_what_to_change(changes: dict[str, object], because: str) -> None:
    assert because in refusal(**changes)


def test_every_reason_is_said_at_once() -> None:
    said = refusal(unit=unit(kind="forking", main_pid=0), proxies=(), root="/srv/a b")
    assert len(said) == 4


def test_paths_into_the_running_folder_become_paths_in_the_release() -> None:
    text = toml_of(
        unit=unit(argv=("/srv/app/.venv/bin/gunicorn", "-b", "127.0.0.1:3000", "/srv/app/wsgi.py"))
    )
    start = tomllib.loads(text)["environments"]["production"]["process"][0]["start"]
    assert start[3:] == ["sh", ".venv/bin/gunicorn", "-b", "127.0.0.1:", "wsgi.py"]


def test_secrets_do_not_come_into_mobius_toml() -> None:
    plan = adoption(looked(unit=unit(environment={"PORT": "3000", "API_KEY": 'x"$`\\y', "MODE": "fast"})))
    toml, secret = plan.project_files
    assert b"API_KEY" not in toml.after and b'MODE = "fast"' in toml.after
    assert secret == FileChange(f"{ROOT}/shared/web.env", None, b'API_KEY="x\\"\\$\\`\\\\y"\n')
    assert b'env_file = "shared/web.env"' in toml.after


def test_an_environment_file_holds_exactly_what_was_put_in(tmp_path: Path) -> None:
    from mobius.adapters.targets.environment_file import read_environment_file

    values = {"A": 'a "b" $c `d` \\e', "B": "", "C": "x=y # z", "D": "two words"}
    (tmp_path / "env").write_text(environment_file(values))
    assert read_environment_file(tmp_path / "env") == values


def test_hostile_words_stay_words(tmp_path: Path) -> None:
    evil = 'x"]\n[release]\nsource = "/etc'
    text = toml_of(unit=unit(argv=("/usr/bin/node", evil, "3000"), environment={"A": evil, "B": "'''"}))
    said = tomllib.loads(text)
    assert said["release"]["source"] == "git"
    (process,) = said["environments"]["production"]["process"]
    assert evil in process["start"] and process["env"]["A"] == evil


def test_what_a_person_should_know_is_noted() -> None:
    plan = adoption(
        looked(
            only_there=("data", "uploads"),
            links=("data",),
            timers=(Timer("app-clean.timer", "app-clean.service"),),
            unit=unit(
                directives=(
                    ("ExecStartPre", "/srv/app/migrate"),
                    ("RuntimeDirectory", "app"),
                    ("SystemCallFilter", "@system-service"),
                    ("SystemCallFilter", "~@mount"),
                )
            ),
        )
    )
    assert plan.notes[1:] == (
        "ExecStartPre=/srv/app/migrate is not carried over: what a release needs belongs into [release] build",
        "RuntimeDirectory=app is not carried over: each release has a folder of its own there, named in"
        " $RUNTIME_DIRECTORY",
        "SystemCallFilter mixes what is allowed and what is not; only its last line is kept: ~@mount",
        "only in /srv/app, in no release: uploads. What is data or configuration there needs --link NAME, so that the"
        " next release finds the same",
        "app-clean.timer (app-clean.service) is left as it is: it goes on with the files in /srv/app",
    )
    assert plan.links == (("data", "/srv/app/data"),)


def test_limits_and_rights_are_carried_as_they_are() -> None:
    kept = carried(
        unit(
            kind="notify",
            directives=(
                ("ReadWritePaths", "/srv/app/data"),
                ("ReadWritePaths", "/var/log/app"),
                ("MemoryMax", "1G"),
                ("MemoryMax", "2G"),
                ("KillSignal", "SIGINT"),
                ("TimeoutStopSec", "1min 30s"),
                ("SyslogIdentifier", "%p-%i"),
                ("ReadOnlyPaths", "%h/.config 100%%"),
                ("WatchdogSec", "30"),
                ("LoadCredential", "db:/etc/app/db"),
                ("Restart", "always"),
            ),
            environment_files=(("/etc/default/app", True),),
            environment={"PORT": "3000", "A": "1", "B": "2"},
        ),
        {"/etc/default/app": {"B": "3"}},
        port=3000,
        root=ROOT,
        tree="/srv/app",
    )
    assert kept.directives == {
        "ReadWritePaths": "/srv/app/data /var/log/app",
        "MemoryMax": "2G",
        "SyslogIdentifier": "app-",
        "ReadOnlyPaths": "%h/.config 100%%",
        "WatchdogSec": "30",
        "EnvironmentFile": "-/etc/default/app",
    }
    assert kept.env == {"A": "1"}  # systemd lets the file win over Environment=
    assert (kept.ready, kept.stop_signal, kept.stop_timeout_s) == ("notify", "INT", 90.0)
    assert kept.credentials == {"db": "/etc/app/db"}


def test_our_change_alone_is_taken_back_where_somebody_changed_the_rest() -> None:
    change = FileChange("/x", b"a\nold\nb\n", b"a\nnew\nb\n")
    assert undone(change, b"first\na\nnew\nb\nlast\n") == b"first\na\nold\nb\nlast\n"
    assert undone(change, b"a\nnew and more\nb\n") is None
    assert undone(change, b"new\nnew\n") is None
    assert undone(replace(change, before=None), b"new\n") is None
