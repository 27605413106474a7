"""The demo: home, simulated tenant and signed-in person.

`scripts/demo` creates the environment and runs it; see `__main__`.
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
TEMPLATES: Final = Path(__file__).with_name("demo_home")
BLUEPRINTS: Final = ROOT / "blueprints"
DASHBOARD: Final = "teams-presence"

DEFAULT_PORTS: Final = (8123, 8455, 8456)
"""Home Assistant, the simulator, and the simulator with TLS."""

ROBIN: Final = "robin"
LAMP: Final = "light.desk_lamp"
AVAILABILITY: Final = "sensor.robin_example_availability"
QUIET_KNOCK: Final = "automation.quiet_knock_at_{}_example_s_door"
SIGN: Final = "input_text.door_sign"
OTHER_SIGN: Final = "input_text.other_door_sign"
QUESTION: Final = "input_text.door_question"
TYPED: Final = "input_text.door_answer"
STATUS_MESSAGE: Final = "sensor.robin_example_status_message"
SIGN_IN_SECONDS: Final = 60


def report(text: str) -> None:
    """Print a message without buffering."""
    print(text, flush=True)


@dataclass(frozen=True)
class Demo:
    """Both processes, running."""

    home: Home
    microsoft: Microsoft


def write_configuration(directory: Path, simulator_url: str) -> None:
    """Write the demo's configuration and blueprints into a directory.

    Files that were edited there, such as automations, are kept.
    """
    for source in TEMPLATES.rglob("*.yaml"):
        name = source.relative_to(TEMPLATES)
        file, original = directory / name, directory / ".furniture" / name
        if file.exists() and original.exists() and file.read_text() != original.read_text():
            report(f"Keeping changes in {name}")
            continue
        text = Template(source.read_text()).substitute(simulator=f"{simulator_url}/")
        for copy in (file, original):
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_text(text)
    shutil.copytree(BLUEPRINTS, directory / "blueprints", dirs_exist_ok=True)


def default_ports() -> tuple[int, ...]:
    """Return the default ports, with replacements for used ones."""
    ports = {port: port if is_free(port) else free_port() for port in DEFAULT_PORTS}
    if other := [f"{new} instead of {old}" for old, new in ports.items() if new != old]:
        report(f"Default ports are in use: using {', '.join(other)}")
    return tuple(ports.values())


def free_ports() -> tuple[int, ...]:
    """Return free ports."""
    return tuple(free_port() for _ in DEFAULT_PORTS)


@contextlib.asynccontextmanager
async def running(state: Path, ports: tuple[int, ...]) -> AsyncIterator[Demo]:
    """Run the demo's processes in one directory."""
    home_port, port, tls_port = ports
    directory = state / "home"
    directory.mkdir(parents=True, exist_ok=True)
    report("Starting the simulated Microsoft tenant")
    async with Microsoft(state, port=port, tls_port=tls_port) as microsoft:
        write_configuration(directory, microsoft.url)
        home = Home(
            directory,
            port=home_port,
            environment=microsoft.environment,
            clouds=microsoft.cloud,
        )
        home.install()
        report("Starting Home Assistant")
        async with home:
            value = {"default_panel": DASHBOARD}
            await home.command("frontend/set_system_data", key="core", value=value)
            yield Demo(home, microsoft)


async def sign_in(demo: Demo, account: str) -> None:
    """Add an account with a device code."""
    home = demo.home
    step = await home.start_flow()
    step = await home.continue_flow(step, next_step_id="device_code")
    step = await home.continue_flow(
        step,
        advanced={"cloud": "simulator"},
        tenant=TENANT_DOMAIN,
        client_id=PUBLIC_CLIENT_ID,
        access="read_write",
    )
    placeholders = step.get("description_placeholders") or {}
    if "code" not in placeholders:
        raise LiveError(f"the sign-in did not return a code: {step.get('errors') or step}")
    await demo.microsoft.enter_code(placeholders["code"], account)

    async def is_set_up() -> bool:
        now = await home.get_flow(step)
        if now is not None and now["type"] not in {"progress", "create_entry"}:
            raise LiveError(f"the sign-in failed: {now.get('errors') or now}")
        return any(entry["state"] == "loaded" for entry in await home.entries())

    await until(f"The account of {account} was not set up", is_set_up, seconds=SIGN_IN_SECONDS)


