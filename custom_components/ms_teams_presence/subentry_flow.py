"""Adding colleagues: looked up in the directory, several at once, each a subentry."""

from types import MappingProxyType
from typing import Any, Final, cast

from homeassistant.config_entries import (
    SOURCE_RECONFIGURE,
    ConfigEntryState,
    ConfigSubentry,
    ConfigSubentryFlow,
    FlowType,
    SubentryFlowResult,
)
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.selector import (
    SelectOptionDict,
    SelectSelector,
    SelectSelectorConfig,
    SelectSelectorMode,
    TextSelector,
)
import voluptuous as vol

from .const import (
    CONF_ADDRESS,
    CONF_COLLEAGUES,
    CONF_NAME,
    CONF_OBJECT_ID,
    DOMAIN,
    SUBENTRY_PERSON,
)
from .entity import ENABLED_FOR_COLLEAGUES
from .graph.client import SEARCH_LIMIT
from .graph.models import Person
from .graph.text import pasted_person
from .runtime import PresenceConfigEntry

_CONF_SEARCH: Final = "search"
_CONF_PEOPLE: Final = "people"

# Home Assistant takes so many enabled entities of one account; the signed-in person has some.
_MAX_ENTITIES: Final = 10_000
_MAX_PEOPLE: Final = (_MAX_ENTITIES - 20) // len(ENABLED_FOR_COLLEAGUES)


class PersonSubentryFlow(ConfigSubentryFlow):
    """Flow that adds colleagues."""

    _found: dict[str, Person]
    _truncated: bool

    async def async_step_user(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Search for people."""
        entry: PresenceConfigEntry = self._get_entry()
        if entry.state is not ConfigEntryState.LOADED:
            return self.async_abort(reason="account_not_loaded")
        account = entry.runtime_data.account
        if not account.can_read_others:
            return await self._async_reconfigure(entry)
        errors = {}
        if user_input is not None:
            text = pasted_person(user_input[_CONF_SEARCH])
            try:
                people = await account.async_find_people(text)
            except HomeAssistantError as err:
                errors["base"] = str(err.translation_key)
            else:
                self._found = {
                    person.id: person for person in people if person.id not in account.people
                }
                self._truncated = len(people) > SEARCH_LIMIT
                if self._found:
                    return await self.async_step_choose()
                errors["base"] = "already_watched" if people else "nobody_found"
        return self.async_show_form(
            step_id="user",
            data_schema=self.add_suggested_values_to_schema(
                vol.Schema({vol.Required(_CONF_SEARCH): TextSelector()}), user_input
            ),
            errors=errors,
        )

    async def _async_reconfigure(self, entry: PresenceConfigEntry) -> SubentryFlowResult:
        """Abort, and go on with the account's flow that includes colleagues."""
        flow = await self.hass.config_entries.flow.async_init(
            DOMAIN,
            context={"source": SOURCE_RECONFIGURE, "entry_id": entry.entry_id},
            data={CONF_COLLEAGUES: True},
        )
        result: dict[str, Any] = dict(self.async_abort(reason="colleagues_not_included"))
        # The dialog of subentries follows it, too, though Home Assistant has no parameter for it.
        result["next_flow"] = (FlowType.CONFIG_FLOW, flow["flow_id"])
        return cast("SubentryFlowResult", result)

    async def async_step_choose(
        self, user_input: dict[str, Any] | None = None
    ) -> SubentryFlowResult:
        """Let the user choose among the people found."""
        entry: PresenceConfigEntry = self._get_entry()
        errors = {}
        if user_input is not None:
            # Another dialog may have added some of them meanwhile.
            added = {subentry.unique_id for subentry in entry.subentries.values()}
            chosen = [self._found[one] for one in user_input[_CONF_PEOPLE] if one not in added]
            if not user_input[_CONF_PEOPLE]:
                errors[_CONF_PEOPLE] = "nobody_chosen"
            elif not chosen:
                errors[_CONF_PEOPLE] = "already_watched"
            elif len(entry.subentries) + len(chosen) > _MAX_PEOPLE:
                errors[_CONF_PEOPLE] = "too_many_people"
            else:
                *others, last = chosen
                for person in others:
                    self.hass.config_entries.async_add_subentry(
                        entry,
                        ConfigSubentry(
                            data=MappingProxyType(_subentry_data(person)),
                            subentry_type=SUBENTRY_PERSON,
                            title=person.name,
                            unique_id=person.id,
                        ),
                    )
                return self.async_create_entry(
                    title=last.name, data=_subentry_data(last), unique_id=last.id
                )
        return self.async_show_form(
            step_id="choose",
            data_schema=_choose_schema(list(self._found.values())[:SEARCH_LIMIT]),
            errors=errors or ({"base": "more_found"} if self._truncated else {}),
        )


def _choose_schema(people: list[Person]) -> vol.Schema:
    """Return the form to choose among people; one alone is chosen."""
    options = [
        SelectOptionDict(value=person.id, label=f"{person.name} ({person.address})")
        for person in people
    ]
    default = [person.id for person in people] if len(people) == 1 else []
    selector = SelectSelector(
        SelectSelectorConfig(options=options, multiple=True, mode=SelectSelectorMode.LIST)
    )
    return vol.Schema({vol.Required(_CONF_PEOPLE, default=default): selector})


def _subentry_data(person: Person) -> dict[str, str]:
    """Return the data of a person's subentry."""
    # The name tells a title that the user has changed from one that the directory has.
    return {CONF_OBJECT_ID: person.id, CONF_ADDRESS: person.address, CONF_NAME: person.name}
