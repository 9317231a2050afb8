"""What the timer runs: once, for a while. Two of them at the same time are written down as TWO."""

import time

from django.core.management.base import BaseCommand

from blog.management.commands.work import is_alone, note


class Command(BaseCommand):
    help = "Tidies up once."

    def handle(self, *args: object, **options: object) -> None:
        if not is_alone(4712):
            note("timer", "TWO")
        note("timer", "tick")
        time.sleep(1.5)
