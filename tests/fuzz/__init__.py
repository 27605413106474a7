"""Answers that Graph would never give and texts that nobody would type, by hypothesis.

A few with the other tests; `scripts/faults --fuzz` generates as many as it is asked for.
"""
