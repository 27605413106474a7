"""Names that several modules share."""

from typing import Final

from homeassistant.const import CONF_CLIENT_SECRET

DOMAIN: Final = "ms_teams_presence"
REPOSITORY: Final = "https://github.com/ms-teams-presence/ms-teams-presence"

# Members of a config entry; the app registration lives there, not in application credentials,
# which hold neither a tenant nor a cloud and silently keep an old secret.
CONF_ACCESS: Final = "access"
CONF_ADDRESS: Final = "address"
CONF_CERTIFICATE: Final = "certificate"
CONF_CLOUD: Final = "cloud"
CONF_COLLEAGUES: Final = "colleagues"
CONF_NAME: Final = "name"
CONF_OBJECT_ID: Final = "object_id"
CONF_SIGN_IN: Final = "sign_in"
CONF_TENANT: Final = "tenant"
# Client credentials: one of these, or none for a public client.
CREDENTIAL_KEYS: Final = frozenset({CONF_CLIENT_SECRET, CONF_CERTIFICATE})

SIGN_IN_BROWSER: Final = "browser"
SIGN_IN_DEVICE_CODE: Final = "device_code"

# Options. Whether to make a preference show while Teams is closed. Off by default: some employers mind.
CONF_HOLD_SESSION: Final = "hold_session"

# People other than the signed-in one are subentries of this type.
SUBENTRY_PERSON: Final = "person"

ISSUE_COLLEAGUES_REFUSED: Final = "colleagues_refused"
ISSUE_PERSON_GONE: Final = "person_gone"
ISSUE_PREFERENCE_NOT_SHOWN: Final = "preference_not_shown"
ISSUE_SESSION_NOT_SHOWN: Final = "session_not_shown"
