"""What a receiver's answer means."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mobius.model.notices import NotSent, Sent
from mobius.rules.notices.answers import judge, retry_after_s

LIMITED = "Webhook message delivery failed with error: Teams endpoint returned HTTP error 429 (ContextId x)"


@pytest.mark.parametrize(
    ("kind", "status", "body", "expected"),
    [
        ("slack", 200, "ok", "sent"),
        ("slack", 200, "<html>please log in</html>", "again"),
        ("slack", 200, "", "again"),
        ("slack", 429, "rate_limited", "again"),
        ("slack", 500, "", "again"),
        ("slack", 408, "", "again"),
        ("slack", 400, "invalid_blocks", "final"),
        ("slack", 403, "action_prohibited", "final"),
        ("slack", 404, "no_service", "final"),
        ("slack", 410, "channel_is_archived", "final"),
        ("slack", 302, "", "final"),
        ("teams", 202, "", "sent"),
        ("teams", 200, "1", "sent"),
        ("teams", 200, LIMITED, "again"),
        ("teams", 202, '{"error": {"code": "429", "message": "slow down"}}', "again"),
        (
            "teams",
            202,
            '{"statusCode": 429, "message": "Rate limit is exceeded. Try again in 30 s."}',
            "again",
        ),
        ("teams", 200, '{"status": "Failed"}', "again"),
        ("teams", 200, '{"body": {"error": {"code": "BadGateway"}}}', "again"),
        ("teams", 200, '{"success": false}', "again"),
        ("teams", 200, '{"errors": ["no such flow"]}', "again"),
        ("teams", 202, '{"Status": 404}', "final"),
        ("teams", 202, '{"status": 202, "runId": "08585 429 x", "errors": []}', "sent"),
        ("teams", 202, "{}", "sent"),
        ("teams", 200, "[]", "again"),
        ("teams", 200, "Bad payload received by generic incoming webhook: HTTP error 400", "final"),
        ("teams", 200, "<html>proxy</html>", "again"),
        ("teams", 413, "too large", "final"),
        ("webhook", 204, "", "sent"),
        ("webhook", 200, "whatever", "sent"),
        ("webhook", 200, '{"ok": true, "error": null, "errors": []}', "sent"),
        ("webhook", 200, '{"ok": false, "error": "channel_not_found"}', "again"),
        ("webhook", 200, '{"Success": false}', "again"),
        ("webhook", 200, '{"errors": ["no such room"]}', "again"),
        ("webhook", 200, '{"error": {"code": 3}}', "again"),
        ("webhook", 200, "[" * 10_000, "sent"),
        ("webhook", 503, "", "again"),
        ("webhook", 401, "", "final"),
    ],
)
def test_an_answer_is_sent_or_to_be_tried_again_or_final(
    kind: str, status: int, body: str, expected: str
) -> None:
    result = judge(kind, status, {}, body, 0.0)
    found = "sent" if isinstance(result, Sent) else "final" if result.final else "again"
    assert found == expected, result


def test_what_the_receiver_asks_for_is_heard() -> None:
    assert judge("slack", 429, {"retry-after": "30"}, "", 0.0) == NotSent("answered 429", retry_after_s=30.0)
    assert retry_after_s({"retry-after": "Thu, 01 Jan 1970 00:02:00 GMT"}, 60.0) == 60.0
    assert retry_after_s({"retry-after": "soon"}, 0.0) == 0.0


@settings(deadline=None)
@given(st.sampled_from(["slack", "teams", "webhook"]), st.integers(100, 599), st.text(), st.text(max_size=40))
def test_any_answer_means_something(kind: str, status: int, body: str, after: str) -> None:
    result = judge(kind, status, {"retry-after": after}, body, 0.0)
    if isinstance(result, Sent):
        assert 200 <= status < 300
    else:
        assert result.reason and result.retry_after_s >= 0
