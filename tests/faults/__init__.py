"""Everything that can go wrong with Microsoft or on the way there, in a running integration.

`scripts/faults` runs it all and prints a table; a sample of it runs with the other tests.
"""