async def show(state: Path) -> None:
    """Run the demo until it is stopped."""
    async with running(state, default_ports()) as demo:
        # The previous tenant no longer exists, so its sign-ins are invalid.
        for entry in await demo.home.entries():
            await demo.home.remove(entry)
        (state / "lock").write_text(demo.home.url)
        report("Signing in as Robin Example")
        await sign_in(demo, ROBIN)
        report(await instructions(demo))
        ended = {
            asyncio.create_task(demo.home.wait()),
            asyncio.create_task(demo.microsoft.wait()),
        }
        if is_interactive():
            ended.add(asyncio.create_task(restart_on_enter(demo.home)))
        try:
            done, _ = await asyncio.wait(ended, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in ended:
                task.cancel()


def is_interactive() -> bool:
    """Return whether standard input is a foreground terminal."""
    return sys.stdin.isatty() and os.tcgetpgrp(sys.stdin.fileno()) == os.getpgrp()


async def restart_on_enter(home: Home) -> None:
    """Restart Home Assistant with changed code on Enter."""
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
            report("Restarting Home Assistant")
            await home.restart()
            pressed.clear()
            report("Home Assistant is running the changed code")
    finally:
        loop.remove_reader(sys.stdin)


async def instructions(demo: Demo) -> str:
    """Return the addresses and instructions."""
    keys = "Press Enter to run changed code, " if is_interactive() else "Press "
    return f"""
  Home Assistant     {await demo.home.sign_in_link()}
  Simulated Teams    {demo.microsoft.url}   (also in Home Assistant's sidebar)

  The first link signs you in once, within ten minutes; after that it shows "Unable to connect".
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
    """Return whether a lamp is red."""
    return lamp["state"] == "on" and lamp["attributes"]["rgb_color"] == [255, 0, 0]


async def check(state: Path) -> None:
    """Run the demo unattended; raise LiveError on a failure."""
    async with running(state, free_ports()) as demo:
        try:
            await check_features(demo)
        except LiveError as err:
            # The log often contains the cause.
            lines = [complaint.splitlines()[0] for complaint in demo.home.complaints()]
            raise LiveError("\n".join([str(err), *lines])) from err
        if complaints := demo.home.complaints():
            raise LiveError(
                "Unexpected messages in Home Assistant's log:\n" + "\n".join(complaints)
            )
        report("Home Assistant's log has no warnings about the integration")


async def check_features(demo: Demo) -> None:
    """Check sign-in, lamp and status message."""
    home, microsoft = demo.home, demo.microsoft
    await sign_in(demo, ROBIN)
    report("Signed in as Robin Example. Entities:")
    await home.wait_for(AVAILABILITY, "become available", lambda at: at["state"] == "available")
    for entity in await home.states():
        report(f"  {entity['entity_id']:<50} {entity['state']}")

    await microsoft.gesture(ROBIN, "join_call")
    await home.wait_for(LAMP, "turn red", is_red)
    report("Robin joined a call, and the lamp turned red")

    message = "Back at three"
    await home.act(f"{DOMAIN}.set_status_message", entity_id=AVAILABILITY, message=message)

    async def arrived() -> bool:
        return await microsoft.message_of(ROBIN) == message

    await until("The status message did not reach Microsoft", arrived, seconds=10)
    await home.wait_for(STATUS_MESSAGE, "show it", lambda at: at["state"] == message)
    report(f'The status message "{message}" reached Microsoft')

    await check_knock(demo)


async def check_knock(demo: Demo) -> None:
    """Respond to knocks at two doors during a call, and end the call."""
    home = demo.home
    for person in (ROBIN, "alex"):
        await home.act("automation.turn_on", entity_id=QUIET_KNOCK.format(person))
    await knock(home, "door", "five_minutes", "Five minutes")
    await knock(home, "other_door", "after_call", "After the call")
    typed = "The key is under the mat"
    await home.act("input_text.set_value", entity_id=TYPED, value=typed)
    await knock(home, "door", "reply", typed)
    await demo.microsoft.gesture(ROBIN, "leave_call")
    await home.wait_for(SIGN, "show come in", lambda at: at["state"] == "Come in")
    await home.wait_for(OTHER_SIGN, "stay", lambda at: at["state"] == "After the call")
    report("The signs at two doors showed the responses, and after the call one showed come in")


async def knock(home: Home, door: str, answer: str, shown: str) -> None:
    """Knock and respond; wait until the sign shows the response."""
    before = await home.wait_for(QUESTION, "exist", lambda _: True)
    await home.act("input_button.press", entity_id=f"input_button.{door}")
    await home.wait_for(QUESTION, "change", lambda at: at["state"] != before["state"])
    await home.act("script.answer", answer=answer)
    sign = f"input_text.{door}_sign"
    await home.wait_for(sign, f'show "{shown}"', lambda at: at["state"] == shown)


def run_check() -> int:
    """Check in a temporary directory; keep it on failure."""
    state = Path(tempfile.mkdtemp(prefix="teams-presence-demo-"))
    try:
        code = run_until_signaled(check(state))
    except LiveError as err:
        report(f"Failed: {err}\nThe logs are in {state}")
        return 1
    shutil.rmtree(state)
    return code


def run_show(*, fresh: bool) -> int:
    """Run the demo, with the last configuration by default."""
    STATE.mkdir(exist_ok=True)
    with (STATE / "lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            address = lock.read()
            report(
                f"Failed: a demo {f'is already running at {address}' if address else 'is starting'}"
            )
            return 1
        lock.truncate(0)
        if fresh:
            shutil.rmtree(STATE / "home", ignore_errors=True)
        try:
            run_until_signaled(show(STATE))
        except LiveError as err:
            report(f"Failed: {err}")
            return 1
    # The user stopped it.
    return 0


def run_until_signaled(work: Coroutine[None, None, None]) -> int:
    """Run until finished or signaled, then shut down cleanly."""

    async def run() -> int:
        task = asyncio.ensure_future(work)

        def stop() -> None:
            # A second Ctrl-C must not interrupt the shutdown.
            for number in signals:
                loop.add_signal_handler(number, lambda: None)
            report("Stopping")
            task.cancel()

        loop = asyncio.get_running_loop()
        # Explicitly, because shells ignore SIGINT for background jobs.
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
    """Run the command line."""
    options = parse()
    return run_check() if options.check else run_show(fresh=options.fresh)
