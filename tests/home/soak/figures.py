"""What a soak has lived through and found, for people to read."""

from .checks import Checks
from .traces import Memory
from .week import Week

_KIBI = 1024


def markdown(week: Week, checks: Checks, laps: list[Memory], days: float) -> str:
    """Return the figures of a soak that found nothing wrong."""
    lived = week.figures
    first, last = laps[0], laps[-1]
    what = {
        "Simulated days": f"{days:g}",
        "People": len(week.people),
        "Entities": checks.entities,
        "Gestures in Teams, by Microsoft's rules": lived.gestures,
        "Writes from the home": lived.writes,
        "Writes refused, each while Microsoft failed": lived.refused_writes,
        "Preferences changed in Teams, and noticed": lived.changed_in_teams,
        "Reads of presence": lived.polls,
        "Requests": lived.requests,
        "Faults, one at a time": lived.faults,
        "Requests that met a fault": lived.faulty_answers,
        "Tokens that Graph refused": lived.expired_tokens,
        "New sign-ins that Microsoft wanted": lived.sign_ins,
        "Reloads": lived.reloads,
        "Restarts": lived.restarts,
        "Changes of options": lived.options,
        "People who left the directory": lived.left_the_directory,
        "People removed and added": lived.removed_and_added,
        "Checks": checks.made,
        "States and attributes compared": checks.states,
    }
    tables = [["| What happened | |", "|---|---:|"]]
    tables[0] += [f"| {name} | {_number(value)} |" for name, value in what.items()]
    memory = {
        "Blocks of memory that Python holds": (first.blocks, last.blocks),
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
