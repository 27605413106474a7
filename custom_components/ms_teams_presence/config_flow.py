"""Config flow; names of steps and fields are stable."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping
import logging
from typing import Any, Final, override

from homeassistant.config_entries import (
    SOURCE_REAUTH,
    SOURCE_USER,
    ConfigEntry,
    ConfigFlowResult,
    ConfigSubentryFlow,
    OptionsFlow,
)
from homeassistant.const import CONF_CLIENT_ID, CONF_TOKEN
from homeassistant.core import HomeAssistant, callback
from homeassistant.data_entry_flow import FlowResultType, UnknownFlow
from homeassistant.helpers.aiohttp_client import async_get_clientsession
from homeassistant.helpers.config_entry_oauth2_flow import AbstractOAuth2FlowHandler
from homeassistant.helpers.selector import BooleanSelector
from homeassistant.helpers.typing import UNDEFINED, UndefinedType
import voluptuous as vol
from yarl import URL

from . import registration_form
from .account import state_of
from .auth import (
    MicrosoftOAuth2Implementation,
    async_translated_error,
    description_placeholders,
)
from .const import (
    CONF_ACCESS,
    CONF_HOLD_SESSION,
    CONF_NAME,
    CONF_OBJECT_ID,
    CONF_SIGN_IN,
    CREDENTIAL_KEYS,
    DOMAIN,
    REPOSITORY,
    SIGN_IN_BROWSER,
    SIGN_IN_DEVICE_CODE,
    SUBENTRY_PERSON,
)
from .entra.client import DeviceFlow
from .entra.errors import Resolution, SignInError
from .entra.registration import (
    ACCESS_READ_WRITE,
    SIGN_IN_APPLICATION,
    AppRegistration,
)
from .graph.client import PresenceClient
from .graph.errors import GraphAuthError, GraphError, GraphPermissionError, GraphRejectedError
from .sessions import async_clear_sessions
from .subentry_flow import PersonSubentryFlow

_LOGGER = logging.getLogger(__name__)

type UserInput = dict[str, Any] | None

_SIGN_IN_METHODS: Final = [SIGN_IN_BROWSER, SIGN_IN_DEVICE_CODE, SIGN_IN_APPLICATION]
_BLUEPRINT: Final = f"{REPOSITORY}/blob/main/blueprints/automation/{DOMAIN}/busy_light.yaml"
# Where this Home Assistant imports it.
_IMPORT: Final = str(URL("/config/blueprint/dashboard/import") % {"blueprint_url": _BLUEPRINT})
# An object id without a user, to test whether looking up users is permitted.
_UNKNOWN_USER_ID: Final = "00000000-0000-0000-0000-000000000000"


class _FlowWithOthers(AbstractOAuth2FlowHandler):
    """Flow beside which there are flows for options and people."""

    @classmethod
    @callback
    @override
    def async_get_supported_subentry_types(
        cls, config_entry: ConfigEntry
    ) -> dict[str, type[ConfigSubentryFlow]]:
        """Return the flow that adds colleagues."""
        return {SUBENTRY_PERSON: PersonSubentryFlow}

    @classmethod
    @callback
    @override
    def async_supports_options_flow(cls, config_entry: ConfigEntry) -> bool:
        """Return whether there is anything to choose."""
        return config_entry.data.get(CONF_ACCESS) == ACCESS_READ_WRITE

    @staticmethod
    @callback
    @override
    def async_get_options_flow(config_entry: ConfigEntry) -> OptionsFlow:
        """Return the options flow."""
        return PresenceOptionsFlow()


class _CancelableFlow(_FlowWithOthers):
    """Flow whose requests and tasks end when its window is closed."""

    def __init__(self) -> None:
        """Initialize."""
        super().__init__()
        self._is_removed = False
        self._tasks: list[asyncio.Task[Any]] = []

    def _create_task[T](self, job: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Create a task that ends with the flow."""
        task = self.hass.async_create_task(job, f"{DOMAIN} sign-in")
        self._tasks = [*(known for known in self._tasks if not known.done()), task]
        return task

    async def _async_run(self, step: Coroutine[Any, Any, ConfigFlowResult]) -> ConfigFlowResult:
        """Run a step that sends requests."""
        try:
            return await self._create_task(step)
        except asyncio.CancelledError:
            if self._is_removed:
                raise UnknownFlow from None
            raise

    @callback
    @override
    def async_remove(self) -> None:
        """Cancel what is under way."""
        self._is_removed = True
        for task in self._tasks:
            task.cancel()


