"""The Graph client alone against the simulator."""
