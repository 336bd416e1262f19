"""What the page shows of a state."""

import json

import pytest
from browser import wait
from standin import COUNTERS, World, all_kinds, container, event, port, stamp

HOSTILE = "<img src=x onerror=\"document.title='owned'\">"


def test_every_port_is_there_with_its_state_as_text(open_page):
    page = open_page()
    ports = all_kinds()
    expected = [[str(p["port"]), p["state"], (p["container"] or {}).get("name", "")] for p in ports]
    assert page.cells() == expected
    glyphs = page.run(
        "return Object.fromEntries([...document.querySelectorAll('[role=gridcell]')].map(c =>"
        " [c.dataset.state, getComputedStyle(c, '::before').content]))"
    )
    assert len(glyphs) == len(set(glyphs.values())) == 7, "each state has a glyph of its own"


def test_the_head_says_what_is_in_force_and_for_how_long(open_page):
    page = open_page()
    services, facts = page.text("#services"), page.text("#facts")
    assert "app/web 5000–5063 → 8080" in services
    assert page.world.document["hash"] in page.run("return document.querySelector('.hash').textContent")
    for said in ("Revision\n17", "Source rancher\nok for 3 d 8 h", "HAProxy 2.6.12\nrunning for 2 d 2 h, pid 7", "stalls 0.1.0\nrunning for 3 d 8 h"):
        assert said in facts


def test_counts_say_what_they_count(open_page):
    page = open_page()
    assert page.text("#legend")== "free\n16\nserving\n43\nreserved\n1\ndraining\n1\nlingering\n1\nwaiting\n1\nexcluded\n1"
    assert page.text("#only-wrong") == "Only what is wrong: 3 ports"
    assert page.text("#shown") == "all 64 ports"


def test_one_click_shows_only_what_is_wrong_and_why(open_page):
    page = open_page()
    page.one("#only-wrong").click()
    assert page.shown_ports() == [5007, 5023, 5040]
    assert "Another program listens on port 5023. End it, or choose another BASE_PORT." in page.text("#table")
    assert page.run("return location.hash") == "#state=wrong"
    page.one("#only-wrong").click()
    assert len(page.shown_ports()) == 64


def test_a_state_of_the_legend_shows_its_ports(open_page):
    page = open_page()
    page.one("#legend [data-state=reserved]").click()
    assert page.shown_ports() == [5031]
    page.one("#legend [data-state=draining]").click()
    assert page.shown_ports() == [5019, 5031]
    assert page.text("#shown") == "2 of 64 ports"


@pytest.mark.parametrize(
    "words, ports",
    [("app-web-12", [5011]), ("5010-5012", [5010, 5011, 5012]), ("10.42.0.7", [5004]), ("BASE_PORT another", [5023]), ("5003", [5003])],
)
def test_search_finds_what_is_known_of_a_port(open_page, words, ports):
    page = open_page()
    page.one("#search").send_keys(words)
    wait(lambda: page.shown_ports() == ports, f"{words} finds {ports}")


def test_a_search_that_finds_nothing_says_what_would_do(open_page):
    page = open_page(fragment="#q=nobody")
    page.shows("#empty", "No port matches")
    page.one("#empty button").click()
    assert len(page.shown_ports()) == 64


@pytest.mark.parametrize(
    "sort, first",
    [("state", [5023, 5040, 5007, 5019, 5031]), ("since", [5019, 5031, 5007, 5040, 5023]), ("container", [5000, 5001, 5002, 5003, 5004])],
)
def test_the_order(open_page, sort, first):
    page = open_page(fragment=f"#sort={sort}")
    assert page.shown_ports()[:5] == first


def test_the_order_by_sessions_asks_for_them(open_page):
    page = open_page(fragment="#sort=sessions")
    wait(lambda: page.shown_ports()[:3] == [5004, 5011, 5018], "the ports with six sessions come first")


def test_a_link_shows_the_same_after_a_reload(open_page):
    page = open_page(fragment="#port=5007&state=lingering,excluded&q=app&sort=state&view=grid")
    for _ in range(2):
        page.shows("#detail", "Port 5007")
        assert page.shown_ports() == [5023, 5007]
        page.driver.refresh()
        wait(page.is_live, "the page is live again")


