"""Rules as data, and the pure functions that apply them: nothing here reads a clock or a file."""
