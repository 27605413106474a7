"""Home Assistant's own lines about an account, without the name of its person."""

import logging
from typing import override

from homeassistant.const import EVENT_HOMEASSISTANT_CLOSE
from homeassistant.core import Event, HomeAssistant, callback

from .const import DOMAIN


class _NoTitles(logging.Filter):
    """Call accounts by their ids: the title of one is somebody's name."""

    def __init__(self, hass: HomeAssistant) -> None:
        """Know whose accounts they are."""
        super().__init__()
        self._hass = hass

    @override
    def filter(self, record: logging.LogRecord) -> bool:
        """Let everything through, with ids in place of titles."""
        if isinstance(record.args, tuple):
            entries = self._hass.config_entries.async_entries(DOMAIN)
            ids = {entry.title: entry.entry_id for entry in entries}
            record.args = tuple(
                ids.get(arg, arg) if isinstance(arg, str) else arg for arg in record.args
            )
        return True


@callback
def async_keep_titles_out(hass: HomeAssistant) -> None:
    """Keep titles out of what is written where an account cannot be set up or signed in.

    Home Assistant writes it with the logger of the integration.
    """
    logger = logging.getLogger(__package__)
    no_titles = _NoTitles(hass)
    logger.addFilter(no_titles)

    @callback
    def remove(event: Event) -> None:
        logger.removeFilter(no_titles)

    hass.bus.async_listen_once(EVENT_HOMEASSISTANT_CLOSE, remove)
