"""The same message in Slack, Teams and e-mail: as their own models and schemas want it, within their limits."""

from __future__ import annotations

import email.policy
import json
import re
from dataclasses import replace
from email.parser import BytesParser
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from slack_sdk.models.blocks import Block

from mobius.model.notices import Message
from mobius.report.notices.mail import mail
from mobius.report.notices.plain import text_of, webhook_body
from mobius.report.notices.slack import slack_body
from mobius.report.notices.teams import LARGEST_BYTES, size_bytes, teams_body
from report.notices.messages import HOSTILE, hostile_message, message


@pytest.fixture
def hostile() -> Message:
    return hostile_message()


CARD = json.loads((Path(__file__).parent / "adaptive-card-1.2.json").read_text())
LONG = "word 漢字 " * 4000
HUGE = {
    "title": LONG,
    "sentence": LONG,
    "facts": tuple((LONG, LONG) for _ in range(80)),
    "more": (LONG,) * 80,
}


def slack_is_valid(body: dict[str, Any]) -> None:
    """By slack_sdk's own models, which know the limits of each block."""
    blocks = Block.parse_all(body.get("blocks", []))
    assert len(blocks) == len(body.get("blocks", [])) <= 50
    for block in blocks:
        block.validate_json()
        json.dumps(block.to_dict())
    assert len(json.dumps(texts(body.get("blocks")), ensure_ascii=False)) < 11_500


def texts(node: Any) -> list[str]:
    if isinstance(node, list):
        return [text for each in node for text in texts(each)]
    if isinstance(node, dict):
        own = [node["text"]] if isinstance(node.get("text"), str) else []
        return own + [text for each in node.values() for text in texts(each)]
    return []


def card_of(body: dict[str, Any]) -> dict[str, Any]:
    assert body["type"] == "message" and size_bytes(body) <= LARGEST_BYTES
    (attached,) = body["attachments"]
    assert attached["contentType"] == "application/vnd.microsoft.card.adaptive"
    card: dict[str, Any] = attached["content"]
    jsonschema.validate(card, CARD)
    return card


def parsed(made: Message) -> Any:
    content = mail(made, "mobius@dhash.example", ["ops@dhash.example"]).as_bytes()
    return BytesParser(policy=email.policy.default).parsebytes(content)


def test_slack_has_a_header_facts_what_to_do_and_the_head() -> None:
    body = slack_body(message())
    slack_is_valid(body)
    assert [block["type"] for block in body["blocks"]] == ["header", *["section"] * 3, "actions", "context"]
    assert body["text"] == "dhash v2 needs somebody: 5 % fail"
    assert "audit head 1:2:abc" in texts(body["blocks"])


def test_slack_takes_the_longest_message_there_is() -> None:
    slack_is_valid(slack_body(message(**HUGE)))


def test_nothing_in_a_value_is_markup_for_slack(hostile: Message) -> None:
    body = slack_body(hostile)
    slack_is_valid(body)
    kinds = {block["text"]["type"] for block in body["blocks"] if "text" in block}
    assert kinds == {"plain_text"} and "<!channel>" not in body["text"] and "<@U" not in body["text"]


def test_a_slack_template_has_its_values_escaped_where_markup_is_read(hostile: Message) -> None:
    template = json.dumps(
        {
            "channel": "#other",
            "blocks": [
                {"type": "header", "text": {"type": "plain_text", "text": "{{release}}"}},
                {"type": "section", "text": {"type": "mrkdwn", "text": "*{{ RELEASE }}* by {lead} ${NOPE}"}},
            ],
        }
    )
    body = slack_body(Message(**{**as_dict(hostile), "made": template}))
    slack_is_valid(body)
    header, section = (block["text"]["text"] for block in body["blocks"])
    assert header == HOSTILE[:150] and "channel" not in body
    assert "&lt;!channel&gt;" in section and "<!channel>" not in section and "[no variable NOPE]" in section


def as_dict(made: Message) -> dict[str, Any]:
    return {name: getattr(made, name) for name in Message.__slots__}


def test_who_is_meant_is_mentioned_in_slack_by_the_id_of_a_member() -> None:
    assert "<@U12345678>" in texts(slack_body(message(to="U12345678"))["blocks"])
    assert "@ops-oncall" in texts(slack_body(message(to="@ops-oncall"))["blocks"])
    assert "&lt;!channel&gt;" in texts(slack_body(message(to="<!channel>"))["blocks"])


def test_teams_gets_a_card_of_version_1_2_with_a_fallback() -> None:
    card = card_of(teams_body(message()))
    assert card["version"] == "1.2" and card["fallbackText"] == "dhash v2 needs somebody: 5 % fail"
    assert {element["type"] for element in card["body"]} == {"RichTextBlock"}


def test_teams_never_gets_more_than_gets_through() -> None:
    card = card_of(teams_body(message(**HUGE)))
    assert "it was too long for Teams" in json.dumps(card)
    template = json.dumps({"type": "AdaptiveCard", "body": [{"type": "TextBlock", "text": "{{reason}}"}]})
    card_of(teams_body(message(**HUGE, made=template, values={"reason": LONG * 3})))


