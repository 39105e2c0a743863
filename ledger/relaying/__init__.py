"""The parts of the relay: how a country's events get from its store to the topics, exactly once.

Crash-only: nothing here repairs a failure. Whatever is unexpected ends the process, and the next
start finds out from the topics themselves what stands there.
"""
