"""The forge of a project: the one place that knows which adapter it is, and what must never be shown of it."""

from __future__ import annotations

from collections.abc import Callable

from mobius.adapters.forge.where import github_of, token_of
from mobius.adapters.places import Places
from mobius.adapters.redaction import redactor, secrets_of
from mobius.errors import UsageError
from mobius.model.forge import GitHubSettings, Unknown
from mobius.ports import Forge
from mobius.wiring.app import App


def forge_of(app: App, name: str | None = None) -> Forge | Unknown:
    """The repository on GitHub, of environment `name`, or of all where they agree. Raises `UsageError` where they
    do not."""
    return github_of(settings_of(app, name), app.settings.project, app.environ)


def settings_of(app: App, name: str | None = None) -> GitHubSettings:
    """What `[github]` says: of the environment, or of all where they agree."""
    if name is not None:
        return app.environment(name).github
    said = [app.environment(each).github for each in app.environments]
    if any(each != said[0] for each in said):
        raise UsageError(
            "which environment? They say different things about GitHub",
            f"add -e with one of: {', '.join(app.environments)}",
        )
    return said[0]


def redact_of(app: App) -> Callable[[str], str]:
    """Takes the token and every other secret of the project out of a text that leaves this machine."""
    secrets: set[str] = set()
    for name in app.environments:
        settings = app.environment(name)
        places = Places(app.settings.project, settings.root, settings.release.link)
        secrets |= secrets_of(settings, places, app.environ)
        token = token_of(settings.github, app.environ)
        if isinstance(token, str) and token:
            secrets.add(token)
    return redactor(secrets)