def test_an_old_message_card_becomes_an_adaptive_card(hostile: Message) -> None:
    old = {
        "@type": "MessageCard",
        "title": "{{release}} to {{env}}",
        "sections": [{"activityTitle": "x", "facts": [{"name": "By", "value": "{{ DEPLOY_LEAD }}"}]}],
        "potentialAction": [
            {
                "@type": "OpenUri",
                "name": "Open",
                "targets": [{"os": "default", "uri": "https://dash.example"}],
            }
        ],
    }
    card = card_of(teams_body(message(made=json.dumps(old))))
    assert card["body"][0]["text"] == "v2 to production"
    assert card["body"][2]["facts"] == [{"title": "By", "value": "@ann"}]
    assert card["actions"][0]["url"] == "https://dash.example"
    said = json.dumps(card_of(teams_body(Message(**{**as_dict(hostile), "made": json.dumps(old)}))))
    assert "[l](http" not in said


@pytest.mark.parametrize("broken", ["{", "[]", '{"type": "AdaptiveCard", "body": {{#pr}}', '"x"', "{}"])
def test_a_template_that_is_broken_loses_no_message(broken: str) -> None:
    slack_is_valid(slack_body(message(made=broken)))
    assert "5 % fail" in json.dumps(teams_body(message(made=broken)), ensure_ascii=False)


def test_a_mail_has_text_and_page_and_an_id_of_its_own() -> None:
    made = parsed(message())
    assert made["Subject"] == "dhash v2 needs somebody" and made["To"] == "ops@dhash.example"
    assert made["Message-ID"] == "<mobius.production-7-abcdef@dhash.example>"
    text, page = made.get_body(("plain",)).get_content(), made.get_body(("html",)).get_content()
    assert "5 % fail" in text and "Release: v2\nWhen:    now" in text and "audit head 1:2:abc" in text
    assert "<h2" in page and "5 % fail" in page


def test_no_value_adds_a_header_or_markup_to_a_mail(hostile: Message) -> None:
    made = parsed(hostile)
    assert made["Bcc"] is None and made["To"] == "ops@dhash.example"
    page = made.get_body(("html",)).get_content()
    assert "<b>" not in page and "&lt;b&gt;" in page
    template = "Subject: {{release}}\nBcc: everybody@example.org\n\n{{reason}} and {{release}}"
    made = parsed(Message(**{**as_dict(hostile), "made": template}))
    assert made["Bcc"] is None and "Bcc: x@y.z" in made["Subject"]
    page = (
        parsed(Message(**{**as_dict(hostile), "made": "<p>{{release}}</p>"}))
        .get_body(("html",))
        .get_content()
    )
    assert page.startswith("<p>v&quot;1.0") and "<b>" not in page


def test_a_mail_for_one_person_goes_to_that_person() -> None:
    assert parsed(message(to="ann@dhash.example"))["To"] == "ann@dhash.example"
    assert parsed(message(to="@ops-oncall"))["To"] == "ops@dhash.example"


def test_a_webhook_gets_everything() -> None:
    body = webhook_body(message())
    assert (body["schema_version"], body["topic"], body["severity"]) == (1, "alert", "critical")
    assert body["head"] == "1:2:abc" and body["values"]["release"] == "v2"


TEXT = st.text(max_size=400)


@settings(deadline=None, max_examples=40)
@given(TEXT, TEXT, st.lists(st.tuples(TEXT, TEXT), max_size=12), st.lists(TEXT, max_size=6))
def test_any_words_make_a_good_message_everywhere(
    title: str, sentence: str, facts: list[tuple[str, str]], more: list[str]
) -> None:
    made = message(title=title, sentence=sentence, facts=tuple(facts), more=tuple(more))
    slack_is_valid(slack_body(made))
    card_of(teams_body(made))
    assert parsed(made)["To"] == "ops@dhash.example"


CALLS = "@here <!channel> <@U1234567> @Everyone: done"


def test_no_value_calls_a_whole_channel_where_text_is_read_as_it_is() -> None:
    made = message(title=CALLS, sentence=CALLS, facts=(("Led by", CALLS),), values={"message": CALLS})
    template = json.dumps({"content": "{{message}} @here"})  # what the project itself writes, it means
    by_template = webhook_body(replace(made, made=template))["content"]
    for text in (text_of(made), by_template.removesuffix(" @here"), slack_body(made)["text"]):
        assert not re.search("@here|@everyone|<!|<@", text, re.IGNORECASE), text
        assert "here" in text and "done" in text
    assert by_template.endswith(" @here")
    assert webhook_body(made)["message"] == CALLS, "for a program a value is what it is"


def test_an_address_in_a_slack_template_is_not_escaped() -> None:
    button = {"type": "button", "text": {"type": "plain_text", "text": "Open"}, "url": "{{dashboard_url}}"}
    made = message(
        made=json.dumps({"blocks": [{"type": "actions", "elements": [button]}]}),
        values={"dashboard_url": "https://dash.example/d?run=1&e=prod"},
    )
    (actions,) = slack_body(made)["blocks"]
    assert actions["elements"][0]["url"] == "https://dash.example/d?run=1&e=prod"


def test_teams_gets_the_shortest_form_also_with_signs_that_are_long_on_the_line() -> None:
    link = "https://dash.example/" + "🚀" * 1900
    body = teams_body(message(title="🚀" * 5000, sentence="🚀" * 5000, to="🚀" * 5000, link=link))
    assert size_bytes(body) <= LARGEST_BYTES
    card_of(body)
