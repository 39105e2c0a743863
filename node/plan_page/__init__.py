"""A protection plan on paper, for the child and whoever cares for her: a page, or a PDF."""
