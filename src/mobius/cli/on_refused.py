"""Why the far side could not be reached, in ssh's own words, and what to do about it."""

from __future__ import annotations

from mobius.adapters.remote import PROGRAM, Far
from mobius.adapters.remote_line import Cut
from mobius.errors import MobiusError

SSH_FAILED, NOT_FOUND, NOT_EXECUTABLE, USAGE = 255, 127, 126, 2

# What ssh says, and the next step; the first that fits. ssh's words are not translated.
WORDS = (
    (
        "REMOTE HOST IDENTIFICATION HAS CHANGED",
        "the key of {host} is not the one that is known",
        "ask whoever runs it for its fingerprint; only when it is right: ssh-keygen -R {name}, then ssh {host}",
    ),
    (
        "Host key verification failed",
        "{host} is not known, so it is not trusted",
        "compare its fingerprint with the one you were given, once, by hand: ssh {host}",
    ),
    ("Permission denied", "{host} does not let you in", "load your key (ssh-add), then try: ssh {host}"),
    ("Could not resolve", "{host} was not found", "correct the name, or its entry in ~/.ssh/config"),
)


def refused(cut: Cut, there: Far) -> MobiusError:
    """Nothing was begun there; why, and what to do."""
    host, name = str(there), there.destination.rpartition("@")[2]
    text = "\n".join((*cut.said, *cut.noise))
    if cut.code in (SSH_FAILED, None) or cut.code < 0:
        for words, message, hint in WORDS:
            if words in text:
                return MobiusError(message.format(host=host), hint.format(host=host, name=name))
        return MobiusError(f"{host} cannot be reached; nothing was begun there", f"try by hand: ssh {host}")
    if cut.code == NOT_FOUND:
        if there.program == PROGRAM:
            hint = "install it there; or say where it lies: MOBIUS_REMOTE=/opt/mobius/bin/mobius"
        else:
            hint = "correct MOBIUS_REMOTE, which names it"
        return MobiusError(f"there is no {there.program} on {host}", hint)
    if cut.code == NOT_EXECUTABLE:
        return MobiusError(f"{there.program} on {host} cannot be executed", f"look at it: ssh {host}")
    if cut.code == USAGE and "relay" in text:
        return MobiusError(
            f"the mobius on {host} is too old for --on", "install the same version on both sides"
        )
    return MobiusError(
        f"what answered on {host} is not mobius (exit code {cut.code})",
        f"look at it: ssh {host}; a login shell that prints or asks something may be in the way",
    )


def stays_refused(cut: Cut) -> bool:
    """Whether another try would be no better: a host that turned into another one is not gone to."""
    text = "\n".join(cut.said)
    return "Host key verification failed" in text or WORDS[0][0] in text
