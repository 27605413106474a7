"""The ways to read one person's presence that are compared; each runs in a process of its own.

A module here imports at its top what its way needs, and has a `start` that returns it ready to
poll.
"""
