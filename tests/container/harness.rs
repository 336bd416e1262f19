//! What all tests share.

mod engine;
mod processes;
mod run;
mod stage;
mod turn;

use std::time::Duration;

use tokio::time::{Instant, sleep};

pub(crate) use self::{
    engine::docker,
    processes::Process,
    run::{Run, STOP_PATIENCE},
    stage::Stage,
};

/// How long anything may take. It only bounds a failure.
pub(crate) const SOON: Duration = Duration::from_secs(60);

/// The first port of the pool.
pub(crate) const BASE: u16 = 5000;

/// How many ports the pool has.
pub(crate) const POOL: u16 = 8;

/// The pause between two checks of a condition that cannot be awaited; each check starts a docker process.
const CHECK_EVERY: Duration = Duration::from_millis(50);

/// Waits until this is so.
pub(crate) async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < SOON, "not so after {SOON:?}: {what}");
        sleep(CHECK_EVERY).await;
    }
}

/// The image that a variable names.
fn image(variable: &str) -> String {
    std::env::var(variable).unwrap_or_else(|_| panic!("{variable} names no image: run sh tests/image.sh"))
}

/// The image under test.
pub(crate) fn stalls_image() -> String {
    image("STALLS_IMAGE")
}

/// The image of the containers around stalls.
fn lab_image() -> String {
    image("LAB_IMAGE")
}
