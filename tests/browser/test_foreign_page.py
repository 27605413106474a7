"""Other sites can't access Home Assistant or the simulator."""

from collections.abc import AsyncIterator
import json
import socket
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

from aiohttp import web
from aiohttp.test_utils import TestServer
from playwright.async_api import BrowserContext, Page, expect
import pytest
import pytest_asyncio

from scripts.live.demo import ROBIN, Demo
from scripts.live.home import USERNAME

from .frontend import REBOUND, Frontend

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

BLOCKED: Final = "blocked"
# Content types that need no CORS preflight.
SEND: Final = """
async ([url, body]) => {
  const options = body === null ? {} : {
    method: "POST", body: typeof body === "string" ? new URLSearchParams(body) : JSON.stringify(body)
  };
  try {
    const response = await fetch(url, options);
    return [response.status, await response.text()];
  } catch (error) {
    return ["blocked", ""];
  }
}
"""
HANDLERS: Final = ("trusted_networks", "homeassistant", "command_line", "insecure_example")
GUESSES: Final = (USERNAME, "", "demo", "password", "admin")


async def send(page: Page, url: str, body: object = None) -> tuple[int | str, str]:
    """Send a request from the page; return status and text."""
    status, text = await page.evaluate(SEND, [url, body])
    return status, text


def login_flow(origin: str, handler: str) -> dict[str, Any]:
    """Return the body that starts a login flow."""
    return {
        "client_id": f"{origin}/",
        "handler": [handler, None],
        "redirect_uri": f"{origin}/",
    }


def rebound(url: str) -> str:
    """Return a URL whose foreign host name resolves to loopback."""
    return f"http://{REBOUND}:{urlsplit(url).port}"


async def use_simulator(page: Page, url: str) -> list[int | str]:
    """Try to read and control the simulator; return the statuses."""
    attempts: tuple[tuple[str, object], ...] = (
        ("/", None),
        ("/simulator/state", None),
        (f"/simulator/people/{ROBIN}/join_call", {}),
        (f"/people/{ROBIN}", "command=join_call"),
    )
    return [(await send(page, f"{url}{path}", body))[0] for path, body in attempts]


@pytest_asyncio.fixture(loop_scope="session")
async def foreign(window: BrowserContext) -> AsyncIterator[Page]:
    """Open a page of another site."""

    async def show(_: web.Request) -> web.Response:
        return web.Response(text="<title>Another site</title>", content_type="text/html")

    app = web.Application()
    app.router.add_get("/", show)
    async with TestServer(app, host="127.0.0.1") as server:
        page = await window.new_page()
        await page.goto(f"http://localhost:{server.port}/")
        yield page
        await page.close()


async def test_the_login_page_does_not_send_a_foreign_page_a_code(
    demo: Demo, foreign: Page
) -> None:
    query = {"client_id": foreign.url, "redirect_uri": foreign.url, "response_type": "code"}
    await foreign.goto(f"{demo.home.url}/auth/authorize?{urlencode(query)}")
    # Without a password prompt it would already redirect.
    await expect(foreign.locator("input[name=password]")).to_be_visible()
    assert foreign.url.startswith(demo.home.url)


async def test_a_foreign_page_reads_nothing(demo: Demo, foreign: Page) -> None:
    for handler in HANDLERS:
        body = login_flow(foreign.url.rstrip("/"), handler)
        assert (await send(foreign, f"{demo.home.url}/auth/login_flow", body))[0] == BLOCKED
    for url in (
        f"{demo.home.url}/api/states",
        f"{demo.home.url}/auth/providers",
        f"{demo.microsoft.url}/simulator/state",
        f"{demo.microsoft.url}/events",
        f"{demo.microsoft.tls_url}/v1.0/me",
    ):
        assert (await send(foreign, url))[0] == BLOCKED


async def test_a_foreign_page_cannot_control_teams(demo: Demo, foreign: Page) -> None:
    before = await demo.microsoft.state()
    assert set(await use_simulator(foreign, demo.microsoft.url)) == {BLOCKED}
    assert (await demo.microsoft.state())["people"] == before["people"]


async def test_a_rebound_host_is_not_signed_in(demo: Demo, window: BrowserContext) -> None:
    page = await window.new_page()
    origin = rebound(demo.home.url)
    await page.goto(f"{origin}/manifest.json")
    assert await page.evaluate("localStorage.hassTokens") is None
    assert (await send(page, "/api/states"))[0] == 401

    status, text = await send(page, "/auth/providers")
    assert (status, text.count('"type"')) == (200, 1)
    for handler in HANDLERS:
        status, text = await send(page, "/auth/login_flow", login_flow(origin, handler))
        assert '"result"' not in text
        assert (status == 200) is (handler == "homeassistant")
    for password in GUESSES:
        _, form = await send(page, "/auth/login_flow", login_flow(origin, "homeassistant"))
        flow_id = json.loads(form)["flow_id"]
        login = {"client_id": f"{origin}/", "username": USERNAME, "password": password}
        status, text = await send(page, f"/auth/login_flow/{flow_id}", login)
        assert (status, "invalid_auth" in text) == (200, True)


async def test_a_rebound_host_cannot_create_a_user(demo: Demo, window: BrowserContext) -> None:
    page = await window.new_page()
    await page.goto(f"{rebound(demo.home.url)}/manifest.json")
    owner = {
        "name": "Evil",
        "username": "evil",
        "password": "evil",
        "client_id": f"{rebound(demo.home.url)}/",
        "language": "en",
    }
    assert (await send(page, "/api/onboarding/users", owner))[0] == 404


async def test_a_rebound_host_does_not_reach_teams(demo: Demo, window: BrowserContext) -> None:
    page = await window.new_page()
    before = await demo.microsoft.state()
    await page.goto(f"{rebound(demo.microsoft.url)}/")
    assert set(await use_simulator(page, "")) == {421}
    assert (await demo.microsoft.state())["people"] == before["people"]


async def test_the_login_page_requires_a_password_at_a_rebound_host(
    demo: Demo, window: BrowserContext
) -> None:
    frontend = Frontend(await window.new_page(), demo.home)
    await frontend.page.goto(f"{rebound(demo.home.url)}/")
    await expect(frontend.page.locator("input[name=password]")).to_be_visible()


@pytest.mark.parametrize("server", ["home", "pages", "sign-in and Graph"])
async def test_servers_listen_only_on_the_loopback_address(demo: Demo, server: str) -> None:
    urls = {
        "home": demo.home.url,
        "pages": demo.microsoft.url,
        "sign-in and Graph": demo.microsoft.tls_url,
    }
    # 127.0.0.0/8 is the loopback: a server on all addresses would accept this.
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.2", urlsplit(urls[server]).port), timeout=5)
