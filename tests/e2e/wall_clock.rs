//! The wall clock jumps, as when a person sets it.

use std::{
    fs::{self, File},
    os::unix::fs::FileExt,
    process::Command,
};

use stalls_lab::stalls::{
    Signal,
    messages::{PLAN_APPLIED, SERVES},
};
use tempfile::TempDir;

use crate::harness::{Bystanders, Stage};

const A_YEAR: i64 = 365 * 24 * 3600;

/// The wall clock of a stalls process and of its HAProxies, by a library that is preloaded into them.
struct WallClock {
    folder: TempDir,
    ahead: File,
}

impl WallClock {
    /// A clock that is right. It needs the C compiler that Rust links with.
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("ahead"), 0_i64.to_ne_bytes()).unwrap();
        let ahead = File::options().write(true).open(folder.path().join("ahead")).unwrap();
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/e2e/wall_clock.c");
        let library = folder.path().join("wall_clock.so");
        let compiled =
            Command::new("cc").args(["-shared", "-fPIC", "-O1", "-o"]).arg(library).arg(source).status();
        assert!(compiled.expect("cc is there, for Rust needs it too").success());
        Self { folder, ahead }
    }

    fn of(&self, stage: Stage) -> Stage {
        let file = |name: &str| self.folder.path().join(name).display().to_string();
        stage.env("LD_PRELOAD", file("wall_clock.so")).env("WALL_CLOCK", file("ahead"))
    }

    /// Sets it ahead of the right time, or back; not relative to what it was set to.
    fn set(&self, seconds: i64) {
        self.ahead.write_all_at(&seconds.to_ne_bytes(), 0).unwrap();
    }
}

/// The year of this line's time stamp.
fn year(line: &serde_json::Value) -> i64 {
    line["ts"].as_str().unwrap()[..4].parse().unwrap()
}

#[tokio::test]
async fn jumps_of_the_wall_clock_have_no_effect() {
    let clock = WallClock::new();
    let stage = Stage::prepared(4).await.env("RECONCILE_INTERVAL_MS", 1000).env("PORT_REUSE_DELAY_MS", 1000);
    let mut stage = clock.of(stage).started().await;
    let now = year(&stage.line(PLAN_APPLIED).await);
    let mut bystanders = Bystanders::begin(&stage).await;
    for (turn, years) in [20, -20, 0].into_iter().enumerate() {
        clock.set(years * A_YEAR);
        bystanders.notice_nothing().await;
        bystanders
            .change(&mut stage, |world| {
                world.web().replace(2);
                world.web().scale_to(5 + turn);
            })
            .await;
        let said = year(&stage.applied().await);
        assert!((said - now - years).abs() <= 1, "the clock has been set by {years} years");
        bystanders.follow(&stage).await;
    }
    bystanders.end().await;
    stage.assert_calm();
    stage.assert_no_reload();
    stage.end().await;
}

#[tokio::test]
async fn a_process_that_starts_at_another_wall_time_adopts_what_was_before() {
    let clock = WallClock::new();
    let mut stage = clock.of(Stage::prepared(3).await).started().await;
    let haproxy = stage.haproxy().await;
    let mut bystanders = Bystanders::begin(&stage).await;
    for years in [20, -20] {
        clock.set(years * A_YEAR);
        bystanders.let_free_ports_open(&stage);
        stage.kill_and_start().await;
        bystanders.free_ports_refuse(&stage);
        bystanders.notice_nothing().await;
        assert_eq!(stage.haproxy().await, haproxy);
        stage.assert_no_reload();
    }
    bystanders.let_break(&stage);
    clock.set(0);
    stage.stalls().signal_haproxy(Signal::KILL);
    stage.line(SERVES).await;
    bystanders.recover(&stage).await;
    bystanders.end().await;
    stage.end().await;
}
