"""What every page has in common: its look, and that whatever others wrote is escaped and cannot draw."""

from __future__ import annotations

from functools import lru_cache
from importlib import resources
from typing import TYPE_CHECKING

from mobius.report.words import count, duration, milliseconds, percent, printable, size

if TYPE_CHECKING:
    from jinja2 import Template


@lru_cache(maxsize=4)
def page_template(name: str) -> Template:
    """The template of this name; `style` in it is the look, for its one `<style>`."""
    from jinja2 import Environment, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=lambda value: printable(value) if type(value) is str else value,
    )
    environment.filters.update(
        milliseconds=milliseconds, percent=percent, number=count, duration=duration, size=size
    )
    folder = resources.files("mobius.report").joinpath("templates")
    environment.globals["style"] = Markup(folder.joinpath("page.css").read_text(encoding="utf-8"))
    return environment.from_string(folder.joinpath(f"{name}.html.j2").read_text(encoding="utf-8"))
