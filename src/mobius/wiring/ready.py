"""Readiness of a release: where its evidence lies, and the gate that a deployment may require."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

from mobius.adapters import records
from mobius.adapters.readiness import artifacts_in, found_in, texts_of
from mobius.errors import MobiusError
from mobius.flows.confirming import confirm
from mobius.flows.ready import Around, ready
from mobius.model.notices import Delivery
from mobius.model.ready import Confirmation, Point, Readiness
from mobius.model.settings import EnvironmentSettings, Settings
from mobius.model.verdict import CheckResult
from mobius.ports import Source
from mobius.rules.ready.placeholders import Texts
from mobius.wiring.app import App
from mobius.wiring.forge import forge_of
from mobius.wiring.media import dated_film_gates
from mobius.wiring.telling import journal_of

STAGING = "staging"


def readiness(app: App, name: str | None, tag: str) -> Readiness:
    """Every point of this release in this environment, looked at now. Changes nothing."""
    settings = app.environment(name)
    return ready(tag, app.ports(settings.name, read_only=True), around_of(app, settings))


def confirmed(
    app: App, name: str | None, tag: str, point: Point, *, by: str, note: str = "", withdrawn: bool = False
) -> Confirmation:
    """Writes down what somebody says of a point, with the account and the machine it was said from."""
    made = records.holder()
    who = f"{made.user}@{made.host}"
    return confirm(point, tag, app.ports(name), by=by, note=note, who=who, withdrawn=withdrawn)


def around_of(app: App, settings: EnvironmentSettings) -> Around:
    """What lies outside this environment."""
    ports = app.ports(settings.name, read_only=True)

    def texts(source: Source) -> Texts:
        return texts_of(partial(ports.releases.look_into, source), settings.ready.documents)

    def deliveries() -> Sequence[Delivery]:
        journal = journal_of(app.settings, settings, app.environ, str, read_only=True)
        return journal.deliveries(settings.name, states=("sent", "repeated", "waiting", "dead"))

    return Around(
        forge=partial(forge_of, app, settings.name),
        found=partial(found_in, settings.artifact_dir),
        artifacts=partial(artifacts_in, settings.artifact_dir),
        texts=texts,
        films=partial(dated_film_gates, app, settings.name),
        deliveries=deliveries,
        premerge_from=(validated := validated_in(app.settings, settings)),
        scanned_in=scanned_in(app.settings, settings, validated),
    )


def validated_in(all_settings: Settings, settings: EnvironmentSettings) -> str:
    """The environment in which a release is validated before it may go to this one. Raises `UsageError` for one that
    there is not."""
    named = settings.ready.premerge_from
    if named:
        return all_settings.environment(named).name
    return STAGING if STAGING in all_settings.environments else settings.name


def scanned_in(all_settings: Settings, settings: EnvironmentSettings, validated: str) -> tuple[str, ...]:
    """Itself; and where it is validated, if a scan there is held against the same limits and waivers."""
    is_same = all_settings.environment(validated).scan == settings.scan
    return tuple(dict.fromkeys((settings.name, *((validated,) if is_same else ()))))


def gate(
    all_settings: Settings, name: str, environ: Mapping[str, str], source: Source
) -> tuple[CheckResult, ...]:
    """The check of a plan that says whether the release is ready."""
    from mobius.report.ready import gate_result

    try:
        return (gate_result(readiness(App(all_settings, environ), name, source.tag)),)
    except MobiusError as problem:
        return (gate_result(problem),)