def test_back_closes_a_port(open_page):
    page = open_page()
    page.one("[data-port='5002']").click()
    page.shows("#detail", "Port 5002")
    page.driver.back()
    wait(lambda: page.text("#detail") == "", "the detail is closed")


def test_a_port_in_detail(open_page):
    page = open_page(fragment="#port=5007")
    page.shows("#detail", "In\n0 B/s 5.52 MB in all")
    page.shows("#detail", "Sessions\n2\nLast used\n2")
    detail = page.text("#detail")
    held = container(8)
    for said in ("Port 5007 lingering", "keeps its port for at most 300 s", "app-web-8", held["uuid"], held["address"], "app/web", "for 1 min"):
        assert said in detail


def test_counters_that_haproxy_does_not_give_are_said_to_be_missing(open_page):
    page = open_page(World([{**port(5000), **dict.fromkeys(COUNTERS)}]), "#port=5000")
    page.shows("#detail", "HAProxy does not say")


def test_a_port_of_no_pool_is_said_to_be_none(open_page):
    page = open_page(fragment="#port=9")
    page.shows("#detail", "No pool has this port.")


def test_the_table_has_what_the_grid_has_no_room_for(open_page):
    page = open_page(fragment="#view=table")
    page.shows("#table", "5.52 MB")
    row = page.run("return [...document.querySelectorAll('tbody tr')].find(r => r.innerText.startsWith('5007')).innerText")
    for said in ("5007", "lingering", "app-web-8", "keeps its port for at most 300 s", "10.42.0.10:8080", "2", "5.52 MB", "151 MB"):
        assert said in row
    page.one("thead [data-sort=state]").click()
    assert page.shown_ports()[0] == 5023
    assert page.one("#table th[aria-sort=descending]").text.startswith("State")


def test_findings_and_unmapped_containers_come_with_reason_and_remedy(open_page):
    world = World(all_kinds())
    unmapped = [
        {"service": "app/web", "container": {"name": f"app-web-{at}", "uuid": f"u{at}"}, "kind": kind, "reason": f"reason {at}", "since": stamp(60)}
        for at, kind in ((65, "outside_pool"), (66, "outside_pool"), (32, "not_running"))
    ]
    finding = {"kind": "ephemeral_range", "severity": "error", "subject": "ports 5000-5063", "reason": "They are taken.", "remedy": "reserve them"}
    world.change(unmapped=unmapped, findings=[finding])
    page = open_page(world)
    page.shows("#problems", "2 matters to mend")
    for summary in page.all("#problems li summary"):
        summary.click()
    said = page.text("#problems")
    assert "ports 5000-5063\nThey are taken.\nWhat would do: reserve them" in said
    assert "2 containers have no port: outside pool" in said
    assert said.index("outside pool") < said.index("not running"), "what has to be mended comes first"
    assert "app-web-66: reason 66, for 1 min" in said


def test_a_service_without_any_container_says_why(open_page):
    world = World([])
    service = {"service": "app/web", "base_port": 5000, "ports": 8, "backend_port": 8080, "kind": "unknown_service", "reason": "The metadata has no such service."}
    world.change(services=[service])
    page = open_page(world)
    page.shows("#problems", "app/web has no container on a port\nThe metadata has no such service.")
    page.shows("#empty", "No port yet")


def test_nothing_wrong_is_said_in_so_many_words(open_page):
    page = open_page(World([port(5000)]), "#state=wrong")
    page.shows("#empty", "No port is wrong")


def test_a_port_that_serves_a_flapping_container_is_wrong(open_page):
    why = "its container changes its state again and again"
    page = open_page(World([port(5000), port(5001, reason=why, kind="flapping")]))
    assert page.text("#only-wrong") == "Only what is wrong: 1 port"
    assert "flapping" in page.text('[data-port="5001"]')
    page.one("#only-wrong").click()
    assert why in page.text("#table")
    assert "app-web-1" not in page.text("#table")



