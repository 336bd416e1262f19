//! HAProxies that die, and the pauses before the next.

use std::time::Duration;

use super::fake::{Fate, Scene, config, leading_to};
use crate::testing::ms;

#[actix_rt::test]
async fn a_killed_haproxy_is_started_again_at_once() {
    let scene = Scene::new(|_| {});
    scene.write(config(1, "a")).await;
    scene.host.end(1, "signal 9");
    scene.settle().await;
    assert_eq!(scene.host.running(), [2]);
    assert_eq!(scene.host.0.borrow().launches[1].1.inherit, None);
    let died = scene.log.saying("haproxy died");
    let fields = ["generation", "revision", "how", "retry_ms"].map(|field| died[0].field(field));
    assert_eq!((died.len(), fields), (1, ["1", "1", "signal 9", "0"]));
}

#[actix_rt::test]
async fn one_that_keeps_dying_is_started_at_once_then_after_pauses_that_double_to_half_a_minute() {
    let scene = Scene::new(|host| host.fates.extend([Fate::Die; 14]));
    scene.write(config(1, "a")).await;
    scene.wait(Duration::from_secs(600)).await;
    let gaps = scene.host.gaps();
    assert!(gaps[0] < ms(5), "{gaps:?}");
    let mut span = 100;
    for gap in &gaps[1..] {
        assert!(ms(span / 2) <= *gap && *gap <= ms(span + 5), "{span}: {gaps:?}");
        span = (span * 2).min(30_000);
    }
    assert_eq!(gaps.len(), 14);
}

#[actix_rt::test]
async fn half_a_minute_of_health_clears_the_record() {
    let scene = Scene::new(|host| host.fates.extend([Fate::Die; 8]));
    scene.write(config(1, "a")).await;
    scene.wait(Duration::from_secs(60)).await;
    assert_eq!(scene.host.running(), [9]);
    scene.host.end(9, "signal 9");
    scene.settle().await;
    assert_eq!(scene.host.running(), [10]);
}

#[actix_rt::test]
async fn dying_again_within_half_a_minute_keeps_the_record() {
    let scene = Scene::new(|host| host.fates.extend([Fate::Die; 8]));
    scene.write(config(1, "a")).await;
    scene.wait(Duration::from_secs(15)).await;
    assert_eq!(scene.host.running(), [9]);
    scene.host.end(9, "signal 9");
    scene.wait(Duration::from_secs(1)).await;
    assert!(scene.host.running().is_empty());
}

/// Eight reloads fail; then, after another `moment`, the one that serves dies.
async fn dies_after_failed_reloads(moment: Duration) -> Scene {
    let scene = Scene::new(|host| {
        host.fates.push_back(Fate::Serve);
        host.fates.extend([Fate::Die; 8]);
        host.fates.push_back(Fate::Mute);
    });
    scene.write(config(1, "a")).await;
    scene.write(config(2, "b")).await;
    // The eighth failure puts the next reload off for 3.2 s at least and 6.4 s at most.
    while scene.host.generations().len() < 9 {
        scene.wait(ms(1)).await;
    }
    scene.wait(moment).await;
    scene.host.end(1, "signal 9");
    scene.settle().await;
    scene
}

#[actix_rt::test]
async fn one_that_dies_while_a_reload_is_put_off_is_started_at_once_and_only_once() {
    let scene = dies_after_failed_reloads(ms(100)).await;
    assert_eq!(scene.host.running(), [10]);
    scene.wait(Duration::from_secs(10)).await;
    assert_eq!(scene.host.generations().len(), 10);
}

#[actix_rt::test]
async fn one_that_dies_while_its_ports_are_set_right_is_started_at_once() {
    let scene = dies_after_failed_reloads(Duration::ZERO).await;
    assert_eq!(scene.host.running(), [10]);
}

#[actix_rt::test]
async fn a_failed_reload_counts_even_if_the_live_one_dies_too() {
    let scene = Scene::new(|host| host.fates.extend([Fate::Serve, Fate::Die]));
    scene.write(config(1, "a")).await;
    scene.wait(Duration::from_secs(29)).await;
    scene.send(config(2, "b"));
    while scene.host.generations().len() < 2 {
        scene.wait(ms(1)).await;
    }
    scene.host.end(1, "signal 9");
    scene.settle().await;
    assert_eq!(scene.host.running(), [3]);
    // More than half a minute after the first one got to serve.
    scene.wait(Duration::from_secs(2)).await;
    scene.host.end(3, "signal 9");
    scene.settle().await;
    assert!(scene.host.running().is_empty());
}

#[actix_rt::test]
async fn a_failed_reload_counts_from_the_moment_in_which_it_fails() {
    let scene = Scene::new(|host| host.fates.extend([Fate::Die, Fate::Serve, Fate::Die]));
    scene.write(config(1, "a")).await;
    scene.wait(Duration::from_secs(29)).await;
    // To look at the live one's ports and to set them right takes until after its half minute.
    scene.host.0.borrow_mut().answer_takes = Duration::from_secs(2);
    scene.write(config(2, "b")).await;
    scene.wait(Duration::from_secs(5)).await;
    let gaps = scene.host.gaps();
    assert!(gaps.len() == 3 && gaps[2] >= ms(4_050), "{gaps:?}");
}

#[actix_rt::test]
async fn one_that_dies_after_changes_that_failed_is_started_again_after_a_pause() {
    let scene = Scene::new(|_| {});
    scene.write(config(1, "a")).await;
    scene.host.end(1, "signal 9");
    scene.settle().await;
    scene.host.0.borrow_mut().refuses.insert("enable frontend p5001".into(), "No.");
    let two = [(5000, Some("10.42.0.7:8080")), (5001, Some("10.42.0.8:8080"))];
    scene.send(leading_to(2, "a", &two));
    while !scene.host.deeds_to(2).contains(&"enable frontend p5001".into()) {
        scene.wait(ms(1)).await;
    }
    scene.host.end(2, "signal 9");
    scene.settle().await;
    assert!(scene.host.running().is_empty());
    scene.wait(ms(100)).await;
    assert_eq!(scene.host.running(), [3]);
}

#[actix_rt::test]
async fn frequent_reloads_do_not_keep_the_record_from_being_cleared() {
    let scene = Scene::new(|_| {});
    for round in 0..6 {
        for change in 0..4 {
            scene.write(config(round * 4 + change, &format!("{round} {change}"))).await;
            scene.wait(Duration::from_secs(20)).await;
        }
        let live = scene.host.running()[0];
        scene.host.end(live, "signal 9");
        scene.settle().await;
        assert_eq!(scene.host.running().len(), 1, "round {round}");
    }
}

#[actix_rt::test]
async fn a_missing_binary_is_tried_again() {
    let scene = Scene::new(|host| host.fates.extend([Fate::Missing, Fate::Missing]));
    scene.write(config(1, "a")).await;
    scene.wait(Duration::from_secs(1)).await;
    assert_eq!(scene.host.running(), [3]);
}
