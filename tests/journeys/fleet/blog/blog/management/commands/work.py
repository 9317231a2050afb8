"""The worker: alive until it is asked to stop. A second one that is alive at the same time is written down as TWO."""

import os
import signal
import time

from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import connection

from blog.models import Life

LOCK = 4711


def note(who: str, what: str) -> None:
    Life.objects.create(who=who, what=what, release=settings.RELEASE, pid=os.getpid())


def is_alone(lock: int) -> bool:
    """PostgreSQL lets go of the lock at the death of its session, of a kill -9 too."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [lock])
        return bool(cursor.fetchone()[0])


class Command(BaseCommand):
    help = "Works until it is asked to stop."

    def handle(self, *args: object, **options: object) -> None:
        going_on = True

        def leave(*_: object) -> None:
            nonlocal going_on
            going_on = False

        signal.signal(signal.SIGTERM, leave)
        if not is_alone(LOCK):
            note("worker", "TWO")
        note("worker", "start")
        while going_on:
            time.sleep(0.05)
        note("worker", "stop")