class _RegistrationFlow(_CancelableFlow):
    """Flow with the form of an app registration."""

    def __init__(self) -> None:
        """Initialize."""
        super().__init__()
        self._sign_in = SIGN_IN_BROWSER
        self._registration: dict[str, Any] = {}
        # Credentials of the registration that came from the config entry, not from the form.
        self._stored_credentials: frozenset[str] = frozenset()
        self._credential_rejected = False

    @property
    def _existing_entry(self) -> ConfigEntry:
        """Return the entry of a reauth or reconfigure flow."""
        if self.source == SOURCE_REAUTH:
            return self._get_reauth_entry()
        return self._get_reconfigure_entry()

    def _reuse_stored_credential(self) -> None:
        """Reuse the stored credential if the form left it empty."""
        self._stored_credentials = frozenset()
        if self.source == SOURCE_USER or self._credential_rejected:
            return
        stored = registration_form.stored_credential(self._registration, self._existing_entry.data)
        self._stored_credentials = frozenset(stored)
        self._registration |= stored

    def _show_form(self, errors: dict[str, str], **placeholders: str) -> ConfigFlowResult:
        """Show the form of the sign-in method with suggested values."""
        section = registration_form.CONF_ADVANCED
        values = self._suggested_values()
        return self.async_show_form(
            step_id=self._sign_in,
            data_schema=self.add_suggested_values_to_schema(
                registration_form.schema(self._sign_in, is_open=section in errors),
                values | {section: values},
            ),
            errors=errors,
            description_placeholders=self._placeholders() | placeholders,
        )

    def _suggested_values(self) -> dict[str, Any]:
        """Return what was entered, or the registration used last."""
        if self._registration:
            # A stored credential is not sent to a browser; one just entered came from there.
            return {
                key: value
                for key, value in self._registration.items()
                if key not in self._stored_credentials
            }
        entries = self._async_current_entries(include_ignore=False)
        return registration_form.last_app(self._sign_in, entries)

    def _placeholders(self, code: str = "") -> dict[str, str]:
        """Return what the texts of the forms and of the external step may mention."""
        try:
            registration = AppRegistration.from_data(self._registration)
        except KeyError:
            # No form was submitted, or the stored data is incomplete.
            registration = None
        return description_placeholders(self.hass, registration, code)


