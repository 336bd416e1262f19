//! Starts and reloads, and what becomes of those that fail.

use std::time::Duration;

use super::fake::{Fate, Scene, config, leading_to};
use crate::config::{Frame, FrameDigest, HaproxyConfig, Verdict};

#[actix_rt::test]
async fn haproxy_starts_once_there_are_a_plan_and_a_frame_and_its_free_ports_are_closed() {
    let scene = Scene::new(|_| {});
    scene.settle().await;
    assert!(scene.host.generations().is_empty());
    scene.write(config(1, "a")).await;
    assert_eq!(scene.host.generations(), [1]);
    assert_eq!(scene.host.deeds_to(1), ["disable frontend p5001"]);
    let applied = &scene.log.saying("plan applied")[0];
    let fields = ["revision", "step", "mapped", "free", "excluded"].map(|field| applied.field(field));
    assert_eq!(fields, ["1", "start", "1", "1", "0"]);
}

#[actix_rt::test]
async fn a_newer_revision_of_the_same_routes_touches_nothing() {
    let scene = Scene::new(|_| {});
    scene.write(config(1, "a")).await;
    let deeds = scene.host.deeds_to(1);
    scene.write(config(2, "a")).await;
    assert_eq!(scene.host.generations(), [1]);
    assert_eq!(scene.host.deeds_to(1), deeds);
}

#[actix_rt::test]
async fn a_reload_lets_the_old_one_drain_only_once_the_new_one_serves() {
    let scene = Scene::new(|_| {});
    scene.write(config(1, "a")).await;
    scene.write(config(2, "b")).await;
    let host = scene.host.0.borrow();
    assert_eq!(host.launches[1].1.inherit, Some(1));
    let order: Vec<_> = host.deeds.iter().map(|(generation, deed)| (*generation, deed.as_str())).collect();
    let reload = [(2, "disable frontend p5001"), (1, "USR1"), (1, "socket removed"), (1, "folder removed")];
    assert_eq!(order[1..], reload);
}

#[actix_rt::test]
async fn of_a_burst_during_a_reload_only_the_newest_follows() {
    let scene = Scene::new(|_| {});
    scene.write(config(1, "a")).await;
    for revision in 2..=20 {
        scene.send(config(revision, &format!("frame {revision}")));
    }
    scene.settle().await;
    assert_eq!(frames(&scene), ["a", "frame 2", "frame 20"].map(FrameDigest::named));
}

/// What was launched, one after the other.
fn frames(scene: &Scene) -> Vec<FrameDigest> {
    let host = scene.host.0.borrow();
    host.launches.iter().map(|(_, launch)| launch.config.frame.digest.clone()).collect()
}

// === frames that are checked, or not ===

#[actix_rt::test]
async fn a_start_waits_for_no_check_and_is_one() {
    let scene = Scene::new(|_| {});
    scene.send_plan(&config(1, "a"));
    scene.send_frame(&config(1, "a"), Verdict::Unchecked);
    scene.settle().await;
    assert_eq!((scene.host.running(), scene.checks()), (vec![1], 0));
    scene.host.end(1, "signal 9");
    scene.settle().await;
    assert_eq!((scene.host.running(), scene.checks()), (vec![2], 0));
}

#[actix_rt::test]
async fn a_reload_waits_for_the_check_that_it_asks_for_once() {
    let scene = Scene::new(|_| {});
    scene.write(config(1, "a")).await;
    for _ in 0..3 {
        scene.send_plan(&config(2, "b"));
        scene.settle().await;
    }
    scene.send_frame(&config(2, "b"), Verdict::Unchecked);
    for _ in 0..3 {
        scene.send_plan(&config(2, "b"));
        scene.settle().await;
    }
    assert_eq!((scene.host.generations(), scene.checks()), (vec![1], 1));
    scene.send_frame(&config(2, "b"), Verdict::Accepted);
    scene.settle().await;
    assert_eq!((scene.host.generations(), scene.checks()), (vec![1, 2], 1));
}

/// Seed 901: HAProxy had accepted a frame without a port at last, which could be bound again by then, and was reloaded
/// to it for good.
#[actix_rt::test]
async fn a_verdict_that_comes_late_leads_to_no_older_frame() {
    let scene = Scene::new(|_| {});
    scene.write(config(1, "a")).await;
    scene.send_frame(&leading_to(2, "without 5001", &[(5000, SECOND)]), Verdict::Unchecked);
    scene.send_frame(&config(3, "a"), Verdict::Unchecked);
    scene.send_frame(&leading_to(2, "without 5001", &[(5000, SECOND)]), Verdict::Accepted);
    scene.settle().await;
    assert_eq!(frames(&scene), ["a"].map(FrameDigest::named));
}

