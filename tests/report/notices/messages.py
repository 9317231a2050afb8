"""Messages to look at."""

from __future__ import annotations

from typing import Any

from mobius.model.notices import Message, Severity, Topic

HOSTILE = (
    'v"1.0"\r\nBcc: x@y.z <!channel> <@U123456> *b* _i_ [l](http://e.vil) {{reason}} ${X} <b>&amp; \u202e'
    + "€"
)


def message(**more: Any) -> Message:
    values = {
        "title": "dhash v2 needs somebody",
        "message": "5 % fail",
        "release": "v2",
        "environment": "production",
        "deploy_lead": "@ann",
        "timestamp": "2026-11-22 12:00:00 UTC",
        "choices": ["a", "b"],
        "next_command": "mobius status",
        "head": "1:2:abc",
        "exit_code": "3",
    }
    given = {
        "key": "production-7-abcdef",
        "topic": Topic.ALERT,
        "severity": Severity.CRITICAL,
        "title": "dhash v2 needs somebody",
        "sentence": "5 % fail",
        "environment": "production",
        "at": 1.7e9,
        "facts": (("Release", "v2"), ("When", "now")),
        "more": ("go back: mobius rollback",),
        "link": "https://dash.example/x",
        "head": "1:2:abc",
        **more,
    }
    return Message(**{**given, "values": {**values, **given.get("values", {})}})


def hostile_message() -> Message:
    """Every value is what somebody would write to break out of it."""
    return message(
        title=HOSTILE,
        sentence=HOSTILE,
        facts=((HOSTILE, HOSTILE),),
        more=(HOSTILE,),
        values=dict.fromkeys(("title", "message", "release", "reason", "deploy_lead"), HOSTILE),
    )
