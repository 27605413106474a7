"""Microsoft Entra: the sign-in service."""