#[actix_rt::test]
async fn while_a_larger_frame_is_rejected_the_ports_that_there_are_follow_the_plan() {
    let scene = Scene::new(|_| {});
    scene.write(config(1, "a")).await;
    let grown = |revision, first| leading_to(revision, "b", &[(5000, first), (5001, None), (5002, SECOND)]);
    scene.send_plan(&grown(2, None));
    scene.send_frame(&grown(2, None), Verdict::Unchecked);
    scene.settle().await;
    scene.send_frame(&grown(2, None), Verdict::Rejected);
    scene.settle().await;
    let leads_to = |scene: &Scene| scene.host.0.borrow_mut().haproxy(1, 1001).leads_to(5000);
    assert_eq!(leads_to(&scene), None);
    scene.send_plan(&grown(3, SECOND));
    scene.wait(Duration::from_secs(60)).await;
    assert_eq!(leads_to(&scene), SECOND.map(|server| server.parse().unwrap()));
    assert_eq!((scene.host.generations(), scene.checks()), (vec![1], 1));
    let partly = scene.log.saying("runtime changes applied, reload pending for the rest");
    let waiting: Vec<_> = partly.iter().map(|line| [line.field("revision"), line.field("waiting")]).collect();
    assert_eq!(waiting, [["2", "1"], ["3", "1"]]);
    // It is not started with what was rejected either.
    scene.host.end(1, "signal 9");
    scene.settle().await;
    assert_eq!(frames(&scene), ["a", "a"].map(FrameDigest::named));
    assert_eq!(scene.host.0.borrow().launches[1].1.config.revision, 3);
}

const SECOND: Option<&str> = Some("10.42.0.9:8080");

#[actix_rt::test]
async fn a_first_start_that_fails_asks_for_a_check_and_is_tried_again_unless_the_frame_is_rejected() {
    let scene = Scene::new(|host| host.fates.extend([Fate::Die; 100]));
    scene.send_plan(&config(1, "a"));
    scene.send_frame(&config(1, "a"), Verdict::Unchecked);
    scene.wait(Duration::from_secs(1)).await;
    let tried = scene.host.generations().len();
    assert!(tried > 2 && scene.checks() == 1, "{tried}");
    scene.send_frame(&config(1, "a"), Verdict::Rejected);
    scene.wait(Duration::from_secs(600)).await;
    assert_eq!(scene.host.generations().len(), tried);
    scene.send_plan(&config(2, "b"));
    scene.send_frame(&config(2, "b"), Verdict::Unchecked);
    scene.settle().await;
    assert_eq!(scene.host.generations().len(), tried + 1);
}

#[actix_rt::test]
async fn a_newer_frame_that_fails_to_start_gives_way_to_the_accepted_one() {
    let scene = Scene::new(|host| host.fates.extend([Fate::Serve, Fate::Die]));
    scene.write(config(1, "a")).await;
    scene.send_frame(&config(2, "b"), Verdict::Unchecked);
    scene.host.end(1, "signal 9");
    scene.settle().await;
    assert_eq!(frames(&scene), ["a", "b"].map(FrameDigest::named));
    scene.wait(Duration::from_secs(1)).await;
    assert_eq!((frames(&scene), scene.checks()), (["a", "b", "a"].map(FrameDigest::named).into(), 1));
}

#[actix_rt::test]
async fn with_a_template_whose_changes_cannot_be_told_each_accepted_frame_is_a_reload() {
    let scene = Scene::with_template(false, |_| {});
    let fixed = |revision, server| {
        let config = leading_to(revision, &format!("{revision}"), &[(5000, server), (5001, None)]);
        let frame = Frame { fixed_routes: Some(config.routes.clone()), ..config.frame.as_ref().clone() };
        HaproxyConfig { frame: frame.into(), ..config }
    };
    scene.write(fixed(1, SECOND)).await;
    scene.send_plan(&fixed(2, None));
    scene.settle().await;
    assert_eq!(scene.host.deeds_to(1), ["disable frontend p5001"]);
    scene.send_frame(&fixed(2, None), Verdict::Accepted);
    scene.settle().await;
    assert_eq!((scene.host.generations(), scene.host.running()), (vec![1, 2], vec![2]));
    // What it was to lead to is outdated by the time at which it is accepted.
    scene.send_plan(&fixed(3, Some("10.42.0.4:8080")));
    scene.send_plan(&fixed(4, Some("10.42.0.5:8080")));
    scene.send_frame(&fixed(3, Some("10.42.0.4:8080")), Verdict::Accepted);
    scene.settle().await;
    let routes = scene.host.0.borrow().launches[2].1.config.routes.clone();
    assert_eq!(routes, [(5001, None)].into());
}

