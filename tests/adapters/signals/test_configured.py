"""All the signals of a configuration together: each at its own pace, looked at before a deployment, and those that
somebody else adds."""

from __future__ import annotations

import ssl
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
import trustme

from adapters.checks.server import answers, drips, serving
from adapters.signals.reading import missing, reader
from host.sites import wait_for
from mobius.adapters.checks import lag
from mobius.adapters.checks.memory import MemoryChecks
from mobius.adapters.clocks.memory import MemoryClock
from mobius.adapters.clocks.system import SystemClock
from mobius.adapters.places import Places
from mobius.adapters.redaction import redactor, secrets_of
from mobius.adapters.signals.configured import background, look_at
from mobius.adapters.signals.window import WindowSignals
from mobius.config import load
from mobius.errors import ConfigurationError, GateUnknown
from mobius.flows.doctor import Surroundings, examine
from mobius.flows.plan import refuse_unless_checks_pass
from mobius.model.sample import Sample
from mobius.model.settings import EnvironmentSettings, SignalSettings
from mobius.model.verdict import CheckResult, Outcome
from world import World

SETTINGS = EnvironmentSettings("staging", "http://127.0.0.1:1", Path("root"))


def gauges_of(samples: tuple[Sample, ...]) -> dict[str, Sample]:
    return {sample.signal: sample for sample in samples if sample.signal.startswith("gauge:")}


def window(*jobs: object, clock: object = None) -> WindowSignals:
    made = clock or SystemClock()
    return WindowSignals(SETTINGS, MemoryChecks(), clock=made, gauges=jobs)  # type: ignore[arg-type]


# Pace


def test_a_slow_signal_delays_no_tick_and_no_other_signal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lag, "LATE_S", 60.0)  # also on a machine that starves whoever asks
    (tmp_path / "length").write_text("7")
    with serving(drips()) as (url, _):
        slow = reader(kind="json", url=url, timeout_s=4.0)
        quick = reader(tmp_path, kind="json", file="length")
        slow.settings, quick.settings = (
            replace(slow.settings, name="slow"),
            replace(quick.settings, name="quick"),
        )
        signals = window(*background([slow, quick], SystemClock(), 0.05))
        found: dict[str, Sample] = {}
        longest_s = 0.0

        def both() -> bool:
            nonlocal longest_s
            begun = time.monotonic()
            found.update(gauges_of(signals.sample(begun)))
            longest_s = max(longest_s, time.monotonic() - begun)
            return len(found) == 2

        wait_for("both signals", both)

    assert found["gauge:quick"].value == 7.0
    assert "within 4 s" in found["gauge:slow"].missing
    assert longest_s < 3.0


def test_each_signal_is_read_at_its_own_interval_whatever_the_ticks_are(tmp_path: Path) -> None:
    (tmp_path / "length").write_text("7")
    clock = MemoryClock()
    often, seldom = (reader(tmp_path, kind="json", file="length", interval_s=s) for s in (None, 60.0))
    often.settings, seldom.settings = (
        replace(often.settings, name="often"),
        replace(seldom.settings, name="seldom"),
    )
    jobs = background([often, seldom], clock, 30.0, tick_s=5.0)
    read: dict[str, list[float]] = {"gauge:often": [], "gauge:seldom": []}
    for tick in range(48):
        for job in jobs:
            for sample in job.collect(5.0 * tick):
                read[sample.signal].append(sample.at)
        wait_for(
            "what was begun to end", lambda: not any("mobius-gauge" in t.name for t in threading.enumerate())
        )
        clock.wait(5.0)

    assert read["gauge:often"] == [5.0, 35.0, 65.0, 95.0, 125.0, 155.0, 185.0, 215.0]
    assert read["gauge:seldom"] == [5.0, 65.0, 125.0, 185.0]


def test_a_signal_that_has_nothing_yet_gives_no_sample(tmp_path: Path) -> None:
    page = b'haproxy_backend_http_responses_total{proxy="app",code="2xx"} 5\n'
    with serving(answers(body=page)) as (url, _):
        (job,) = background([reader(kind="haproxy", url=url)], SystemClock(), 0.01)
        found: list[Sample] = []

        def any_sample() -> bool:
            found.extend(job.collect(1.0))
            return bool(found)

        wait_for("a sample", any_sample)
    assert [sample.missing for sample in found] == ["no requests since the last reading"]


# Before a deployment


def test_a_signal_that_cannot_be_read_is_a_warning_and_an_error_where_it_is_required(tmp_path: Path) -> None:
    (tmp_path / "length").write_text("7")
    here, gone = {"kind": "json", "file": "length"}, {"kind": "json", "file": "gone"}
    looked = look_at(
        [reader(tmp_path, **here), reader(tmp_path, **gone), reader(tmp_path, **gone, required=True)]
    )

    assert [(one.name, one.outcome) for one in looked] == [
        ("signal queue", Outcome.PASS),
        ("signal queue", Outcome.PASS),
        ("signal queue", Outcome.ERROR),
    ]
    assert [one.message for one in looked] == [
        "is 7",
        "warning: could not be read: gone: No such file or directory; a window goes on without it",
        "could not be read: gone: No such file or directory",
    ]
    assert looked[2].advice == "make it readable, or take required = true from [[signal]] queue"
    assert look_at([]) == ()


