"""Host matching of clouds, with equivalent and different spellings."""

import pytest

from custom_components.ms_teams_presence.graph.clouds import CLOUDS

CLOUD = CLOUDS["global"]


@pytest.mark.parametrize(
    "url",
    [
        "https://login.microsoftonline.com",
        "https://login.microsoftonline.com/contoso.example/oauth2/v2.0/token",
        "https://LOGIN.MicrosoftOnline.com/token",
        "https://login.microsoftonline.com:443/token",
    ],
)
def test_the_login_host_matches_in_every_spelling(url: str) -> None:
    assert CLOUD.is_login_url(url)
    assert CLOUD.is_sign_in_page(url)


@pytest.mark.parametrize(
    "url",
    [
        "http://login.microsoftonline.com/token",
        "https://login.microsoftonline.com:4430/token",
        "https://login.microsoftonline.com.evil.example/token",
        "https://login.microsoftonline.com%2eevil.example/token",
        "https://login.microsoftonline.com#@evil.example/",
        "https://login.microsoftonline.us/token",
        "https://login.microsoftonline.com:port/token",
        "login.microsoftonline.com/token",
        "",
    ],
)
def test_no_other_address_is_the_login_hosts(url: str) -> None:
    assert not CLOUD.is_login_url(url)
    assert not CLOUD.is_sign_in_page(url)
