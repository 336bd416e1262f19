//! What happens to single containers.

use tokio::io::{AsyncBufReadExt, AsyncWriteExt};

use crate::harness::{BASE, Project, Stage, composes, docker, socket};

#[actix_rt::test]
async fn a_killed_container_frees_its_port_and_gets_it_back() {
    let project = Project::new(&composes()[0], &[]);
    project.scale(2);
    let stage = Stage::of(&project);
    let both = [(BASE, 1), (BASE + 1, 2)];
    stage.await_numbers(&project, &both).await;
    let first = project.id(1);
    docker(&["kill", &first]);
    stage.await_numbers(&project, &both[1..]).await;
    docker(&["start", &first]);
    stage.await_numbers(&project, &both).await;
}

#[actix_rt::test]
async fn a_paused_container_takes_no_new_connections_and_keeps_its_old_ones() {
    let project = Project::new(&composes()[0], &[]);
    project.scale(2);
    let stage = Stage::start_with(&format!("unix://{}", socket()), |launch| {
        launch.env("STACK_NAME", &project.name).env("ON_LEAVE", "drain")
    });
    let both = [(BASE, 1), (BASE + 1, 2)];
    stage.await_numbers(&project, &both).await;
    let (mut held, _) = stage.connect(BASE).await.unwrap();
    let first = project.id(1);
    docker(&["pause", &first]);
    stage.await_served([(BASE + 1, project.id(2))]).await;
    held.write_all(b"while paused\n").await.unwrap();
    docker(&["unpause", &first]);
    let mut answer = String::new();
    held.read_line(&mut answer).await.unwrap();
    assert_eq!(answer, "while paused\n");
    stage.await_numbers(&project, &both).await;
}

#[actix_rt::test]
async fn a_container_that_loses_its_network_loses_its_port() {
    let project = Project::new(&composes()[0], &[]);
    project.scale(2);
    let stage = Stage::of(&project);
    let both = [(BASE, 1), (BASE + 1, 2)];
    stage.await_numbers(&project, &both).await;
    let (network, first) = (format!("{}_default", project.name), project.id(1));
    docker(&["network", "disconnect", &network, &first]);
    stage.await_numbers(&project, &both[1..]).await;
    docker(&["network", "connect", &network, &first]);
    stage.await_numbers(&project, &both).await;
}

#[actix_rt::test]
async fn the_network_that_is_named_counts() {
    let networks = "networks: [default, other]\nnetworks: {default: {}, other: {}}";
    let project = Project::new(&composes()[0], &[networks]);
    let stage = Stage::start_with(&format!("unix://{}", socket()), |launch| {
        launch.env("STACK_NAME", &project.name).env("DOCKER_NETWORK", "other")
    });
    project.scale(1);
    stage.await_numbers(&project, &[(BASE, 1)]).await;
    docker(&["network", "disconnect", &format!("{}_default", project.name), &project.id(1)]);
    docker(&["network", "disconnect", &format!("{}_other", project.name), &project.id(1)]);
    stage.await_served([]).await;
}

#[actix_rt::test]
async fn plain_containers_have_a_service_by_label_and_an_index() {
    let project = Project::new(&composes()[0], &[]);
    let service = project.name.clone();
    let stage =
        Stage::start_with(&format!("unix://{}", socket()), |launch| launch.env("SERVICE_NAME", &service));
    let volume = format!("{}:/server.pl:ro", project.folder.path().join("server.pl").display());
    let image = std::env::var("DEBIAN_IMAGE").unwrap();
    let ids = [3, 1].map(|index| {
        let labels = [format!("stalls.service={service}"), format!("stalls.index={index}")];
        let run =
            ["run", "-d", "--init", "-v", &volume, "--label", &labels[0], "--label", &labels[1], &image];
        docker(&[&run[..], &["perl", "/server.pl"]].concat())[..12].to_owned()
    });
    stage.await_served([(BASE + 2, ids[0].clone()), (BASE, ids[1].clone())]).await;
    docker(&["rm", "-f", &ids[0], &ids[1]]);
    stage.await_served([]).await;
}

#[actix_rt::test]
async fn a_storm_of_events_hides_nothing() {
    let project = Project::new(&composes()[0], &[]);
    let other = Project::new(&composes()[0], &["healthcheck: {test: [CMD, 'true'], interval: 1s}"]);
    let stage = Stage::of(&project);
    project.scale(2);
    other.scale(1);
    let stormy = other.id(1);
    let storm = std::thread::spawn(move || {
        for _ in 0..150 {
            docker(&["pause", &stormy]);
            docker(&["unpause", &stormy]);
        }
    });
    for count in [4, 2, 5] {
        project.scale(count);
        let wanted: Vec<_> = project.running().into_values().collect();
        stage.await_among(&wanted).await;
    }
    storm.join().unwrap();
}
