"""Long simulation with random activity and faults."""
