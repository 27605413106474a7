"""Start Home Assistant with one more cloud to choose from: the simulator.

`python launcher.py --login URL --graph URL --portal URL --config DIRECTORY`; whatever is not an
address goes to Home Assistant. The integration has no hook for this: its table of clouds gets one
more row before anything reads it.

REQUESTS_CA_BUNDLE has to be set by whoever starts this process: the HTTP clients under MSAL and
Home Assistant read it when they are imported.
"""

import argparse
import importlib
import os
from pathlib import Path
import sys


def add_cloud(*, login: str, graph: str, portal: str) -> None:
    """Add the row `simulator` to the integration's table of clouds."""
    clouds = importlib.import_module("custom_components.ms_teams_presence.graph.clouds")
    clouds.CLOUDS["simulator"] = clouds.Cloud(
        key="simulator", login=login, graph=graph, portal=portal, has_work_location=True
    )


def main() -> int:
    """Add the cloud, then be Home Assistant; when it asks for a restart, be another one."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--login", required=True)
    parser.add_argument("--graph", required=True)
    parser.add_argument("--portal", required=True)
    parser.add_argument("--config", required=True, type=Path)
    options, rest = parser.parse_known_args()

    # The integration is imported the way Home Assistant will: from the configuration directory.
    # This script's own directory must not be in the way of that.
    sys.path[0] = str(options.config.resolve())
    add_cloud(login=options.login, graph=options.graph, portal=options.portal)

    from homeassistant.__main__ import main as home_assistant  # noqa: PLC0415
    from homeassistant.const import RESTART_EXIT_CODE  # noqa: PLC0415

    arguments = sys.argv[1:]
    sys.argv[1:] = ["--config", str(options.config), *rest]
    code = home_assistant()
    if code == RESTART_EXIT_CODE:
        # In place, so that whoever started this process still holds the right one.
        os.execv(sys.executable, [sys.executable, __file__, *arguments])  # noqa: S606
    return code


if __name__ == "__main__":
    sys.exit(main())
