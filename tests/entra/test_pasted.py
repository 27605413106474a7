"""Ids in pasted text with labels and addresses."""

import pytest

from custom_components.ms_teams_presence.entra.pasted import read_app

APP = "0c7d1e0a-53c4-4a6e-8a4b-6f0f5f1d2b01"
TENANT = "9d7c5a0e-3a47-4e6f-9d0b-4a8f6d0f3a10"
DOMAIN = "contoso.example"
PORTAL = "https://entra.microsoft.com/#view/Microsoft_AAD_RegisteredApps/ApplicationMenuBlade/~"


@pytest.mark.parametrize(
    ("client_id", "tenant", "found"),
    [
        (APP, TENANT, (APP, TENANT)),
        (APP.upper(), DOMAIN.upper(), (APP, DOMAIN)),
        (APP, "Organizations", (APP, "organizations")),
        (APP, f"robin@{DOMAIN}", (APP, DOMAIN)),
        (APP, f"Robin <robin@{DOMAIN}>", (APP, DOMAIN)),
        (APP, "organizations", (APP, "organizations")),
        (APP, f"Directory (tenant) ID: {TENANT}", (APP, TENANT)),
        (APP, f"https://login.microsoftonline.com/{TENANT}/v2.0", (APP, TENANT)),
        # Pages of Microsoft's name the tenant in their paths
        (APP, f"https://login.microsoftonline.com/{DOMAIN}/oauth2/v2.0/authorize", (APP, DOMAIN)),
        (APP, f"https://login.microsoftonline.us/{DOMAIN}", (APP, DOMAIN)),
        (APP, "https://login.microsoftonline.com/organizations/v2.0", (APP, "organizations")),
        (APP, f"https://portal.azure.com/#@{DOMAIN}/resource/x", (APP, DOMAIN)),
        (
            APP,
            f"https://teams.microsoft.com/l/team/1?groupId={APP}&tenantId={TENANT}",
            (APP, TENANT),
        ),
        (
            APP,
            f"https://login.microsoftonline.com/{TENANT}/?client_id={APP.upper()}",
            (APP, TENANT),
        ),
        # With what is around it in a mail or a text
        (APP, f"<robin@{DOMAIN}>", (APP, DOMAIN)),
        (APP, f"robin@{DOMAIN};", (APP, DOMAIN)),
        (APP, f"[{DOMAIN}](https://{DOMAIN}/#home)", (APP, DOMAIN)),
        (APP, f"<HTTPS://{DOMAIN.upper()}:443/>", (APP, DOMAIN)),
        (APP, f"https://robin@{DOMAIN}", (APP, DOMAIN)),
        (APP, f"{DOMAIN}.", (APP, DOMAIN)),
        (APP, "xn--bcher-kva.xn--p1ai", (APP, "xn--bcher-kva.xn--p1ai")),
        (APP, f"{{{TENANT.upper()}}}", (APP, TENANT)),
        (APP.replace("-", "\u2011"), TENANT.replace("-", "\u2013"), (APP, TENANT)),
        (f"Application (client) ID : {APP}", DOMAIN, (APP, DOMAIN)),
        # A line with both
        (f"{DOMAIN} {APP}", "", (APP, DOMAIN)),
        (f"{APP} {DOMAIN}", "", (APP, DOMAIN)),
        (f"{APP}, {DOMAIN};", "", (APP, DOMAIN)),
        (f"robin@{DOMAIN}\t{APP}", "", (APP, DOMAIN)),
        (f"organizations {APP}", "", (APP, "organizations")),
        (f"{TENANT} {APP}", "", (APP, TENANT)),
        (f"{TENANT} {APP}", DOMAIN, (APP, TENANT)),
        (f"{DOMAIN} {APP}", "fabrikam.example", (APP, DOMAIN)),
        (f"{DOMAIN} {APP}", f"{DOMAIN} {APP}", (APP, DOMAIN)),
        (APP, f"{DOMAIN} {APP}", (APP, DOMAIN)),
        # The other field shows the order
        (f"{APP} {TENANT}", TENANT, (APP, TENANT)),
        (f"{TENANT} {APP}", APP, (TENANT, APP)),
        # Labels show the order
        (f"Application (client) ID: {APP} Directory (tenant) ID: {TENANT}", "", (APP, TENANT)),
        (f"Directory (tenant) ID: {TENANT} Application (client) ID: {APP}", "", (APP, TENANT)),
        (f"Client_id Tenant -------- ------ {APP} {TENANT}", "", (APP, TENANT)),
        (f"Tenant Client_id -------- ------ {TENANT} {APP}", "", (APP, TENANT)),
        (f"Client_id Tenant -------- ------ {APP} {DOMAIN}", "", (APP, DOMAIN)),
        (f'{{"appId": "{APP}", "tenant": "{TENANT}"}}', "", (APP, TENANT)),
        # Addresses of pages about the app
        (f"{PORTAL}/Overview/appId/{APP}", DOMAIN, (APP, DOMAIN)),
        (f"{PORTAL}/Overview/appId/{APP}/isMSAApp~/false", DOMAIN, (APP, DOMAIN)),
        (f"{PORTAL}/Authentication/objectId/{TENANT}/appId/{APP}", DOMAIN, (APP, DOMAIN)),
        (f"{PORTAL}/Overview/appId/{APP}".removeprefix("https://"), DOMAIN, (APP, DOMAIN)),
        (f"https://login.microsoftonline.com/x/authorize?client_id={APP}", DOMAIN, (APP, DOMAIN)),
        (f"api://{APP}/access_as_user", DOMAIN, (APP, DOMAIN)),
        # The same id twice is one
        (f"{APP} {APP.upper()}", DOMAIN, (APP, DOMAIN)),
    ],
)
def test_the_ids_are_found(client_id: str, tenant: str, found: tuple[str, str]) -> None:
    assert read_app(client_id, tenant) == found


@pytest.mark.parametrize(
    "text",
    [
        "",
        "my app",
        f"{APP}0",
        f"0{APP}",
        f"{APP}-{TENANT}",
        APP[:-1],
        f"{APP} {TENANT} 11111111-53c4-4a6e-8a4b-6f0f5f1d2b01",
        # Addresses of other pages
        f"{PORTAL}/Overview/objectId/{TENANT}",
        f"https://entra.microsoft.com/#view/Users/UserProfileMenuBlade/~/overview/userId/{TENANT}",
        f"{PORTAL}/Overview/appId/{APP}0",
    ],
)
def test_text_without_an_apps_id_is_returned_as_it_is(text: str) -> None:
    assert read_app(text, DOMAIN) == (text, DOMAIN)


@pytest.mark.parametrize(
    "text",
    [
        *("our company", "../common", "a.example b.example", f"{TENANT} {APP} x", "robin@"),
        "https://login.microsoftonline.com/common/oauth2",
        "https://entra.microsoft.com/#home",
        "b\u00fccher.example",
    ],
)
def test_text_without_a_tenant_is_returned_as_it_is(text: str) -> None:
    assert read_app("", text) == ("", text)
