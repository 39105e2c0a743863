"""Deciding and recording: cases, decisions, the store, and the relay to the topic."""
