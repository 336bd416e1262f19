//! Scaling, recreating and rolling out. stalls starts when the first containers run: those that start later get their
//! ports in the order in which they start, and Compose starts several at a time.

use crate::harness::{BASE, Project, Stage, composes, docker, socket};

#[actix_rt::test]
async fn a_scaled_service_keeps_its_ports_and_fills_its_gaps() {
    for compose in composes() {
        let project = Project::new(&compose, &[]);
        project.scale(3);
        let stage = Stage::of(&project);
        stage.await_numbers(&project, &[(BASE, 1), (BASE + 1, 2), (BASE + 2, 3)]).await;
        docker(&["rm", "-f", &project.id(2)]);
        stage.await_numbers(&project, &[(BASE, 1), (BASE + 2, 3)]).await;
        project.scale(3); // Compose gives number 2 to nobody again.
        let newest = *project.running().last_key_value().unwrap().0;
        stage.await_numbers(&project, &[(BASE, 1), (BASE + 1, newest), (BASE + 2, 3)]).await;
        project.scale(1);
        let port =
            |number| if number == newest { BASE + 1 } else { BASE + u16::try_from(number).unwrap() - 1 };
        let left: Vec<_> = project.running().keys().map(|number| (port(*number), *number)).collect();
        assert_eq!(left.len(), 1);
        stage.await_numbers(&project, &left).await;
    }
}

#[actix_rt::test]
async fn a_recreated_container_keeps_its_port() {
    for compose in composes() {
        let project = Project::new(&compose, &[]);
        project.scale(4);
        let stage = Stage::start_with(&format!("unix://{}", socket()), |launch| {
            // Several restart at a time; each one's port is kept for it meanwhile.
            launch.env("STACK_NAME", &project.name).without("PORT_REUSE_DELAY_MS")
        });
        docker(&["rm", "-f", &project.id(1)]);
        let ports = [(BASE + 1, 2), (BASE + 2, 3), (BASE + 3, 4)];
        stage.await_numbers(&project, &ports).await;
        let before = project.running();
        project.compose(&["up", "-d", "--force-recreate", "--scale", "web=3"]);
        let after = project.running();
        assert!(before.keys().eq(after.keys()) && before.values().ne(after.values()), "{before:?} {after:?}");
        stage.await_numbers(&project, &ports).await;
    }
}

#[actix_rt::test]
async fn numbers_that_wander_stay_within_twice_the_scale() {
    for compose in composes() {
        let project = Project::new(&compose, &[]);
        project.scale(3);
        let stage = Stage::of(&project);
        stage.await_numbers(&project, &[(BASE, 1), (BASE + 1, 2), (BASE + 2, 3)]).await;
        for round in 1..=3 {
            let old: Vec<_> = project.running().into_values().collect();
            project.scale(6); // as docker-rollout does
            let new: Vec<_> = project.running().into_values().filter(|id| !old.contains(id)).collect();
            stage.await_among(&new).await;
            let old: Vec<_> = old.iter().map(String::as_str).collect();
            docker(&[&["rm", "-f"], &*old].concat());
            stage.await_only(&new).await;
            // By turns the three upper ports and the three lower ones; who is first runs first.
            let first = if round % 2 == 1 { BASE + 3 } else { BASE };
            assert!(stage.served().await.into_keys().eq(first..first + 3), "round {round}");
        }
    }
}
