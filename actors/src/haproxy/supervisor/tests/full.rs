//! A port has as many connections as it may have.

use super::{
    super::super::runtime_api::Command,
    fake::{RECONCILE, Scene, leading_to},
};

const BEGIN: &str = "connection limit of ports reached, new connections wait";
const END: &str = "all ports are below their connection limit again";

#[actix_rt::test]
async fn full_ports_are_said_in_one_line_when_it_begins_and_one_when_it_ends() {
    let scene = Scene::new(|_| {});
    let backend = Some("10.42.0.9:80");
    scene.write(leading_to(1, "a", &[(5000, backend), (5001, backend)])).await;
    let fill = |port| {
        let mut host = scene.host.0.borrow_mut();
        while host.haproxy(1, 1001).sessions(port).len() < 3 {
            host.haproxy(1, 1001).connect(port).unwrap();
        }
    };
    let look = async || {
        scene.wait(RECONCILE).await;
        scene.settle().await;
    };
    fill(5000);
    look().await;
    look().await;
    fill(5001);
    look().await;
    let said: Vec<_> = scene
        .log
        .saying(BEGIN)
        .iter()
        .map(|line| [line.field("port"), line.field("ports")].join(" "))
        .collect();
    assert_eq!(said, ["5000 1", "5001 2"]);
    for command in [Command::ShutdownSessions(5000), Command::ShutdownSessions(5001)] {
        assert!(scene.log.saying(END).is_empty());
        scene.host.0.borrow_mut().haproxy(1, 1001).answer(command);
        look().await;
    }
    look().await;
    assert_eq!((scene.log.saying(BEGIN).len(), scene.log.saying(END).len()), (2, 1));
    assert_eq!(scene.log.troubles().len(), 2);
}
