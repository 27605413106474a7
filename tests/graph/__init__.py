"""Ring one: the Graph client alone against the simulator."""
