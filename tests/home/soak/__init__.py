"""A long stretch of ordinary life, with everything that goes wrong in it."""
