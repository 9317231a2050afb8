"""kill -9 of the deployer, the supervisor and the front door in a canary: it ends in one known state, by itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from journeys.canary.staged import TAKES_S, WEB, set_stages, told
from journeys.kill.field import Field, Strike, kept_well
from journeys.service import Service
from mobius.adapters.load import Load

pytestmark = [pytest.mark.journey, pytest.mark.slow]

# Without traffic a stage is not decided, and goes back.
UNDECIDED = [
    Strike("done go-*-split", "before"),
    Strike("canary begun"),
    Strike("begin go-*-see-stage"),
    Strike("add_samples"),
    Strike("verdict"),
    Strike("rollback begun", "before"),
    Strike("done canary-back-*-switch", "before"),
    Strike("mark_live"),
    Strike("rolled back", "before"),
    Strike("add_samples", who="host"),
    Strike("done go-*-split", "before", who="door"),
    Strike("add_samples", who="door"),
]
DECIDED = [
    Strike("stage", "before"),
    Strike("done go-*-see-stage"),
    Strike("canary passed", "before"),
    Strike("done go-*-switch", "before"),
    Strike("window opened", "before"),
]


@pytest.fixture(scope="module")
def fields(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], Field]]:
    def make() -> Field:
        return Field(Service(tmp_path_factory.mktemp("field"), window="600ms", interval="200ms"))

    def begin(field: Field) -> None:
        field.begin()
        set_stages(field.service, least="500ms", most="2s")

    with kept_well(make, begin) as present:
        yield present


@pytest.mark.parametrize("strike", UNDECIDED, ids=str)
def test_a_stage_that_is_not_decided_goes_back_wherever_it_is_struck(
    fields: Callable[[], Field], strike: Strike
) -> None:
    ground = fields()
    before = ground.live
    done, _ = ground.strike(strike, "deploy", "--tag", ground.next_tag(), "--canary", "30")
    assert ground.has_struck()
    assert done.code in (4, 12), done  # 12: checks failed while the door was gone
    if strike.who == "runner":
        assert done.code == 4, done
    ground.assert_all_is_well(before, states=["rolled back"])
    weights = ground.service.host.status().door.weights  # type: ignore[union-attr]
    assert list(weights.values()) == [100]


@pytest.mark.parametrize("strike", DECIDED, ids=str)
def test_a_good_release_is_accepted_wherever_its_runner_is_struck(
    new_service: Callable[..., Service], strike: Strike
) -> None:
    service = new_service(window="600ms", interval="500ms", alone=False, web=WEB)
    ground = Field(service)
    service.mobius("deploy", "--tag", ground.next_tag(takes_s=TAKES_S), "--quiet", expect=0)
    set_stages(service, most="150s")
    environ = ground.arm(strike)
    with Load(service.url, paths=("/",), rate=100.0) as load:
        words = ("deploy", "--tag", ground.next_tag(takes_s=TAKES_S), "--canary", "50")
        done = service.mobius(*words, environ=environ, timeout_s=300.0)
        report = load.snapshot()
    assert ground.has_struck()
    assert done.code == 0, done
    assert report.failures == ()
    assert len(told(service, "stage")) >= 1
    assert service.status()["live"]["tag"] == ground.tags[-1]
    assert service.get()["release"] == ground.tags[-1]
