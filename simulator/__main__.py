"""Run the simulator: `python -m simulator --help`."""

import argparse
import asyncio
import contextlib
from pathlib import Path
import signal
import sys
from tempfile import TemporaryDirectory
from typing import get_args

from .clouds import CloudName
from .server import Simulator
from .tenant import CONFIDENTIAL_CLIENT_ID, DAEMON_CLIENT_ID, PUBLIC_CLIENT_ID, daemon_certificate
from .tls import Certificate


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(prog="python -m simulator", description=__doc__)
    parser.add_argument("--port", type=int, default=8455, help="pages and control API (http)")
    parser.add_argument("--tls-port", type=int, default=8456, help="sign-in and Graph (https)")
    parser.add_argument(
        "--certificate-dir",
        type=Path,
        help="where bundle.pem (for REQUESTS_CA_BUNDLE) and daemon.pem are written; a temporary directory by default",
    )
    parser.add_argument("--cloud", choices=get_args(CloudName.__value__), default="global")
    parser.add_argument("--vocabulary", choices=("classic", "modern"), default="classic")
    parser.add_argument(
        "--redirect-uri",
        action="append",
        default=[],
        help="another redirect URI of the apps; may be repeated",
    )
    return parser.parse_args(arguments)


async def run(options: argparse.Namespace, directory: Path) -> None:
    """Serve until SIGINT or SIGTERM."""
    certificate = Certificate.create(directory)
    daemon = directory / "daemon.pem"
    daemon.touch(mode=0o600)
    daemon.write_text(daemon_certificate().pem)
    simulator = Simulator(
        certificate,
        port=options.port,
        tls_port=options.tls_port,
        cloud=options.cloud,
        vocabulary=options.vocabulary,
    )
    registrations = simulator.tenant.apps
    registrations[PUBLIC_CLIENT_ID].redirect_uris["public"] += options.redirect_uri
    registrations[CONFIDENTIAL_CLIENT_ID].redirect_uris["web"] += options.redirect_uri
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with simulator:
        lines = {
            "Page": simulator.url,
            "Sign-in and Graph": simulator.tls_url,
            "Bundle": certificate.bundle,
            "Tenant": simulator.tenant.id,
            "Public client": PUBLIC_CLIENT_ID,
            "Confidential client": CONFIDENTIAL_CLIENT_ID,
            "Daemon": DAEMON_CLIENT_ID,
            "Daemon's certificate": daemon,
        }
        sys.stdout.write("".join(f"{name}: {value}\n" for name, value in lines.items()))
        sys.stdout.flush()
        await stop.wait()


def main() -> None:
    """Run with the command line's options."""
    options = parse()
    with contextlib.ExitStack() as stack:
        directory = options.certificate_dir
        if directory is None:
            directory = Path(stack.enter_context(TemporaryDirectory()))
        directory.mkdir(parents=True, exist_ok=True)
        asyncio.run(run(options, directory))


if __name__ == "__main__":
    main()
