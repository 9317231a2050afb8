"""Messages to people: the words, and their form in Slack, Teams, e-mail and a generic webhook."""
