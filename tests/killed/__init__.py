"""A real Home Assistant process that is killed at the worst moments.

Run without the package that fakes Home Assistant's insides:
`python -m pytest -p no:homeassistant tests/killed -m faults`; scripts/faults does.
"""
