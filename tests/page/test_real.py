"""The page that a real stalls serves."""

import socket

import pytest
from browser import wait
from conftest import Page
from stage import PORTS, Stage


@pytest.fixture
def stage(tmp_path):
    stage = Stage(tmp_path)
    try:
        stage.start()
        yield stage
    finally:
        stage.end()


@pytest.fixture
def page(stage, browsers):
    page = Page(browsers(), stage.url).open()
    wait(lambda: states(page).count("serving") == 3, "three ports serve")
    yield page
    page.driver.get("about:blank")


def states(page):
    return [state for _, state, _ in page.cells()]


def test_it_shows_what_is_mapped(stage, page):
    cells = page.cells()
    assert [int(number) for number, _, _ in cells] == list(range(stage.base, stage.base + PORTS))
    assert [state for _, state, _ in cells] == ["serving"] * 3 + ["free"] * 5
    assert all(name for _, _, name in cells[:3])
    # What is read rather than glanced at follows the cells by a moment.
    page.shows("#services", f"app/web {stage.base}–{stage.base + PORTS - 1} → 8080")
    for said in ("Source rancher\nok for", "HAProxy 2.", "running for", "stalls 0."):
        page.shows("#facts", said)
    assert len(page.run("return document.querySelector('.hash').textContent")) == 64
    page.shows("#timeline", str(stage.base))
    assert page.complaints() == []


def test_a_port_in_detail_has_its_sessions_and_bytes(stage, page):
    with socket.create_connection(("127.0.0.1", stage.base + 1)) as client:
        assert client.recv(6) == b"hello\n"
        page.one(f"[data-port='{stage.base + 1}']").click()
        page.shows("#detail", "Sessions\n1\n")
        for said in (stage.containers[2].uuid, f"{stage.network}.2:8080", "app/web"):
            assert said in page.text("#detail")
    page.shows("#detail", "6 B in all")  # HAProxy counts the bytes of a connection at its end.
    assert page.complaints() == []


def test_changes_show_at_once_with_their_reasons(stage, page):
    stage.add(4)
    wait(lambda: states(page)[3] == "serving", "the new container has its port")
    hidden = stage.hide(2)
    wait(lambda: states(page)[1] == "lingering", "a container that is missing lingers")
    page.one("#only-wrong").click()
    assert page.shown_ports() == [stage.base + 1]
    page.shows("#table", "missing in the source")
    hidden.end()
    page.shows("#empty", "No port is wrong")
    page.one("#empty button").click()
    wait(lambda: states(page)[1] == "reserved", "its port is reserved when it has ended")
    page.shows("#timeline", "lingering")
    assert page.complaints() == []


def test_a_restart_of_stalls_is_said_and_got_over(stage, page):
    stage.stop()
    page.shows("#banners", "No connection to stalls")
    assert states(page).count("serving") == 3, "what was last known stays"
    stage.start()
    wait(lambda: page.text("#connection") == "Live" and "No connection" not in page.text("#banners"), "the page is live again")
    stage.add(5)
    wait(lambda: states(page)[4] == "serving", "changes show again")
