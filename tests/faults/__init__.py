"""Faults of Microsoft and the network, in a running integration.

`scripts/faults` runs all of them and prints a table. A sample runs with the other tests.
"""
