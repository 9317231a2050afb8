"""What looks like a secret goes, what only talks of one stays."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as some

from mobius.rules.secret_patterns import SHOWN, SURE, without_patterns, without_sure_patterns

LONG = "Zx81kQm4vT0pLs7wYd2eRb6uHn9cAj3fGi5o"
SECRETS = [
    ("https://hooks.slack.com/services/T000/B000/{}", LONG),
    ("https:\\/\\/hooks.slack.com\\/services\\/T000\\/B000\\/{}", LONG),
    ("https://acme.webhook.office.com/webhookb2/{}/IncomingWebhook/x", LONG),
    (
        "https://prod-12.westeurope.logic.azure.com:443/workflows/1/triggers/manual/paths/invoke?sp=%2F&sig={}",
        LONG,
    ),
    ("https://discord.com/api/webhooks/123/{}", LONG),
    ("https://ci.example.org/hooks/webhook/{}", LONG),
    ("https://x.example.org/call?a=1&sig={}&b=2", LONG),
    ("https://x.example.org/call?a=1&amp;signature={}", LONG),
    ("https%3A%2F%2Fx.example.org%2Fcall%3Fa%3D1%26sig%3D{}", LONG),
    ("https://s3.example.org/b?X-Amz-Signature={}", LONG),
    ("postgresql://ann:{}@db.example.org/app", "hunter2-hunter2"),
    ("https://{}@git.example.org/dhash.git", LONG),
    ("https://ann:{}@git.example.org/dhash.git", "pass:word"),
    ("redis://:{}@cache:6379/0", "hunter2"),
    ("Authorization: Basic {}", "YW5uOmh1bnRlcjI="),
    ('"Authorization": "Bearer {}"', LONG),
    ("curl -H 'Authorization: token {}'", LONG),
    ("it said Bearer {} and left", LONG),
    ("aws {} here", "AKIAIOSFODNN7EXAMPLE"),
    ("aws_secret_access_key = {}", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
    ("remote: {}", "ghp_" + LONG),
    ("{}", "github_pat_" + LONG),
    ("x={}", "xoxb-123456789-abcdefghij"),
    ("{}", "sk_live_" + LONG),
    ("{}", "npm_" + LONG),
    ("{}", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTYifQ.dozjgNryP4J3jVmNHl0w5N"),
    ("AccountName=a;AccountKey={}", LONG + "=="),
    ("DB_PASSWORD={}", "hunter2"),
    ("DB_PASSWORD='{}'", "hunter 2 and more"),
    ('password = "{}"', "hunter2, with a comma"),
    ('{{"client_secret": "{}"}}', "hunter2"),
    ('{{\\"password\\": \\"{}\\"}}', "hunter2"),
    ("password: {}", "hunter2"),
    ("dbPassOld: {}", "hunter2"),
    ("passcode: {}", "hunter2"),
    ("passe: {}", "hunter2"),
    ("slack_webhook_url: {}", "internal-address/1"),
    ("deploy --api-token {} --fast", "hunter2"),
    ("deploy --password={}", "hunter2"),
    ('["deploy", "--token", "{}"]', "hunter2"),
    ("-----BEGIN RSA PRIVATE KEY-----\n{}\n-----END RSA PRIVATE KEY-----", LONG),
    ("-----BEGIN OPENSSH PRIVATE KEY-----\\n{}\\n-----END OPENSSH PRIVATE KEY-----\\n", LONG),
    ("-----BEGIN PRIVATE KEY-----\n{}\nand here the file was cut", LONG),
]
INNOCENT = [
    "https://example.org/health?page=2",
    "ssh://git@example.org/dhash.git",
    "git@example.org:dhash.git",
    "http://127.0.0.1:5001/api/preview",
    'token_env = "MOBIUS_TOKEN"',
    'password_file = "/etc/dhash/db"',
    "token: ${{ secrets.GITHUB_TOKEN }}",
    "password: $DB_PASSWORD",
    '{"token": null, "passed": true, "secret": false}',
    "the password is asked for by the service",
    "const token = process.env.TOKEN",
    "permissions:\n  contents: read",
    "sha256:9f2c41aa03bd77e19f2c41aa03bd77e19f2c41aa03bd77e19f2c41aa03bd77e1",
    "integrity sha512-9f2c41aa03bd77e19f2c41aa03bd77e19f2c41aa03bd77e19f2c41==",
    "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----",
    "basic health checks",
    'git -c "http.extraheader=AUTHORIZATION: basic $basic" fetch',
    "Authorization: Bearer ${TOKEN}",
    "passed: 12 of 12",
    "The tag is pushed, and its checks passed: `ci/premerge-validation`, `golden-checks-ubuntu`.",
    "it passes: always",
]


@pytest.mark.parametrize(("text", "secret"), SECRETS, ids=range(len(SECRETS)))
def test_what_has_the_form_of_a_secret_goes(text: str, secret: str) -> None:
    left, found = without_patterns(f"before\n{text.format(secret)}\nafter")
    assert secret not in left
    assert SHOWN in left and sum(found.values()) >= 1
    assert left.startswith("before\n")


@pytest.mark.parametrize("text", INNOCENT)
def test_what_only_talks_of_one_stays(text: str) -> None:
    assert without_patterns(text) == (text, {})


@given(some.text(max_size=200))
def test_any_text_is_gone_through_and_twice_is_as_good_as_once(text: str) -> None:
    once, _ = without_patterns(text)
    again, _ = without_patterns(once)
    assert without_patterns(again)[0] == again


def test_a_record_loses_what_is_a_secret_for_certain_and_nothing_else() -> None:
    for text, secret in SECRETS:
        if "ghp_" in secret or "logic.azure" in text or "BEGIN" in text or "://ann:{}@" in text:
            assert secret not in without_sure_patterns(text.format(secret))
    for text in [*INNOCENT, "password = unknown, ask ann", "http://127.0.0.1/api/webhooks/7 answered 200"]:
        assert without_sure_patterns(text) == text


@given(some.sampled_from(SECRETS), some.text(max_size=20))
def test_the_first_look_misses_nothing_that_the_sure_ones_find(case: tuple[str, str], around: str) -> None:
    text = around + case[0].format(case[1])
    whole = text
    for pattern in SURE:
        whole = pattern.expression.sub("", whole)
    assert (without_sure_patterns(text) != text) == (whole != text)


BAD_FOR_A_CARELESS_EXPRESSION = (
    *(
        "a",
        "-",
        "_",
        "password",
        "https://",
        "eyJ",
        "?sig",
        "-----BEGIN PRIVATE KEY-----",
        "a.b-c",
        "/webhook",
        "'",
    ),
    *("https://a/a/", "token ", "secret=", "authorization: ", " a:", "x://a:", "--a-", "bearer "),
)


@pytest.mark.parametrize("piece", BAD_FOR_A_CARELESS_EXPRESSION)
def test_no_text_takes_long_however_it_is_made(piece: str) -> None:
    text = piece * (200_000 // len(piece))
    began = time.process_time()
    without_patterns(text)
    assert time.process_time() - began < 5
