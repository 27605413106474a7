"""Tests within Home Assistant."""
