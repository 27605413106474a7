"""Measure the cost of polls, imports and set-ups."""
