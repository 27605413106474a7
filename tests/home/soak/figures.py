"""Report of a soak test."""

from .checks import Checks
from .traces import Memory
from .week import Week

_KIBI = 1024


def markdown(week: Week, checks: Checks, laps: list[Memory], days: float) -> str:
    """Return the figures as Markdown tables."""
    figures = week.figures
    first, last = laps[0], laps[-1]
    events = {
        "Simulated days": f"{days:g}",
        "People": len(week.people),
        "Entities": checks.entities,
        "Gestures in Teams, by Microsoft's rules": figures.gestures,
        "Writes from Home Assistant": figures.writes,
        "Failed writes, each during a fault": figures.failed_writes,
        "Preferences overridden in Teams, and noticed": figures.overridden_in_teams,
        "Reads of presence": figures.polls,
        "Requests": figures.requests,
        "Faults, one at a time": figures.faults,
        "Requests affected by a fault": figures.faulty_responses,
        "Tokens that Graph rejected": figures.expired_tokens,
        "New sign-ins that Microsoft required": figures.sign_ins,
        "Reloads": figures.reloads,
        "Restarts": figures.restarts,
        "Stores damaged before a restart": figures.damaged_stores,
        "Writes canceled halfway": figures.canceled_writes,
        "Changes of Microsoft's clock": figures.clock_changes,
        "Changes of options": figures.options,
        "People who left the directory": figures.left_the_directory,
        "People removed and added": figures.removed_and_added,
        "Checks": checks.made,
        "States and attributes compared": checks.states,
    }
    tables = [["| What happened | |", "|---|---:|"]]
    tables[0] += [f"| {name} | {_number(value)} |" for name, value in events.items()]
    memory = {
        "Memory blocks allocated by Python": (first.blocks, last.blocks),
        "Objects of the integration": (first.objects.total(), last.objects.total()),
    }
    if first.kibibytes and last.kibibytes:
        memory["Memory of the process, MiB"] = first.kibibytes // _KIBI, last.kibibytes // _KIBI
    tables.append([f"| Memory | After 1/{len(laps)} of it | At the end |", "|---|---:|---:|"])
    tables[1] += [
        f"| {name} | {_number(before)} | {_number(after)} |"
        for name, (before, after) in memory.items()
    ]
    return "\n\n".join("\n".join(table) for table in tables) + "\n"


def _number(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) else str(value)
