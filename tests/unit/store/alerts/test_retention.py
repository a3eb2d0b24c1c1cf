"""What is long over is deleted, and nothing else."""

from pathlib import Path

from porteye_core.store.alerts import (
    Finding,
    IdentityRow,
    Matcher,
    Message,
    Silence,
    TakenAction,
    add_action,
    add_finding,
    add_message,
    add_silence,
    answer_test,
    ask_test,
    beside,
    forget,
    latest_tests,
    new_tests,
    newest_actions,
    newest_findings,
    open_to_write,
    set_identities,
    silences,
    transaction,
)


def test_what_is_true_or_waits_stays(tmp_path: Path) -> None:
    file = beside(tmp_path / "porteye.db")

    def finding(**values: int) -> Finding:
        return Finding(0, "[]", "listener", "new", 1, 1, **values)  # type: ignore[arg-type]

    with open_to_write(file) as connection, transaction(connection, file):
        over = add_finding(connection, finding(ended_at=5, told_at=2, end_told_at=6))
        kept = [
            add_finding(connection, finding(told_at=2)),
            add_finding(connection, finding(ended_at=5, told_at=2)),  # its end is to be told
            add_finding(connection, finding(ended_at=50, told_at=2, end_told_at=51)),
            add_finding(connection, finding(ended_at=5)),
        ]
        held = IdentityRow("[]", "new", None, 5, None, kept[3], "new", "[]", 0)
        set_identities(connection, [held], [])
        for number, (sent, failed) in enumerate([(5, None), (None, 5), (None, None), (50, None)]):
            message = Message(str(number), "r", "findings", 1, "{}", sent_at=sent, failed_at=failed)
            add_message(connection, message, [(over, "digest")])
        add_silence(connection, Silence(0, Matcher(), 1, 5))
        add_silence(connection, Silence(0, Matcher(), 1, 50))
        forget(connection, 10)
        assert [each.id for each in newest_findings(connection, 9)] == kept[::-1]
        left = connection.execute("SELECT id FROM message ORDER BY id").fetchall()
        assert [each[0] for each in left] == ["2", "3"]
        assert [each.until for each in silences(connection, 0)] == [50]


def test_tests_and_actions_of_long_ago_are_deleted(tmp_path: Path) -> None:
    file = beside(tmp_path / "porteye.db")
    with open_to_write(file) as connection, transaction(connection, file):
        for number, asked in enumerate((1, 50)):
            test = ask_test(connection, "ops", "ada", asked)
            message = Message(str(number), "ops", "test", asked + 1, "{}", sent_at=asked + 2)
            add_message(connection, message, [])
            answer_test(connection, test, message.id)
            add_action(connection, TakenAction(0, asked, "ada", "stop", 7, 8, 0, "", "SIGTERM"))
        forget(connection, 10)
        (left,) = latest_tests(connection).values()
        assert left.test.asked_at == 50
        assert new_tests(connection) == [], "none is made again"
        assert [each.at for each in newest_actions(connection, 9)] == [50]
        assert connection.execute("SELECT count(*) FROM test").fetchone()[0] == 1
