"""What viewers did is kept with who, when and what became of it."""

from pathlib import Path

from porteye_core.store.alerts import (
    TakenAction,
    actions_of,
    add_action,
    complete_action,
    newest_actions,
    open_to_read,
    open_to_write,
    transaction,
)


def action(listener: int) -> TakenAction:
    return TakenAction(
        id=0,
        at=1_000 + listener,
        author="ann@host.example",
        what="Stop 80/tcp of nginx (pid 812)",
        listener_id=listener,
        pid=812,
        started_at=900,
        unit="",
        signal="SIGTERM",
    )


def test_an_action_is_there_before_its_outcome_is_known(tmp_path: Path) -> None:
    file = tmp_path / "alerts.db"
    with open_to_write(file) as connection, transaction(connection, file):
        number = add_action(connection, action(7))
    with open_to_read(file) as connection:
        (begun,) = actions_of(connection, 7, 10)
    assert (begun.id, begun.outcome) == (number, "")
    with open_to_write(file) as connection, transaction(connection, file):
        complete_action(connection, number, "nginx (pid 812) has ended.")
    with open_to_read(file) as connection:
        (completed,) = actions_of(connection, 7, 10)
    assert completed.outcome == "nginx (pid 812) has ended."
    assert (completed.author, completed.pid, completed.signal) == (
        "ann@host.example",
        812,
        "SIGTERM",
    )


def test_the_newest_come_first_and_those_of_others_are_left_out(tmp_path: Path) -> None:
    file = tmp_path / "alerts.db"
    with open_to_write(file) as connection, transaction(connection, file):
        for listener in (1, 2, 1):
            add_action(connection, action(listener))
    with open_to_read(file) as connection:
        assert [each.id for each in newest_actions(connection, 2)] == [3, 2]
        assert [each.id for each in actions_of(connection, 1, 10)] == [3, 1]
        assert actions_of(connection, 9, 10) == []
