"""Workers on the topic."""