def test_several_services_are_all_in_the_head(open_page):
    world = World([port(5000, "serving"), port(6000, "free")])
    web = {"service": "web", "base_port": 5000, "ports": 1, "backend_port": 8080, "kind": None, "reason": None}
    api = {**web, "service": "shop/api", "base_port": 6000, "backend_port": "http", "kind": "no_containers", "reason": "scale it up"}
    world.change(services=[web, api])
    page = open_page(world)
    page.shows("#services", "shop/api 6000 → http")
    assert "web 5000 → 8080" in page.text("#services")
    page.shows("#problems", "shop/api has no container on a port")
    assert page.run("return document.title").endswith("web +1 stalls")


def test_hostile_names_stay_text(open_page):
    world = World([port(5000, "lingering", reason=HOSTILE, holder={"name": HOSTILE, "uuid": HOSTILE, "address": HOSTILE, "index": None})])
    service = {"service": HOSTILE, "base_port": 5000, "ports": 1, "backend_port": HOSTILE, "kind": HOSTILE, "reason": HOSTILE}
    unmapped = [{"service": HOSTILE, "container": {"name": HOSTILE, "uuid": HOSTILE}, "kind": HOSTILE, "reason": HOSTILE, "since": HOSTILE}]
    finding = {"kind": HOSTILE, "severity": HOSTILE, "subject": HOSTILE, "reason": HOSTILE, "remedy": HOSTILE}
    parts = {"kind": HOSTILE, "state": HOSTILE, "since": HOSTILE, "reason": HOSTILE, "version": HOSTILE}
    world.change(services=[service], unmapped=unmapped * 2, findings=[finding], source=parts, haproxy={**parts, "state": "down"})
    world.change([port(5000, HOSTILE, holder={"name": f"{HOSTILE}2"})])
    page = open_page(world, "#port=5000")
    page.shows("#detail", HOSTILE)
    page.one("#views [value=table]").click()
    page.shows("#table", HOSTILE)
    assert page.all("img:not(header img)") == []
    assert page.run("return document.title").endswith(f"{HOSTILE} stalls")


DOCUMENT = World(all_kinds()).document


@pytest.mark.parametrize("wrong", [None, 7, "text", [], {}, [None, 7, "text", [], {}]], ids=repr)
def test_no_field_that_is_missing_or_wrong_leaves_the_page_white(open_page, wrong):
    page = open_page(fragment="#port=5000")
    parts = [name for name in DOCUMENT if name not in ("ports", "id")]
    documents = [{**DOCUMENT, name: wrong} for name in parts] + [{"ports": DOCUMENT["ports"]}]
    for name in ("service", "state", "container", "since", "kind", "reason"):
        documents.append({**DOCUMENT, "ports": [{**entry, name: wrong} for entry in DOCUMENT["ports"]]})
    for at, broken in enumerate(documents):
        page.world.send(event("snapshot", f"broken-{at}", {**broken, "version": f"version {at}"} if broken.get("version") else broken))
        page.world.send(event("change", f"broken-{at}b", {"revision": 1000 + at}))
        page.shows("#facts", f"{1000 + at:,}")
        assert len(page.cells()) == 64, json.dumps(broken)[:200]
    for odd in (wrong, {"ports": wrong, "removed": wrong, "services": wrong}):
        page.world.send(event("change", "odd", odd))
    page.world.send(event("change", "last", {"revision": 4711}))
    page.shows("#facts", "4,711")


def test_it_works_behind_a_prefix_and_loads_nothing_from_elsewhere(open_page):
    page = open_page(prefix="/some/prefix/", fragment="#port=5003&view=table")
    page.shows("#detail", "Port 5003")
    expected = {page.url + name for name in ("page.css", "main.js", "v1/changes", "v1/mapping?port=5003")}
    # A file is listed when the page has all of it.
    listed = "return performance.getEntriesByType('resource').map(({name}) => name)"
    wait(lambda: expected <= set(page.run(listed)), "all is loaded")
    loaded = page.run(listed)
    links = page.run("return [...document.querySelectorAll('[href], [src]')].map(e => e.href || e.src)")
    assert [name for name in loaded + links if not name.startswith(page.url)] == []
