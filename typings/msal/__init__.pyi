"""The part of MSAL that the integration uses; the package ships no types of its own."""

from collections.abc import Callable, Mapping
from typing import Protocol

type Result = dict[str, object]
type Credential = str | dict[str, str]

class HttpResponse(Protocol):
    @property
    def status_code(self) -> int: ...
    @property
    def text(self) -> str: ...
    @property
    def headers(self) -> Mapping[str, str]: ...

class HttpClient(Protocol):
    def get(
        self,
        url: str,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> HttpResponse: ...
    def post(
        self,
        url: str,
        params: Mapping[str, str] | None = None,
        data: Mapping[str, str | bytes] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> HttpResponse: ...
    def close(self) -> None: ...

class Authority:
    tenant: str
    token_endpoint: str

class ClientApplication:
    authority: Authority
    def __init__(
        self,
        client_id: str,
        client_credential: Credential | None = None,
        authority: str | None = None,
        *,
        http_client: HttpClient | None = None,
        instance_discovery: bool | None = None,
    ) -> None: ...
    def initiate_auth_code_flow(
        self,
        scopes: list[str],
        redirect_uri: str | None = None,
        state: str | None = None,
        prompt: str | None = None,
    ) -> Result: ...
    def acquire_token_by_auth_code_flow(
        self, auth_code_flow: Result, auth_response: Mapping[str, str]
    ) -> Result: ...
    def acquire_token_by_refresh_token(
        self, refresh_token: str, scopes: list[str], *, data: dict[str, str] = ...
    ) -> Result: ...

class PublicClientApplication(ClientApplication):
    def initiate_device_flow(self, scopes: list[str] | None = None) -> Result: ...
    def acquire_token_by_device_flow(
        self, flow: Result, *, exit_condition: Callable[[Result], bool]
    ) -> Result: ...

class ConfidentialClientApplication(ClientApplication):
    def acquire_token_for_client(
        self, scopes: list[str], claims_challenge: str | None = None
    ) -> Result: ...
