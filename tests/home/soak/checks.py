"""Checks that compare Home Assistant with the tenant."""

from dataclasses import dataclass, field
from datetime import datetime

from homeassistant.const import STATE_UNAVAILABLE
from homeassistant.core import HomeAssistant, State
from homeassistant.helpers import entity_registry as er, issue_registry as ir

from custom_components.ms_teams_presence.const import DOMAIN
from simulator.tenant import PUBLIC_CLIENT_ID

from .oracle import SHOWN_OF_A_COLLEAGUE, Shown, shown, snake
from .week import Week


@dataclass
class Checks:
    """Comparisons that raise AssertionError on a difference."""

    hass: HomeAssistant
    week: Week
    made: int = 0
    entities: int = 0
    """The number of entities."""
    states: int = 0
    """The number of compared states and attributes."""
    _differences: list[tuple[str, object, object]] = field(default_factory=list)

    def check(self) -> None:
        """Compare everything."""
        self._check_entities()
        self._check_session()
        self._check_issues()
        assert not self.hass.config_entries.flow.async_progress()
        assert not self._differences, (self.week.now, self._differences)
        self.made += 1

    def _compare(self, what: str, actual: object, expected: object) -> None:
        self.states += 1
        if actual != expected:
            self._differences.append((what, actual, expected))

    def _check_entities(self) -> None:
        """Compare all states."""
        week = self.week
        expected = {
            person.id: shown(person, week.simulator.tenant.vocabulary, own=person is week.robin)
            for person in week.people.values()
        }
        entities = er.async_entries_for_config_entry(er.async_get(self.hass), week.entry.entry_id)
        self.entities = len(entities)
        assert self.entities == SHOWN_OF_A_COLLEAGUE * len(week.people) + 2
        for entity in entities:
            about = entity.unique_id.removeprefix(f"{week.entry.unique_id}_")
            person_id, _, key = about.partition("_")
            found = self.hass.states.get(entity.entity_id)
            assert found is not None, entity.entity_id
            if key == "preferred_presence":
                self._check_preference(found)
            elif week.gone is not None and person_id == week.gone.id:
                self._compare(entity.entity_id, found.state, STATE_UNAVAILABLE)
            elif week.is_directory_current or week.back is None or person_id != week.back.id:
                self._check_state(found, key, expected[person_id])

    def _check_state(self, found: State, key: str, expected: Shown) -> None:
        """Compare a state and its attributes."""
        for name, value in expected.items():
            of, _, attribute = name.partition(".")
            if of == key:
                seen = found.attributes.get(attribute) if attribute else found.state
                if isinstance(seen, datetime):
                    seen = seen.replace(microsecond=0)
                self._compare(f"{found.entity_id} {attribute}", seen, value)

    def _check_preference(self, found: State) -> None:
        """Compare the preferred presence and its effect."""
        week = self.week
        if not week.is_preference_current:
            return
        wanted = week.wanted.preference
        self._compare(found.entity_id, found.state, wanted[0] if wanted else "automatic")
        if wanted and (week.is_hold_enabled or week.robin.client):
            self._compare("what Teams shows", snake(week.robin.state.availability), wanted[0])

    def _check_session(self) -> None:
        """Compare the app's presence session."""
        week = self.week
        sessions = {session.app_id: snake(state.activity) for session, state in week.robin.sessions}
        if week.wanted.session:
            self._compare("session", sessions, {PUBLIC_CLIENT_ID: week.wanted.session[0]})
        elif week.has_forgotten_session:
            pass
        elif not (week.is_hold_enabled and week.wanted.preference):
            self._compare("session", sessions, {})
        else:
            self._compare(
                "session", sessions or {PUBLIC_CLIENT_ID: "away"}, {PUBLIC_CLIENT_ID: "away"}
            )

    def _check_issues(self) -> None:
        """Compare the repairs."""
        week = self.week
        if not (week.is_preference_current and week.is_directory_current):
            return
        account = week.entry.entry_id
        subentries = {
            subentry.data["object_id"]: subentry.subentry_id
            for subentry in week.entry.subentries.values()
        }
        expected = set()
        wanted = week.wanted.preference
        if wanted and wanted[0] != "offline" and week.robin.state.availability == "Offline":
            expected.add(f"preference_not_shown_{account}_")
        if week.wanted.session and week.robin.state.availability == "Offline":
            expected.add(f"session_not_shown_{account}_")
        if week.gone:
            expected.add(f"person_gone_{account}_{subentries[week.gone.id]}")
        issues = {issue for domain, issue in ir.async_get(self.hass).issues if domain == DOMAIN}
        self._compare("repairs", issues, expected)
