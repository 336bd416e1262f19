//! Containers on the host's network.

use super::*;

/// The containers of `web` listen on this port.
fn listening_on(port: u16) -> Running {
    let web = Mapping { backend_port: NonZeroU16::new(port).unwrap().into(), ..mapping(&web(), 5000) };
    Running::with(vec![web], FakeStore::default())
}

fn on_the_host(container: Container) -> Container {
    Container { address: Some(HOST.to_string().as_str().into()), ..container }
}

fn has_port(plan: &Plan, port: u16) -> bool {
    plan.routes().any(|(its, _)| its == port)
}

#[actix_rt::test]
async fn haproxy_is_not_led_to_itself_and_leaves_the_port_to_the_container() {
    let web = listening_on(5003);
    web.hears(&[on_the_host(a()), b()]).await;
    let plan = web.plans().pop().unwrap();
    assert_eq!(web.told().pop().unwrap().1, told(0, &[(5001, "b")]).1);
    assert_eq!(plan.mappings[0].unmapped["a"].kind(), "own_listener");
    assert!(!has_port(&plan, 5003) && has_port(&plan, 5002) && has_port(&plan, 5004));
    assert_eq!(plan.pools().collect::<Vec<_>>(), [5000..=5002, 5004..=5063]);
    let warned = web.log.saying("containers not mapped");
    assert_eq!((warned.len(), warned[0].field("kind")), (1, "own_listener"));
    // It is away for a moment, and finds its port free when it is back.
    web.hears(&[b()]).await;
    assert!(!has_port(web.plans().last().unwrap(), 5003));
}

#[actix_rt::test]
async fn a_container_on_the_host_with_a_port_of_its_own_is_mapped() {
    for port in [4999, 5064, 8080] {
        let web = listening_on(port);
        web.hears(&[on_the_host(a())]).await;
        assert_eq!(web.told(), [told(1, &[(5000, "a")])], "{port}");
        tokio::time::resume();
    }
}
