"""The judgement of many deployments at once, for the benchmark, is the product's, run by run and tick by tick."""

from __future__ import annotations

from dataclasses import replace

import pytest

np = pytest.importorskip("numpy")

from bench.detect_many import Many  # noqa: E402
from bench.detect_streams import Kind, Stream  # noqa: E402
from bench.detector import factory  # noqa: E402

SHORT = Kind("steady", window_s=200.0)
KINDS = (
    replace(SHORT, name="errors", errors=0.01),
    replace(SHORT, name="everything fails", errors=1.0),
    replace(SHORT, name="slow", slower=1.6),
    replace(SHORT, name="bursts", errors=0.03, bursts=(0.8, 30.0)),
    replace(SHORT, name="wander", slower=4.0, window_s=600.0, wander=(0.25, 300.0)),
    replace(SHORT, name="a probe every 10 s", per_s=0.1, errors=0.9),
)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_many_at_once_are_judged_as_each_by_itself(kind: Kind) -> None:
    stream = Stream(kind, 4, np.random.default_rng(1))
    before = stream.before()
    many, each = Many(), [factory() for _ in range(stream.runs)]
    many.start(before)
    for run, one in enumerate(each):
        blocks = [
            (int(n), int(failed), times.tolist())
            for n, failed, times in zip(before.n[run], before.err[run], before.hist[run], strict=True)
        ]
        one.start(int(before.tot_n[run]), int(before.tot_err[run]), before.tot_hist[run].tolist(), blocks)
    said = []
    for tick, _ in stream.ticks():
        together = [bool(is_bad) for is_bad in many.observe(tick)]
        apart = [
            one.observe(tick.t, int(tick.n[run]), int(tick.err[run]), tick.hist[run].tolist())
            for run, one in enumerate(each)
        ]
        assert together == apart
        said.append(together)
    assert any(any(one) for one in said)
