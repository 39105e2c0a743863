"""Named benchmarks: this project against the tools it stands on, in one run on one machine.

`ledger bench [NAME…]` or `python -m bench [NAME…]`; docs/benchmarks.md says what each one measures.
"""
