"""The accountable log: what an origin signs, so that nobody has to trust a database or a broker."""
