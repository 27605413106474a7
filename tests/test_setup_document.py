"""The `az` blocks are valid and request the right permissions."""

from itertools import product
import json
import re
import shutil
import subprocess

import pytest

from custom_components.ms_teams_presence.entra.registration import (
    ACCESS_READ,
    ACCESS_READ_WRITE,
    AppRegistration,
)
from custom_components.ms_teams_presence.graph.clouds import CLOUDS
from tests.documents import DOCUMENTS, ROOT, blocks, rows

SETUP = ROOT / "docs/setup.md"
SHELL = [(document.name, block) for document in DOCUMENTS for block in blocks(document, "sh")]
# The application ID of Microsoft Graph.
GRAPH = "00000003-0000-0000-c000-000000000000"


def documented_ids() -> dict[str, str]:
    """Return the documented permissions by id and type."""
    delegated = {
        json.loads(line.strip("`"))["id"]: name for name, line in rows(SETUP, "Permission")
    }
    people = rows(ROOT / "docs/people.md", "Permission (application)")
    application = {identifier.strip("`"): name for name, identifier, _ in people}
    return {f"{key} Scope": name.strip("`") for key, name in delegated.items()} | {
        f"{key} Role": name.strip("`") for key, name in application.items()
    }


def requested(is_application: bool) -> list[set[str]]:  # noqa: FBT001
    """Return every set of permissions that the integration may request."""
    return [
        set(
            AppRegistration(
                cloud=CLOUDS["global"],
                tenant="contoso.example",
                client_id="",
                client_secret=None,
                certificate=None,
                access=access,
                include_colleagues=colleagues,
                is_app_only=is_application,
            ).permissions
        )
        for access, colleagues in product((ACCESS_READ, ACCESS_READ_WRITE), (False, True))
    ]


@pytest.mark.parametrize(("document", "block"), SHELL, ids=[name for name, _ in SHELL])
def test_a_shell_can_read_it(document: str, block: str) -> None:
    bash = shutil.which("bash")
    assert bash is not None
    command = (bash, "-n")
    read = subprocess.run(command, input=block, capture_output=True, text=True, check=False)  # noqa: S603

    assert (document, read.returncode, read.stderr) == (document, 0, "")


def test_each_registration_has_the_requested_permissions() -> None:
    found = re.findall(
        r"--required-resource-accesses '(\[.*?\])' *\\",
        "".join(block for _, block in SHELL),
        re.DOTALL,
    )
    names = documented_ids()
    assert len(found) == 4
    for text in found:
        (resource,) = json.loads(text)
        assert resource["resourceAppId"] == GRAPH
        kinds = {access["type"] for access in resource["resourceAccess"]}
        wanted = {
            names[f"{access['id']} {access['type']}"] for access in resource["resourceAccess"]
        }
        assert wanted in requested(is_application=kinds == {"Role"})


def test_the_table_has_every_permission_and_no_other() -> None:
    table = {
        name for row in rows(SETUP, "You want to") for name in re.findall(r"`([^`]+)`", row[1])
    }

    assert table == set[str]().union(
        *requested(is_application=False), *requested(is_application=True)
    )
