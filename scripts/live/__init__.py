"""Real processes: a Home Assistant that has the integration, and the Microsoft tenant it talks to."""
