"""Candidates: clients that read one person's presence.

Each module imports at its top all that a poll needs. Its `start` returns a candidate that is ready to poll.
"""
