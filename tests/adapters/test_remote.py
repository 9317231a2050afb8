"""The address of another host: what is taken, what is refused, and the argv that ssh is given."""

from __future__ import annotations

import pytest

from mobius.adapters.remote import Far, far, ssh_command
from mobius.errors import UsageError


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("host", Far("host")),
        ("deploy@host.example.org", Far("deploy@host.example.org")),
        ("deploy@host:", Far("deploy@host")),
        ("deploy@host:shop", Far("deploy@host", "shop")),
        ("deploy@host:/srv/my shop: new", Far("deploy@host", "/srv/my shop: new")),
        ("deploy@host:~/shop", Far("deploy@host", "~/shop")),
        ("deploy@host:$(touch x);`id`", Far("deploy@host", "$(touch x);`id`")),  # goes as data, to no shell
        ("anna@corp.example@host", Far("anna@corp.example@host")),
        ("[::1]", Far("::1")),
        ("deploy@[fe80::1%eth0]:/srv", Far("deploy@fe80::1%eth0", "/srv")),
        ("10.0.0.7", Far("10.0.0.7")),
    ],
)
def test_an_address_is_user_host_and_folder(address: str, expected: Far) -> None:
    assert far(address) == expected


@pytest.mark.parametrize(
    "address",
    [
        "",
        ":",
        ":/srv",
        "@host",
        "-oProxyCommand=touch x",
        "-oProxyCommand=touch${IFS}x",
        "deploy@-oProxyCommand=x",
        "-l@host",
        "host name",
        " host",
        "host\n",
        "host\nProxyCommand",
        "host;id",
        "$(id)",
        "`id`@host",
        "user name@host",
        "us'er@host",
        'us"er@host',
        "a|b@host",
        "host%h",
        "ho\x00st",
        "ho\x1b[2Jst",
        "höst",
        "[::1",
        "::1]",
        "[::1]x",
        "[-oProxyCommand]",
        "ssh://host:22",
        "deploy@host:\x1b]0;x",
        "deploy@host:a\nb",
        "deploy@host:a\x00b",
    ],
)
def test_an_address_that_ssh_or_a_shell_could_take_for_something_else_is_refused(address: str) -> None:
    with pytest.raises(UsageError) as refused:
        far(address)
    assert "\n" not in refused.value.message and "\x1b" not in refused.value.message


@pytest.mark.parametrize("program", ["/opt/mobius/bin/mobius", "~/bin/mobius", "mobius", "bin/mobius-1.2+x"])
def test_the_program_there_may_be_a_path(program: str) -> None:
    assert ssh_command(far("host", program), terminal=True)[-1] == f"{program} relay"


@pytest.mark.parametrize(
    "program",
    [
        "mobius; id",
        "mobius relay",
        "-mobius",
        "$HOME/mobius",
        "`id`",
        "a|b",
        "~root/x;y",
        "a\nb",
        "'mobius'",
        "~",
        "/",
        "mobius&",
        "mo*",
        "A=1",
    ],
)
def test_a_program_that_a_shell_would_read_is_refused(program: str) -> None:
    with pytest.raises(UsageError) as refused:
        far("host", program)
    assert refused.value.message == f"MOBIUS_REMOTE is {program!a}, which is no path of a program"


def test_ssh_asks_nothing_without_a_terminal_and_checks_host_keys_as_it_is_configured() -> None:
    argv = ssh_command(far("deploy@host:/srv/x"), terminal=False)
    assert argv == (
        "ssh",
        "-T",
        "-o",
        "ServerAliveInterval=5",
        "-o",
        "ServerAliveCountMax=3",
        "-o",
        "BatchMode=yes",
        "--",
        "deploy@host",
        "mobius relay",
    )
    again = " ".join(ssh_command(far("host"), terminal=True, again=True, fresh=True))
    assert "BatchMode" not in again
    assert "ConnectTimeout=15" in again and "ControlPath=none" in again
    for each in (argv, ssh_command(far("host"), terminal=True, again=True, fresh=True)):
        assert not any("HostKey" in word or "KnownHosts" in word for word in each)


@pytest.mark.parametrize(
    ("address", "typed"),
    [
        ("deploy@host", "deploy@host"),
        ("deploy@host:/srv/shop", "deploy@host:/srv/shop"),
        ("deploy@[::1]:my shop", "'deploy@[::1]:my shop'"),
    ],
)
def test_what_is_printed_to_be_copied_is_what_was_typed(address: str, typed: str) -> None:
    assert far(address).typed == typed
