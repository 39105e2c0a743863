"""The data-subject receipt: who has the child's data and why, on one page that she can take home.

Read by a child, by who cares for her, and perhaps by the person she is protected from: so nothing
of a block stands on it, nor anything that only a block would explain.
"""
