"""The benchmark: what a poll, an import and a set-up cost, as ratios taken in one run."""
