"""On a terminal, what only a person can know is asked once, and what was answered counts in the same answer."""

from __future__ import annotations

import os
import pty
from pathlib import Path

import pytest

from ..service import Service
from .test_required import READY, add

pytestmark = pytest.mark.journey


def test_a_person_at_a_terminal_is_asked_for_what_nobody_said(tmp_path: Path) -> None:
    with Service(tmp_path, alone=False, more=READY, environ={"DEPLOY_LEAD": "@ann"}) as service:
        add(service, "v1")
        ours, theirs = pty.openpty()
        # The lead with a note; then nothing, which leaves the contacts open.
        os.write(ours, b"@ann\nby phone\n\n")
        asked = service.start("ready", "--tag", "v1", stdin=theirs, stdout=theirs, stderr=theirs, text=False)
        os.close(theirs)
        shown = b""
        try:
            while chunk := os.read(ours, 65_536):
                shown += chunk
        except OSError:
            pass  # the terminal is gone with its last program
        finally:
            os.close(ours)
        assert asked.wait(60) == 3, shown
        text = shown.decode()
        assert "Deploy lead confirmed? Your name, or nothing to leave it open" in text
        assert "Emergency contacts notified? Your name" in text
        assert "NOT READY, 1 of 5 points not passed: contacts" in " ".join(text.split())
        said = service.journal("SELECT message FROM events WHERE kind = 'ready confirmed'")
        assert [row[0] for row in said] == ["@ann confirmed lead of v1: by phone"]


def test_nobody_is_asked_without_a_terminal(tmp_path: Path) -> None:
    with Service(tmp_path, alone=False, more=READY, environ={"DEPLOY_LEAD": "@ann"}) as service:
        add(service, "v1")
        done = service.mobius("ready", "--tag", "v1", expect=3)
        assert "Your name" not in done.out + done.err
        refused = service.mobius("ready", "confirm", "lead", "--tag", "v1", expect=2)
        assert "who confirms it?" in refused.err
