//! The resolver in virtual time, with a name server by script.

use std::collections::VecDeque;

use super::*;
use crate::testing::{Lines, ms};

const BEGIN: &str = "name of the metadata server cannot be resolved, using the address that answered last";
const END: &str = "name of the metadata server is resolved again";

/// Answers to the next lookups; then there is silence.
#[derive(Clone, Default)]
struct Script(Rc<RefCell<VecDeque<io::Result<Vec<SocketAddr>>>>>);

impl Lookup for Script {
    fn lookup(&self, _: &str, _: u16) -> impl Future<Output = io::Result<Vec<SocketAddr>>> + 'static {
        let answer = self.0.borrow_mut().pop_front();
        async move {
            match answer {
                Some(answer) => answer,
                None => std::future::pending().await,
            }
        }
    }
}

struct Scene {
    script: Script,
    resolver: Resolver<Script>,
    log: Lines,
}

impl Scene {
    fn new() -> Self {
        tokio::time::pause();
        let (script, log) = (Script::default(), Lines::default());
        Self { resolver: Resolver::new(script.clone(), log.logger()), script, log }
    }

    /// What a lookup gives that is answered like this.
    async fn lookup(&self, answer: io::Result<Vec<SocketAddr>>) -> io::Result<Vec<SocketAddr>> {
        self.script.0.borrow_mut().push_back(answer);
        self.resolver.addresses("rancher-metadata", 80).await
    }
}

fn at(last: u8) -> Vec<SocketAddr> {
    vec![([10, 0, 0, last], 80).into()]
}

fn unresolved<T>() -> io::Result<T> {
    Err(io::Error::other("Temporary failure in name resolution"))
}

#[actix_rt::test]
async fn the_address_that_answered_last_is_used_while_nobody_resolves_the_name() {
    let scene = Scene::new();
    scene.lookup(Ok(at(1))).await.unwrap();
    scene.resolver.note_answer();
    for failure in [unresolved(), unresolved(), Ok(vec![])] {
        assert_eq!(scene.lookup(failure).await.unwrap(), at(1));
        scene.resolver.note_answer();
    }
    // No name server answers at all.
    let begun = Instant::now();
    assert_eq!(scene.resolver.addresses("rancher-metadata", 80).await.unwrap(), at(1));
    assert!(begun.elapsed() <= PATIENCE + ms(1));
    assert_eq!(scene.log.saying(BEGIN).len(), 1);
    assert_eq!(scene.log.saying(BEGIN)[0].field("address"), "10.0.0.1:80");
    assert_eq!(scene.lookup(Ok(at(2))).await.unwrap(), at(2));
    assert_eq!(scene.log.saying(END)[0].field("failures"), "4");
}

#[actix_rt::test]
async fn an_address_that_has_not_answered_is_used_only_while_it_is_found() {
    let scene = Scene::new();
    assert!(scene.lookup(unresolved()).await.is_err());
    scene.lookup(Ok(at(1))).await.unwrap();
    assert!(scene.lookup(unresolved()).await.is_err(), "nobody has answered there");
    scene.lookup(Ok(at(1))).await.unwrap();
    scene.resolver.note_answer();
    scene.lookup(Ok(at(2))).await.unwrap();
    assert_eq!(scene.lookup(unresolved()).await.unwrap(), at(1));
}

#[actix_rt::test]
async fn the_first_lookup_has_all_the_time_that_the_request_has() {
    let scene = Scene::new();
    let first = timeout(PATIENCE * 3, scene.resolver.addresses("rancher-metadata", 80)).await;
    assert!(first.is_err());
}
