from __future__ import annotations

import pytest

from mobius.cli.canary import stages_of
from mobius.errors import UsageError


@pytest.mark.parametrize(
    ("given", "stages"),
    [
        ("1,10,50,100", (1, 10, 50)),
        ("1,10,50", (1, 10, 50)),
        ("5", (5,)),
        (" 5 , 20 ", (5, 20)),
        (None, None),
    ],
)
def test_the_last_stage_of_all_requests_may_be_left_out(
    given: str | None, stages: tuple[int, ...] | None
) -> None:
    assert stages_of(given, none=False) == stages


@pytest.mark.parametrize(
    "given", ["", "100", "10,5", "10,10", "0,10", "10,101", "-5", "1.5", "ten", "10,,50", "10,100,100"]
)
def test_what_does_not_rise_from_1_to_99_is_refused_with_an_example(given: str) -> None:
    with pytest.raises(UsageError, match="no list of rising percentages") as refused:
        stages_of(given, none=False)
    assert refused.value.exit_code == 2
    assert "--canary 1,10,50" in refused.value.hint


def test_no_canary_is_no_stages_and_both_together_make_no_sense() -> None:
    assert stages_of(None, none=True) == ()
    with pytest.raises(UsageError, match="exclude each other"):
        stages_of("10", none=True)