class MicrosoftTeamsPresenceConfigFlow(_RegistrationFlow, domain=DOMAIN):
    """Config flow; every error leads to the step that resolves it."""

    DOMAIN = DOMAIN
    VERSION = 1
    MINOR_VERSION = 2

    _implementation: MicrosoftOAuth2Implementation
    _device_flow: DeviceFlow
    _device_flow_task: asyncio.Task[dict[str, Any]]
    _cancel_poll: Callable[[], object] = staticmethod(lambda: None)
    _error: SignInError
    _start_sign_in: Callable[[], Coroutine[Any, Any, ConfigFlowResult]]
    _success: str | UndefinedType = UNDEFINED

    @property
    @override
    def logger(self) -> logging.Logger:
        """Return logger."""
        return _LOGGER

    @override
    async def async_step_user(self, user_input: UserInput = None) -> ConfigFlowResult:
        """Let the user choose a sign-in method."""
        return self.async_show_menu(step_id="user", menu_options=_SIGN_IN_METHODS)

    async def async_step_reconfigure(self, user_input: UserInput = None) -> ConfigFlowResult:
        """Let the user change the method, the app or the access."""
        self._registration = registration_form.read(self._get_reconfigure_entry().data)
        if user_input:
            # "Add colleagues" of an account without the permission.
            self._registration |= user_input
            self._success = "colleagues_included"
            return await self.async_step_colleagues()
        if self._registration[CONF_SIGN_IN] == SIGN_IN_APPLICATION:
            # App-only access can't become a user's, nor the other way round.
            return await self.async_step_application()
        return self.async_show_menu(
            step_id="reconfigure", menu_options=[SIGN_IN_BROWSER, SIGN_IN_DEVICE_CODE]
        )

    async def async_step_colleagues(self, user_input: UserInput = None) -> ConfigFlowResult:
        """Request the permissions to see colleagues."""
        if user_input is not None:
            return await self._async_use_stored_method()
        return self.async_show_form(step_id="colleagues")

    async def async_step_reauth(self, entry_data: Mapping[str, Any]) -> ConfigFlowResult:
        """Handle a reauthentication request."""
        self._registration = registration_form.read(entry_data)
        return await self.async_step_reauth_confirm()

    async def async_step_reauth_confirm(self, user_input: UserInput = None) -> ConfigFlowResult:
        """Sign in by the stored method; show the form only if that fails."""
        err = self._stored_error()
        if user_input is None:
            return self.async_show_form(
                step_id="reauth_confirm",
                description_placeholders={"cause": await self._async_error_text(err)},
            )
        self._sign_in = self._registration[CONF_SIGN_IN]
        if err.kind.resolution is Resolution.RECONFIGURE or self._should_offer_browser(err):
            # The same sign-in would only be rejected again.
            return await self._async_show_error(err)
        return await self._async_use_stored_method()

    async def _async_use_stored_method(self) -> ConfigFlowResult:
        """Sign in by the stored method, with the stored registration."""
        step: Callable[[UserInput], Awaitable[ConfigFlowResult]]
        step = getattr(self, f"async_step_{self._registration[CONF_SIGN_IN]}")
        return await step(self._registration)

    def _stored_error(self) -> SignInError:
        """Return the sign-in error that the account has met."""
        known = state_of(self.hass, self._get_reauth_entry()).sign_in_error
        return known or SignInError("session_ended")

    async def async_step_browser(self, user_input: UserInput = None) -> ConfigFlowResult:
        """Show the form, then Microsoft's page."""
        self._sign_in = SIGN_IN_BROWSER
        return await self._async_handle_form(user_input, self.async_step_auth)

    async def async_step_device_code(self, user_input: UserInput = None) -> ConfigFlowResult:
        """Show the form, then a code for another device."""
        self._sign_in = SIGN_IN_DEVICE_CODE
        return await self._async_handle_form(user_input, self._async_start_device_flow)

    async def async_step_application(self, user_input: UserInput = None) -> ConfigFlowResult:
        """Show the form of the organization's app, which signs in by itself."""
        self._sign_in = SIGN_IN_APPLICATION
        return await self._async_handle_form(user_input, self._async_acquire_token_for_client)

    async def async_step_approval(self, user_input: UserInput = None) -> ConfigFlowResult:
        """Explain that an administrator has to consent; submitting retries."""
        if user_input is not None:
            return await self._async_start_sign_in()
        return self.async_show_form(
            step_id="approval",
            errors={"base": self._error.reason},
            description_placeholders=self._placeholders(self._error.code),
        )

    async def async_step_error_code(self, user_input: UserInput = None) -> ConfigFlowResult:
        """Explain the code that was typed; submitting returns to the form."""
        if user_input is not None:
            return await self._async_show_error(self._error)
        return self.async_show_form(
            step_id="error_code",
            errors={"base": self._error.reason},
            description_placeholders=self._placeholders(self._error.code),
        )

    async def async_step_other_way(self, user_input: UserInput = None) -> ConfigFlowResult:
        """Offer the browser after the device code was rejected."""
        cause = await self._async_error_text(self._error)
        return self.async_show_menu(
            step_id="other_way",
            menu_options=[SIGN_IN_BROWSER, SIGN_IN_DEVICE_CODE],
            description_placeholders={"cause": cause},
        )

    @override
    async def async_step_auth(self, user_input: UserInput = None) -> ConfigFlowResult:
        """Wait for the callback of Microsoft's page."""
        if user_input is not None and not self._implementation.matches_state(user_input):
            # The callback of an earlier page changes nothing.
            url = self._implementation.authorize_url
            result = self.async_external_step(step_id="auth", url=url)
        else:
            result = await super().async_step_auth(user_input)
        if result["type"] is FlowResultType.EXTERNAL_STEP:
            result["description_placeholders"] = self._placeholders()
        return result

    @override
    async def async_step_creation(self, user_input: UserInput = None) -> ConfigFlowResult:
        """Redeem the authorization code."""
        if user_input:
            # The callback was loaded twice; the first one goes on from here.
            return self.async_external_step_done(next_step_id="creation")
        try:
            return await self._async_run(super().async_step_creation(user_input))
        except SignInError as err:
            return await self._async_show_error(err)

    @override
    async def async_step_authorize_rejected(self, data: None = None) -> ConfigFlowResult:
        """Explain why Microsoft's page sent no code."""
        return await self._async_show_error(SignInError.from_callback(self.external_data))

    async def async_step_wait_for_device_code(
        self, user_input: UserInput = None
    ) -> ConfigFlowResult:
        """Show the device code until it was entered."""
        if self._device_flow_task.done():
            return self.async_show_progress_done(next_step_id="device_code_done")
        return self.async_show_progress(
            step_id="wait_for_device_code",
            progress_action="wait_for_device_code",
            description_placeholders={
                "url": self._device_flow.verification_url,
                "code": self._device_flow.user_code,
            },
            progress_task=self._device_flow_task,
        )

    async def async_step_device_code_done(self, user_input: UserInput = None) -> ConfigFlowResult:
        """Finish the device flow."""
        try:
            token = await self._device_flow_task
        except SignInError as err:
            return await self._async_show_error(err)
        return await self._async_run(self.async_oauth_create_entry({CONF_TOKEN: token}))

    @override
    async def async_oauth_create_entry(self, data: dict[str, Any]) -> ConfigFlowResult:
        """Check permissions and access, then create or update the entry."""
        token = data[CONF_TOKEN]
        implementation = self._implementation
        if missing := implementation.registration.missing_permissions(token):
            return self._show_form({"base": "permissions_missing"}, permissions=", ".join(missing))
        if error := await _async_test_access(self.hass, implementation.registration, token):
            return await self._async_show_error(error)
        identity = implementation.identity
        return await self._async_create_or_update_entry(
            identity.unique_id,
            identity.title,
            {CONF_OBJECT_ID: identity.object_id, CONF_NAME: identity.name, CONF_TOKEN: token},
        )

    async def _async_acquire_token_for_client(self) -> ConfigFlowResult:
        """Sign in as the app itself."""
        tenant_id, token = await self._implementation.async_acquire_token_for_client()
        registration = self._implementation.registration
        if error := await _async_test_access(self.hass, registration, token):
            return await self._async_show_error(error)
        unique_id = f"{tenant_id}.{registration.client_id}".lower()
        return await self._async_create_or_update_entry(
            unique_id, registration.title, {CONF_TOKEN: token}
        )

    async def _async_handle_form(
        self,
        user_input: UserInput,
        start_sign_in: Callable[[], Coroutine[Any, Any, ConfigFlowResult]],
    ) -> ConfigFlowResult:
        """Show the form, or validate it and start the sign-in."""
        self._start_sign_in = start_sign_in
        if user_input is None:
            return self._show_form({})
        self._registration = registration_form.parse(self._sign_in, user_input)
        self._reuse_stored_credential()
        if errors := registration_form.validate(self._registration):
            return self._show_form(errors)
        if text := registration_form.aadsts_code(user_input):
            if (error := SignInError.from_aadsts_code(text)) is None:
                return self._show_form({registration_form.CONF_ADVANCED: "number_invalid"})
            return await self._async_show_error(error, is_typed=True)
        return await self._async_start_sign_in()

    async def _async_start_sign_in(self) -> ConfigFlowResult:
        """Start the sign-in with the registration of the form."""
        self._implementation = MicrosoftOAuth2Implementation(
            self.hass, AppRegistration.from_data(self._registration)
        )
        self.flow_impl = self._implementation
        try:
            return await self._async_run(self._start_sign_in())
        except SignInError as err:
            return await self._async_show_error(err)

    async def _async_start_device_flow(self) -> ConfigFlowResult:
        """Request a device code and start polling."""
        self._device_flow = await self._implementation.async_initiate_device_flow()
        # The form may have been submitted twice.
        self._cancel_poll()
        poll = self._implementation.async_poll_device_flow(self._device_flow)
        self._device_flow_task = self._create_task(poll)
        self._cancel_poll = self._device_flow_task.cancel
        return await self.async_step_wait_for_device_code()

    async def _async_create_or_update_entry(
        self, unique_id: str, title: str, account: Mapping[str, Any]
    ) -> ConfigFlowResult:
        """Create the entry, or update the one of this flow."""
        await self.async_set_unique_id(unique_id)
        data = {**self._registration, **account}
        if self.source == SOURCE_USER:
            self._abort_if_unique_id_configured()
            return self.async_create_entry(
                title=title,
                data=data,
                description="people" if self._sign_in == SIGN_IN_APPLICATION else "lamp",
                description_placeholders={"blueprint_url": _IMPORT},
            )
        entry = self._existing_entry
        if self._sign_in == SIGN_IN_APPLICATION and _is_new_app(entry, unique_id):
            self._abort_if_unique_id_configured()
        else:
            self._abort_if_unique_id_mismatch(
                reason="wrong_account", description_placeholders={"account": entry.title}
            )
        # From here on nothing is canceled; a reload closes a reauth flow, too.
        self._tasks = []
        if entry.data.get(CONF_CLIENT_ID) != data[CONF_CLIENT_ID]:
            await _async_clear_sessions_of_app(self.hass, entry)
        return self.async_update_reload_and_abort(
            entry,
            unique_id=unique_id,
            data=data,
            reason=self._success,
        )

    async def _async_error_text(self, error: SignInError) -> str:
        """Return the sentence about an error, for a step that shows no errors."""
        return await async_translated_error(self.hass, error.reason, self._placeholders(error.code))

    def _should_offer_browser(self, error: SignInError) -> bool:
        """Return whether the browser may succeed if the device code is rejected."""
        return error.kind.browser_may_work and self._sign_in == SIGN_IN_DEVICE_CODE

    async def _async_show_error(
        self, error: SignInError, *, is_typed: bool = False
    ) -> ConfigFlowResult:
        """Show what an error means on the step that resolves it."""
        _LOGGER.debug("Sign-in failed: %s (%s)", error.reason, error.code)
        self._error = error
        if self._should_offer_browser(error):
            return await self.async_step_other_way()
        if error.kind.resolution is Resolution.ADMIN:
            return await self.async_step_approval()
        if is_typed:
            return await self.async_step_error_code()
        field = error.kind.field
        self._credential_rejected = self._credential_rejected or field in CREDENTIAL_KEYS
        key = registration_form.error_key(self._sign_in, field)
        return self._show_form({key: error.reason}, code=error.code)


