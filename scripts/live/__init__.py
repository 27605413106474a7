"""The demo's processes: Home Assistant and the simulated tenant."""
