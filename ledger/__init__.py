"""Deciding and recording."""
