"""The verifier that goes with every evidence bundle: Python's standard library and nothing of ours.

`node.evidence.single` joins these modules to the one file `verify.py`, so no two of them may use a
name twice. Nothing here shares code with what writes a bundle: a fault there shows here.
"""
