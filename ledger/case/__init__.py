"""The case: pure state, folds and decisions. Nothing in here reads a clock, a file or a server."""
