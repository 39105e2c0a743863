"""Search everything under a folder of nodes for personal data that stands in clear."""
