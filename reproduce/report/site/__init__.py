"""The report for the browser: one static site from the committed tables, pages and notebooks.

Sphinx makes the site, with MyST and the theme Furo. They read the pages as they are, check every link and load nothing
from the network. Only the claims' pages and the sortable table are written here.
"""
