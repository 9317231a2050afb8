"""Words: plans, events and findings as text, JSON, JUnit and HTML."""
