"""Fill the site's templates, and escape plain text for Markdown."""

import functools
import re
from pathlib import Path
from typing import Any

import jinja2

_FOLDER = Path(__file__).parent / "templates"
_CODE = re.compile(r"(`[^`]*`)")
_SPECIAL = re.compile(r"([\\*_\[\]<>#|])")


def as_markdown(text: Any) -> str:
    """Return Markdown that shows plain text unchanged. Text between backquotes stays code."""
    parts = _CODE.split(" ".join(str(text).split()).replace(" %", "\N{NO-BREAK SPACE}%"))
    return "".join(part if place % 2 else _SPECIAL.sub(r"\\\1", part) for place, part in enumerate(parts))


def as_sentence(text: Any) -> str:
    """Return plain text as a Markdown sentence, with a capital at its start and a stop at its end."""
    words = as_markdown(text)
    return f"{words[:1].upper()}{words[1:].rstrip('.')}."


def fill(name: str, **values: Any) -> str:
    """Return the template ``templates/<name>`` filled with ``values``."""
    return _environment().get_template(name).render(values)


@functools.cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_FOLDER),
        autoescape=jinja2.select_autoescape(["html"]),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"words": as_markdown, "sentence": as_sentence}
    return environment
