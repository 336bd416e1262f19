"""What the page does with the stream."""

import pytest
from browser import wait
from standin import World, all_kinds, container, document, port, stamp

FREE, SERVING = "free", "serving"


def state_of(page, number):
    return page.run("return document.querySelector(`[role=gridcell][data-port='${arguments[0]}']`)?.dataset.state", number)


def shows(page, number, state):
    wait(lambda: state_of(page, number) == state, f"port {number} is {state}")


def test_a_change_shows_in_the_grid_the_counts_the_head_and_the_timeline(open_page):
    page = open_page()
    page.world.change([port(5003, FREE, 0)])
    shows(page, 5003, FREE)
    page.shows("#legend", "free\n17")
    page.shows("#facts", "Revision\n18")
    page.shows("#timeline li", "5003")
    assert "free was app-web-4" in page.text("#timeline li")
    assert page.run("return document.querySelector('.hash').textContent") == page.world.document["hash"]


def test_an_open_port_and_the_table_follow(open_page):
    page = open_page(fragment="#port=5003&view=table")
    page.world.change([port(5003, "lingering", 0, "It is missing.", holder=container(900))])
    page.shows("#detail", "Port 5003 lingering")
    page.shows("#detail", "app-web-900")
    page.shows("#table tbody tr:nth-child(4)", "It is missing.")


def test_ports_come_and_go(open_page):
    page = open_page(World([port(5000), port(5001)]))
    page.world.change([port(5002), port(5003)])
    wait(lambda: page.shown_ports() == [5000, 5001, 5002, 5003], "the new ports are there")
    page.world.change(removed=[5001])
    wait(lambda: page.shown_ports() == [5000, 5002, 5003], "the port is gone")


def test_a_port_that_goes_wrong_appears_among_what_is_wrong(open_page):
    page = open_page(fragment="#state=wrong")
    page.world.change([port(5001, "excluded", 0, "Taken.")])
    wait(lambda: page.shown_ports() == [5001, 5007, 5023, 5040], "it is there")


def test_what_changed_most_since_the_page_was_opened_comes_first(open_page):
    page = open_page(fragment="#sort=changes")
    for state in (FREE, SERVING, FREE):
        page.world.change([port(5030, state, 0)])
    page.world.change([port(5020, FREE, 0)])
    wait(lambda: page.shown_ports()[:3] == [5030, 5020, 5000], "the order follows")


def test_one_summary_is_read_out_for_many_changes(open_page):
    page = open_page()
    page.world.change([port(number, FREE, 0) for number in range(5010, 5015)])
    page.shows("#status", "5 ports changed: 5010 free, 5011 free, 5012 free …")
    assert page.one("#status").get_attribute("role") == "status"


def test_the_page_has_one_stream_for_all(open_page):
    page = open_page(fragment="#port=5003&view=table")
    page.shows("#detail", "in all")
    assert page.world.asked.count("v1/events") == 1


def test_the_timeline_begins_with_what_was_before(open_page):
    world = World(all_kinds())
    world.change([port(5003, FREE, 0)])
    world.change(haproxy={**world.document["haproxy"], "state": "down", "reason": "It ended."})
    page = open_page(world)
    page.shows("#timeline", "5003")
    world.change(haproxy={**world.document["haproxy"], "state": "running", "reason": None})
    page.shows("#timeline li", "HAProxy")
    assert "running pid 7 was down" in page.text("#timeline li")


def test_a_stale_source_and_a_haproxy_that_is_down_have_banners(open_page):
    page = open_page()
    source, haproxy = page.world.document["source"], page.world.document["haproxy"]
    page.world.change(
        source={**source, "state": "stale", "since": stamp(240), "reason": "It does not answer"},
        haproxy={**haproxy, "state": "down", "since": stamp(5), "reason": "It keeps dying"},
    )
    page.shows("#banners", "The source is stale for 4 min: It does not answer. The last good mapping serves on.")
    page.shows("#banners", "HAProxy is down for")
    page.world.change(source=source, haproxy=haproxy)
    wait(lambda: page.text("#banners") == "", "the banners are gone")


