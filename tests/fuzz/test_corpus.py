"""Every input that is kept for a reader: good ones have an answer, and none has anything but an answer or an error."""

from __future__ import annotations

from pathlib import Path

import pytest

from fuzz.targets import TARGETS, tried

CORPUS = Path(__file__).parent / "corpus"
INPUTS = sorted(file for file in CORPUS.glob("*/*") if file.is_file())


@pytest.mark.parametrize("file", INPUTS, ids=lambda file: f"{file.parent.name}/{file.name}")
def test_a_kept_input_is_read_or_refused(file: Path) -> None:
    tried(file.parent.name, file.read_bytes())
    if file.name.startswith("good"):
        assert TARGETS[file.parent.name](file.read_bytes()) is not None


def test_every_reader_has_inputs_that_it_understands_and_none_is_large() -> None:
    understood = {file.parent.name for file in INPUTS if file.name.startswith("good")}
    assert understood == set(TARGETS)
    assert {file.parent.name for file in INPUTS} == set(TARGETS)
    assert sum(file.stat().st_size for file in INPUTS) < 200_000
