"""States of identities as rows of the alerts database."""

import json

from porteye_core.alerts.states import State
from porteye_core.store.alerts import IdentityRow


def state_of(row: IdentityRow) -> State:
    """The state of a row."""
    openings = tuple(json.loads(row.openings))
    return State(
        row.verdict, row.opened, row.closed, row.due, row.finding_id, row.told, openings,
        bool(row.is_flapping),
    )  # fmt: skip


def row_of(host: str, key: str, state: State) -> IdentityRow:
    """The row of a state; host: of a fleet, empty for none."""
    return IdentityRow(
        key, state.verdict, state.opened, state.closed, state.due, state.finding_id, state.told,
        json.dumps(state.openings), int(state.is_flapping), host,
    )  # fmt: skip
