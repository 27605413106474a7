"""Tests in a browser, with real Home Assistant and simulator processes.

Run without the plugin that patches Home Assistant:
`python -m pytest -p no:homeassistant tests/browser`.
"""
