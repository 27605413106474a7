"""The part of Microsoft Graph about presence."""
