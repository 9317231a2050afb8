"""A bad release is told from a bad host: by what each host answers, and by what all of them do without it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from mobius.model.policies import CONSERVATIVE
from mobius.model.verdict import Outcome, Verdict
from mobius.rules.hosts.judging import HostJudging
from mobius.rules.hosts.streams import Out
from rules.hosts.fleets import Fails, hosts_of, judging, looks


def until_something(
    judged: HostJudging, hosts: tuple[str, ...], fails: Fails, *, for_s: float = 600.0, **how: object
) -> tuple[float, Outcome, set[str]]:
    """When the first host was to be taken out, or the release was found bad; which of both; and which hosts."""
    for at, samples in looks(hosts, fails, for_s=for_s, **how):  # type: ignore[arg-type]
        judged.feed(samples, ())
        verdict = judged.verdict((), at, ())
        if judged.taking_out or verdict.outcome is Outcome.FAIL:
            return at, verdict.outcome, set(judged.taking_out)
    return for_s, verdict.outcome, set()


def played(
    judged: HostJudging, hosts: tuple[str, ...], fails: Fails, *, for_s: float
) -> tuple[Outcome, set[str]]:
    """The same, going on without whoever is taken out: how it ended, and who was."""
    at, outcome = 0.0, Outcome.INCONCLUSIVE
    outs: list[Out] = []
    while at < for_s:
        there = tuple(host for host in hosts if host not in {out.host for out in outs})
        took, outcome, bad = until_something(judged, there, fails, since=at, for_s=for_s - at)
        if outcome is Outcome.FAIL or not bad:
            break
        at = took
        outs += [Out(host, at) for host in bad]
        judged.hear(outs, [out.host for out in outs], ())
    return outcome, {out.host for out in outs}


def one(bad: str, share: float, others: float = 0.001) -> Fails:
    return lambda host, _: share if host == bad else others


@pytest.mark.parametrize(
    ("number", "share", "within_s"), [(3, 1.0, 60), (10, 1.0, 60), (3, 0.05, 120), (10, 0.05, 300)]
)
def test_one_host_that_fails_is_found_and_named_and_the_release_stays(
    number: int, share: float, within_s: float
) -> None:
    hosts = hosts_of(number)
    at, outcome, bad = until_something(judging(hosts), hosts, one("web2", share))
    assert (outcome, bad) == (Outcome.INCONCLUSIVE, {"web2"})
    assert at <= within_s


@pytest.mark.parametrize("number", [2, 3, 10])
def test_a_release_that_fails_everywhere_is_taken_back(number: int) -> None:
    hosts = hosts_of(number)
    at, outcome, bad = until_something(judging(hosts), hosts, lambda *_: 0.03)
    assert (outcome, bad) == (Outcome.FAIL, set())
    assert at <= 90


def test_a_host_that_is_bad_beside_a_release_that_is_bad_does_not_save_the_release() -> None:
    hosts = hosts_of(5)
    outcome, out = played(judging(hosts), hosts, one("web2", 0.5, others=0.03), for_s=300)
    assert (outcome, out) == (Outcome.FAIL, {"web2"})


def test_more_bad_hosts_than_may_be_left_out_are_a_bad_release() -> None:
    hosts = hosts_of(10)
    fails: Fails = lambda host, _: 0.3 if host in ("web2", "web3", "web4") else 0.001  # noqa: E731
    outcome, _ = played(judging(hosts, budget=2), hosts, fails, for_s=600)
    assert outcome is Outcome.FAIL
    outcome, out = played(judging(hosts, budget=3), hosts, fails, for_s=600)
    assert (outcome, out) == (Outcome.INCONCLUSIVE, {"web2", "web3", "web4"})


def test_without_a_failure_budget_a_bad_host_is_a_bad_release_and_the_sentence_names_it() -> None:
    hosts = hosts_of(3)
    judged = judging(hosts, budget=0)
    for at, samples in looks(hosts, one("web2", 1.0), for_s=120):
        judged.feed(samples, ())
        verdict = judged.verdict((), at, ())
        if verdict.outcome is Outcome.FAIL:
            break
    assert verdict.outcome is Outcome.FAIL
    assert not judged.taking_out


def test_a_host_that_is_ten_percent_slower_and_one_that_fails_a_little_more_are_not_bad() -> None:
    hosts = hosts_of(10)
    slower: Callable[[str], float] = lambda host: 1.1 if host == "web2" else 1.0  # noqa: E731
    at, outcome, bad = until_something(judging(hosts), hosts, one("web3", 0.0015), for_s=900, slower=slower)
    assert (at, outcome, bad) == (900, Outcome.INCONCLUSIVE, set())


def test_a_host_that_answers_three_times_slower_is_found() -> None:
    hosts = hosts_of(3)
    slower: Callable[[str], float] = lambda host: 3.0 if host == "web2" else 1.0  # noqa: E731
    at, outcome, bad = until_something(judging(hosts), hosts, lambda *_: 0.001, slower=slower)
    assert (outcome, bad) == (Outcome.INCONCLUSIVE, {"web2"})
    assert at <= 120


def test_what_befalls_all_hosts_is_no_fault_of_one() -> None:
    hosts = hosts_of(10)
    judged = judging(hosts)
    for _, samples in looks(hosts, lambda _, at: 0.3 if 100 < at < 400 else 0.001, for_s=600):
        judged.feed(samples, ())
    assert all(there < needed for there, needed in judged._each.evidence().values())
    assert judged._each.bad() == {}


def test_a_host_that_fails_its_own_checks_is_bad_also_without_any_traffic() -> None:
    hosts = hosts_of(3)
    checks: Callable[[str, float], bool] = lambda host, at: host != "web3" or at < 60  # noqa: E731
    at, outcome, bad = until_something(judging(hosts), hosts, lambda *_: 0.0, per_s=0.0, checks=checks)
    assert (outcome, bad) == (Outcome.INCONCLUSIVE, {"web3"})
    assert at == 75, "the fourth failed check in a row"


def test_where_every_host_fails_its_own_checks_none_is_bad_by_itself() -> None:
    hosts = hosts_of(3)
    _, _, bad = until_something(judging(hosts), hosts, lambda *_: 0.0, per_s=0.0, checks=lambda *_: False)
    assert bad == set()


def test_a_fixed_limit_that_one_host_alone_breaks_takes_that_host_out() -> None:
    hosts = hosts_of(3)
    policy = replace(CONSERVATIVE, error_for_s=60.0)
    judged = judging(hosts, policy=policy)
    at, outcome, bad = until_something(judged, hosts, one("web2", 1.0), for_s=900)
    assert (outcome, bad) == (Outcome.INCONCLUSIVE, {"web2"})
    assert at < 600


def test_the_window_goes_on_with_the_rest_and_finds_that_the_release_is_bad_there() -> None:
    hosts = hosts_of(4)
    judged = judging(hosts)
    since, _, bad = until_something(judged, hosts, one("web2", 1.0))
    assert bad == {"web2"}
    judged.hear([Out("web2", since)], ["web2"], ())
    rest = tuple(host for host in hosts if host != "web2")
    outcomes = []
    for at, samples in looks(rest, lambda *_: 0.03, for_s=300, since=since):
        judged.feed(samples, ())
        outcomes.append(judged.verdict((), at, ()).outcome)
    assert outcomes[0] is Outcome.INCONCLUSIVE
    assert outcomes[-1] is Outcome.FAIL


def test_a_runner_that_died_after_taking_the_host_out_finds_the_same_host_again() -> None:
    hosts = hosts_of(3)
    judged = judging(hosts)
    seen = []
    for _, samples in looks(hosts, one("web2", 1.0), for_s=100):
        seen += samples
    judged.hear([], ["web2"], ())
    judged.feed(seen, ())
    judged.verdict((), 100, ())
    assert set(judged.taking_out) == {"web2"}


def test_a_host_that_was_put_back_begins_anew_and_may_be_found_again() -> None:
    hosts = hosts_of(3)
    judged = judging(hosts)
    at, _, bad = until_something(judged, hosts, one("web2", 1.0))
    assert bad == {"web2"}
    judged.hear([Out("web2", at, at + 5)], [], ())
    judged.feed((), ())
    for then, samples in looks(hosts, lambda *_: 0.001, for_s=300, since=at + 5):
        judged.feed(samples, ())
        verdict = judged.verdict((), then, ())
        assert not judged.taking_out, then
        assert verdict.outcome is Outcome.INCONCLUSIVE
    found = set()
    for then, samples in looks(hosts, one("web2", 1.0), for_s=120, since=at + 305):
        judged.feed(samples, ())
        judged.verdict((), then, ())
        found |= set(judged.taking_out)
    assert found == {"web2"}


@pytest.mark.parametrize(
    ("standing_out", "needed"), [(1, 1), (7, 5), (40, 40), (100, 33), (100, 101), (0, 1)]
)
def test_of_many_that_stand_out_as_few_as_help_are_left_out_and_few_are_asked_about(
    standing_out: int, needed: int
) -> None:
    asked: list[int] = []

    class Asked(HostJudging):
        def _without(self, hosts, apart, now, spans):  # type: ignore[no-untyped-def]
            asked.append(len(hosts))
            return Verdict(Outcome.PASS if len(hosts) >= needed else Outcome.FAIL, "")

    made = judging(("web1",))
    judged = Asked(made.judging, made.tests, made.hosts, made.budget)
    many, there = judged._fewest([f"web{number}" for number in range(standing_out)], (), 0.0, ())
    assert (many, there is None) == ((needed, False) if standing_out >= needed else (0, True))
    assert len(asked) <= 9, "the whole window is judged anew each time"
    assert there is not None or len(asked) <= 2, "a bad release is found at once"


def test_of_two_hosts_the_one_that_fails_is_taken_out_and_the_other_stays() -> None:
    hosts = hosts_of(2)
    _, outcome, bad = until_something(judging(hosts), hosts, one("web2", 0.5))
    assert (outcome, bad) == (Outcome.INCONCLUSIVE, {"web2"})


def test_one_host_alone_is_never_left_out() -> None:
    hosts = hosts_of(1)
    _, outcome, bad = until_something(judging(hosts), hosts, one("web1", 0.5))
    assert (outcome, bad) == (Outcome.FAIL, set())
