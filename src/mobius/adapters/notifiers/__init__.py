"""Channels to people: Slack, Teams, e-mail, a generic webhook, and whatever Apprise or a third party adds."""
