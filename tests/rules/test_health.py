"""The judgement of the window as tables: what was measured, and the whole sentence it leads to."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

import pytest

from mobius.model.policies import ADAPTIVE, CONSERVATIVE, STRICT, PolicySettings
from mobius.model.sample import BUCKETS, HISTOGRAM_EDGES_MS, WAITING, Sample
from mobius.model.settings import MonitorSettings
from mobius.model.verdict import Outcome, Verdict
from mobius.rules.health import judge

OPENED = 1_700_000_000.0
HOUR = 3600.0
EVERY_30_S = MonitorSettings()


def probe(at: float, ok: bool = True, ms: float = 40.0, why: str = "connection refused") -> Sample:
    return Sample("probe", OPENED + at, ok=ok, value=ms, note="" if ok else why)


def traffic(at: float, requests: int, errors: int = 0, ms: float = 40.0) -> Sample:
    bucket = next((i for i, edge in enumerate(HISTOGRAM_EDGES_MS) if ms <= edge), BUCKETS - 1)
    histogram = tuple(requests if i == bucket else 0 for i in range(BUCKETS))
    return Sample("traffic", OPENED + at, requests=requests, errors=errors, histogram=histogram)


def blind(at: float, signal: str = "probe", why: str = "too many open files") -> Sample:
    return Sample(signal, OPENED + at, missing=why)


def probes(answers: str, every: float = 30.0) -> list[Sample]:
    """One letter a check: "." good, "x" failed, "?" missing."""
    kinds: dict[str, Callable[[float], Sample]] = {
        ".": probe,
        "x": lambda at: probe(at, ok=False),
        "?": blind,
    }
    return [kinds[answer](every * (i + 1)) for i, answer in enumerate(answers)]


def judged(
    samples: Sequence[Sample],
    policy: PolicySettings = CONSERVATIVE,
    monitor: MonitorSettings = EVERY_30_S,
    *,
    at: float | None = None,
    window: float = HOUR,
) -> Verdict:
    now = OPENED + at if at is not None else max((s.at for s in samples), default=OPENED)
    return judge(samples, policy, monitor, opened_at=OPENED, now=now, deadline=OPENED + window)


def told(verdict: Verdict) -> tuple[str, str]:
    return verdict.rule, verdict.sentence


def fired(verdict: Verdict) -> str:
    """The rule that rolls back, "" when none does."""
    return verdict.rule if verdict.outcome is Outcome.FAIL else ""


def ticks(until: float, every: float = 30.0) -> Iterable[float]:
    at = every
    while at <= until:
        yield at
        at += every


# Failed checks in a row


@pytest.mark.parametrize(
    ("answers", "policy", "expected"),
    [
        ("..xx", CONSERVATIVE, ""),
        ("..xxx", CONSERVATIVE, "3 health checks in a row failed (more than 2): connection refused"),
        ("...x.x.x......", CONSERVATIVE, ""),
        ("..xx?x", CONSERVATIVE, "3 health checks in a row failed (more than 2): connection refused"),
        ("..xxx", STRICT, ""),
        ("..xxxx", STRICT, "4 health checks in a row failed (more than 3): connection refused"),
        ("..xxx.....x", STRICT, ""),
        (
            "..xxx....x",
            STRICT,
            "4 health checks failed without 5 good ones in a row between (more than 3): connection refused",
        ),
        ("..xxx.....xxx", STRICT, ""),
        ("..xx.x.x.x", STRICT, ""),
    ],
)
def test_the_check_after_the_last_that_is_borne_rolls_back(
    answers: str, policy: PolicySettings, expected: str
) -> None:
    verdict = judged(probes(answers), replace(policy, min_success_rate_pct=None))

    assert told(verdict)[1] == expected if expected else verdict.outcome is Outcome.INCONCLUSIVE
    assert verdict.rule == ("failed_checks" if expected else "")


def test_one_failed_check_is_enough_for_a_policy_that_bears_none() -> None:
    verdict = judged(probes("..x"), replace(STRICT, max_failed_checks=0))

    assert told(verdict) == ("failed_checks", "1 health check failed (more than 0): connection refused")


# Success rate


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ("x.x.", ""),  # half of four: too few to say
        ("x.x..", "success 60 % of 5 checks (less than 70 %, after at least 5): connection refused"),
        ("x....x.x..", ""),  # exactly 70 %
        (
            "xx.xx..x....xx",
            "success 50 % of 14 checks (less than 70 %, after at least 5): connection refused",
        ),
        ("x?.x?..", "success 60 % of 5 checks (less than 70 %, after at least 5): connection refused"),
    ],
)
def test_success_below_seventy_percent_of_at_least_five_checks_rolls_back(
    answers: str, expected: str
) -> None:
    verdict = judged(probes(answers))

    assert told(verdict) == ("success_rate", expected) if expected else not fired(verdict)


# Error rate


@pytest.mark.parametrize(
    ("requests", "errors", "expected"),
    [
        (412, 30, "errors 7.3 % of 412 requests (more than 5 %, over at least 100)"),
        (400, 20, ""),  # exactly 5 %
        (99, 99, ""),  # too few to say
        (100_000, 5_001, "errors 5.001 % of 100,000 requests (more than 5 %, over at least 100)"),
    ],
)
def test_errors_over_five_percent_of_a_hundred_requests_roll_back_at_once(
    requests: int, errors: int, expected: str
) -> None:
    verdict = judged([probe(120), traffic(120, requests, errors)])

    assert (verdict.sentence if verdict.rule == "error_rate" else "") == expected


def test_the_error_rate_reaches_back_until_it_holds_enough_requests() -> None:
    few = [traffic(at, 20, 2) for at in ticks(300)]

    # 90 s is the first time after the warm-up of 60 s; the hundredth request is answered by 210 s.
    assert fired(judged([s for s in few if s.at <= OPENED + 180])) == ""
    assert judged(few).sentence == "errors 10 % of 100 requests (more than 5 %, over at least 100)"


def test_errors_while_warming_up_are_not_held_against_the_release() -> None:
    start_up = [probe(30), traffic(30, 500, 500), probe(60), traffic(60, 500, 500)]

    assert fired(judged(start_up)) == ""
    assert fired(judged(start_up, monitor=replace(EVERY_30_S, warmup_s=0.0))) == "error_rate"
    assert fired(judged([*start_up, traffic(90, 500, 30)])) == "error_rate"


def strict_errors(until: float, pct: float, *, quiet: tuple[float, ...] = ()) -> list[Sample]:
    return [traffic(at, 3000, 0 if at in quiet else round(30 * pct)) for at in ticks(until)]


def test_strict_errors_must_last_more_than_five_minutes() -> None:
    # Warm at 60 s, over the limit from 90 s on.
    assert fired(judged(strict_errors(390, 2), STRICT)) == ""
    assert told(judged(strict_errors(420, 2), STRICT)) == (
        "error_rate",
        "errors over 1 % in every minute for 5 min 30 s (more than 5 min), now 2 % of 6,000 requests",
    )


def test_strict_errors_must_be_in_every_minute() -> None:
    calm = strict_errors(600, 2, quiet=(330.0, 360.0))

    assert fired(judged(calm, STRICT)) == ""
    assert fired(judged(strict_errors(3000, 1), STRICT)) == ""


def test_one_old_burst_at_low_traffic_does_not_last_five_minutes() -> None:
    burst = [traffic(at, 3, 3 if at == 600 else 0) for at in ticks(1500)]

    assert {judged(burst[: n + 1], STRICT).outcome for n in range(len(burst))} == {Outcome.INCONCLUSIVE}


def test_missing_traffic_is_neither_failure_nor_proof_that_a_failure_went_on() -> None:
    gap = [s for s in strict_errors(600, 2) if not OPENED + 200 < s.at < OPENED + 500]
    gap += [blind(at, "traffic") for at in ticks(600) if 200 < at < 500]
    gap.sort(key=lambda sample: sample.at)

    assert fired(judged(gap, STRICT)) == ""


# Latency


def test_p95_over_the_limit_in_three_successive_minutes_rolls_back() -> None:
    slow = [traffic(at, 200, ms=6000 if at > 300 else 100) for at in ticks(450)]

    assert fired(judged(slow[:-1])) == ""
    assert told(judged(slow)) == ("p95", "p95 5,898 ms in each of the last 3 minutes (more than 5,000 ms)")


def test_one_good_minute_among_the_slow_ones_is_not_consistently_slow() -> None:
    slow = [traffic(at, 200, ms=100 if 400 < at <= 460 else 6000) for at in ticks(480)]

    assert fired(judged(slow)) == ""


def test_without_traffic_the_probes_are_the_latency() -> None:
    slow = [probe(at, ms=6120) for at in ticks(240)]

    assert told(judged(slow)) == ("p95", "p95 6,120 ms in each of the last 3 minutes (more than 5,000 ms)")


def test_strict_latency_must_last_five_minutes() -> None:
    slow = [probe(at, ms=612) for at in ticks(360)]

    assert fired(judged(slow[:-1], STRICT)) == ""
    assert told(judged(slow, STRICT)) == (
        "p95",
        "p95 612 ms in each of the last 5 minutes (more than 500 ms)",
    )


def spread(at: float, *each: tuple[int, float]) -> Sample:
    """One reading of several response times."""
    parts = [traffic(at, requests, ms=ms).histogram for requests, ms in each]
    return Sample(
        "traffic",
        OPENED + at,
        requests=sum(n for n, _ in each),
        histogram=tuple(map(sum, zip(*parts, strict=True))),
    )


def test_a_limit_within_a_bucket_is_read_from_how_the_bucket_is_filled() -> None:
    # 413 to 517 ms is one bucket: 95 % of the requests lie below 454 ms in the first, below 506 ms in the second.
    below = [spread(at, (920, 100), (75, 460), (5, 900)) for at in ticks(600)]
    above = [spread(at, (800, 100), (160, 460), (40, 900)) for at in ticks(600)]

    assert fired(judged(below, STRICT)) == ""
    assert fired(judged(above, STRICT)) == "p95"


def test_four_slow_requests_of_a_hundred_are_not_the_ninety_fifth_percentile() -> None:
    mixed = [traffic(at, 96, ms=50) for at in ticks(600)] + [traffic(at, 4, ms=9000) for at in ticks(600)]

    assert fired(judged(sorted(mixed, key=lambda s: s.at))) == ""


def test_a_longer_interval_than_the_window_can_still_be_judged() -> None:
    rare = MonitorSettings(interval_s=120.0)

    assert fired(judged([probe(at, ms=9000) for at in ticks(720, 120)], monitor=rare)) == "p95"


# Gates, smoke tests, resources


def gate(at: float, ok: bool, name: str = "golden") -> Sample:
    return Sample(f"gate:{name}", OPENED + at, ok=ok, note="" if ok else "SSIM 0.981")


def test_the_fourth_failed_gate_in_a_row_rolls_back() -> None:
    failing = [gate(at, ok=False) for at in ticks(120)]

    assert fired(judged(failing[:3], STRICT)) == ""
    assert told(judged(failing, STRICT)) == (
        "gates",
        "gate golden failed 4 times in a row (more than 3): SSIM 0.981",
    )
    assert fired(judged(failing, CONSERVATIVE)) == ""


def test_two_gates_that_fail_in_turn_are_two_rows() -> None:
    turns = [gate(at, ok=False, name="golden" if at % 60 else "audio") for at in ticks(180)]

    assert fired(judged(turns, STRICT)) == ""


def test_a_gate_that_could_not_be_run_has_not_failed() -> None:
    unread = [blind(at, "gate:golden", "node is not there") for at in ticks(600)]

    assert fired(judged(unread, STRICT)) != "gates"


def test_broken_smoke_tests_roll_back_under_the_strict_policy_only() -> None:
    broken = [Sample("smoke", OPENED + 300, ok=False, note="health: [status == 200] was 503")]

    assert told(judged(broken, STRICT)) == ("smoke", "smoke tests failed: health: [status == 200] was 503")
    assert fired(judged(broken, CONSERVATIVE)) == ""


@pytest.mark.parametrize(
    ("signal", "pct", "expected"),
    [
        ("cpu", 97, "CPU 97 % for 5 min (more than 90 %)"),
        ("cpu", 90, ""),
        ("memory", 96, "memory 96 % for 5 min (more than 95 %)"),
        ("memory", 95, ""),
    ],
)
def test_resources_exhausted_for_five_minutes_roll_back(signal: str, pct: float, expected: str) -> None:
    used = [Sample(signal, OPENED + at, value=pct) for at in ticks(330)]

    assert fired(judged(used[:-1], STRICT)) == ""
    verdict = judged(used, STRICT)
    assert (fired(verdict), verdict.sentence) == (signal, expected) if expected else not fired(verdict)


def test_one_calm_reading_ends_an_exhaustion() -> None:
    used = [Sample("cpu", OPENED + at, value=50 if at == 300 else 99) for at in ticks(480)]

    assert fired(judged(used, STRICT)) == ""


# So far, and at the end


def test_before_the_deadline_a_good_release_is_so_far_so_good() -> None:
    good = [s for at in ticks(1230) for s in (probe(at), traffic(at, 300, 1 if at == 600 else 0))]

    assert judged(good) == Verdict(
        Outcome.INCONCLUSIVE,
        "so far so good: 41 checks, 0 failed, 12,300 requests, 0.0081 % errors; 39 min left",
    )


@pytest.mark.parametrize(
    ("answers", "sentence"),
    [
        ("", "nothing measured yet; 1 h left"),
        (".........x", "the last check failed (connection refused): 10 checks, 1 failed; 55 min left"),
        (
            "..........xxx..",
            "unhealthy, 2 of 5 good checks in a row since connection refused: "
            "15 checks, 3 failed; 52 min left",
        ),
        ("..........xxx.....", "so far so good: 18 checks, 3 failed; 51 min left"),
    ],
)
def test_what_is_said_on_the_way(answers: str, sentence: str) -> None:
    assert judged(probes(answers), STRICT) == Verdict(Outcome.INCONCLUSIVE, sentence)


def test_enough_good_measurements_pass_at_the_deadline_and_not_before() -> None:
    whole = probes("." * 120)

    assert judged(whole, at=HOUR - 1).outcome is Outcome.INCONCLUSIVE
    assert judged(whole, at=HOUR) == Verdict(Outcome.PASS, "healthy for 1 h: 120 checks, 0 failed")


@pytest.mark.parametrize(
    ("answers", "sentence"),
    [
        (
            "." * 90 + "?" * 30,
            "only 90 of 120 expected checks were made (75 %, 80 % needed): 90 checks, 0 failed",
        ),
        (
            "." * 60 + "?" * 20 + "." * 40,
            "nothing was measured for 10 min of the window (at most 6 min allowed): 100 checks, 0 failed",
        ),
        ("." * 119 + "x", "the last check failed (connection refused): 120 checks, 1 failed"),
        (
            "." * 115 + "xxx..",
            "not healthy again: 2 of 5 good checks in a row since connection refused: 120 checks, 3 failed",
        ),
        ("", "only 0 of 120 expected checks were made (0 %, 80 % needed): 0 checks, 0 failed"),
    ],
)
def test_too_little_measured_is_never_a_pass(answers: str, sentence: str) -> None:
    assert judged(probes(answers), STRICT, at=HOUR) == Verdict(Outcome.INCONCLUSIVE, sentence, "coverage")


def test_slow_answers_are_fewer_but_not_missing() -> None:
    slow = [probe(at, ms=900) for at in ticks(60, 1.9)]

    verdict = judged(slow, monitor=MonitorSettings(interval_s=1.0), at=60, window=60)

    assert verdict == Verdict(Outcome.PASS, "healthy for 1 min: 31 checks, 0 failed")


def test_a_short_window_forgives_a_gap_of_three_intervals() -> None:
    fast = MonitorSettings(interval_s=1.0)
    answers = probes("." * 10 + "??" + "." * 8, every=1.0)

    assert judged(answers, monitor=fast, at=20, window=20).outcome is Outcome.PASS


def untimed(at: float, requests: int, why: str = "") -> Sample:
    return Sample("traffic", OPENED + at, requests=requests, note=why)


def test_requests_without_response_times_are_judged_by_those_of_the_probes_and_that_is_said() -> None:
    counted = [untimed(at, 10) for at in ticks(HOUR)]
    slow = [probe(at, ms=9000.0) for at in ticks(HOUR)]

    assert judged(probes("." * 120) + counted, at=HOUR) == Verdict(
        Outcome.PASS,
        "healthy for 1 h: 120 checks, 0 failed, 1,200 requests, 0 % errors, their response times not measured",
    )
    assert told(judged(slow + counted, STRICT, at=HOUR)) == (
        "p95",
        "p95 9,000 ms in each of the last 5 minutes (more than 500 ms)",
    )


def test_response_times_that_were_taken_and_then_were_not_are_not_a_pass() -> None:
    whole = probes("." * 120) + [traffic(at, 10) for at in ticks(HOUR / 2)]
    whole += [untimed(HOUR / 2 + at, 10, "there is no access log /var/log/web.log") for at in ticks(HOUR / 2)]

    assert judged(whole, at=HOUR).sentence == (
        "response times could not be measured 60 of 120 times (there is no access log /var/log/web.log): "
        "120 checks, 0 failed, 1,200 requests, 0 % errors"
    )
    no_limit = replace(CONSERVATIVE, max_p95_ms=None)
    assert judged(whole, no_limit, at=HOUR).outcome is Outcome.PASS


def test_quiet_times_without_any_request_are_no_missing_response_times() -> None:
    whole = probes("." * 120) + [traffic(at, 10 if at > HOUR - 600 else 0) for at in ticks(HOUR)]

    assert judged(whole, at=HOUR).outcome is Outcome.PASS


def test_critical_routes_are_recorded_and_not_judged() -> None:
    bad = [replace(traffic(at, 100, 100, ms=9000), signal="route:/api/render") for at in ticks(HOUR)]
    lost = [Sample("route:/upload", OPENED + at, missing="no log") for at in ticks(HOUR)]

    assert judged(probes("." * 120) + bad + lost, at=HOUR) == judged(probes("." * 120), at=HOUR)


def test_traffic_that_could_not_be_read_is_not_a_pass() -> None:
    whole = probes("." * 120) + [blind(at, "traffic", "the door is gone") for at in ticks(HOUR)]

    assert judged(whole, at=HOUR).sentence == (
        "traffic could not be measured 120 of 120 times (the door is gone): 120 checks, 0 failed"
    )


def test_the_time_a_gate_waited_for_its_first_file_counts_only_where_none_came() -> None:
    waited = [replace(blind(at, "gate:golden", "no file yet"), note=WAITING) for at in ticks(1800, 30)]
    whole = probes("." * 120) + waited
    none = judged(whole, STRICT, at=HOUR)
    assert none.outcome is Outcome.INCONCLUSIVE
    assert none.sentence.startswith("gate golden could not be measured 60 of 60 times (no file yet)")
    assert judged([*whole, gate(1900, ok=True)], STRICT, at=HOUR).outcome is Outcome.PASS


def test_a_gate_that_never_ran_is_not_a_pass_for_a_policy_with_gates() -> None:
    whole = probes("." * 120) + [blind(at, "gate:golden", "node is not there") for at in ticks(HOUR, 300)]

    assert judged(whole, CONSERVATIVE, at=HOUR).outcome is Outcome.PASS
    assert judged(whole, STRICT, at=HOUR).sentence == (
        "gate golden could not be measured 12 of 12 times (node is not there): 120 checks, 0 failed"
    )


def test_seeing_nothing_for_long_is_an_error_and_never_a_failure() -> None:
    lost = probes("......" + "?" * 6)

    assert judged(lost[:-1]).outcome is Outcome.INCONCLUSIVE
    assert judged(lost) == Verdict(
        Outcome.ERROR,
        "nothing measured for 3 min (more than 2 min 30 s): too many open files",
        "blind",
    )
    assert judged([], at=300).outcome is Outcome.ERROR


# Clocks that are set, and rules together


BROKEN_CLOCKS = [lambda at: at + HOUR * 20, lambda at: at - HOUR * 20, lambda at: -at, lambda at: 600.0]


@pytest.mark.parametrize("clock", BROKEN_CLOCKS)
@pytest.mark.parametrize("policy", [CONSERVATIVE, STRICT])
def test_a_clock_that_is_set_does_not_roll_back(
    clock: Callable[[float], float], policy: PolicySettings
) -> None:
    def at_new_time(sample: Sample) -> Sample:
        return replace(sample, at=OPENED + clock(sample.at - OPENED)) if sample.at > OPENED + 600 else sample

    def second(at: float) -> tuple[Sample, ...]:
        # Near every limit, past none for long enough: two slow minutes and errors for two minutes, once.
        bad = 540 <= at <= 660
        cpu = Sample("cpu", OPENED + at, value=99.0 if bad else 20.0)
        return probe(at, ms=7000 if bad else 40), traffic(at, 300, 9 if bad else 0, 7000 if bad else 40), cpu

    samples = [at_new_time(sample) for at in ticks(1200) for sample in second(at)]

    for count in range(1, len(samples) + 1):
        seen = samples[:count]
        verdict = judge(seen, policy, EVERY_30_S, opened_at=OPENED, now=seen[-1].at, deadline=OPENED + HOUR)
        assert verdict.outcome is not Outcome.FAIL, verdict


def test_failed_checks_count_whatever_the_clock_says() -> None:
    samples = [probe(1200), probe(1230, ok=False), probe(-9000, ok=False), probe(-8970, ok=False)]
    now = samples[-1].at

    verdict = judge(samples, CONSERVATIVE, EVERY_30_S, opened_at=OPENED, now=now, deadline=OPENED + HOUR)

    assert verdict.rule == "failed_checks"


def test_a_verdict_names_every_rule_that_fired_and_leads_with_the_first() -> None:
    verdict = judged([*probes("xxxxx"), traffic(150, 400, 400)])

    assert verdict.rule == "failed_checks"
    assert [finding.check for finding in verdict.findings] == ["failed_checks", "success_rate", "error_rate"]


def test_a_rule_whose_limit_is_none_is_off() -> None:
    off = PolicySettings(name="nothing", base="conservative")
    awful = [s for at in ticks(900) for s in (probe(at, ok=False, ms=9999), traffic(at, 900, 900, 9999))]

    assert judged(awful, off).outcome is Outcome.INCONCLUSIVE


def test_an_hour_of_samples_every_second_is_judged_in_well_under_a_second() -> None:
    import time

    samples = [s for at in ticks(HOUR, 1) for s in (probe(at), traffic(at, 100, 3))]
    begun = time.process_time()

    judged(samples, STRICT, MonitorSettings(interval_s=1.0))

    assert time.process_time() - begun < 1.0


EVERY_5_S = MonitorSettings(interval_s=5.0)


@pytest.mark.parametrize(
    ("answers", "monitor", "rule"),
    [
        (".....xxxx", EVERY_5_S, ""),  # twenty seconds
        (".....xxxxxx", EVERY_5_S, ""),
        (".....xxxxxxx", EVERY_5_S, "failed_checks"),  # more than thirty
        ("..xxxx.....", EVERY_5_S, ""),  # a third of the checks, and one bad moment
        ("..xx..xx..xx..xx", EVERY_5_S, "success_rate"),  # up and down, and never up for long
        (".....xxx", replace(EVERY_5_S, blip_tolerance_s=0.0), "failed_checks"),
        (".....xx", EVERY_30_S, ""),
        (".....xxx", EVERY_30_S, "failed_checks"),  # as ever: a minute and more
    ],
)
def test_what_holds_a_release_against_the_one_before_forgives_checks_a_bad_moment_too(
    answers: str, monitor: MonitorSettings, rule: str
) -> None:
    looked = probes(answers, every=monitor.interval_s)
    assert judged(looked, ADAPTIVE, monitor).rule == rule
    assert judged(probes(".....xxx", every=5.0), CONSERVATIVE, EVERY_5_S).rule == "failed_checks"


def test_slow_checks_are_not_forgiven_for_being_few() -> None:
    hanging = [probe(10.0 * (number + 1), ok=number < 5) for number in range(9)]
    assert judged(hanging[:8], ADAPTIVE, EVERY_5_S).rule == ""
    assert judged([*hanging, probe(100.0, ok=False)], ADAPTIVE, EVERY_5_S).rule == "failed_checks"


def test_a_remark_is_told_beside_the_verdict_and_changes_none() -> None:
    looked = probes("." * 120)
    for at, outcome in ((1800.0, Outcome.INCONCLUSIVE), (HOUR, Outcome.PASS)):
        plain = judge(
            looked, CONSERVATIVE, EVERY_30_S, opened_at=OPENED, now=OPENED + at, deadline=OPENED + HOUR
        )
        told = judge(
            looked,
            CONSERVATIVE,
            EVERY_30_S,
            opened_at=OPENED,
            now=OPENED + at,
            deadline=OPENED + HOUR,
            remark="requests fell",
        )
        assert (plain.outcome, told.outcome) == (outcome, outcome)
        assert "requests fell" not in plain.sentence and "; requests fell" in told.sentence
