"""One country's running node: the only place where parts are wired together."""
