"""Telling people, put together: channels, templates, the sender, and what wakes it."""

from __future__ import annotations

import os
import random
import socket
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from mobius.adapters.clocks.system import SystemClock
from mobius.adapters.journals.journal import SqlJournal
from mobius.adapters.journals.telling import nobody
from mobius.adapters.launchers.sender import SenderLauncher
from mobius.adapters.places import Places
from mobius.adapters.redaction import redactor, secrets_of
from mobius.errors import ConfigurationError, Locked
from mobius.model.settings import EnvironmentSettings, Settings
from mobius.wiring.journal import open_journal

if TYPE_CHECKING:
    from mobius.flows.notify.telling import Telling
    from mobius.wiring.app import App

LONGEST_FINISH_S = 60.0
BETWEEN_S = 2.0


def journal_of(
    all_settings: Settings,
    settings: EnvironmentSettings,
    environ: Mapping[str, str],
    redact: Callable[[str], str],
    *,
    read_only: bool,
) -> SqlJournal:
    """The journal of an environment; what is written in it for people wakes the sender, where there is a channel."""
    wake = nobody if read_only else waker(all_settings, settings, environ)
    return open_journal(all_settings, settings, environ, redact, read_only=read_only, wake=wake)


def waker(
    all_settings: Settings, settings: EnvironmentSettings, environ: Mapping[str, str]
) -> Callable[[], None]:
    """Starts a sender where none lives."""
    if not settings.notify.channels:
        return nobody
    return launcher_of(all_settings, settings, environ).wake


def launcher_of(
    all_settings: Settings, settings: EnvironmentSettings, environ: Mapping[str, str]
) -> SenderLauncher:
    """Of the environment's sender."""
    config = all_settings.file or all_settings.project / "mobius.toml"
    return SenderLauncher(settings.root, config, settings.name, environ)


def telling_of(
    app: App, name: str | None, *, read_only: bool = False, say: Callable[[str], None] = lambda _: None
) -> Telling:
    """Everything a sender of this environment needs. Asks nobody anything yet."""
    from mobius.adapters.notifiers.configured import notifier_of
    from mobius.adapters.notifiers.templates import Templates
    from mobius.flows.notify.telling import Telling
    from mobius.ports.notifying import NotifierAround

    settings = app.environment(name)
    places = Places(app.settings.project, settings.root, settings.release.link)
    redact = redactor(secrets_of(settings, places, app.environ))
    around = NotifierAround(app.settings.service, settings.name, app.environ)
    return Telling(
        service=app.settings.service,
        settings=settings,
        journal=open_journal(app.settings, settings, app.environ, redact, read_only=read_only),
        clock=SystemClock(),
        notifiers=[
            (each, notifier_of(each, around, redact))
            for each in settings.notify.channels
            if not each.environments or settings.name in each.environments
        ],
        who=f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:8]}",
        luck=random.random,
        template=Templates(settings.notify.templates).text,
        say=lambda words: say(redact(words)),
    )


def check_templates(settings: Settings) -> None:
    """Raises `ConfigurationError` with every mistake of every template of every environment."""
    from mobius.adapters.notifiers.templates import Templates

    folders = dict.fromkeys(each.notify.templates for each in settings.environments.values())
    mistakes = [wrong for folder in folders for wrong in Templates(folder).mistakes()]
    if mistakes:
        count = "1 mistake" if len(mistakes) == 1 else f"{len(mistakes)} mistakes"
        raise ConfigurationError(
            f"the templates of messages have {count}",
            "correct them, then try: mobius notify check",
            details=tuple(mistakes),
        )


def send_all(app: App, name: str | None, *, say: Callable[[str], None]) -> None:
    """Is the environment's sender until nothing is left to be told, unless another one is. One whose configuration
    changed makes room for the next."""
    from mobius.flows.notify.sender import Sender, send_until_done

    settings = app.environment(name)
    launcher = launcher_of(app.settings, settings, app.environ)
    sender = Sender(telling_of(app, name, say=say))
    generation, changed_at = launcher.generation, launcher.config_changed_at

    def is_current() -> bool:
        return launcher.generation == generation and launcher.config_changed_at == changed_at

    while True:
        try:
            with launcher.lock.held():
                send_until_done(sender, may_go_on=is_current)
                sender.finish(LONGEST_FINISH_S)
        except Locked:
            return
        if launcher.config_changed_at != changed_at and launcher.generation == generation:
            launcher.wake()
            return
        # Who wrote a message while this was about to end saw that a sender lives, and started none.
        if not is_current() or not sender.look():
            return


def begin_sending(app: App, name: str | None, *, say: Callable[[str], None]) -> None:
    """The same in a thread of a service that goes on: it never ends, and holds nobody up. Where it lacks a secret it
    leaves that channel to others."""
    if not app.environment(name).notify.channels:
        return
    from mobius.flows.notify.sender import Sender, send_until_done

    def send() -> None:
        while True:
            try:
                telling = telling_of(app, name, say=say)
                if any(notifier.missing() for _, notifier in telling.notifiers):
                    send_until_done(Sender(telling))
                else:
                    send_all(app, name, say=say)
            except Exception as unforeseen:  # whatever it is, what is live is looked after
                say(f"the sender of messages: {unforeseen!r}")
            time.sleep(BETWEEN_S)

    threading.Thread(target=send, daemon=True, name="mobius-sender").start()
