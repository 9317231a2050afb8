"""What looks like a secret by its form, whoever's it is: addresses of webhooks, tokens, keys, passwords."""

from __future__ import annotations

import re
from dataclasses import dataclass

SHOWN = "«redacted»"


@dataclass(frozen=True, slots=True)
class Pattern:
    """`keeps`: what the expression's group holds stays. `sure`: nothing innocent looks so, wherever it stands."""

    name: str
    expression: re.Pattern[str]
    keeps: bool = False
    sure: bool = False


_WORDS = (
    r"(?:pass(?:word|wd|phrase)?(?!(?:e[ds]|ing|able|ages?|through)\b)|pwd|secret|token|credentials?|authorization"
    r"|(?:api|access|account|private|signing|shared|client|encryption|master)[_.-]?(?:key|secret)|webhook(?:[_.-]?url)?)"
)
# A name that ends so says where a secret is to be found, and a value that begins so names another one.
_NOT_IT = r"(?!\w{0,30}[_-](?:env|file|path|id|count|name|dir|ref)\b)"
_VALUE = (
    r"(?!null\b|true\b|false\b|none\b|[0-9.]+(?![^\s,;&}\])])|[$<{(\[«]|process\.env|os\.environ"
    r"|(?:basic|bearer|token|digest|apikey)\s+[$<{«])"
)


def _made(
    name: str, expression: str, *, keeps: bool = False, sure: bool = False, cased: bool = False
) -> Pattern:
    return Pattern(name, re.compile(expression, 0 if cased else re.IGNORECASE), keeps, sure)


PATTERNS: tuple[Pattern, ...] = (
    _made(
        "private key",
        r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----"
        r"(?:(?!-----END)[\s\S]){0,20000}(?:-----END [A-Z0-9 ]{0,40}-----)?",
        sure=True,
    ),
    _made(
        "webhook address",
        r"https?:(?:\\?/){2}(?:hooks\.[\w.-]+|[\w.-]+\.webhook\.office\.com|[\w.-]+\.(?:logic\.azure|powerplatform)\.com"
        r"|(?:[\w-]+\.)?discord(?:app)?\.com\\?/api\\?/webhooks|api\.telegram\.org\\?/bot)"
        r"(?::\d+)?\\?/[^\s\"'<>`]*",
        sure=True,
    ),
    _made(
        "webhook address",
        r"https?:(?:\\?/){2}[^\s\"'<>/\\]+\\?/(?:[\w-]+\\?/){0,4}web-?hooks?\\?/[^\s\"'<>`]*",
    ),
    _made(
        "signature in an address",
        r"((?:[?&;]|&amp;|%3F|%26|\\u0026)(?:sig|signature|x-amz-signature|x-amz-security-token|x-amz-credential)"
        r"(?:=|%3D))[^\s&\"'<>`;#\\]+",
        keeps=True,
        sure=True,
    ),
    _made(
        "secret in an address",
        rf"((?:[?&;]|&amp;|%3F|%26|\\u0026)(?:code|key|auth|{_WORDS})(?:=|%3D))[^\s&\"'<>`;#\\]+",
        keeps=True,
    ),
    _made(
        "user and password in an address",
        r"(\b[a-z][a-z0-9+.-]{1,20}://[^\s/@\"'<>`:]*:)[^\s@\"'<>`/]+(?=@)",
        keeps=True,
        sure=True,
    ),
    _made("token in an address", r"(\bhttps?://)[^\s/@\"'<>`:]+(?=@)", keeps=True, sure=True),
    _made(
        "authorization header",
        r"(\b(?:proxy-)?authorization[\"']?\s*[:=]\s*[\"']?(?:(?:basic|bearer|token|digest|apikey)\s+)?)"
        rf"{_VALUE}[^\s\"',]+",
        keeps=True,
    ),
    _made("bearer token", rf"(\b(?:bearer|basic)\s+){_VALUE}[A-Za-z0-9._~+/-]{{16,}}=*", keeps=True),
    _made("AWS key", r"\b(?:AKIA|ASIA|AIDA|AROA|ABIA|ACCA)[A-Z0-9]{16}\b", sure=True, cased=True),
    _made(
        "GitHub token",
        r"\b(?:gh[pousr]_[A-Za-z0-9]{30,}|github_pat_[A-Za-z0-9_]{22,})",
        sure=True,
        cased=True,
    ),
    _made("GitLab token", r"\bgl(?:pat|dt|rt|cbt|ptt|ft|soat)-[A-Za-z0-9_.-]{20,}", sure=True, cased=True),
    _made("Slack token", r"\bxox[abeoprs]-[A-Za-z0-9-]{10,}|\bxapp-[A-Za-z0-9-]{10,}", sure=True, cased=True),
    _made(
        "token of a service",
        r"\b(?:(?:sk|rk|pk)_(?:live|test)_[A-Za-z0-9]{16,}|AIza[\w-]{35}|npm_[A-Za-z0-9]{36}|pypi-AgE[\w-]{20,}"
        r"|SG\.[\w-]{16,}\.[\w-]{16,}|dop_v1_[0-9a-f]{64}|hf_[A-Za-z0-9]{30,}|AGE-SECRET-KEY-1[0-9A-Z]{40,})",
        sure=True,
        cased=True,
    ),
    _made("JSON web token", r"\beyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]{8,}", sure=True, cased=True),
    _made(
        "password by its name",
        rf"({_WORDS}{_NOT_IT}[\w-]{{0,20}}\\?[\"']?\s*(?:=|:(?!/))\s*\\?[\"']){_VALUE}[^\"'\\\n]+",
        keeps=True,
    ),
    _made(
        "password by its name",
        rf"({_WORDS}{_NOT_IT}[\w-]{{0,20}}[\"']?\s*(?:=|:(?=\s))\s*){_VALUE}[^\s\"',;&}}\])]+",
        keeps=True,
    ),
    _made(
        "password of an option",
        rf"((?<![\w-])--?(?:[a-z0-9]{{1,20}}[-_]){{0,4}}{_WORDS}{_NOT_IT}[\w-]{{0,10}}"
        rf"(?:[\"'],\s*[\"']|=|\s+[\"']?)){_VALUE}[^\s\"',]+",
        keeps=True,
    ),
)
SURE = tuple(pattern for pattern in PATTERNS if pattern.sure)
# Without one of these there is none of the sure ones: most lines are done with one look.
_HINT_OF_SURE = re.compile(
    r"://|:\\/|-----BEGIN|%3[fF]|%26|[?&;]|u0026|A[KSIRBC][IOC]A|gh[pousr]_|github_pat|gl[a-z]{2,4}-|xox|xapp|eyJ|_live_|_test_"
    r"|AIza|npm_|pypi-|SG\.|dop_v1|hf_|AGE-SECRET"
)


def without_sure_patterns(text: str) -> str:
    """The text without what is a secret for certain, for a record that must stay readable otherwise."""
    if _HINT_OF_SURE.search(text) is None:
        return text
    for pattern in SURE:
        text = pattern.expression.sub(rf"\g<1>{SHOWN}" if pattern.keeps else SHOWN, text)
    return text


def without_patterns(text: str) -> tuple[str, dict[str, int]]:
    """The text without what looks like a secret, and how often which pattern was found."""
    found: dict[str, int] = {}
    for pattern in PATTERNS:
        text, times = pattern.expression.subn(rf"\g<1>{SHOWN}" if pattern.keeps else SHOWN, text)
        if times:
            found[pattern.name] = found.get(pattern.name, 0) + times
    return text, found
