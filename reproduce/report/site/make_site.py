"""Building the site: pages are gathered in a temporary folder, laid out as the repository is, and given to Sphinx."""

import io
import re
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx
from sphinx.errors import SphinxError
from sphinx.util.docutils import docutils_namespace, patch_docutils

from reproduce.base.errors import ReproduceError
from reproduce.base.files import exclusive_lock, replacing_folder
from reproduce.base.paths import REPO_ROOT, scratch_folder
from reproduce.base.temporaries import TemporaryFolder
from reproduce.judge.numbers import read_numbers
from reproduce.report.records import Records, load_records
from reproduce.report.site import claim_pages, home, pages, verdict_page

SITE = REPO_ROOT / "site"
STATIC = Path(__file__).parent / "static"

_COLOR = re.compile(r"\x1b\[[\d;]*m")


def site_stage(folder: Path = SITE) -> list[Path]:
    """Write the site into ``folder``, whole or not at all; return the path of its first page.

    Raises:
        ReproduceError: a table, page, notebook or figure is missing or damaged, a link leads nowhere, a picture has no
            words for those who cannot see it, or the folder cannot be written.
    """
    loaded = load_records()
    lock = scratch_folder() / "site.lock"
    only = exclusive_lock(lock, busy=f"another command writes the site (lock {lock}); wait for it to end")
    with only, TemporaryFolder("reproduce-site-") as scratch, replacing_folder(folder) as target:
        source = Path(scratch) / "source"
        stage(source, loaded)
        run_sphinx(source, target, page_of_id(loaded))
    return [folder / "index.html"]


def stage(source: Path, loaded: Records) -> None:
    """Gather in ``source`` all that Sphinx reads: the site's own pages, the repository's, and the files they link to.

    Raises:
        ReproduceError: a table, page, notebook or figure is missing or damaged.
    """
    home.write_home(source, loaded)
    verdict_page.write_verdicts(source, loaded)
    claim_pages.write_claims(source, loaded)
    pages.copy_pages(source)


def page_of_id(loaded: Records) -> dict[str, str]:
    """Return the page of every id that may be cited: a claim's own page, or for any other number its study's page."""
    of_numbers = {name: f"experiments/{name.partition('.')[0]}/README" for name in read_numbers() if "." in name}
    return of_numbers | {claim.id: f"claims/{claim.id}" for claim in loaded.claims}


def run_sphinx(source: Path, target: Path, ids: dict[str, str]) -> None:
    """Make the pages gathered in ``source`` into a site in ``target``; ``ids`` is the result of ``page_of_id``.

    Raises:
        ReproduceError: on a page a link leads nowhere, a picture has no alternative text or the markup is broken.
    """
    warnings = io.StringIO()
    doctrees = source.parent / "doctrees"
    try:
        with patch_docutils(), docutils_namespace():
            app = Sphinx(source, None, target, doctrees, "html", _settings(ids), None, warnings)
            app.build()
    except SphinxError as error:
        raise ReproduceError(f"the site cannot be built: {' '.join(str(error).split())}") from error
    found = [line for line in _COLOR.sub("", warnings.getvalue()).splitlines() if line.strip()]
    if found:
        first = found[0].replace(f"{source}/", "")
        more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
        raise ReproduceError(f"the site cannot be built: {first}{more}; correct that page")


def _settings(ids: dict[str, str]) -> dict[str, Any]:
    return {
        "extensions": ["myst_parser", "reproduce.report.site.extension"],
        "project": home.TITLE,
        "author": "The AlexNet reproduction authors",
        "html_theme": "furo",
        "html_title": home.TITLE,
        "html_theme_options": {
            "light_css_variables": {"good": "#0b6b4f", "partly": "#0a5a94", "bad": "#a33c00"},
            "dark_css_variables": {"good": "#5fd0aa", "partly": "#7dbdf0", "bad": "#ff9e6b"},
        },
        "html_static_path": [str(STATIC)],
        "html_css_files": ["site.css"],
        "html_copy_source": False,
        "html_show_sphinx": False,
        "html_show_copyright": False,
        "html_show_search_summary": False,  # a browser may not fetch pages of a file:// site
        "html_domain_indices": False,
        "html_use_index": False,
        "myst_enable_extensions": ["colon_fence"],
        "myst_heading_anchors": 4,
        "page_of_id": ids,
    }
