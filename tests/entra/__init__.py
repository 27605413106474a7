"""Entra sign-in without Home Assistant."""
