//! How long a missing container lingers, and on which proof.

use super::*;

#[test]
fn a_container_lingers_for_so_long_and_then_its_connections_drain() {
    let mut web = Followed::having(&[a(), b()]);
    assert_eq!(web.hears(&[a()]).passes(LINGER - 1).slots(), "0:a 1:b?");
    assert_eq!(web.pool.next_change(), Some(ms(web.now + 1)));
    assert_eq!(web.passes(1).slots(), "0:a");
    assert_eq!(web.still_running(), ["10.42.0.3:8080"]);
    assert_eq!(web.news(), [(LingerNews::Begun, 1), (LingerNews::Expired, 1)]);
    assert_eq!(web.hears(&[a(), b()]).slots(), "0:a 1:b");
}

#[test]
fn its_time_begins_anew_only_after_it_was_listed_for_30_s() {
    let mut web = Followed::having(&[a(), b()]);
    web.hears(&[a()]).passes(LINGER - 10_000);
    assert_eq!(web.hears(&[a(), b()]).passes(29_000).slots(), "0:a 1:b");
    assert_eq!(web.hears_after(500, &[a()]).slots(), "0:a 1:b?");
    assert_eq!(web.passes(8_999).slots(), "0:a 1:b?");
    assert_eq!(web.passes(1).slots(), "0:a", "9 s were left of its time");
    web.news();
    assert_eq!(web.hears(&[a(), b()]).hears(&[a()]).slots(), "0:a", "nothing is left");
    assert_eq!(
        (web.still_running(), web.news()),
        (vec!["10.42.0.3:8080".into()], vec![(LingerNews::Expired, 1)])
    );
    web.hears(&[a(), b()]).passes(30_000);
    assert_eq!(web.hears(&[a()]).passes(LINGER - 1).slots(), "0:a 1:b?");
}

#[test]
fn a_proof_that_is_older_than_30_s_is_none() {
    for (away, slots, still_running) in
        [(30_000, "0:a 1:b?", vec![]), (30_001, "0:a", vec!["10.42.0.3:8080"])]
    {
        let mut web = Followed::having(&[a(), b()]);
        assert_eq!(web.hears_after(away, &[a()]).slots(), slots, "{away} ms");
        assert_eq!(web.still_running(), still_running);
    }
    let mut web = Followed::having(&[a(), b()]);
    web.hears_after(100_000, &[]);
    assert_eq!((web.slots(), web.news()), (String::new(), vec![(LingerNews::Unproven, 2)]));
}

#[test]
fn a_container_that_cannot_be_asked_loses_its_slot_and_drains() {
    let mut web = Followed::having(&[a(), b()]);
    assert_eq!(web.hears(&[a()]).is_told(&b(), Verdict::Unknown).slots(), "0:a");
    assert_eq!(web.still_running(), ["10.42.0.3:8080"]);
}