def test_a_plan_that_is_held_up_is_said_to_be(open_page):
    page = open_page()
    page.world.change(haproxy={**page.world.document["haproxy"], "revision": 16, "kind": "rejected", "reason": "HAProxy rejects the configuration"})
    page.shows("#banners", "Revision 17 is not in force: HAProxy rejects the configuration.")
    page.shows("#facts", "17 in force: 16")


def test_pause_stops_everything_and_going_on_catches_up(open_page):
    page = open_page()
    page.one("#pause").click()
    page.shows("#banners", "Paused. You see the state of")
    wait(lambda: page.world.change() or not page.world.streams, "the stream is closed")
    page.world.change([port(5003, FREE, 0)])
    assert state_of(page, 5003) == SERVING
    page.one("#banners button").click()
    shows(page, 5003, FREE)
    wait(lambda: page.text("#connection") == "Live" and page.text("#banners") == "", "the page is live")


def test_a_hidden_tab_holds_no_stream(open_page):
    page = open_page()
    hide = "Object.defineProperty(document, 'hidden', {value: arguments[0], configurable: true}); document.dispatchEvent(new Event('visibilitychange'))"
    page.run(hide, True)
    wait(lambda: page.world.change() or not page.world.streams, "the stream is closed")
    page.world.change([port(5003, FREE, 0)])
    page.run(hide, False)
    shows(page, 5003, FREE)


def test_a_stream_that_ends_is_resumed_with_what_was_missed(open_page):
    page = open_page()
    with page.world.lock:
        page.world.drop()
        page.world.change([port(5003, FREE, 0)])
    shows(page, 5003, FREE)
    page.shows("#timeline", "5003")
    assert len(page.all("#timeline a")) == 1
    assert page.text("#connection") == "Live"


def test_another_instance_sends_all_anew(open_page):
    page = open_page()
    page.world.start(document([port(5000), port(5001, FREE)]))
    page.world.drop()
    wait(lambda: page.shown_ports() == [5000, 5001], "the page has the new state")
    shows(page, 5001, FREE)


@pytest.mark.refuses
def test_a_server_that_refuses_says_why_and_is_asked_again(open_page):
    page = open_page()
    page.world.refuse = "the Host page.example is not allowed: add it to ADMIN_HOSTS"
    page.world.drop()
    page.shows("#banners", "No connection to stalls: the Host page.example is not allowed: add it to ADMIN_HOSTS. You see the state of")
    page.world.refuse = None
    page.one("#banners button").click()
    wait(lambda: page.text("#connection") == "Live" and page.text("#banners") == "", "the page is live")


def test_a_message_that_cannot_be_read_leads_to_all_anew(open_page):
    page = open_page()
    page.world.change([port(5003, FREE, 0)])
    shows(page, 5003, FREE)
    page.world.send("id: x-1\nevent: change\ndata: {\n\n")
    page.world.drop()
    wait(lambda: page.world.asked.count("v1/events") == 2 and page.text("#connection") == "Live", "the page is live again")
    page.world.change([port(5004, FREE, 0)])
    shows(page, 5004, FREE)


def test_the_stream_may_come_in_any_pieces(open_page):
    page = open_page()
    fields = page.driver.execute_async_script(
        """
        const done = arguments[0];
        import("./stream.js").then(({ fieldsOf }) => {
          const text = ": comment\\r\\nid: 7\\nevent:change\\r\\ndata: {\\ndata\\n\\n";
          const parsed = (size) => {
            const fields = [];
            const take = fieldsOf((name, value) => fields.push(`${name}=${value}`));
            for (let at = 0; at < text.length; at += size) take(text.slice(at, at + size));
            return fields.join();
          };
          done([...new Set([1, 2, 3, 5, 1000].map(parsed))]);
        });
        """
    )
    assert fields == ["=comment,id=7,event=change,data={,data=,="]
