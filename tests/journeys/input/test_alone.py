"""Workers and singletons: never two alive, whatever a person does to the deployment."""

from __future__ import annotations

from journeys.input.project import PYTHON, Project
from journeys.service import ALONE, wait_until


def test_of_what_must_run_alone_never_two_are_alive(project: Project) -> None:
    """A deployment, a rollback, one that is superseded, one that is aborted: the kernel's lock is the witness."""
    project.configure(processes=ALONE.replace("<python>", PYTHON), window="60s")
    for tag in ("v1", "v2", "v3", "v4"):
        project.release(tag)

    project.deploy("v1", "--detach", expect=0)
    assert now_alive(project, "v1")
    project.deploy("v2", "--detach", expect=0)  # the window of v1 is open: superseded
    assert now_alive(project, "v2")
    project.mobius("rollback", expect=0)
    assert now_alive(project, "v1")
    project.deploy("v3", "--detach", expect=0)
    project.deploy("v4", "--detach", expect=0)
    assert now_alive(project, "v4")
    project.mobius("abort", "--yes")
    assert now_alive(project, "v3")

    lives = project.lives()
    assert "TWO" not in {what for what, *_ in lives}
    for name in ("worker", "cron"):
        told = [(what, release) for what, who, release, *_ in lives if who == name]
        starts, stops = told[::2], told[1::2]
        assert {what for what, _ in starts} == {"start"} and {what for what, _ in stops} == {"stop"}
        assert [release for _, release in starts] == ["v1", "v2", "v1", "v3", "v4", "v3"]
        assert [release for _, release in stops] == ["v1", "v2", "v1", "v3", "v4"]


def now_alive(project: Project, tag: str) -> bool:
    """Both of this release, and no other, are alive before long."""
    wanted = {("worker", tag), ("cron", tag)}

    def alive() -> set[tuple[str, str]]:
        lives: dict[str, tuple[str, str]] = {}
        for what, name, release, pid, _ in project.lives():
            if what == "start":
                lives[pid] = (name, release)
            else:
                lives.pop(pid, None)
        return set(lives.values())

    wait_until(lambda: alive() == wanted, 15, what=f"{sorted(wanted)}, not {sorted(alive())}")
    return True
