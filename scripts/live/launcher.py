"""Start Home Assistant with the simulator as a cloud.

`python launcher.py --login URL --graph URL --portal URL --config DIRECTORY`

Other arguments are passed to Home Assistant. Set REQUESTS_CA_BUNDLE before the start.
"""

import argparse
import importlib
import os
from pathlib import Path
import sys


def add_cloud(*, login: str, graph: str, portal: str) -> None:
    """Add `simulator` to the integration's cloud table."""
    clouds = importlib.import_module("custom_components.ms_teams_presence.graph.clouds")
    clouds.CLOUDS["simulator"] = clouds.Cloud(
        key="simulator",
        login=login,
        graph=graph,
        portal=portal,
        teams=portal,
        has_work_location=True,
    )


def main() -> int:
    """Add the cloud, run Home Assistant, restart on request."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--login", required=True)
    parser.add_argument("--graph", required=True)
    parser.add_argument("--portal", required=True)
    parser.add_argument("--config", required=True, type=Path)
    options, rest = parser.parse_known_args()

    # Import the integration as Home Assistant will, from the configuration directory, not from
    # this script's directory.
    sys.path[0] = str(options.config.resolve())
    add_cloud(login=options.login, graph=options.graph, portal=options.portal)

    from homeassistant.__main__ import main as home_assistant  # noqa: PLC0415
    from homeassistant.const import RESTART_EXIT_CODE  # noqa: PLC0415

    arguments = sys.argv[1:]
    sys.argv[1:] = ["--config", str(options.config), *rest]
    code = home_assistant()
    if code == RESTART_EXIT_CODE:
        # Replace this process, so that the parent still has the right one.
        os.execv(sys.executable, [sys.executable, __file__, *arguments])  # noqa: S606
    return code


if __name__ == "__main__":
    sys.exit(main())
