"""Evidence bundles: one case or one stretch of a log, to be checked offline by whoever gets it."""
