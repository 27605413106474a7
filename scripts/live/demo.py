"""The demo: a home with a lamp, a simulated Microsoft tenant, and somebody who is signed in.

Run by `scripts/demo`, which makes the environment that this needs; see `__main__`.
"""

import asyncio
from collections.abc import AsyncIterator, Coroutine
import contextlib
from dataclasses import dataclass
import fcntl
import os
from pathlib import Path
import shutil
import signal
from string import Template
import sys
import tempfile
from typing import Final

from simulator.tenant import DOMAIN as TENANT_DOMAIN, PUBLIC_CLIENT_ID

from .home import DOMAIN, USERNAME, Home, State
from .microsoft import Microsoft
from .options import parse
from .processes import ROOT, LiveError, free_port, is_free, until

STATE: Final = ROOT / ".demo"
FURNITURE: Final = Path(__file__).with_name("demo_home")
BLUEPRINTS: Final = ROOT / "blueprints"
DASHBOARD: Final = "teams-presence"

USUAL_PORTS: Final = (8123, 8455, 8456)
"""Of Home Assistant, and of the simulator without and with TLS."""

ROBIN: Final = "robin"
LAMP: Final = "light.desk_lamp"
AVAILABILITY: Final = "sensor.robin_example_availability"
STATUS_MESSAGE: Final = "sensor.robin_example_status_message"
SIGN_IN_SECONDS: Final = 60


def say(text: str) -> None:
    """Tell what is going on, at once even where output goes to a file."""
    print(text, flush=True)


@dataclass(frozen=True)
class Demo:
    """Both processes, running."""

    home: Home
    microsoft: Microsoft


def furnish(directory: Path, simulator_url: str) -> None:
    """Put the demo home's configuration and the project's blueprints into a directory.

    A file that was changed there, as the automation editor does, stays as it is.
    """
    for source in FURNITURE.rglob("*.yaml"):
        name = source.relative_to(FURNITURE)
        file, as_furnished = directory / name, directory / ".furniture" / name
        if file.exists() and as_furnished.exists() and file.read_text() != as_furnished.read_text():
            say(f"Keeping the changes in {name}")
            continue
        text = Template(source.read_text()).substitute(simulator=f"{simulator_url}/")
        for copy in (file, as_furnished):
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_text(text)
    shutil.copytree(BLUEPRINTS, directory / "blueprints", dirs_exist_ok=True)


def usual_ports() -> tuple[int, ...]:
    """Return the usual ports, others where something else listens there."""
    ports = {port: port if is_free(port) else free_port() for port in USUAL_PORTS}
    if other := [f"{new} instead of {old}" for old, new in ports.items() if new != old]:
        say(f"Something else listens on the usual ports: taking {', '.join(other)}")
    return tuple(ports.values())


def free_ports() -> tuple[int, ...]:
    """Return ports for a home that nobody looks at."""
    return tuple(free_port() for _ in USUAL_PORTS)


@contextlib.asynccontextmanager
async def running(state: Path, ports: tuple[int, ...]) -> AsyncIterator[Demo]:
    """Run the demo's processes, with everything they keep in one directory."""
    home_port, port, tls_port = ports
    directory = state / "home"
    directory.mkdir(parents=True, exist_ok=True)
    say("Starting the simulated Microsoft tenant")
    async with Microsoft(state, port=port, tls_port=tls_port) as microsoft:
        furnish(directory, microsoft.url)
        home = Home(
            directory,
            port=home_port,
            environment=microsoft.environment,
            clouds=microsoft.cloud,
        )
        home.install()
        say("Starting Home Assistant")
        async with home:
            value = {"default_panel": DASHBOARD}
            await home.command("frontend/set_system_data", key="core", value=value)
            yield Demo(home, microsoft)


async def sign_in(demo: Demo, account: str) -> None:
    """Add an account through the config flow, playing the second device of a sign-in by code."""
    home = demo.home
    step = await home.start_flow()
    step = await home.continue_flow(step, next_step_id="device_code")
    step = await home.continue_flow(
        step,
        cloud="simulator",
        tenant=TENANT_DOMAIN,
        client_id=PUBLIC_CLIENT_ID,
        access="read_write",
    )
    placeholders = step.get("description_placeholders") or {}
    if "code" not in placeholders:
        raise LiveError(f"the sign-in shows no code: {step.get('errors') or step}")
    await demo.microsoft.enter_code(placeholders["code"], account)

    async def look() -> bool:
        now = await home.look_at_flow(step)
        if now is not None and now["type"] not in {"progress", "create_entry"}:
            raise LiveError(f"the sign-in failed: {now.get('errors') or now}")
        return any(entry["state"] == "loaded" for entry in await home.entries())

    await until(f"The account of {account} did not appear", look, seconds=SIGN_IN_SECONDS)


