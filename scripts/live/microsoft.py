"""The simulator as a process, and its control API."""

from pathlib import Path
import sys
from typing import Any, Final, Self, override

import aiohttp

from .processes import ROOT, Child, LiveError, until

START_SECONDS: Final = 30


class Microsoft:
    """A simulator process with an HTTP and HTTPS port."""

    def __init__(self, directory: Path, *, port: int, tls_port: int) -> None:
        """Initialize; certificate and log go into the directory."""
        self.url = f"http://127.0.0.1:{port}"
        self.tls_url = f"https://127.0.0.1:{tls_port}"
        self._certificates = directory / "certificate"
        self._log = directory / "simulator.log"
        self._ports = (port, tls_port)
        self._child: Child | None = None
        self._session: aiohttp.ClientSession | None = None

    @property
    def environment(self) -> dict[str, str]:
        """Return the environment that trusts this tenant's certificate."""
        return {"REQUESTS_CA_BUNDLE": str(self._certificates / "bundle.pem")}

    @property
    def cloud(self) -> list[str]:
        """Return the launcher's arguments for this tenant's cloud."""
        return ["--login", self.tls_url, "--graph", self.tls_url, "--portal", self.url]

    async def __aenter__(self) -> Self:
        """Start the process."""
        self._certificates.mkdir(parents=True, exist_ok=True)
        self._log.unlink(missing_ok=True)
        port, tls_port = self._ports
        self._child = await Child.start(
            "The simulator",
            *(sys.executable, "-m", "simulator"),
            *("--port", str(port), "--tls-port", str(tls_port)),
            *("--certificate-dir", self._certificates),
            log=self._log,
            directory=ROOT,
        )
        self._session = aiohttp.ClientSession(base_url=self.url)
        try:
            await until("The simulator did not respond", self._is_responding, seconds=START_SECONDS)
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop the process."""
        if self._session is not None:
            await self._session.close()
            self._session = None
        if self._child is not None:
            await self._child.stop()
            self._child = None

    async def wait(self) -> None:
        """Wait until the process ends, then raise LiveError."""
        if self._child is not None:
            await self._child.wait()
            self._child.check()

    async def _is_responding(self) -> bool:
        if self._child is not None:
            self._child.check()
        try:
            return bool(await self.state())
        except aiohttp.ClientError:
            return False

    async def _control(self, method: str, path: str, body: object = None) -> Any:
        if self._session is None:
            raise LiveError("the simulator is not running")
        async with self._session.request(method, f"/simulator/{path}", json=body) as response:
            if response.status >= 400:
                raise LiveError(f"the simulator rejected {path}: {(await response.text()).strip()}")
            return await response.json()

    async def state(self) -> dict[str, Any]:
        """Return the state of the tenant."""
        state: dict[str, Any] = await self._control("GET", "state")
        return state

    async def message_of(self, person: str) -> str | None:
        """Return a person's status message in the tenant."""
        presence = (await self.state())["people"][person]["presence"]
        message = presence.get("statusMessage")
        return None if message is None else str(message["message"]["content"])

    async def gesture(self, person: str, gesture: str, **arguments: object) -> None:
        """Perform a gesture in Teams: `join_call`, `present` or `close_teams`."""
        await self._control("POST", f"people/{person}/{gesture}", arguments)

    async def change_tenant(self, **policy: str) -> None:
        """Change tenant policies, such as `user_consent="blocked"`."""
        await self._control("POST", "tenant", policy)

    async def revoke(self, person: str) -> None:
        """Revoke a person's refresh tokens."""
        await self._control("POST", "revoke", {"person": person})

    async def expire_access_tokens(self) -> None:
        """Expire all access tokens issued so far."""
        await self._control("POST", "expire_access_tokens")

    async def add_fault(self, match: str, **options: object) -> None:
        """Add a fault; `simulator.faults` documents the options."""
        await self._control("POST", "faults", {"match": match, **options})

    async def clear_faults(self) -> None:
        """Remove all faults."""
        await self._control("DELETE", "faults")

    async def has_delayed_request(self) -> bool:
        """Return whether a fault is delaying a request."""
        return any(fault["hanging"] for fault in (await self.state())["faults"])

    async def requests(self) -> list[dict[str, Any]]:
        """Return the requests received so far."""
        requests: list[dict[str, Any]] = await self._control("GET", "requests")
        return requests

    async def enter_code(self, code: str, account: str, decision: str = "accept") -> None:
        """Enter a device code on Microsoft's page."""
        body = {"user_code": code, "account": account, "decision": decision}
        await self._control("POST", "device", body)

    @override
    def __repr__(self) -> str:
        return f"<Microsoft {self.url} {self.tls_url}>"
