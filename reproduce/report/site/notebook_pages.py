"""Executed notebooks as Markdown pages with their pictures; code is folded away."""

import re
from pathlib import Path

from nbconvert import MarkdownExporter

from reproduce.base.files import write_bytes, write_text
from reproduce.report.notebooks import read_notebook

_PLACE_IN_PAGE = re.compile(r"\]\(#[^)\s]+\)")
_TEMPLATE = """\
{% extends 'markdown/index.md.j2' %}
{% block input %}
<details class="code"><summary>Code</summary>

{{ super() }}

</details>
{% endblock input %}
{% block data_png %}
![{{ output.metadata.get('image/png', {}).get('alt', '') }}]({{ output.metadata.filenames['image/png'] }})
{% endblock data_png %}
"""


def write_notebook(notebook: Path, page: Path) -> None:
    """Write an executed notebook as a Markdown page, and its pictures beside it.

    Raises:
        ReproduceError: the notebook is missing or damaged, or the page cannot be written.
    """
    pictures = {"unique_key": notebook.stem, "output_files_dir": f"{notebook.stem}_files"}
    exporter = MarkdownExporter(raw_template=_TEMPLATE)
    text, resources = exporter.from_notebook_node(read_notebook(notebook), resources=pictures)
    for name, content in resources["outputs"].items():
        write_bytes(page.parent / name, content)
    # Jupyter makes a heading's anchor as it is written, this site and GitHub in lower case.
    write_text(page, _PLACE_IN_PAGE.sub(lambda found: found[0].lower(), text))