async def show(state: Path) -> None:
    """Run the demo until it is stopped."""
    async with running(state, usual_ports()) as demo:
        # The tenant of the last time is gone, and with it every sign-in.
        for entry in await demo.home.entries():
            await demo.home.remove(entry)
        (state / "lock").write_text(demo.home.url)
        say("Signing in as Robin Example")
        await sign_in(demo, ROBIN)
        say(await introduction(demo))
        ended = {
            asyncio.create_task(demo.home.wait()),
            asyncio.create_task(demo.microsoft.wait()),
        }
        if has_keyboard():
            ended.add(asyncio.create_task(restart_on_enter(demo.home)))
        try:
            done, _ = await asyncio.wait(ended, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in ended:
                task.cancel()


def has_keyboard() -> bool:
    """Tell whether somebody at a terminal can press keys that reach us."""
    return sys.stdin.isatty() and os.tcgetpgrp(sys.stdin.fileno()) == os.getpgrp()


async def restart_on_enter(home: Home) -> None:
    """Restart Home Assistant whenever Enter is pressed, so that it runs the code as it is now."""
    loop = asyncio.get_running_loop()
    pressed = asyncio.Event()

    def read() -> None:
        if sys.stdin.readline():
            pressed.set()
        else:
            loop.remove_reader(sys.stdin)

    loop.add_reader(sys.stdin, read)
    try:
        while True:
            await pressed.wait()
            say("Restarting Home Assistant")
            await home.restart()
            pressed.clear()
            say("Home Assistant runs the code as it is now")
    finally:
        loop.remove_reader(sys.stdin)


async def introduction(demo: Demo) -> str:
    """Return the addresses and what to click there."""
    keys = "Press Enter to run changed code, " if has_keyboard() else "Press "
    return f"""
  Home Assistant     {await demo.home.sign_in_link()}
  Simulated Teams    {demo.microsoft.url}   (also in Home Assistant's sidebar)

  The first link signs you in once, within ten minutes; later it is "Unable to connect".
  Then open {demo.home.url}: user name {USERNAME}, password {demo.home.password}

  Open Home Assistant. Robin Example is signed in and available: the desk lamp is green.
  Click "Join a call" for Robin: within seconds the lamp turns red. Type a status message
  in Home Assistant, and Teams shows it.

  To sign in by hand, as Alex Example:
    Settings > Devices & services > Add integration > Microsoft Teams Presence
      Cloud      simulator
      Tenant     {TENANT_DOMAIN}
      Client ID  {PUBLIC_CLIENT_ID}

  {keys}Ctrl-C to stop.
"""


def is_red(lamp: State) -> bool:
    """Tell whether a lamp shines red."""
    return lamp["state"] == "on" and lamp["attributes"]["rgb_color"] == [255, 0, 0]


async def check(state: Path) -> None:
    """Run the demo without anybody and raise LiveError where it does not work."""
    async with running(state, free_ports()) as demo:
        try:
            await walk_through(demo)
        except LiveError as err:
            # The log often knows why.
            said = [complaint.splitlines()[0] for complaint in demo.home.complaints()]
            raise LiveError("\n".join([str(err), *said])) from err
        if complaints := demo.home.complaints():
            raise LiveError("Home Assistant's log complains:\n" + "\n".join(complaints))
        say("Home Assistant's log has no complaint about the integration")


async def walk_through(demo: Demo) -> None:
    """Sign in, see the lamp follow, and see a message arrive."""
    home, microsoft = demo.home, demo.microsoft
    await sign_in(demo, ROBIN)
    say("Signed in as Robin Example; the entities are")
    await home.wait_for(AVAILABILITY, "become known", lambda at: at["state"] == "available")
    for entity in await home.states():
        say(f"  {entity['entity_id']:<50} {entity['state']}")

    await microsoft.gesture(ROBIN, "join_call")
    await home.wait_for(LAMP, "turn red", is_red)
    say("Robin joined a call, and the lamp turned red")

    message = "Back at three"
    await home.act(f"{DOMAIN}.set_status_message", entity_id=AVAILABILITY, message=message)

    async def arrived() -> bool:
        return await microsoft.message_of(ROBIN) == message

    await until("The status message did not reach Microsoft", arrived, seconds=10)
    await home.wait_for(STATUS_MESSAGE, "show it", lambda at: at["state"] == message)
    say(f'The status message "{message}" reached Microsoft')


def run_check() -> int:
    """Check in a directory of its own, which is kept for a look where something failed."""
    state = Path(tempfile.mkdtemp(prefix="teams-presence-demo-"))
    try:
        code = until_stopped(check(state))
    except LiveError as err:
        say(f"Failed: {err}\nThe logs are in {state}")
        return 1
    shutil.rmtree(state)
    return code


def run_show(*, fresh: bool) -> int:
    """Show the demo with what the last one left, or with nothing."""
    STATE.mkdir(exist_ok=True)
    with (STATE / "lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            address = lock.read()
            say(f"Failed: a demo {f'runs at {address}' if address else 'is starting'} already")
            return 1
        lock.truncate(0)
        if fresh:
            shutil.rmtree(STATE / "home", ignore_errors=True)
        try:
            until_stopped(show(STATE))
        except LiveError as err:
            say(f"Failed: {err}")
            return 1
    # Stopped by hand, which is how a demo ends.
    return 0


def until_stopped(work: Coroutine[None, None, None]) -> int:
    """Run to the end, or until a signal; either way everything is stopped properly."""

    async def run() -> int:
        task = asyncio.ensure_future(work)

        def stop() -> None:
            # Only once: a second Ctrl-C must not interrupt the stopping.
            for number in signals:
                loop.add_signal_handler(number, lambda: None)
            say("Stopping")
            task.cancel()

        loop = asyncio.get_running_loop()
        # Also where a shell started this in the background and left SIGINT ignored.
        signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        for number in signals:
            loop.add_signal_handler(number, stop)
        try:
            await task
        except asyncio.CancelledError:
            return 130
        return 0

    return asyncio.run(run())


def main() -> int:
    """Read the command line."""
    options = parse()
    return run_check() if options.check else run_show(fresh=options.fresh)
