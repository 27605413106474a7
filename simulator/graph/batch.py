"""Batches: several requests in one."""

from collections.abc import Callable
from datetime import datetime
from graphlib import CycleError, TopologicalSorter
import json
from typing import Final
from uuid import uuid4

from simulator.wire import Json

from .bodies import Property, parse_object
from .errors import GraphError, bad_request, error_body
from .messages import GraphRequest, GraphResponse, parse_body

BATCH_LIMIT: Final = 20


def respond_to_batch(
    batch: GraphRequest,
    version: str,
    now: datetime,
    respond: Callable[[GraphRequest], GraphResponse],
    root: str,
) -> GraphResponse:
    """Respond to a batch's requests, in reverse order."""
    requests = parse_object(parse_body(batch), {"requests": Property(_requests)})["requests"]
    assert isinstance(requests, list)  # noqa: S101
    statuses: dict[str, int] = {}
    responses: list[Json] = []
    for request in requests:
        if any(statuses[name] >= 400 for name in _dependencies(request)):
            response = _failed_dependency(now)
        else:
            response = respond(_unpack(batch, version, request, root))
        statuses[request["id"].lower()] = response.status
        reply: Json = {
            "id": request["id"],
            "status": response.status,
            "headers": response.all_headers,
        }
        if response.body is not None:
            reply["body"] = response.body
        responses.append(reply)
    return GraphResponse(body={"responses": responses[::-1]})


def _failed_dependency(now: datetime) -> GraphResponse:
    error = GraphError(424, "FailedDependency", "A request this one depends on has failed.")
    ids = dict.fromkeys(("request-id", "client-request-id"), str(uuid4()))
    return GraphResponse(424, error_body(error, now, ids), ids)


def _unpack(batch: GraphRequest, version: str, request: Json, root: str) -> GraphRequest:
    headers = {"Authorization": batch.header("Authorization")}
    extra = request.get("headers")
    if isinstance(extra, dict):
        headers |= {str(key): str(value) for key, value in extra.items()}
    body = json.dumps(request["body"]).encode() if "body" in request else b""
    # Microsoft's page has relative URLs, its library msgraph-core sends absolute ones.
    url = str(request["url"]).removeprefix(f"{root}/{version}")
    url = f"/{version}/{url.lstrip('/')}"
    return GraphRequest(str(request["method"]).upper(), url, headers, body)


def _requests(value: object) -> list[Json]:
    if not isinstance(value, list) or not 0 < len(value) <= BATCH_LIMIT:
        raise bad_request(f"A batch needs 1 to {BATCH_LIMIT} requests.")
    for item in value:
        if not isinstance(item, dict) or not all(
            isinstance(item.get(name), str) for name in ("id", "method", "url")
        ):
            raise bad_request("A request of a batch needs an id, a method and a url.")
        if "$batch" in item["url"]:
            raise bad_request("A batch can't contain a batch.")
        names = item.get("dependsOn", [])
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise bad_request("dependsOn must be a list of ids.")
        _check_headers(item)
    requests = {item["id"].lower(): item for item in value}
    if len(requests) < len(value):
        raise bad_request("The ids of a batch's requests must differ.")
    return [requests[name] for name in _ordered(requests)]


def _ordered(requests: dict[str, Json]) -> list[str]:
    """Order requests so that dependencies come first."""
    graph = {name: _dependencies(request) for name, request in requests.items()}
    if unknown := {name for names in graph.values() for name in names} - graph.keys():
        raise bad_request(f"dependsOn names requests that don't exist: {sorted(unknown)}.")
    try:
        return list(TopologicalSorter(graph).static_order())
    except CycleError as error:
        raise bad_request("Requests of a batch depend on each other.") from error


def _dependencies(request: Json) -> list[str]:
    """List the ids in `dependsOn`; their case does not count."""
    names = request.get("dependsOn", [])
    return [name.lower() for name in names] if isinstance(names, list) else []


def _check_headers(item: Json) -> None:
    """Require a Content-Type for a write; without it, the whole batch is rejected."""
    headers = item.get("headers")
    names = {name.lower() for name in headers} if isinstance(headers, dict) else set()
    writes = str(item["method"]).upper() in {"POST", "PATCH", "PUT"} or "body" in item
    if writes and "content-type" not in names:
        raise bad_request(
            f"Write request with id '{item['id']}' does not contain a Content-Type header."
        )