def test_many_slow_signals_are_looked_at_together() -> None:
    with serving(drips()) as (url, _):
        begun = time.monotonic()
        looked = look_at([reader(kind="json", url=url, timeout_s=2.0) for _ in range(8)])
    assert len(looked) == 8
    assert time.monotonic() - begun < 10.0, "of 16 s"


def test_a_required_signal_that_cannot_be_read_stops_a_plan_and_shows_in_doctor() -> None:
    world = World()
    bad = CheckResult(
        "signal queue", Outcome.ERROR, "could not be read: connection refused", 1.0, "make it readable"
    )
    plan = world.plan("v1")
    assert "signal queue" not in [check.name for check in plan.checks]

    class Looked(World):
        @property
        def ports(self):  # type: ignore[no-untyped-def]
            return replace(super().ports, look_at_signals=lambda: (bad,))

    looked = Looked()
    refused = looked.plan("v1")
    assert len(refused.checks) == len(plan.checks) + 1
    with pytest.raises(GateUnknown) as caught:
        refuse_unless_checks_pass(refused)
    assert caught.value.exit_code == 4
    assert caught.value.details == ("signal queue: could not be read: connection refused",)
    around = Surroundings(installed="0.2", supervisor="0.2", is_git=True, tags=("v1",))
    assert bad in examine(looked.ports, around)


# Trust


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> trustme.CA:
    """One that this machine trusts."""
    made = trustme.CA()
    made.cert_pem.write_to_path(str(tmp_path / "authority.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))
    return made


def tls_of(certificate: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return context


def test_a_certificate_that_expired_is_the_reason(authority: trustme.CA) -> None:
    expired = authority.issue_cert("127.0.0.1", not_after=datetime(2020, 1, 1, tzinfo=UTC))
    with serving(answers(body=b"7"), tls_of(expired)) as (url, _):
        assert "certificate has expired" in missing(kind="json", url=url)
    with serving(answers(body=b"7"), tls_of(authority.issue_cert("127.0.0.1"))) as (url, _):
        sample = reader(kind="json", url=url).read()
    assert sample is not None
    assert sample.value == 7.0


def test_a_certificate_of_somebody_else_is_the_reason(authority: trustme.CA) -> None:
    with serving(answers(body=b"7"), tls_of(trustme.CA().issue_cert("127.0.0.1"))) as (url, _):
        assert "certificate is not trusted" in missing(kind="json", url=url)
    with serving(answers(body=b"7"), tls_of(authority.issue_cert("other.example"))) as (url, _):
        assert "certificate is not trusted" in missing(kind="json", url=url)


def test_tokens_and_keys_in_addresses_are_taken_out_of_every_record(tmp_path: Path) -> None:
    signal = SignalSettings(
        "queue", url="http://127.0.0.1:9090/?apikey=k3y-of-ours&tenant=render", token_env="QUEUE"
    )
    settings = replace(SETTINGS, signals=(signal,))
    secrets = secrets_of(settings, Places(tmp_path, tmp_path), {"QUEUE": "t0ken-of-ours"})
    said = redactor(secrets)("render: t0ken-of-ours and k3y-of-ours")
    assert said == "render: «redacted» and «redacted»"


# Signals of somebody else


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A package that is installed as far as Python can tell: a module, and a dist-info folder that names it."""
    (tmp_path / "dhash_signals.py").write_text(
        "from mobius.ports import Unread\n\n"
        "class Lag:\n"
        "    def __init__(self, settings, around):\n"
        "        self.settings, self.around = settings, around\n\n"
        "    def read(self):\n"
        "        if not self.settings.url:\n"
        "            raise Unread('nobody to ask in ' + self.around.name)\n"
        "        return 1.5\n"
    )
    about = tmp_path / "dhash_signals-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: dhash-signals\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(
        "[mobius.signals]\nreplica-lag = dhash_signals:Lag\nbroken-lag = dhash_signals:Nothing\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path
    sys.modules.pop("dhash_signals", None)


FILE = """
service = "dhash"
[[process]]
name = "api"
start = ["node", "app.js"]
[[signal]]
name = "lag"
kind = "{kind}"
url = "http://127.0.0.1:5432"
[environments.production]
url = "http://127.0.0.1:5001"
"""


def written(folder: Path, kind: str) -> Path:
    file = folder / "mobius.toml"
    file.write_text(FILE.format(kind=kind), encoding="utf-8")
    return file


def test_an_installed_package_adds_a_kind_of_signal_by_an_entry_point(package: Path) -> None:
    settings = load(written(package, "replica-lag"), environ={}).environment("production")
    (signal,) = settings.signals

    found = reader(kind=signal.kind, url=signal.url).read()
    assert found is not None
    assert found.value == 1.5
    assert missing(kind=signal.kind) == "nobody to ask in production"


def test_a_package_that_cannot_be_loaded_is_missing_and_breaks_nothing(package: Path) -> None:
    reason = missing(kind="broken-lag")
    assert reason.startswith('dhash_signals:Nothing, which adds the signal "broken-lag", cannot be loaded: ')


def test_a_kind_that_nobody_adds_is_a_mistake_and_those_there_are_known(package: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load(written(package, "replica-lags"), environ={})
    assert caught.value.details == (
        'signal[1].kind (line 8): no kind of signal "replica-lags"; did you mean "replica-lag"?',
    )
    assert (
        missing(kind="replica")
        == 'no installed package adds the signal "replica" (entry point group mobius.signals)'
    )
