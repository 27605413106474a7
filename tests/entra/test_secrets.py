"""The repr of sign-ins and messages contains no secrets."""

from custom_components.ms_teams_presence.entra.client import AuthCodeFlow, DeviceFlow
from custom_components.ms_teams_presence.entra.registration import AppRegistration
from custom_components.ms_teams_presence.graph.clouds import CLOUDS
from custom_components.ms_teams_presence.graph.models import Presence, StatusMessage


def test_no_repr_has_a_secret() -> None:
    registration = AppRegistration(
        cloud=CLOUDS["global"],
        tenant="contoso.example",
        client_id="",
        client_secret="needle",
        certificate="needle",
        access="read",
    )
    message = StatusMessage(text="needle")
    printed = [
        registration,
        AuthCodeFlow("https://login.microsoftonline.com/", {"code_verifier": "needle"}),
        DeviceFlow("https://microsoft.com/devicelogin", "needle", {"device_code": "needle"}, 5, 0),
        message,
        Presence(id="", status_message=message),
    ]

    assert not [item for item in printed if "needle" in repr(item)]
