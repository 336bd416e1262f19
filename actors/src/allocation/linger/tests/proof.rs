//! Lists that are proof: what they do not have is gone.

use super::*;

fn without_address(container: Container) -> Container {
    Container { address: None, ..container }
}

#[test]
fn a_container_that_a_list_no_longer_has_is_gone_at_once() {
    let mut web = Followed::of(5);
    web.hears_proof(&[a(), b()]);
    assert_eq!(web.hears_proof(&[a()]).slots(), "0:a");
    assert_eq!(web.pool.lingering().count(), 0, "nothing is asked whether it is there");
    assert_eq!((web.still_running(), web.news()), (vec![], vec![]), "its connections go by ON_LEAVE");
    assert_eq!(web.hears_proof(&[a(), b()]).slots(), "0:a 1:b");
    assert_eq!(web.hears_proof_after(100_000, &[]).slots(), "", "however long the source was away");
    assert_eq!((web.still_running(), web.news()), (vec![], vec![]));
}

#[test]
fn one_that_has_lost_its_address_lingers_until_the_list_drops_it() {
    let mut web = Followed::of(5);
    web.hears_proof(&[a(), b()]);
    assert_eq!(web.hears_proof(&[a(), without_address(b())]).slots(), "0:a 1:b?");
    assert_eq!(web.pool.lingering().collect::<Vec<_>>(), [target(&b())]);
    assert_eq!(web.hears_proof(&[a()]).slots(), "0:a");
    assert_eq!(web.still_running(), [] as [&str; 0]);
    assert_eq!(web.news(), [(LingerNews::Begun, 1), (LingerNews::Gone, 1)]);
}

#[test]
fn the_connections_of_one_that_lingered_for_too_long_drain_until_the_list_drops_it() {
    let mut web = Followed::of(5);
    web.hears_proof(&[a(), b()]).hears_proof(&[a(), without_address(b())]).passes(LINGER);
    assert_eq!((web.slots().as_str(), web.still_running()), ("0:a", vec!["10.42.0.3:8080".to_owned()]));
    assert_eq!(web.hears_proof(&[a()]).still_running(), [] as [&str; 0]);
}

#[test]
fn a_saved_slot_that_the_first_list_does_not_have_is_free_and_nothing_drains() {
    let saved = Followed::having(&[a(), b()]).saved();
    let mut after = Followed::restored(5, &saved);
    assert_eq!(after.slots(), "0:a 1:b");
    assert_eq!((after.hears_proof(&[a()]).slots(), after.news()), ("0:a".into(), vec![]));
    assert_eq!(after.still_running(), [] as [&str; 0]);
}

#[test]
fn what_lingered_before_a_restart_drains_only_if_the_first_list_has_it() {
    let mut before = Followed::of(5);
    let nowhere = without_address(b());
    let saved = before.hears_proof(&[a(), b()]).hears_proof(&[a(), nowhere.clone()]).saved();
    for (list, still_running) in [(vec![a(), nowhere], vec!["10.42.0.3:8080"]), (vec![a()], vec![])] {
        let mut after = Followed::restored(5, &saved);
        assert_eq!((after.hears_proof(&list).slots(), after.news()), ("0:a".into(), vec![]));
        assert_eq!(after.still_running(), still_running);
    }
}

#[test]
fn what_lingers_since_an_answer_that_was_no_proof_is_gone_with_the_first_list() {
    // A service that nobody knew for a while, say.
    let mut web = Followed::of(5);
    assert_eq!(web.hears_proof(&[a(), b()]).hears(&[]).slots(), "0:a? 1:b?");
    assert_eq!(web.hears_proof(&[a()]).slots(), "0:a");
    assert_eq!(web.still_running(), [] as [&str; 0]);
}
