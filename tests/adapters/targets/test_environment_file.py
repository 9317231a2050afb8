"""An environment file means what its writer meant, and a bad line is named without its value."""

from __future__ import annotations

from pathlib import Path

import pytest

from mobius.adapters.targets.environment_file import read_environment_file
from mobius.errors import ConfigurationError

VALUES = {
    "A=1": "1",
    "A=": "",
    "A= b ": "b",
    "  export A=b": "b",
    "export\tA=b": "b",
    "A='single # $x \\n'": "single # $x \\n",
    'A="double # x"': "double # x",
    'A="x" # why': "x",
    "A='x'# why": "x",
    'A="say \\"hi\\" \\\\ \\$5 \\n"': 'say "hi" \\ $5 \\n',
    "A=b # why": "b",
    "A=b#c": "b#c",
    "A= # why": "",
    "A=b=c=d": "b=c=d",
    "A=it's": "it's",
    'A="unclosed': '"unclosed',
    "A='x'y": "'x'y",
    'A=""': "",
    "A=ü€": "ü€",
    'A="one\ntwo\n"': "one\ntwo\n",
    "A='one\n\n# two'": "one\n\n# two",
}


@pytest.mark.parametrize("text", VALUES)
@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_each_way_to_write_a_value(text: str, end: str, tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_bytes((f"# first\n\nBEFORE=x\n{text}".replace("\n", end or "\n") + end + "AFTER=y").encode()
                     if end else f"# first\n\nBEFORE=x\n{text}".encode())  # fmt: skip
    found = read_environment_file(path)
    assert (found["BEFORE"], found["A"]) == ("x", VALUES[text])
    assert found.get("AFTER", "y") == "y"


def test_a_byte_order_mark_and_repeated_names(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_bytes(b"\xef\xbb\xbfA=1\nA=2\n")
    assert read_environment_file(path) == {"A": "2"}
    path.write_bytes(b"")
    assert read_environment_file(path) == {}


@pytest.mark.parametrize(
    "bad", ["hunter2", "A B=hunter2", "=hunter2", "1A=hunter2", "A: hunter2", "A=hun\0ter2"]
)
def test_a_bad_line_is_named_and_its_value_is_not(bad: str, tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_text(f"KEY='a\nb'\n# c\n{bad}\nB=2\n")
    with pytest.raises(ConfigurationError) as refused:
        read_environment_file(path)
    assert (refused.value.message, refused.value.hint) == (
        f"{path}, line 4: not NAME=value",
        "write one NAME=value a line",
    )


def test_a_file_that_cannot_be_read_says_why(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    with pytest.raises(ConfigurationError, match="does not exist"):
        read_environment_file(path)
    path.write_bytes(b"A=\xff\xfe")
    with pytest.raises(ConfigurationError, match="cannot be read: it is not UTF-8"):
        read_environment_file(path)
    with pytest.raises(ConfigurationError, match="cannot be read: Is a directory"):
        read_environment_file(tmp_path)
