"""Changes to every page that Sphinx reads: to ids, pictures, headings, and the space before a percent sign."""

import re
from typing import Any

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform
from sphinx.util import logging

logger = logging.getLogger(__name__)


class LinkIds(SphinxTransform):
    """Make every claim's or number's id in code type a link to its page, wherever it stands outside a link."""

    default_priority = 400

    def apply(self, **_: Any) -> None:
        """Change the page's tree in place."""
        known, page = self.config.page_of_id, self.env.docname
        for literal in list(self.document.findall(nodes.literal)):
            name = literal.astext()
            if known.get(name, page) == page or _stands_in(
                literal, (nodes.reference, nodes.title, addnodes.pending_xref)
            ):
                continue
            target = {"refdomain": "std", "reftype": "doc", "reftarget": f"/{known[name]}", "refdoc": page}
            link = addnodes.pending_xref("", refexplicit=True, refwarn=True, **target)
            literal.replace_self(link)
            link += literal


class OpenPictures(SphinxTransform):
    """Let every picture fill the column, link it to its full size, and warn where it has no alternative text."""

    default_priority = 401

    def apply(self, **_: Any) -> None:
        """Change the page's tree in place."""
        for image in self.document.findall(nodes.image):
            image["width"] = "100%"  # Sphinx links scaled pictures to their files
            if not image.get("alt", "").strip():
                logger.warning("picture %s has no alternative text", image["uri"], location=self.env.docname)


class PlainHeadings(SphinxTransform):
    """Replace links to files in headings by the links' text, since a table of contents cannot hold such links."""

    default_priority = 402

    def apply(self, **_: Any) -> None:
        """Change the page's tree in place."""
        for link in list(self.document.findall(addnodes.download_reference)):
            if _stands_in(link, (nodes.title,)):
                link.replace_self(link.children)


class KeptPercentSigns(SphinxTransform):
    """Keep a number and its percent sign on one line, also on narrow screens. Code stays as it is."""

    default_priority = 403

    def apply(self, **_: Any) -> None:
        """Change the page's tree in place."""
        for text in list(self.document.findall(nodes.Text)):
            kept = re.sub(r"(?<=\d) (?=%)", "\N{NO-BREAK SPACE}", text)
            if kept != text and not _stands_in(text, (nodes.literal, nodes.FixedTextElement, nodes.raw)):
                text.parent.replace(text, nodes.Text(kept))


def _stands_in(node: nodes.Node, kinds: tuple[type[nodes.Node], ...]) -> bool:
    while node is not None and not isinstance(node, kinds):
        node = node.parent
    return node is not None


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the transforms and the setting that they read. Sphinx calls this function."""
    app.add_config_value("page_of_id", {}, "env")
    app.add_transform(LinkIds)
    app.add_transform(OpenPictures)
    app.add_transform(PlainHeadings)
    app.add_transform(KeptPercentSigns)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
