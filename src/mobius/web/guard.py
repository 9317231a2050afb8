"""Who is answered: by the name in the Host header, and by the token where one is asked for."""

from __future__ import annotations

import base64
import binascii
import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address

from mobius.errors import UsageError
from mobius.web.exchange import Answer, Request, problem

SHORTEST_TOKEN = 16
OPEN = "/healthz"  # says nothing but that somebody is there
LISTEN = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^\[\]:]*):(\d{1,5})")


@dataclass(frozen=True, slots=True)
class Guard:
    """`address` is what is listened on; `names` are further names that are answered; `token` "" asks for none."""

    address: str
    names: frozenset[str]
    token: str = ""

    def refuses(self, request: Request) -> Answer | None:
        """The answer to somebody who is not answered; None for everybody else.

        A page of another site whose name was made to lead here (DNS rebinding) sends that name: it is no name of
        ours. An address cannot be rebound.
        """
        if not self._is_ours(request.host):
            return problem(
                421, "this host name is not answered", "add it to `hosts` of [serve] in mobius.toml"
            )
        if self.token and request.path != OPEN and not self._is_known(request.authorization):
            told = "a token is asked for here"
            return problem(401, told, "send it as: Authorization: Bearer TOKEN", WWW_Authenticate=CHALLENGE)
        return None

    def _is_ours(self, host: str) -> bool:
        name = _name_of(host)
        if name in self.names:
            return True
        asked, ours = _ip(name), _ip(self.address)
        if asked is None or ours is None:
            return name == "localhost" and (ours is None or ours.is_loopback or ours.is_unspecified)
        return asked == ours or ours.is_unspecified or (asked.is_loopback and ours.is_loopback)

    def _is_known(self, authorization: str) -> bool:
        scheme, _, given = authorization.partition(" ")
        if scheme.lower() == "basic":  # what a browser can send: the token is the password
            given = _password(given)
        elif scheme.lower() != "bearer":
            return False
        return hmac.compare_digest(given.strip().encode("utf-8", "replace"), self.token.encode())


CHALLENGE = 'Basic realm="mobius", charset="UTF-8"'


def guard_of(listen: str, hosts: Sequence[str], token_env: str, token: str | None) -> Guard:
    """The guard of `listen`. Raises UsageError where nobody may listen so: off loopback without a token, or with one
    that is not there or easily guessed."""
    address, _ = parts_of(listen)
    ip = _ip(address)
    is_local = address == "localhost" or (ip is not None and ip.is_loopback)
    if token_env and not token:
        raise UsageError(f"{token_env} is not set, and holds the token of {listen}", _how_to_set(token_env))
    if token and (len(token) < SHORTEST_TOKEN or not token.isascii() or not token.isprintable()):
        words = (
            f"the token in {token_env} can be guessed: it has fewer than {SHORTEST_TOKEN} plain characters"
        )
        raise UsageError(words, _how_to_set(token_env))
    if not token and not is_local:
        raise UsageError(
            f"{listen} can be reached from elsewhere, and no token is asked for",
            "set token_env of [serve], or listen on 127.0.0.1 and reach it by ssh -L",
        )
    names = frozenset(_name_of(host) for host in hosts) | (frozenset() if ip or not address else {address})
    return Guard(address or "0.0.0.0", names, token or "")


def parts_of(listen: str) -> tuple[str, int]:
    """ "127.0.0.1:8080" as address and port; brackets of IPv6 removed. Raises UsageError."""
    found = LISTEN.fullmatch(listen)
    if found is None or int(found[2]) > 65535:
        raise UsageError(f"nobody can listen on {listen!r}", "write it as 127.0.0.1:8080")
    return found[1].strip("[]").lower(), int(found[2])


def _how_to_set(name: str) -> str:
    return f"put the output of `openssl rand -hex 24` into {name or 'the variable of token_env'}"


def _name_of(host: str) -> str:
    """Without port, brackets and the dot at its end."""
    name = host.lower()
    name = name[1:].partition("]")[0] if name.startswith("[") else name.partition(":")[0]
    return name.removesuffix(".")


def _ip(name: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(name)
    except ValueError:
        return None


def _password(given: str) -> str:
    try:
        return base64.b64decode(given, validate=True).decode("utf-8").partition(":")[2]
    except (binascii.Error, ValueError):
        return ""
