//! Services of which no container is mapped.

use super::*;

const NOTHING: &str = "no container is mapped, all ports refuse";
const AGAIN: &str = "containers are mapped again";

#[actix_rt::test]
async fn that_nothing_is_mapped_is_one_warning_with_the_reason_and_so_does_the_report_say() {
    let web = Running::fresh();
    web.hears(&[Container { address: None, ..a() }, Container { address: None, ..b() }]).await;
    let reason = "of 2 containers none can be mapped: it has no address";
    let report = web.addr.send(ReportAllocation).await.unwrap();
    assert_eq!(&*report.pools[0].nothing_mapped.as_ref().unwrap().text, reason);
    pass(ms(9_000)).await;
    assert_eq!(web.log.saying(NOTHING).len(), 0, "it comes and goes in a service's normal life");
    pass(ms(60_000)).await;
    let said = web.log.saying(NOTHING);
    assert_eq!(said.len(), 1);
    assert_eq!(["service", "kind", "reason"].map(|key| said[0].field(key)), ["web", "no_address", reason]);
    web.hears(&[a(), b()]).await;
    assert_eq!(web.log.saying(AGAIN).len(), 1);
    assert_eq!(web.addr.send(ReportAllocation).await.unwrap().pools[0].nothing_mapped, None);
}

#[actix_rt::test]
async fn another_reason_is_said_too() {
    let web = Running::fresh();
    web.hears(&[]).await;
    pass(ms(20_000)).await;
    web.hears(&[Container { state: Some(state("stopped")), ..a() }]).await;
    web.hears(&[Container { state: Some(state("stopped")), ..a() }, b()]).await;
    web.hears(&[]).await;
    pass(ms(20_000)).await;
    let kinds: Vec<_> = web.log.saying(NOTHING).iter().map(|line| line.field("kind").to_owned()).collect();
    assert_eq!(kinds, ["no_containers", "not_running", "no_containers"]);
}

#[actix_rt::test]
async fn why_many_containers_are_not_mapped_is_one_line() {
    let web = Running::fresh();
    let far: Vec<_> = (1..=500).map(|age| container(&format!("c{age}"), age, Some(70_000 + age))).collect();
    web.hears(&far).await;
    let said = web.log.saying("containers not mapped");
    assert_eq!(said.len(), 1);
    assert_eq!(
        ["containers", "kind", "container"].map(|key| said[0].field(key)),
        ["500", "outside_pool", "app-c1"]
    );
}
