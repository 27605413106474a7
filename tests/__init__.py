"""Tests of the integration, its simulator and the whole in a real Home Assistant."""
