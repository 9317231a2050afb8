"""The tables of the first release."""

from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True
    operations = (
        migrations.CreateModel(
            "Post",
            [
                ("id", models.BigAutoField(primary_key=True)),
                ("text", models.TextField()),
                ("at", models.DateTimeField(auto_now_add=True)),
            ],
        ),
        migrations.CreateModel(
            "Life",
            [
                ("id", models.BigAutoField(primary_key=True)),
                ("who", models.TextField()),
                ("what", models.TextField()),
                ("release", models.TextField()),
                ("pid", models.IntegerField()),
                ("at", models.DateTimeField(auto_now_add=True)),
            ],
        ),
    )
