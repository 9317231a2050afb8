"""A secret is taken out of text in every form in which it is written, and ordinary words stay."""

from __future__ import annotations

import base64
import html
import json
import re
from pathlib import Path
from urllib.parse import quote, quote_plus

from hypothesis import given
from hypothesis import strategies as some

from mobius.adapters.places import Places
from mobius.adapters.redaction import SHOWN, passwords_in, redactor, secrets_of
from mobius.model.settings import DatabaseSettings, EnvironmentSettings, ProcessSettings

SECRET = 'p@ss w/ö"rd'


def test_a_secret_is_taken_out_wherever_it_stands() -> None:
    redact = redactor([SECRET])
    assert redact(f"a {SECRET} b {SECRET}{SECRET}") == f"a {SHOWN} b {SHOWN}{SHOWN}"
    assert redact("nothing here") == "nothing here"


def test_it_is_taken_out_as_urls_and_json_write_it() -> None:
    redact = redactor([SECRET])
    for written in (quote(SECRET), quote(SECRET, safe=""), quote_plus(SECRET)):
        assert redact(f"https://u:{written}@example.org/") == f"https://u:{SHOWN}@example.org/"
    for text in (json.dumps({"k": SECRET}), json.dumps({"k": SECRET}, ensure_ascii=False)):
        assert redact(text) == json.dumps({"k": SHOWN}, ensure_ascii=False)


@given(
    some.text(min_size=8, max_size=24).filter(lambda text: len(text.strip()) >= 8 and text.isprintable()),
    some.binary(max_size=5),
    some.binary(max_size=5),
)
def test_it_is_taken_out_of_whatever_it_was_written_into(secret: str, before: bytes, after: bytes) -> None:
    redact = redactor([secret])
    raw = secret.encode()
    for coded in (base64.b64encode, base64.urlsafe_b64encode):
        whole = coded(before + raw + after).decode()
        left = redact(whole)
        assert left != whole
        assert (
            len(left.replace(SHOWN, "")) <= len(whole) - 4 * len(raw) / 3 + 4
        )  # nothing but its edges is left
    in_url = re.sub("%[0-9A-F]{2}", lambda found: found[0].lower(), quote(raw))
    for written in (raw.hex(), raw.hex().upper(), html.escape(secret), repr(secret)[1:-1], in_url):
        assert written not in redact(f"x {written} y")
    twice = json.dumps(json.dumps({"k": secret}))
    assert json.loads(json.loads(redact(twice))) == {"k": SHOWN}


def test_a_basic_header_gives_nothing_away() -> None:
    header = base64.b64encode(b"deployer:" + SECRET.encode()).decode()
    left = redactor([SECRET])(f"Authorization: Basic {header}")
    assert SECRET.encode()[1:-1] not in base64.b64decode(left.rpartition(" ")[2].replace(SHOWN, "") + "===")


def test_short_values_stay_since_they_would_take_words_with_them() -> None:
    redact = redactor(["", "a", "12345", "prod", "\n\n\n"])
    assert redact("a 12345 prod\n\n\n") == "a 12345 prod\n\n\n"


def test_of_two_that_overlap_nothing_is_left() -> None:
    redact = redactor(["secret", "secret-and-more", "more-secret"])
    assert redact("secret-and-more") == SHOWN
    assert redact("more-secret secret") == f"{SHOWN} {SHOWN}"
    assert redact("secret-and-secret") == f"{SHOWN}-and-{SHOWN}"


def test_each_line_of_a_key_is_a_secret() -> None:
    key = "-----BEGIN KEY-----\nMIIEvQIBADAN\r\nAbCdEfGhIjKl\n-----END KEY-----\n"
    redact = redactor([key])
    assert redact(f"x {key} y") == f"x {SHOWN} y"
    assert redact("line 2: AbCdEfGhIjKl") == f"line 2: {SHOWN}"
    assert redact(json.dumps(key)) == f'"{SHOWN}"'
    assert "MIIE" not in redact(key.replace("\r", ""))


def settings(**process: object) -> EnvironmentSettings:
    processes = (ProcessSettings("api", ("serve",), **process),)  # type: ignore[arg-type]
    return EnvironmentSettings("canary-env", "http://127.0.0.1:1", Path("/r"), processes=processes)


def test_what_is_secret_is_known_by_its_name_or_by_who_is_given_it(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("PLAIN_NAME=file-value\nB='second value'\n")
    places = Places(tmp_path, tmp_path / "root")
    given = {"DB_PASSWORD": "by-name", "api_key": "by-lower-name", "HOME": "/home/ann", "HANDED": "handed-on"}
    made = settings(
        env={"SECRET_X": "in-config", "MODE": "fast-mode"}, env_file=".env", pass_env=("HANDED", "NOT_THERE")
    )
    assert secrets_of(made, places, given) == {
        "by-name", "by-lower-name", "handed-on", "in-config", "file-value", "second value",
    }  # fmt: skip


def test_ordinary_words_are_no_secrets_even_when_they_are_handed_on(tmp_path: Path) -> None:
    places = Places(tmp_path, tmp_path)
    given = {"NODE_ENV": "production", "AUTH_HOST": "localhost", "STAGE": "canary-env"}
    made = settings(pass_env=("NODE_ENV", "STAGE"))
    assert secrets_of(made, places, given) == set()


def test_an_environment_file_that_cannot_be_read_hides_no_other_secret(tmp_path: Path) -> None:
    places = Places(tmp_path, tmp_path)
    assert secrets_of(settings(env_file="missing.env"), places, {"TOKEN": "token-value"}) == {"token-value"}


def test_the_password_of_an_address_is_a_secret_by_itself(tmp_path: Path) -> None:
    database = DatabaseSettings("app", url_env="DATABASE_URL")
    settings = EnvironmentSettings("production", "http://127.0.0.1:1", tmp_path, databases=(database,))
    environ = {"DATABASE_URL": "postgresql://ann:hunter%2F22@db.example/app?sslpassword=of-the-key"}
    redact = redactor(secrets_of(settings, Places(tmp_path, tmp_path), environ))
    told = f"{environ['DATABASE_URL']} hunter/22 hunter%2F22 of-the-key ann@db.example"
    assert redact(told) == "«redacted» «redacted» «redacted» «redacted» ann@db.example"


def test_text_that_is_no_address_holds_no_password() -> None:
    assert passwords_in("password=x is no address") == passwords_in("http://[half") == set()


def test_what_follows_an_option_that_sounds_secret_is_one(tmp_path: Path) -> None:
    process = ProcessSettings(
        "api", ("serve", "--api-token", "hunter-1", "--fast", "--password=hunter-2", "--key")
    )
    made = EnvironmentSettings("production", "http://127.0.0.1:1", tmp_path, processes=(process,))
    assert secrets_of(made, Places(tmp_path, tmp_path), {}) - {""} == {"hunter-1", "hunter-2"}


def test_the_password_of_any_address_in_the_environment_is_one(tmp_path: Path) -> None:
    environ = {
        "CACHE": "redis://app:hunter-22@cache.example/0",
        "DEV": "postgresql://postgres:postgres@localhost/app",
    }
    assert secrets_of(settings(), Places(tmp_path, tmp_path), environ) == {"hunter-22"}


def test_of_a_secret_that_was_cut_to_fit_nothing_is_left() -> None:
    redact = redactor(["hunter-of-42"])
    assert redact("it said hunter-of…") == f"it said {SHOWN}…"
    assert redact("it said hunter…") == f"it said {SHOWN}…"
    assert redact("it said hunt…") == "it said hunt…"
    assert redact("all was hunter-of") == "all was hunter-of"
