"""Figures of a closed quarter: counted from the trail, small ones withheld, never a list."""
