//! A file as the source, from its text to the ports.

use std::{fs, os::unix::fs::symlink, path::PathBuf, time::Duration};

use serde_json::{Value, json};
use stalls_lab::{
    backend::{Backends, Identity},
    client::Held,
    stalls::messages::{FAULT_BEGINS, FAULT_ENDS, SERVING_SAVED},
};

use crate::harness::{BACKEND_PORT, BASE, SOON, Stage, run};

const OWN_PORT: u16 = 9000;
/// A connection that is not cut in this time stays.
const STAYS: Duration = Duration::from_millis(300);

/// A stage whose stalls follows a file; the metadata server has nothing to say.
struct FileStage {
    stage: Stage,
    path: PathBuf,
    backends: Backends,
}

impl FileStage {
    /// Four containers run: `c1` to `c3`, and `c4` on a port of its own. The file is not written yet.
    async fn prepared() -> Self {
        let stage = Stage::prepared(0).await;
        let path = stage.state_dir().with_file_name("services.yml");
        let mut backends = Backends::new();
        for n in 1..=4 {
            let uuid = format!("c{n}");
            let port = if n == 4 { OWN_PORT } else { BACKEND_PORT };
            backends.start(stage.block.container_ip(n), port, Identity { name: uuid.clone(), uuid }).await;
        }
        let stage = stage.env("SOURCE", format!("file:{}", path.display()));
        Self { stage, path, backends }
    }

    /// All runs, and the file lists these.
    async fn listing(containers: &[u8]) -> Self {
        let mut it = Self::prepared().await;
        it.write(&it.text(containers));
        it.stage.start();
        it.settled(containers).await;
        it
    }

    /// The file's text; container `n` has index `n`.
    fn text(&self, containers: &[u8]) -> String {
        let entry = |n: &u8| {
            let port = if *n == 4 { format!(", port: {OWN_PORT}") } else { String::new() };
            let address = self.stage.block.container_ip(*n);
            format!("    - {{name: c{n}, index: {n}, address: {address}{port}}}\n")
        };
        let entries: String = containers.iter().map(entry).collect();
        let none = if containers.is_empty() { " []" } else { "" };
        format!("services:\n  web:{none}\n{entries}")
    }

    /// Replaces the file, as whoever is careful does.
    fn write(&self, text: &str) {
        let new = self.path.with_extension("new");
        fs::write(&new, text).unwrap();
        fs::rename(new, &self.path).unwrap();
    }

    /// Waits until these containers are on their ports, and the other ports refuse.
    async fn settled(&self, containers: &[u8]) {
        for n in 1..=4 {
            let port = BASE + u16::from(n) - 1;
            match containers.contains(&n) {
                true => self.stage.expect_port(port, &format!("c{n}")).await,
                false => self.stage.expect_refused(port).await,
            }
        }
    }

    async fn status(&self) -> Value {
        let ended = run(&self.stage.launch().clone().arg("status").arg("--json")).await;
        serde_json::from_str(&ended.stdout.concat()).unwrap()
    }
}

#[tokio::test]
async fn containers_come_and_go_with_the_file_each_at_its_own_port() {
    for (on_leave, stays) in [("cut", false), ("drain", true)] {
        let mut it = FileStage::prepared().await;
        it.stage = it.stage.env("ON_LEAVE", on_leave);
        it.write(&it.text(&[1, 2]));
        it.stage.start();
        it.settled(&[1, 2]).await;
        let mut held: Held = it.stage.hold(BASE + 1).await;
        let mut other = it.stage.hold(BASE).await;
        it.write(&it.text(&[1, 2, 4]));
        it.settled(&[1, 2, 4]).await;
        assert_eq!(held.check().await, Ok(()));
        // It runs on, and is gone: a file is proof.
        it.write(&it.text(&[1, 4]));
        it.settled(&[1, 4]).await;
        let within = if stays { STAYS } else { SOON };
        assert_eq!(held.ends_within(within).await, !stays, "ON_LEAVE={on_leave}");
        assert_eq!(other.check().await, Ok(()));
        assert!(it.backends.running().count() == 4, "all of them run");
        it.write(&it.text(&[]));
        it.settled(&[]).await;
        it.stage.end().await;
    }
}

#[tokio::test]
async fn a_file_that_is_no_list_is_a_fault_that_changes_nothing() {
    let it = FileStage::listing(&[1, 2]).await;
    let mut held = it.stage.hold(BASE).await;
    let half = it.text(&[1, 2]).replace("address", "addr");
    let spoilt = [("syntax", Some(half.as_str())), ("empty", Some("")), ("unreadable", None)];
    for (kind, text) in spoilt {
        let mark = it.stage.stalls().log_mark();
        match text {
            Some(text) => fs::write(&it.path, text).unwrap(),
            None => fs::remove_file(&it.path).unwrap(),
        }
        let fault = it.stage.line_after(mark, FAULT_BEGINS).await;
        let subject = it.path.display().to_string();
        assert_eq!((&fault["kind"], &fault["subject"]), (&json!(kind), &json!(subject)));
        it.settled(&[1, 2]).await;
        let shown = until_shown(&it, "stale").await;
        assert_eq!((&shown["source"]["kind"], &shown["source"]["fault"]), (&json!("file"), &json!(kind)));
        assert_eq!(
            (&shown["services"][0]["state"], &shown["services"][0]["kind"]),
            (&json!("stale"), &json!(kind))
        );

        it.write(&it.text(&[1, 2]));
        it.stage.line_after(mark, FAULT_ENDS).await;
        let shown = until_shown(&it, "ok").await;
        assert_eq!(
            (&shown["services"][0]["state"], &shown["services"][0]["kind"]),
            (&json!("ok"), &json!(null))
        );
    }
    assert_eq!(held.check().await, Ok(()));
}

/// The status, once the source is in this state.
async fn until_shown(it: &FileStage, state: &str) -> Value {
    let begun = tokio::time::Instant::now();
    loop {
        let document = it.status().await;
        if document["source"]["state"] == state {
            return document;
        }
        assert!(begun.elapsed() < SOON, "{document:#}");
    }
}

/// As Kubernetes puts a ConfigMap into place.
#[tokio::test]
async fn a_symbolic_link_that_leads_elsewhere_is_followed() {
    let mut it = FileStage::prepared().await;
    let folder = it.path.parent().unwrap().to_owned();
    let lead_to = |version: &str, text: &str| {
        fs::create_dir(folder.join(version)).unwrap();
        fs::write(folder.join(version).join("services.yml"), text).unwrap();
        symlink(version, folder.join("..new")).unwrap();
        fs::rename(folder.join("..new"), folder.join("..data")).unwrap();
    };
    lead_to("..1", &it.text(&[1]));
    symlink("..data/services.yml", &it.path).unwrap();
    it.stage.start();
    it.settled(&[1]).await;
    lead_to("..2", &it.text(&[1, 3]));
    it.settled(&[1, 3]).await;
    lead_to("..3", &it.text(&[3]));
    it.settled(&[3]).await;
}

#[tokio::test]
async fn without_the_file_the_saved_mapping_serves_after_a_restart() {
    let mut it = FileStage::listing(&[1, 2, 4]).await;
    it.stage.end().await;
    fs::remove_file(&it.path).unwrap();
    it.stage.start();
    it.stage.line(SERVING_SAVED).await;
    it.settled(&[1, 2, 4]).await;
    // What the first list does not have is gone.
    it.write(&it.text(&[1, 4]));
    it.settled(&[1, 4]).await;
    it.stage.end().await;
}
