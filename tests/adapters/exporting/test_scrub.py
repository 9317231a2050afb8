"""Every secret that can be known is known, wherever it is configured."""

from __future__ import annotations

import base64
import json
import textwrap
import time
from pathlib import Path
from urllib.parse import quote

import pytest

from mobius.adapters.exporting.scrub import Scrubber, environment_files, scrubber
from mobius.config import load

TOML = """
service = "dhash"

[[process]]
name = "api"
start = ["serve", "--api-token", "of-the-argv-1111", "--password=of-the-option-2222"]
env = { DB_SECRET = "of-the-toml-3333" }
env_file = "given.env"

[[smoke]]
name = "front"
get = "/"
headers = { Authorization = "Bearer of-the-header-4444" }

[environments.production]
url = "http://127.0.0.1:5001"

[environments.staging]
url = "http://127.0.0.1:5002"

[[environments.staging.process]]
name = "api"
start = ["serve"]
env = { API_KEY = "of-staging-5555" }
"""


@pytest.fixture
def made(tmp_path: Path) -> Scrubber:
    (tmp_path / "mobius.toml").write_text(TOML)
    (tmp_path / "given.env").write_text("ANY=of-the-given-file-6666\n")
    (tmp_path / ".env.production").write_text("export LYING='about by itself 7777'\n")
    (tmp_path / ".env.broken").write_text("=no variables at all 8888\n")
    (tmp_path / ".env.example").write_text("EXAMPLE=nothing-secret-here\n")
    return scrubber(load(tmp_path / "mobius.toml", environ={}), {"MY_TOKEN": "of-the-environ-9999"})


@pytest.mark.parametrize(
    "secret",
    [
        "of-the-argv-1111", "of-the-option-2222", "of-the-toml-3333", "of-the-header-4444", "of-staging-5555",
        "of-the-given-file-6666", "about by itself 7777", "of-the-environ-9999",
    ],
)  # fmt: skip
def test_a_value_from_anywhere_is_taken_out(made: Scrubber, secret: str) -> None:
    left, found = made.text(f"it stood {secret} here")
    assert secret not in left
    assert found["a known value"] >= 1


def test_an_example_of_a_file_of_variables_is_no_secret(made: Scrubber) -> None:
    assert made.text("nothing-secret-here") == ("nothing-secret-here", {})


def test_json_data_stays_json_whatever_is_taken_out_of_it(made: Scrubber) -> None:
    value = {"of-the-toml-3333": [{"a": "x of-the-argv-1111"}, 1, None, True, 2.5]}
    assert made.value(value) == {"«redacted»": [{"a": "x «redacted»"}, 1, None, True, 2.5]}


def test_files_of_variables_are_found_and_examples_are_not(tmp_path: Path, made: Scrubber) -> None:
    settings = load(tmp_path / "mobius.toml", environ={})
    names = [file.name for file in environment_files(settings, settings.environments["production"])]
    assert names == [".env.broken", ".env.production", "given.env"]


@pytest.mark.parametrize("width", [4, 20, 64, 76])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\n    "])
def test_one_in_base64_is_found_over_the_ends_of_lines(made: Scrubber, width: int, end: str) -> None:
    coded = base64.b64encode(b"password of the service: of-the-toml-3333, and more words").decode()
    wrapped = end.join(textwrap.wrap(coded, width))
    left, found = made.text(f"-----BEGIN-----{end}{wrapped}{end}-----END-----")
    assert found == {"a known value": 1}
    assert coded[24:40] not in "".join(left.split())
    in_json = json.dumps({"content": wrapped})
    assert made.text(in_json)[1] == {"a known value": 1}


def test_words_that_stand_one_on_a_line_stay(made: Scrubber) -> None:
    text = "alpha\nbravo\ncharlie\ndelta\n"
    assert made.text(text) == (text, {})


def test_a_long_line_without_an_end_is_read_in_no_time(made: Scrubber) -> None:
    text = "A" * 3_000_000
    began = time.monotonic()
    assert made.text(text)[0] == text
    assert time.monotonic() - began < 20.0  # a search that began anew at each letter would take days


def test_an_address_within_an_address_and_older_letters_are_found(tmp_path: Path) -> None:
    (tmp_path / "mobius.toml").write_text(TOML)
    secret = "grün & geheim"
    made = scrubber(load(tmp_path / "mobius.toml", environ={}), {"MY_TOKEN": secret})
    twice = quote(quote(f"x={secret}", safe=""), safe="")
    assert made.text(f"go?to={twice}")[1] == {"a known value": 1}
    assert made.text(quote(secret.encode("latin-1")))[1] == {"a known value": 1}
    left, found = made.content(b"it is " + secret.encode("latin-1") + b" here")
    assert (left, found) == ("it is «redacted» here".encode(), {"a known value": 1})