class PresenceOptionsFlow(OptionsFlow):
    """Options flow."""

    async def async_step_init(self, user_input: UserInput = None) -> ConfigFlowResult:
        """Show the options, or store them."""
        if user_input is not None:
            # A later version may have more.
            return self.async_create_entry(data={**self.config_entry.options, **user_input})
        schema = vol.Schema({vol.Required(CONF_HOLD_SESSION, default=False): BooleanSelector()})
        return self.async_show_form(
            step_id="init",
            data_schema=self.add_suggested_values_to_schema(schema, self.config_entry.options),
        )


def _is_new_app(entry: ConfigEntry, unique_id: str) -> bool:
    """Return whether the organization's app was registered anew in its tenant."""
    tenants = {str(known).partition(".")[0] for known in (entry.unique_id, unique_id)}
    return unique_id != entry.unique_id and len(tenants) == 1


async def _async_clear_sessions_of_app(hass: HomeAssistant, entry: ConfigEntry) -> None:
    """Clear the presence sessions of an app that is about to be replaced."""
    # Another app can neither renew nor clear them, and they may last for hours.
    if entry.state.recoverable and not registration_form.unreadable(entry.data):
        await hass.config_entries.async_unload(entry.entry_id)
        await async_clear_sessions(hass, entry)


async def _async_test_access(
    hass: HomeAssistant, registration: AppRegistration, token: Mapping[str, Any]
) -> SignInError | None:
    """Test the token against Graph and return an error, if any."""

    async def provide(*, rejected: str | None = None, claims: str | None = None) -> str:
        return str(token["access_token"])

    client = PresenceClient(async_get_clientsession(hass), registration.cloud, provide)
    try:
        if not registration.is_app_only:
            await client.async_get_my_presence()
        if registration.is_app_only or registration.include_colleagues:
            await client.async_get_presences([_UNKNOWN_USER_ID])
            await client.async_get_person(_UNKNOWN_USER_ID)
    except (GraphPermissionError, GraphRejectedError) as err:
        _LOGGER.debug("Graph shows no presence: %s", err)
        return SignInError(
            "application_consent_missing" if registration.is_app_only else "no_presence"
        )
    except GraphAuthError as err:
        _LOGGER.debug("Graph rejects the token: %s", err)
        return SignInError("wrong_cloud")
    except GraphError as err:
        _LOGGER.debug("Graph is unavailable: %s", err)
        return SignInError("graph_unavailable")
    return None
