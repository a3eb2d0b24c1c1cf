"""Each container is looked up once: by the system's files, else by its user's and the runtime."""

import logging
import threading
from collections.abc import Sequence
from dataclasses import replace

import pytest

from porteye_core.containers import Container
from porteye_core.owners import container_names
from porteye_core.owners.container_names import ContainerNames, NoAnswerError
from tests.kit.waiting import until

ID, OTHER = "0123456789abcdef" * 4, "f" * 64


class ScriptedFiles:
    """Files that name the containers of these ids, and the ids that were looked for."""

    def __init__(self, **names: str) -> None:
        self.names, self.read_ids = names, list[str]()

    def read(self, container: Container) -> Container | None:
        self.read_ids.append(container.runtime_id)
        name = self.names.get(container.runtime_id)
        return replace(container, container_name=name) if name else None


class ScriptedRuntime:
    """A runtime that gives each of these answers to one question; after them it knows nothing."""

    most_asked = 2
    owner = 0

    def is_of(self, uid: int) -> bool:
        return uid == self.owner

    def __init__(self, *answers: dict[str, str] | str) -> None:
        self._answers = list(answers)
        self.asked: list[list[str]] = []

    def names(self, containers: Sequence[Container]) -> list[Container]:
        self.asked.append([each.runtime_id for each in containers])
        answer = self._answers.pop(0) if self._answers else {}
        if isinstance(answer, str):
            raise NoAnswerError(answer)
        known = [each for each in containers if each.runtime_id in answer]
        return [replace(each, container_name=answer[each.runtime_id]) for each in known]


def nobodys(uid: int) -> None:
    return None


def told(names: ContainerNames) -> list[tuple[str, str]]:
    """The names that are told once no thread looks any more."""
    until(lambda: not names.is_looking, "the threads are done")
    return [(each.runtime_id, each.container_name) for each in names.take()]


def test_a_container_is_read_and_told_once_however_often_it_is_seen() -> None:
    files = ScriptedFiles(**{ID: "web"})
    names = ContainerNames(files, nobodys)
    for _ in range(3):
        names.see(f"docker:{ID}", None)
    assert told(names) == [(ID, "web")]
    assert told(names) == []
    assert files.read_ids == [ID]


def test_a_container_without_a_name_is_not_looked_for_again() -> None:
    files, runtime = ScriptedFiles(), ScriptedRuntime()
    names = ContainerNames(files, nobodys, runtime)
    for _ in range(3):
        names.see(f"docker:{ID}", None)
        assert told(names) == []
    assert (files.read_ids, runtime.asked) == ([ID], [[ID]])


def test_an_id_that_is_a_name_is_not_looked_up() -> None:
    files, runtime = ScriptedFiles(), ScriptedRuntime()
    names = ContainerNames(files, nobodys, runtime)
    names.see("lxc:web", None)
    assert told(names) == []
    assert (files.read_ids, runtime.asked) == ([], [])


def test_the_files_of_the_user_in_whose_slice_it_runs_are_read() -> None:
    users = {1000: ScriptedFiles(**{ID: "mine"})}
    names = ContainerNames(ScriptedFiles(), users.get)
    names.see(f"podman:{ID}", 1000)
    names.see(f"podman:{OTHER}", 1001)
    assert told(names) == [(ID, "mine")]


def test_a_user_s_file_that_hangs_holds_nobody_up() -> None:
    goes_on = threading.Event()

    class Hanging:
        def read(self, container: Container) -> Container | None:
            goes_on.wait()
            return replace(container, container_name="late")

    runtime = ScriptedRuntime({OTHER: "asked"})
    names = ContainerNames(ScriptedFiles(), {1000: Hanging()}.get, runtime)
    try:
        names.see(f"podman:{ID}", 1000)
        names.see(f"docker:{OTHER}", None)
        assert until(names.take, "the runtime's answer comes")[0].container_name == "asked"
        assert names.is_looking
    finally:
        goes_on.set()
    assert told(names) == [(ID, "late")]


def test_a_user_s_cgroup_borrows_no_name_of_root_s_container() -> None:
    files, runtime = ScriptedFiles(**{ID: "root's"}), ScriptedRuntime({ID: "root's"})
    names = ContainerNames(files, nobodys, runtime)
    names.see(f"docker:{ID}", 1000)
    assert told(names) == []
    assert (files.read_ids, runtime.asked) == ([], [])


@pytest.mark.parametrize("uid", [None, 0])
def test_what_root_runs_is_the_system_s(uid: int | None) -> None:
    names = ContainerNames(ScriptedFiles(**{ID: "web"}), nobodys)
    names.see(f"docker:{ID}", uid)
    assert told(names) == [(ID, "web")]


def test_a_user_s_own_runtime_is_asked() -> None:
    runtime = ScriptedRuntime({ID: "mine"})
    runtime.owner = 1000
    names = ContainerNames(ScriptedFiles(), nobodys, runtime)
    names.see(f"podman:{ID}", 1000)
    assert told(names) == [(ID, "mine")]


def test_many_containers_are_asked_for_in_questions_of_a_few() -> None:
    ids = [f"{number:064x}" for number in range(5)]
    answer = dict.fromkeys(ids, "web")
    runtime = ScriptedRuntime(*[answer] * 5)
    names = ContainerNames(ScriptedFiles(), nobodys, runtime)
    for each in ids:
        names.see(f"docker:{each}", None)
    assert sorted(told(names)) == [(each, "web") for each in ids]
    assert all(len(each) <= 2 for each in runtime.asked)


def test_docker_s_own_file_leaves_nothing_to_ask() -> None:
    runtime = ScriptedRuntime()
    names = ContainerNames(ScriptedFiles(**{ID: "web", OTHER: "db"}), nobodys, runtime)
    names.see(f"docker:{ID}", None)
    names.see(f"podman:{OTHER}", None)
    assert told(names) == [(ID, "web"), (OTHER, "db")]
    assert runtime.asked == [[OTHER]]


def test_a_runtime_without_an_answer_is_asked_again_with_the_next_container(
    caplog: pytest.LogCaptureFixture,
) -> None:
    runtime = ScriptedRuntime("It hangs.", "It hangs.", {ID: "web", OTHER: "db"})
    names = ContainerNames(ScriptedFiles(), nobodys, runtime)
    with caplog.at_level(logging.WARNING):
        names.see(f"docker:{ID}", None)
        assert told(names) == []
        names.see(f"docker:{OTHER}", None)
        assert told(names) == []
        names.see("docker:" + "a" * 64, None)
    assert told(names) == [(ID, "web"), (OTHER, "db")]
    assert [each.getMessage().split(".")[0] for each in caplog.records] == ["It hangs"]


def test_a_runtime_without_an_answer_is_asked_again_after_a_pause(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(container_names, "_FIRST_PAUSE", 0.01)
    names = ContainerNames(ScriptedFiles(), nobodys, ScriptedRuntime("It hangs.", {ID: "web"}))
    names.see(f"docker:{ID}", None)
    assert until(names.take, "the runtime is asked again")[0].container_name == "web"


def test_1024_containers_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    files = ScriptedFiles()
    names = ContainerNames(files, nobodys)
    for number in range(1025):
        names.see(f"docker:{number:064x}", None)
    names.see(f"docker:{1024:064x}", None)
    assert len(files.read_ids) == 1025
    names.see(f"docker:{0:064x}", None)  # forgotten, and read anew
    assert len(files.read_ids) == 1026
