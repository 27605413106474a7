"""Microsoft Graph presence over asyncio and aiohttp; knows nothing of Home Assistant."""
