"""The `az` blocks are valid and request the right permissions."""

from itertools import product
import json
from pathlib import Path
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
from tests.documents import DOCUMENTS, ROOT, blocks, links, rows

SETUP = ROOT / "docs/setup.md"
SHELL = [(document.name, block) for document in DOCUMENTS for block in blocks(document, "sh")]
# The application ID of Microsoft Graph.
GRAPH = "00000003-0000-0000-c000-000000000000"


def documented_ids() -> dict[str, str]:
    """Return the documented permissions by id and type."""
    people = rows(ROOT / "docs/people.md", "Permission (application)")
    return {f"{key.strip('`')} Role": name.strip("`") for name, key, _ in people}


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
    assert len(found) == 1
    for text in found:
        (resource,) = json.loads(text)
        assert resource["resourceAppId"] == GRAPH
        kinds = {access["type"] for access in resource["resourceAccess"]}
        wanted = {
            names[f"{access['id']} {access['type']}"] for access in resource["resourceAccess"]
        }
        assert wanted in requested(is_application=kinds == {"Role"})


def test_the_line_for_a_person_is_the_same_everywhere_and_in_every_shell() -> None:
    lines = [
        line
        for _, block in SHELL
        for line in block.splitlines()
        if "public-client-redirect-uris" in line
    ]
    assert len(lines) == 2
    assert len(set(lines)) == 1
    # PowerShell and cmd know neither, and double quotes in double quotes get lost.
    assert not set("'\\$`") & set(lines[0])
    assert "https://my.home-assistant.io/redirect/oauth" in lines[0]


@pytest.mark.parametrize("document", [SETUP, ROOT / "README.md"], ids=["setup", "readme"])
def test_the_documents_link_to_microsofts_form(document: Path) -> None:
    found = {link for link in links(document) if "CreateApplicationBlade" in link}
    clouds = CLOUDS.values() if document == SETUP else [CLOUDS["global"]]

    assert found == {cloud.register_url for cloud in clouds}


def test_the_text_for_it_has_the_link_of_the_form() -> None:
    registration = AppRegistration(
        cloud=CLOUDS["global"],
        tenant="contoso.example",
        client_id="id",
        access=ACCESS_READ_WRITE,
    )
    url = registration.admin_consent_url("https://my.home-assistant.io/redirect/oauth")

    text = SETUP.read_text().replace("<tenant>", registration.tenant)
    assert f"`{url}`" in text.replace("<application id>", registration.client_id)


def test_the_table_has_every_permission_and_no_other() -> None:
    table = {
        name for row in rows(SETUP, "You want to") for name in re.findall(r"`([^`]+)`", row[1])
    }

    assert table == set[str]().union(
        *requested(is_application=False), *requested(is_application=True)
    )