// === reloads that fail ===

#[actix_rt::test]
async fn a_successor_that_never_answers_is_killed_and_the_old_one_serves_on_with_its_free_ports_closed() {
    let scene = Scene::new(|host| host.fates.extend([Fate::Serve, Fate::Mute]));
    scene.write(config(1, "a")).await;
    scene.write(config(2, "b")).await;
    assert_eq!(scene.host.running(), [1, 2]);
    scene.wait(Duration::from_secs(21)).await;
    assert_eq!(scene.host.deeds_to(2), ["KILL", "folder removed"]);
    let repair = ["enable frontend p5000", "enable frontend p5001", "disable frontend p5001"];
    assert_eq!(scene.host.deeds_to(1)[1..4], repair);
    assert_eq!(scene.host.generations(), [1, 2, 3]);
    assert_eq!(scene.host.running(), [3]);
}

#[actix_rt::test]
async fn a_successor_that_dies_leaves_the_old_one_serving_and_is_tried_again() {
    let scene = Scene::new(|host| host.fates.extend([Fate::Serve, Fate::Die, Fate::Die]));
    scene.write(config(1, "a")).await;
    scene.write(config(2, "b")).await;
    assert!(scene.host.running().contains(&1));
    scene.wait(Duration::from_secs(1)).await;
    assert_eq!(scene.host.running(), [4]);
    let failed = scene.log.saying("haproxy failed to start");
    let told = |field| failed.iter().map(|line| line.field(field)).collect::<Vec<_>>();
    assert_eq!((told("generation"), told("revision")), (vec!["2", "3"], vec!["2", "2"]));
    assert_eq!((told("error"), told("old_one_serves")), (vec!["exit code 1"; 2], vec!["true"; 2]));
}

#[actix_rt::test]
async fn a_live_one_that_does_not_answer_drains_since_nobody_could_take_over_from_it() {
    let scene = Scene::new(|host| host.fates.extend([Fate::Serve, Fate::Die]));
    scene.write(config(1, "a")).await;
    scene.host.turns(1, Fate::Mute);
    scene.write(config(2, "b")).await;
    scene.settle().await;
    assert_eq!(scene.host.deeds_to(1)[1..], ["USR1", "folder removed"]);
    assert_eq!(scene.host.running(), [3]);
    assert_eq!(scene.host.0.borrow().launches[2].1.inherit, None);
}

#[actix_rt::test]
async fn a_live_one_that_somebody_else_told_to_drain_is_replaced() {
    let scene = Scene::new(|host| {
        host.fates.extend([Fate::Serve, Fate::Die]);
        host.ignores = [(1, "USR1")].into();
    });
    scene.write(config(1, "a")).await;
    scene.host.turns(1, Fate::Die);
    scene.write(config(2, "b")).await;
    scene.settle().await;
    assert_eq!(scene.host.running(), [1, 3], "its connections go on");
    assert_eq!(scene.host.0.borrow().launches[2].1.inherit, None);
}

#[actix_rt::test]
async fn one_that_drains_is_not_killed_because_somebody_else_has_taken_one_of_its_ports() {
    let scene = Scene::new(|host| host.ignores = [(1, "USR1")].into());
    scene.write(leading_to(1, "a", &[(5000, Some("10.42.0.7:80")), (5001, Some("10.42.0.8:80"))])).await;
    scene.host.turns(1, Fate::Die);
    scene.host.0.borrow_mut().taken_ports = [5001].into();
    scene.write(config(2, "b")).await;
    scene.wait(Duration::from_secs(2)).await;
    assert_eq!(scene.host.running(), [1], "its connections go on");
    assert_eq!(*scene.excluded.lock().unwrap(), [[5001].into()]);
}

#[actix_rt::test]
async fn nothing_is_started_before_what_was_killed_has_ended() {
    let scene = Scene::new(|host| {
        host.fates.extend([Fate::Serve, Fate::Mute]);
        host.ignores = [(2, "KILL")].into();
    });
    scene.write(config(1, "a")).await;
    scene.write(config(2, "b")).await;
    scene.wait(Duration::from_secs(60)).await;
    assert_eq!(scene.host.generations(), [1, 2]);
    scene.host.end(2, "signal 9");
    scene.settle().await;
    assert_eq!(scene.host.running(), [3]);
}
