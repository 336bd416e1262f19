//! What a health check changes.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::sleep;

use crate::harness::{BASE, Project, Stage, composes, docker, socket};

/// An engine's list has the age of a container in seconds: which of two of one second is the newer one is not known.
async fn next_second() {
    let now = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let began = now();
    while now() == began {
        sleep(Duration::from_millis(20)).await;
    }
}

#[actix_rt::test]
async fn a_successor_gets_the_port_when_it_is_healthy() {
    let project = Project::new(&composes()[0], &[]);
    let service = project.name.clone();
    let stage =
        Stage::start_with(&format!("unix://{}", socket()), |launch| launch.env("SERVICE_NAME", &service));
    let volume = format!("{}:/server.pl:ro", project.folder.path().join("server.pl").display());
    let (image, label) = (std::env::var("DEBIAN_IMAGE").unwrap(), format!("stalls.service={service}"));
    let run = |health: &[&str]| {
        let run = ["run", "-d", "--init", "-v", &volume, "--label", &label, "--label", "stalls.index=1"];
        docker(&[&run[..], health, &[&*image, "perl", "/server.pl"]].concat())[..12].to_owned()
    };
    let old = run(&[]);
    stage.await_served([(BASE, old.clone())]).await;
    next_second().await;
    let new = run(&["--health-cmd", "test -e /ready", "--health-interval", "1s", "--health-retries", "1"]);
    let is_not_ready = |line: &serde_json::Value| {
        let text = line.to_string();
        text.contains("not_ready") || text.contains("until this one is healthy")
    };
    stage.stalls.await_log(is_not_ready, crate::harness::SOON).await;
    stage.await_served([(BASE, old.clone())]).await;
    docker(&["exec", &new, "touch", "/ready"]);
    stage.await_served([(BASE, new.clone())]).await;
}
