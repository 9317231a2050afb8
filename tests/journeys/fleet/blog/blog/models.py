"""Posts, and who was alive when: the witness of the journeys."""

from django.db import models


class Post(models.Model):
    text = models.TextField()
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        app_label = "blog"


class Life(models.Model):
    """One sentence of a worker's or a timer's life; `what` is start, tick, stop or TWO."""

    who = models.TextField()
    what = models.TextField()
    release = models.TextField()
    pid = models.IntegerField()
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        app_label = "blog"
