"""All that a look measured of single hosts as one sample: nothing is lost, and who starts anew decides the same."""

from __future__ import annotations

import base64
import zlib
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mobius.model.sample import Sample
from mobius.rules.disarming import Span
from mobius.rules.hosts.judging import HostJudging
from mobius.rules.hosts.packed import looks as looks_of
from mobius.rules.hosts.packed import packed, unpacked
from mobius.rules.hosts.streams import BEFORE, CHECK, HOST, HOSTS, Out, merged, without
from rules.hosts.fleets import hosts_of, judging, looks

NAMES = st.text(st.characters(blacklist_characters=":", blacklist_categories=["Cs"]), min_size=1, max_size=12)
COUNTS = st.integers(0, 2**40)
OF_ONE_HOST = st.builds(
    Sample,
    st.one_of(
        NAMES.map(lambda name: f"{HOST}{name}"),
        st.tuples(NAMES, st.text(max_size=8)).map(lambda both: f"{HOST}{both[0]}:/{both[1]}"),
        NAMES.map(lambda name: f"{CHECK}{name}"),
        NAMES.map(lambda name: f"{BEFORE}{name}"),
    ),
    st.just(7.25),
    st.none() | st.booleans(),
    st.none() | st.floats(allow_nan=False, allow_infinity=False),
    COUNTS,
    COUNTS,
    st.lists(COUNTS, max_size=40).map(tuple),
    st.text(max_size=20),
    st.text(max_size=20),
)


@given(st.lists(OF_ONE_HOST, max_size=12))
def test_what_is_packed_is_unpacked_as_it_was(samples: list[Sample]) -> None:
    kept = packed(samples)
    assert len(kept) == bool(samples)
    found = list(unpacked(kept))
    key = lambda sample: (sample.signal, repr(sample))  # noqa: E731 - which kind comes first is nobody's concern
    assert sorted(found, key=key) == sorted(samples, key=key)
    assert packed(kept) == kept


def test_other_samples_are_left_as_they_are_and_come_first() -> None:
    probe, issue = Sample("probe", 5.0, ok=True), Sample("issue", 4.0, note="slow")
    of_a_host = Sample(f"{HOST}web1", 5.0, requests=3)
    first, second, third = packed((issue, of_a_host, probe))
    assert (first, second, third.signal, third.at) == (issue, probe, HOSTS, 5.0)
    assert list(looks_of((first, second, third))) == [(issue,), (probe, of_a_host)]


@pytest.mark.parametrize(
    "note", ["", "no base64", base64.b64encode(b"not deflated").decode(), "é"]
    + [base64.b64encode(zlib.compress(text)).decode() for text in (b"{}1", b"[1]", b'[["host:","",["a"],{"ok":[]}]]')],
)  # fmt: skip
def test_what_cannot_be_read_any_more_measured_nothing(note: str) -> None:
    assert list(unpacked([Sample(HOSTS, 5.0, note=note)])) == []


def test_secrets_are_kept_out_before_it_is_packed() -> None:
    said = Sample(f"{CHECK}web1", 5.0, ok=False, note="503: no s3cret-key here")
    (kept,) = packed([said], lambda words: words.replace("s3cret-key", "***"))
    assert [one.note for one in unpacked([kept])] == ["503: no *** here"]


def test_what_hiding_a_secret_would_damage_is_not_packed() -> None:
    samples = (Sample(f"{HOST}web1", 5.0, requests=3), Sample(f"{HOST}web2", 5.0, requests=4))
    assert packed(samples, lambda words: words.replace("eJ", "***")) == samples


def stand(judged: HostJudging, at: float, spans: tuple[Span, ...] = ()) -> tuple[object, ...]:
    verdict = judged.verdict((), at, spans)
    return verdict, dict(judged.taking_out), dict(judged.evidence()), judged.if_it_were_armed((), at, spans)


@pytest.mark.parametrize("stopped_after", [1, 7, 20, 39])
@pytest.mark.parametrize("outs", [(), (Out("web4", 60.0),), (Out("web4", 30.0, 90.0),)])
def test_who_starts_anew_from_what_was_written_down_decides_as_if_it_had_never_stopped(
    stopped_after: int, outs: tuple[Out, ...]
) -> None:
    hosts = hosts_of(5)
    fails = lambda host, at: 0.04 if host == "web2" and at > 100 else 0.002  # noqa: E731
    checks = lambda host, at: not (host == "web3" and 50 < at < 62)  # noqa: E731
    never_stopped, written = judging(hosts, outs=outs), []
    anew: HostJudging | None = None
    for number, (at, samples) in enumerate(looks(hosts, fails, for_s=200, checks=checks), 1):
        kept = packed(samples)
        never_stopped.feed(kept, ())
        if anew is None and number == stopped_after:
            anew = judging(hosts, outs=outs)
            anew.feed((*written, *kept), ())
        elif anew is not None:
            anew.feed(kept, ())
        written += kept
        if anew is not None:
            assert stand(anew, at) == stand(never_stopped, at)
    assert anew is not None
    assert never_stopped.taking_out.keys() == {"web2"}


def test_so_does_who_starts_anew_while_nothing_acts() -> None:
    hosts = hosts_of(3)
    fails = lambda _, at: 0.2 if at > 60 else 0.001  # noqa: E731
    never_stopped, written = judging(hosts), []
    for at, samples in looks(hosts, fails, for_s=120):
        kept = packed(samples)
        written += kept
        spans = (Span(50.0, at),) if at > 50 else ()
        never_stopped.feed(kept, spans, is_disarmed=bool(spans))
    anew = judging(hosts)
    anew.feed(written, (Span(50.0, 120.0),), is_disarmed=True)
    assert stand(anew, 120.0, spans) == stand(never_stopped, 120.0, spans)
    assert anew.if_it_were_armed((), 120.0, spans).outcome == "FAIL"


def test_what_was_written_down_before_looks_were_packed_is_judged_as_ever() -> None:
    hosts = hosts_of(5)
    fails = lambda host, _: 0.3 if host == "web2" else 0.001  # noqa: E731
    old, new = judging(hosts), judging(hosts)
    every = [sample for _, samples in looks(hosts, fails, for_s=60) for sample in samples]
    old.feed(every, ())
    new.feed(packed(every), ())
    assert stand(old, 60.0) == stand(new, 60.0)
    assert old.taking_out.keys() == {"web2"}


@pytest.mark.parametrize("outs", [(), (Out("web1", 12.0),), (Out("web1", 2.0, 12.0), Out("web3", 7.0))])
def test_hosts_that_nobody_asks_about_are_added_up_once_and_it_comes_to_the_same(
    outs: tuple[Out, ...],
) -> None:
    checks = lambda host, at: host != "web2" and at != 15.0  # noqa: E731
    asked = (*outs, Out("web2", 20.0))
    for at, samples in looks(hosts_of(5), lambda *_: 0.1, for_s=20, checks=checks):
        look = (*samples, Sample("smoke", at, ok=False))
        fewer = merged(look, {out.host for out in asked})
        assert len(fewer) < len(look)
        assert without(fewer, asked) == without(look, asked)


def test_a_thousand_hosts_cost_few_bytes_a_look() -> None:
    look = [Sample(f"{HOST}web{n}", 5.0, requests=40 + n % 17, errors=n % 9 == 0) for n in range(1000)]
    look += [Sample(f"{CHECK}web{n}", 5.0, True, 2.0 + n % 31 / 10) for n in range(1000)]
    look = [replace(one, errors=int(one.errors)) for one in look]
    (kept,) = packed(look)
    assert len(kept.note) < 10_000
