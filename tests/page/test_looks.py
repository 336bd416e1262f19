"""The page for everybody: axe (https://github.com/dequelabs/axe-core), phones, forced colours."""

import pathlib

import axe_playwright_python
import pytest
from standin import World, all_kinds, many, stamp

AXE = (pathlib.Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text()

KINDS = {
    "light": {},
    "dark": {"dark": True},
    "phone": {"width": 360, "height": 740, "phone": True},
    "forced colours": {"forced_colors": True},
}


def world_with_all():
    world = World(all_kinds())
    unmapped = {"service": "app/web", "container": {"name": "app-web-65", "uuid": "u"}, "kind": "outside_pool", "reason": "Its index is 65.", "since": stamp(9)}
    finding = {"kind": "range", "severity": "warning", "subject": "ports", "reason": "They are taken.", "remedy": "reserve them"}
    source = {**world.document["source"], "state": "stale", "reason": "It does not answer"}
    world.change([world.document["ports"][7]], unmapped=[unmapped], findings=[finding], source=source)
    return world


def violations(page):
    page.driver.execute_script(AXE)
    found = page.driver.execute_async_script("const done = arguments[0]; axe.run().then(done)")
    assert len(found["passes"]) > 20, "axe has looked"
    return [(rule["id"], node["html"][:120], node["failureSummary"]) for rule in found["violations"] for node in rule["nodes"]]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("fragment", ["", "#state=wrong&port=5007", "#q=nobody"])
def test_axe_finds_nothing(open_page, kind, fragment):
    page = open_page(world_with_all(), fragment, **KINDS[kind])
    page.shows("#timeline", "5007") if "port" in fragment else page.shows("#problems", "to mend")
    assert violations(page) == []


@pytest.mark.parametrize("kind", ["light", "dark"])
def test_axe_finds_nothing_in_the_help_and_among_a_thousand(open_page, kind):
    page = open_page(World(many(1000)), **KINDS[kind])
    assert violations(page) == []
    page.one("[data-do=help]").click()
    assert violations(page) == []


@pytest.mark.refuses
def test_axe_finds_nothing_while_stalls_is_away(open_page):
    page = open_page()
    page.world.refuse = "it is being started"
    page.world.drop()
    page.shows("#banners", "it is being started")
    assert violations(page) == []


@pytest.mark.parametrize("fragment", ["", "#view=table", "#port=5007", "#state=wrong"])
def test_nothing_is_wider_than_a_phone(open_page, fragment):
    page = open_page(world_with_all(), fragment, **KINDS["phone"])
    assert page.run("return document.documentElement.scrollWidth") <= 360


@pytest.mark.parametrize("ports", [64, 1000])
@pytest.mark.parametrize("width", [360, 800, 1440, 1920])
def test_no_cell_cuts_its_port_or_state_off(open_page, ports, width):
    page = open_page(World(many(ports)), width=width, height=740)
    cut = page.run("return [...document.querySelectorAll('.cell:not(.narrowest) :is(b, span)')].filter(e => e.scrollWidth > e.clientWidth + 1 && e.clientWidth > 0).length")
    too_wide = page.run("return [...document.querySelectorAll('.cell:not(.narrowest)')].filter(c => [...c.children].some(e => e.tagName !== 'I' && e.getBoundingClientRect().right > c.getBoundingClientRect().right)).length")
    assert (cut, too_wide) == (0, 0)


def test_forced_colours_keep_the_states_apart(open_page):
    page = open_page(**KINDS["forced colours"])
    assert page.run("return matchMedia('(forced-colors: active)').matches")
    borders = page.run(
        "return Object.fromEntries([...document.querySelectorAll('[role=gridcell]')].map(c =>"
        " [c.dataset.state, getComputedStyle(c).borderTopStyle + getComputedStyle(c).borderTopWidth]))"
    )
    wrong = {borders.pop(state) for state in ("lingering", "waiting", "excluded")}
    assert len(wrong) == 1 and not wrong & set(borders.values()), "what is wrong has an edge of its own"
