//! How soon HAProxy has been told of a container after the engine has told that it starts. It prints a figure, and bounds
//! nothing but a failure: how busy the machine is, is not for a test to say.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::sleep;

use crate::harness::{BASE, Project, SOON, Stage, composes, docker, socket};

const CONTAINERS: usize = 50;
const ROUNDS: usize = 12;

#[actix_rt::test]
async fn from_the_engines_event_to_the_port() {
    let project = Project::new(&composes()[0], &[]);
    project.scale(CONTAINERS);
    let ids = project.running();
    let stage = Stage::start_with(&format!("unix://{}", socket()), |launch| {
        launch.env("STACK_NAME", &project.name).env("PORT_COUNT", 64)
    });
    assert_eq!(ids.len(), CONTAINERS);
    let mut took = Vec::new();
    for round in 0..ROUNDS {
        let number = 1 + round * 7 % CONTAINERS;
        let (id, port) = (ids[&(number as u64)].clone(), BASE + u16::try_from(number).unwrap() - 1);
        await_named(&stage, port, Some(&id)).await;
        docker(&["kill", &id]);
        await_named(&stage, port, None).await;
        sleep(Duration::from_secs(1)).await; // The poller's pace is for bursts.
        let (mark, starting) = (stage.stalls.log_mark(), id.clone());
        let starting = std::thread::spawn(move || docker(&["start", &starting]));
        let is_applied = |line: &serde_json::Value| line["msg"] == "plan applied";
        stage.stalls.await_log_from(mark, is_applied, SOON).await;
        let applied = SystemTime::now();
        starting.join().unwrap();
        let container = format!("container={id}");
        let until = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() + 1;
        let filters = ["--filter", &*container, "--filter", "event=start", "--format", "{{.TimeNano}}"];
        let told =
            docker(&[&["events", "--since", "1m", "--until", &until.to_string()], &filters[..]].concat());
        let told: u64 = told.lines().last().unwrap().parse().unwrap();
        took.push(applied.duration_since(UNIX_EPOCH + Duration::from_nanos(told)).unwrap_or_default());
    }
    took.sort();
    let ms = |duration: Duration| duration.as_micros() as f64 / 1000.0;
    eprintln!(
        "from the event of a start to the port, {CONTAINERS} containers, {ROUNDS} times: median {:.1} ms, 90th {:.1} ms, \
         longest {:.1} ms",
        ms(took[ROUNDS / 2]),
        ms(took[ROUNDS * 9 / 10]),
        ms(took[ROUNDS - 1])
    );
    assert!(took[ROUNDS / 2] < Duration::from_secs(1));
}

async fn await_named(stage: &Stage, port: u16, wanted: Option<&str>) {
    let begun = tokio::time::Instant::now();
    loop {
        let served = stage.connect(port).await.map(|(_, name)| name);
        if served.as_deref() == wanted {
            return;
        }
        assert!(begun.elapsed() < SOON, "{port} should lead to {wanted:?}, not {served:?}");
        sleep(Duration::from_millis(1)).await;
    }
}
