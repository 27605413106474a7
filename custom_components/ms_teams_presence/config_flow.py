"""Signing in by clicking: a way in, an app registration, Microsoft's own page, and the check.

Step names and fields are stable: scripts and tests rely on them.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
import logging
import re
from typing import Any, Final, override

from homeassistant.config_entries import (
    SOURCE_REAUTH,
    SOURCE_USER,
    ConfigEntry,
    ConfigFlowResult,
    ConfigSubentryFlow,
    OptionsFlowWithReload,
)
from homeassistant.const import CONF_CLIENT_ID, CONF_CLIENT_SECRET, CONF_TOKEN
from homeassistant.core import callback
from homeassistant.data_entry_flow import FlowResultType, section
from homeassistant.helpers import issue_registry as ir
from homeassistant.helpers.aiohttp_client import async_get_clientsession
from homeassistant.helpers.config_entry_oauth2_flow import AbstractOAuth2FlowHandler
from homeassistant.helpers.selector import (
    BooleanSelector,
    NumberSelector,
    NumberSelectorConfig,
    NumberSelectorMode,
    SelectSelector,
    SelectSelectorConfig,
    SelectSelectorMode,
    TextSelector,
    TextSelectorConfig,
    TextSelectorType,
)
import voluptuous as vol

from .auth import DeviceCode, MicrosoftSignIn, Registration, text_placeholders
from .const import (
    ACCESS_READ,
    ACCESS_READ_WRITE,
    CONF_ACCESS,
    CONF_CERTIFICATE,
    CONF_CLOUD,
    CONF_COLLEAGUES,
    CONF_HOLD_SESSION,
    CONF_NAME,
    CONF_OBJECT_ID,
    CONF_POLL_INTERVAL,
    CONF_SIGN_IN,
    CONF_TENANT,
    CREDENTIALS,
    DEFAULT_POLL_INTERVAL,
    DOMAIN,
    GUID,
    MAX_POLL_INTERVAL,
    MIN_POLL_INTERVAL,
    ORGANIZATIONS,
    SIGN_IN_APPLICATION,
    SIGN_IN_BROWSER,
    SIGN_IN_DEVICE_CODE,
    SUBENTRY_PERSON,
)
from .graph.client import PresenceClient
from .graph.clouds import CLOUDS, DEFAULT_CLOUD
from .graph.errors import GraphAuthError, GraphError, GraphPermissionError, GraphRejectedError
from .people_flow import PersonSubentryFlow
from .refusals import (
    Cure,
    SignInError,
    async_sentence,
    refusal_issue_id,
    refused,
    refused_on_page,
)

_LOGGER = logging.getLogger(__name__)

_SIGN_INS: Final = [SIGN_IN_BROWSER, SIGN_IN_DEVICE_CODE, SIGN_IN_APPLICATION]
# An id that nobody has, to ask whether asking is permitted.
_NOBODY: Final = "00000000-0000-0000-0000-000000000000"

_DOMAIN_NAME: Final = re.compile(r"([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z]{2,}", re.IGNORECASE)
# Authorities that let personal accounts in, which have no presence.
_PERSONAL_AUTHORITIES: Final = frozenset({"common", "consumers"})

_NOT_EMPTY: Final = frozenset({CONF_TENANT, CONF_CLIENT_ID})
# What Microsoft's page shows where it refuses and does not lead back: help by its number.
_CONF_TROUBLE: Final = "trouble"
_CONF_NUMBER: Final = "number"


def _schema(sign_in: str) -> vol.Schema:
    """Return the form for an app registration."""
    fields: dict[vol.Marker, Any] = {
        vol.Required(CONF_CLOUD, default=DEFAULT_CLOUD): SelectSelector(
            SelectSelectorConfig(
                options=list(CLOUDS),
                translation_key=CONF_CLOUD,
                mode=SelectSelectorMode.DROPDOWN,
            )
        ),
        vol.Required(CONF_TENANT): TextSelector(),
        vol.Required(CONF_CLIENT_ID): TextSelector(),
    }
    if sign_in != SIGN_IN_DEVICE_CODE:
        fields[vol.Optional(CONF_CLIENT_SECRET)] = TextSelector(
            TextSelectorConfig(type=TextSelectorType.PASSWORD)
        )
    if sign_in == SIGN_IN_APPLICATION:
        fields[vol.Optional(CONF_CERTIFICATE)] = TextSelector(TextSelectorConfig(multiline=True))
    fields[vol.Required(CONF_ACCESS, default=ACCESS_READ_WRITE)] = SelectSelector(
        SelectSelectorConfig(
            options=[ACCESS_READ_WRITE, ACCESS_READ],
            translation_key="access_of_all" if sign_in == SIGN_IN_APPLICATION else CONF_ACCESS,
            mode=SelectSelectorMode.LIST,
        )
    )
    if sign_in != SIGN_IN_APPLICATION:
        fields[vol.Required(CONF_COLLEAGUES, default=False)] = BooleanSelector()
        fields[vol.Optional(_CONF_TROUBLE)] = section(
            vol.Schema({vol.Optional(_CONF_NUMBER): TextSelector()}), {"collapsed": True}
        )
    return vol.Schema(fields)


def _invalid_fields(registration: Mapping[str, Any]) -> dict[str, str]:
    """Return what is wrong with a form before Microsoft is asked about it."""
    errors = {}
    tenant = registration[CONF_TENANT].lower()
    is_application = registration[CONF_SIGN_IN] == SIGN_IN_APPLICATION
    if is_application and (CONF_CLIENT_SECRET in registration) == (
        CONF_CERTIFICATE in registration
    ):
        errors["base"] = "one_credential"
    if tenant in _PERSONAL_AUTHORITIES:
        errors[CONF_TENANT] = "personal_authority"
    elif is_application and tenant == ORGANIZATIONS:
        errors[CONF_TENANT] = "tenant_needed"
    elif tenant != ORGANIZATIONS and not (GUID.fullmatch(tenant) or _DOMAIN_NAME.fullmatch(tenant)):
        errors[CONF_TENANT] = "tenant_invalid"
    if not GUID.fullmatch(registration[CONF_CLIENT_ID]):
        errors[CONF_CLIENT_ID] = "client_id_invalid"
    return errors


class MicrosoftTeamsPresenceConfigFlow(AbstractOAuth2FlowHandler, domain=DOMAIN):
    """Sign in, sign in again, or change how.

    Home Assistant's handler carries the browser leg; every failure leads back to the form it
    came from, with what was typed and a sentence about what to do.
    """

    DOMAIN = DOMAIN
    VERSION = 1

    _microsoft: MicrosoftSignIn
    _code: DeviceCode
    _waiting: asyncio.Task[dict[str, Any]]
    _refused: SignInError
    _leave: Callable[[], Awaitable[ConfigFlowResult]]

    def __init__(self) -> None:
        """Start with an empty form."""
        super().__init__()
        self._sign_in = SIGN_IN_BROWSER
        self._registration: dict[str, Any] = {}
        self._credential_refused = False

    @property
    @override
    def logger(self) -> logging.Logger:
        """Return logger."""
        return _LOGGER

    @classmethod
    @callback
    @override
    def async_get_supported_subentry_types(
        cls, config_entry: ConfigEntry
    ) -> dict[str, type[ConfigSubentryFlow]]:
        """Return the flow that adds people."""
        return {SUBENTRY_PERSON: PersonSubentryFlow}

    @staticmethod
    @callback
    @override
    def async_get_options_flow(config_entry: ConfigEntry) -> OptionsFlow:
        """Return the form with the options."""
        return OptionsFlow()

    @override
    async def async_step_user(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Let the person choose a way in."""
        return self.async_show_menu(step_id="user", menu_options=_SIGN_INS)

    async def async_step_reconfigure(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Let the person change the way in, the app or the access of an account."""
        self._registration = dict(self._get_reconfigure_entry().data)
        if self._registration[CONF_SIGN_IN] == SIGN_IN_APPLICATION:
            # An app for no person can't become a person's, nor the other way round.
            return await self.async_step_application()
        return self.async_show_menu(
            step_id="reconfigure", menu_options=[SIGN_IN_BROWSER, SIGN_IN_DEVICE_CODE]
        )

    async def async_step_reauth(self, entry_data: Mapping[str, Any]) -> ConfigFlowResult:
        """Begin when Microsoft wants to see the person again."""
        self._registration = dict(entry_data)
        return await self.async_step_reauth_confirm()

    async def async_step_reauth_confirm(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Sign in the way it was done before; the form comes only where that fails."""
        err = self._known_refusal()
        if user_input is None:
            return self.async_show_form(
                step_id="reauth_confirm",
                description_placeholders={"cause": await self._async_cause(err)},
            )
        steps = {
            SIGN_IN_BROWSER: self.async_step_browser,
            SIGN_IN_DEVICE_CODE: self.async_step_device_code,
            SIGN_IN_APPLICATION: self.async_step_application,
        }
        self._sign_in = self._registration[CONF_SIGN_IN]
        if err.refusal.cure is Cure.FORM or self._helps_to_use_a_browser(err):
            # Signing in the same way would only be refused the same way.
            return await self._async_show_refusal(err)
        return await steps[self._sign_in](self._registration)

    def _known_refusal(self) -> SignInError:
        """Return why Microsoft wants to see the person again, as the account's repair has it."""
        issue_id = refusal_issue_id(self._get_reauth_entry().entry_id)
        issue = ir.async_get(self.hass).async_get_issue(DOMAIN, issue_id)
        data = (issue and issue.data) or {"reason": "session_ended", "code": ""}
        return SignInError(str(data["reason"]), code=str(data["code"]))

    async def async_step_browser(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Ask for the app registration and go to Microsoft's page."""
        self._sign_in = SIGN_IN_BROWSER
        return await self._async_begin(user_input, self.async_step_auth)

    async def async_step_device_code(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Ask for the app registration and show a code for another device."""
        self._sign_in = SIGN_IN_DEVICE_CODE
        return await self._async_begin(user_input, self._async_get_code)

    async def async_step_application(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Ask for the organisation's app, which signs in by itself."""
        self._sign_in = SIGN_IN_APPLICATION
        return await self._async_begin(user_input, self._async_sign_in_as_application)

    async def async_step_approval(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Say what to ask others for; submitting tries again."""
        if user_input is not None:
            return await self._async_leave()
        return self.async_show_form(
            step_id="approval",
            errors={"base": self._refused.reason},
            description_placeholders=self._placeholders(self._refused.code),
        )

    async def async_step_other_way(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Offer the browser where the code is refused."""
        cause = await self._async_cause(self._refused)
        return self.async_show_menu(
            step_id="other_way",
            menu_options=[SIGN_IN_BROWSER, SIGN_IN_DEVICE_CODE],
            description_placeholders={"cause": cause},
        )

    @override
    async def async_step_auth(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Wait for the browser to come back, and say meanwhile what helps where it does not.

        What answers another page than the one that is open, such as that of an earlier attempt,
        changes nothing.
        """
        if user_input is not None and not self._microsoft.is_answered_by(user_input):
            result = self.async_external_step(step_id="auth", url=self._microsoft.page)
        else:
            result = await super().async_step_auth(user_input)
        if result["type"] is FlowResultType.EXTERNAL_STEP:
            result["description_placeholders"] = self._placeholders()
        return result

    @override
    async def async_step_creation(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Exchange the code for tokens."""
        if user_input:
            # The browser's page was loaded twice; whoever adds the account goes on from here.
            return self.async_external_step_done(next_step_id="creation")
        try:
            return await super().async_step_creation(user_input)
        except SignInError as err:
            return await self._async_show_refusal(err)

    @override
    async def async_step_authorize_rejected(self, data: None = None) -> ConfigFlowResult:
        """Explain why Microsoft's page sent no code."""
        return await self._async_show_refusal(refused(self.external_data))

    async def async_step_wait_for_device_code(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Show the code until it was entered."""
        if self._waiting.done():
            return self.async_show_progress_done(next_step_id="device_code_done")
        return self.async_show_progress(
            step_id="wait_for_device_code",
            progress_action="wait_for_device_code",
            description_placeholders={"url": self._code.url, "code": self._code.user_code},
            progress_task=self._waiting,
        )

    async def async_step_device_code_done(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Take the tokens that the code brought."""
        try:
            token = await self._waiting
        except SignInError as err:
            return await self._async_show_refusal(err)
        return await self.async_oauth_create_entry({CONF_TOKEN: token})

    @override
    async def async_oauth_create_entry(self, data: dict[str, Any]) -> ConfigFlowResult:
        """Check that the tokens show a presence, and keep them."""
        token = data[CONF_TOKEN]
        sign_in = self._microsoft
        if missing := sign_in.registration.missing_permissions(token):
            return self._show_form({"base": "permissions_missing"}, permissions=", ".join(missing))
        if refusal := await self._async_check(token):
            return await self._async_show_refusal(refusal)
        identity = sign_in.identity
        return await self._async_finish(
            identity.unique_id,
            identity.name,
            {CONF_OBJECT_ID: identity.object_id, CONF_NAME: identity.name, CONF_TOKEN: token},
        )

    async def _async_sign_in_as_application(self) -> ConfigFlowResult:
        """Get tokens for the app itself, and check what it was granted."""
        tenant_id, token = await self._microsoft.async_sign_in_as_application()
        if refusal := await self._async_check(token):
            return await self._async_show_refusal(refusal)
        registration = self._microsoft.registration
        unique_id = f"{tenant_id}.{registration.client_id}".lower()
        return await self._async_finish(unique_id, registration.tenant, {CONF_TOKEN: token})

    async def _async_begin(
        self,
        user_input: dict[str, Any] | None,
        leave: Callable[[], Awaitable[ConfigFlowResult]],
    ) -> ConfigFlowResult:
        """Show the form, or check what it says and leave for Microsoft."""
        self._leave = leave
        if user_input is None:
            return self._show_form({})
        self._registration = {CONF_SIGN_IN: self._sign_in} | {
            str(key): value.strip() if isinstance(value := user_input[key], str) else value
            for key in _schema(self._sign_in).schema
            # An empty text for what has to be there is told of below.
            if key != _CONF_TROUBLE and (user_input.get(key) or key in _NOT_EMPTY)
        }
        self._keep_credential()
        if errors := _invalid_fields(self._registration):
            return self._show_form(errors)
        if shown := user_input.get(_CONF_TROUBLE, {}).get(_CONF_NUMBER):
            if (err := refused_on_page(shown)) is None:
                return self._show_form({"base": "number_invalid"})
            return await self._async_show_refusal(err)
        return await self._async_leave()

    async def _async_leave(self) -> ConfigFlowResult:
        """Leave for Microsoft with what the form says."""
        self._microsoft = MicrosoftSignIn(self.hass, Registration.from_data(self._registration))
        self.flow_impl = self._microsoft
        try:
            return await self._leave()
        except SignInError as err:
            return await self._async_show_refusal(err)

    def _keep_credential(self) -> None:
        """Take the stored secret or certificate where neither is typed for the same app.

        They are not sent back to a browser, so a form without one is how it is usually left.
        """
        if self.source == SOURCE_USER or self._credential_refused:
            return
        stored = self._renewed_entry.data
        if stored[CONF_CLIENT_ID] == self._registration[CONF_CLIENT_ID] and not (
            CREDENTIALS & self._registration.keys()
        ):
            fields = {str(field) for field in _schema(self._sign_in).schema}
            self._registration |= {key: stored[key] for key in CREDENTIALS & stored.keys() & fields}

    async def _async_get_code(self) -> ConfigFlowResult:
        """Ask Microsoft for a code and start to wait for its being entered."""
        self._code = await self._microsoft.async_start_device_code()
        self._waiting = self.hass.async_create_task(
            self._microsoft.async_wait_for_device_code(self._code),
            f"{DOMAIN} wait for device code",
        )
        return await self.async_step_wait_for_device_code()

    async def _async_check(self, token: Mapping[str, Any]) -> SignInError | None:
        """Read the presence once; return the error where that fails."""

        async def provide(*, rejected: str | None = None, claims: str | None = None) -> str:
            return str(token["access_token"])

        client = PresenceClient(
            async_get_clientsession(self.hass), self._microsoft.registration.cloud, provide
        )
        registration = self._microsoft.registration
        try:
            if not registration.is_application:
                await client.async_get_my_presence()
            if registration.is_application or registration.colleagues:
                await client.async_get_presences([_NOBODY])
                await client.async_get_person(_NOBODY)
        except (GraphPermissionError, GraphRejectedError) as err:
            _LOGGER.debug("Graph shows no presence: %s", err)
            return SignInError(
                "application_consent_missing" if registration.is_application else "no_presence"
            )
        except GraphAuthError as err:
            _LOGGER.debug("Graph does not take the token: %s", err)
            return SignInError("wrong_cloud")
        except GraphError as err:
            _LOGGER.debug("Graph is out of reach: %s", err)
            return SignInError("graph_unavailable")
        return None

    async def _async_finish(
        self, unique_id: str, title: str, account: Mapping[str, Any]
    ) -> ConfigFlowResult:
        """Make the entry, or renew the one that the flow is about."""
        await self.async_set_unique_id(unique_id)
        data = {**self._registration, **account}
        if self.source == SOURCE_USER:
            self._abort_if_unique_id_configured()
            return self.async_create_entry(title=title, data=data)
        entry = self._renewed_entry
        self._abort_if_unique_id_mismatch(
            reason="wrong_account", description_placeholders={"account": entry.title}
        )
        return self.async_update_reload_and_abort(entry, data=data)

    @property
    def _renewed_entry(self) -> ConfigEntry:
        """Return the entry that a reauth or a reconfigure flow is about."""
        if self.source == SOURCE_REAUTH:
            return self._get_reauth_entry()
        return self._get_reconfigure_entry()

    async def _async_cause(self, err: SignInError) -> str:
        """Return the sentence about a refusal, for a step that shows no errors."""
        return await async_sentence(self.hass, err.reason, self._placeholders(err.code))

    def _helps_to_use_a_browser(self, err: SignInError) -> bool:
        """Return whether a sign-in with the browser may go where this one does not."""
        return err.refusal.by_browser and self._sign_in == SIGN_IN_DEVICE_CODE

    async def _async_show_refusal(self, err: SignInError) -> ConfigFlowResult:
        """Show what Entra's refusal means, and the step that helps."""
        _LOGGER.debug("Sign-in failed: %s (%s)", err.reason, err.code)
        self._refused = err
        if self._helps_to_use_a_browser(err):
            return await self.async_step_other_way()
        if err.refusal.cure is Cure.APPROVAL:
            return await self.async_step_approval()
        field = err.refusal.field
        self._credential_refused = self._credential_refused or field in CREDENTIALS
        fields = _schema(self._sign_in).schema
        return self._show_form({field if field in fields else "base": err.reason}, code=err.code)

    def _show_form(self, errors: dict[str, str], **placeholders: str) -> ConfigFlowResult:
        """Show the form of the chosen way in, with what is known already."""
        return self.async_show_form(
            step_id=self._sign_in,
            data_schema=self.add_suggested_values_to_schema(
                _schema(self._sign_in), self._suggestions()
            ),
            errors=errors,
            description_placeholders=self._placeholders() | placeholders,
        )

    def _suggestions(self) -> dict[str, Any]:
        """Return what the form starts with: what was typed, or the last registration used.

        A stored secret is not sent back to a browser; one just typed is, as it came from there.
        """
        if self._registration:
            stored = {} if self.source == SOURCE_USER else self._renewed_entry.data
            return {
                key: value
                for key, value in self._registration.items()
                if key not in CREDENTIALS or value != stored.get(key)
            }
        entries = self._async_current_entries(include_ignore=False)
        last = max(entries, key=lambda entry: entry.created_at, default=None)
        if last is None:
            return {}
        return {key: last.data[key] for key in (CONF_CLOUD, CONF_TENANT, CONF_CLIENT_ID)}

    def _placeholders(self, code: str = "") -> dict[str, str]:
        """Return what the texts of the forms and of the waiting page may mention."""
        registration = Registration.from_data(self._registration) if self._registration else None
        return text_placeholders(self.hass, registration, code)


class OptionsFlow(OptionsFlowWithReload):
    """Options of an account."""

    async def async_step_init(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask how often to poll, and whether preferences show while Teams is closed."""
        if user_input is not None:
            user_input[CONF_POLL_INTERVAL] = int(user_input[CONF_POLL_INTERVAL])
            return self.async_create_entry(data=user_input)
        fields: dict[vol.Marker, Any] = {
            vol.Required(CONF_POLL_INTERVAL, default=DEFAULT_POLL_INTERVAL): NumberSelector(
                NumberSelectorConfig(
                    min=MIN_POLL_INTERVAL,
                    max=MAX_POLL_INTERVAL,
                    step=1,
                    unit_of_measurement="s",
                    mode=NumberSelectorMode.BOX,
                )
            )
        }
        if self.config_entry.data[CONF_ACCESS] == ACCESS_READ_WRITE:
            fields[vol.Required(CONF_HOLD_SESSION, default=False)] = BooleanSelector()
        return self.async_show_form(
            step_id="init",
            data_schema=self.add_suggested_values_to_schema(
                vol.Schema(fields), self.config_entry.options
            ),
        )
