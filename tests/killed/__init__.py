"""A real Home Assistant process is killed at critical moments.

Run without the plugin that patches Home Assistant:
`python -m pytest -p no:homeassistant tests/killed -m faults`; scripts/faults runs this.
"""
