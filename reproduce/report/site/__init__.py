"""The report for the browser: one static site from the committed tables, pages and notebooks.

Sphinx with MyST and the theme Furo makes it: they read the pages as they are, check every link and load nothing from
the network. Only the claims' pages and the sortable table are written here.
"""
