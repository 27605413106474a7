"""Tests of the integration and its simulator."""
