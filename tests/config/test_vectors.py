"""Bad files and the whole message each must give: a new case is a new pair of files, no new code."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from mobius.config import load
from mobius.errors import ConfigurationError

VECTORS = Path(__file__).parents[1] / "vectors" / "config"


@pytest.mark.parametrize("vector", sorted(VECTORS.glob("*.toml")), ids=lambda path: path.stem)
def test_a_bad_file_is_answered_with_every_mistake_in_it(vector: Path, tmp_path: Path) -> None:
    file = tmp_path / "mobius.toml"
    shutil.copy(vector, file)
    with pytest.raises(ConfigurationError) as caught:
        load(file, environ={})
    said = f"{caught.value}\n{caught.value.hint}\n".replace(str(tmp_path), "FOLDER")
    assert said == vector.with_suffix(".expected").read_text(encoding="utf-8")
    assert caught.value.exit_code == 2
    assert "s3cr3t" not in said and "hunter2" not in said
