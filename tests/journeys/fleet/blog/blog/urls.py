"""Three pages: health, the posts, and a release's own word of who it is. A release may be told to be bad."""

import json

from django.conf import settings
from django.db import connection
from django.http import HttpRequest, JsonResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt

from blog.models import Post

BEHAVIOUR = json.loads((settings.BASE_DIR / "behaviour.json").read_text())
asked = 0


def health(request: HttpRequest) -> JsonResponse:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return JsonResponse({"status": "OK", "version": settings.RELEASE})


@csrf_exempt
def posts(request: HttpRequest) -> JsonResponse:
    global asked
    asked += 1
    if asked > BEHAVIOUR.get("bad_after", 10**9):
        return JsonResponse({"error": "broken"}, status=500)
    if request.method == "POST":
        Post.objects.create(text=request.body.decode())
    return JsonResponse({"release": settings.RELEASE, "posts": Post.objects.count()})


urlpatterns = [path("health", health), path("", posts)]
