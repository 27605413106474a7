"""Generated Graph responses and form input, with Hypothesis.

A few run with the other tests; `scripts/faults --fuzz` sets the number.
"""
