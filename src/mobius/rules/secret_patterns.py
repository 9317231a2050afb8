"""What looks like a secret by its form, whoever's it is: addresses of webhooks, tokens, keys, passwords."""

from __future__ import annotations

import re
from dataclasses import dataclass

SHOWN = "«redacted»"


@dataclass(frozen=True, slots=True)
class Pattern:
    """`kept` in the expression's group stays before and after what is taken out."""

    name: str
    expression: re.Pattern[str]
    kept: str = ""


_WORDS = (
    r"(?:pass(?:word|wd|phrase)?|pwd|secret|token|credentials?|authorization"
    r"|(?:api|access|account|private|signing|shared|client|encryption|master)[_.-]?(?:key|secret)|webhook(?:[_.-]?url)?)"
)
# A name that ends so says where a secret is to be found, and a value that begins so names another one.
_NOT_IT = r"(?!\w{0,30}[_-](?:env|file|path|id|count|name|dir|ref)\b)"
_VALUE = r"(?!null\b|true\b|false\b|none\b|[0-9.]+(?![^\s,;&}\])])|[$<{(\[«]|process\.env|os\.environ)"


def _made(name: str, expression: str, kept: str = "", flags: int = 0) -> Pattern:
    return Pattern(name, re.compile(expression, flags), kept)


PATTERNS: tuple[Pattern, ...] = (
    _made(
        "private key",
        r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----"
        r"(?:(?!-----END)[\s\S]){0,20000}(?:-----END [A-Z0-9 ]{0,40}-----)?",
    ),
    _made(
        "webhook address",
        r"https?:(?:\\?/){2}(?:hooks\.[\w.-]+|[\w.-]+\.webhook\.office\.com|[\w.-]+\.(?:logic\.azure|powerplatform)\.com"
        r"|(?:[\w-]+\.)?discord(?:app)?\.com\\?/api\\?/webhooks|api\.telegram\.org\\?/bot|[^\s\"'<>/\\]+\\?/(?:[\w-]+\\?/){0,4}web-?hooks?)"
        r"(?::\d+)?\\?/[^\s\"'<>`]*",
        flags=re.IGNORECASE,
    ),
    _made(
        "signature in an address",
        r"((?:[?&;]|&amp;|%3F|%26|\\u0026)(?:sig|signature|x-amz-signature|x-amz-security-token|x-amz-credential|code|key|auth|"
        rf"{_WORDS})(?:=|%3D))[^\s&\"'<>`;#\\]+",
        "before",
        re.IGNORECASE,
    ),
    _made(
        "user and password in an address",
        r"(\b[a-z][a-z0-9+.-]{1,20}://)[^\s/@\"'<>`]*:[^\s@\"'<>`/]+(?=@)",
        "before",
        re.I,
    ),
    _made("token in an address", r"(\bhttps?://)[^\s/@\"'<>`:]+(?=@)", "before", re.IGNORECASE),
    _made(
        "authorization header",
        rf"(\b(?:proxy-)?authorization[\"']?\s*[:=]\s*[\"']?(?:(?:basic|bearer|token|digest|apikey)\s+)?){_VALUE}[^\s\"',]+",
        "before",
        re.IGNORECASE,
    ),
    _made(
        "bearer token", rf"(\b(?:bearer|basic)\s+){_VALUE}[A-Za-z0-9._~+/-]{{16,}}=*", "before", re.IGNORECASE
    ),
    _made("AWS key", r"\b(?:AKIA|ASIA|AIDA|AROA|ABIA|ACCA)[A-Z0-9]{16}\b"),
    _made("GitHub token", r"\b(?:gh[pousr]_[A-Za-z0-9]{30,}|github_pat_[A-Za-z0-9_]{22,})"),
    _made("GitLab token", r"\bgl(?:pat|dt|rt|cbt|ptt|ft|soat)-[A-Za-z0-9_.-]{20,}"),
    _made("Slack token", r"\bxox[abeoprs]-[A-Za-z0-9-]{10,}|\bxapp-[A-Za-z0-9-]{10,}"),
    _made(
        "token of a service",
        r"\b(?:(?:sk|rk|pk)_(?:live|test)_[A-Za-z0-9]{16,}|AIza[\w-]{35}|npm_[A-Za-z0-9]{36}|pypi-AgE[\w-]{20,}"
        r"|SG\.[\w-]{16,}\.[\w-]{16,}|sk-(?:[a-z]+-)?[A-Za-z0-9_-]{20,}|dop_v1_[0-9a-f]{64}|hf_[A-Za-z0-9]{30,}|AGE-SECRET-KEY-1[0-9A-Z]{40,})",
    ),
    _made("JSON web token", r"\beyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]{8,}"),
    _made(
        "password by its name",
        rf"({_WORDS}{_NOT_IT}[\w-]{{0,20}}\\?[\"']?\s*(?:=|:(?!/))\s*\\?[\"']){_VALUE}[^\"'\\\n]+",
        "before",
        re.IGNORECASE,
    ),
    _made(
        "password by its name",
        rf"({_WORDS}{_NOT_IT}[\w-]{{0,20}}[\"']?\s*(?:=|:(?=\s))\s*){_VALUE}[^\s\"',;&}}\])]+",
        "before",
        re.IGNORECASE,
    ),
    _made(
        "password of an option",
        rf"((?<![\w-])--?(?:[a-z0-9]{{1,20}}[-_]){{0,4}}{_WORDS}{_NOT_IT}[\w-]{{0,10}}(?:[\"'],\s*[\"']|=|\s+[\"']?)){_VALUE}[^\s\"',]+",
        "before",
        re.IGNORECASE,
    ),
)


def without_patterns(text: str) -> tuple[str, dict[str, int]]:
    """The text without what looks like a secret, and how often which pattern was found."""
    found: dict[str, int] = {}
    for pattern in PATTERNS:
        text, times = pattern.expression.subn(rf"\g<1>{SHOWN}" if pattern.kept else SHOWN, text)
        if times:
            found[pattern.name] = found.get(pattern.name, 0) + times
    return text, found
