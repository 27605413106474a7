"""The third ring: a real Home Assistant process, a real simulator process and a real browser.

Run without the package that fakes Home Assistant's insides:
`python -m pytest -p no:homeassistant tests/browser`.
"""
