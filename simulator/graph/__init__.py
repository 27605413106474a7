"""Microsoft Graph as far as presence goes."""
