"""Tests inside Home Assistant."""
