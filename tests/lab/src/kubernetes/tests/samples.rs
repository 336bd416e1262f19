//! The documents have the fields that a kube-apiserver 1.20.2 answered with.

use std::{collections::BTreeSet, fs};

use super::*;

fn sample(name: &str) -> String {
    let path = format!("{}/testdata/kubernetes/{name}", env!("CARGO_MANIFEST_DIR"));
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// All paths of a document, each with the type of what is there.
fn shape(document: &Value) -> BTreeSet<String> {
    fn walk(value: &Value, path: &str, found: &mut BTreeSet<String>) {
        let kind = match value {
            Value::Null => "null",
            Value::Bool(_) => "bool",
            Value::Number(_) => "number",
            Value::String(_) => "string",
            Value::Array(items) => {
                items.iter().for_each(|item| walk(item, &format!("{path}[]"), found));
                "array"
            }
            Value::Object(fields) => {
                fields.iter().for_each(|(name, value)| walk(value, &format!("{path}.{name}"), found));
                "object"
            }
        };
        found.insert(format!("{path}: {kind}"));
    }
    let mut found = BTreeSet::new();
    walk(document, "", &mut found);
    found
}

/// The pods of the samples: made by hand with the labels of a StatefulSet, one of them running.
async fn as_sampled() -> KubernetesServer {
    start_with(|options| {
        options.world.stateful_set("games", "web").scale_to(0);
        for ordinal in 0..3 {
            let name = format!("web-{ordinal}");
            let pod = Pod::new("games", &name)
                .label("app", "web")
                .label("apps.kubernetes.io/pod-index", &ordinal.to_string())
                .label("statefulset.kubernetes.io/pod-name", &name)
                .port(8080);
            options.world.create(if ordinal == 1 { pod } else { pod.pending() });
        }
    })
    .await
}

#[tokio::test]
async fn a_list_has_the_fields_of_the_real_one() {
    let real: Value = serde_json::from_str(&sample("pods-list.json")).expect("JSON");
    let (status, list) = get(&as_sampled().await, PODS).await;
    assert_eq!(status, 200);
    assert_eq!(shape(&list), shape(&real));
    for (own, real) in
        std::iter::zip(list["items"].as_array().expect("pods"), real["items"].as_array().expect("pods"))
    {
        assert_eq!(shape(own), shape(real), "{}", own["metadata"]["name"]);
        assert_eq!(own["spec"], real["spec"]);
    }
}

#[tokio::test]
async fn a_watch_has_the_events_of_the_real_one() {
    let real = sample("pods-watch.jsonl");
    let server = as_sampled().await;
    let mut watching = Watching::from(&server, &version(&server).await, "&allowWatchBookmarks=true").await;
    server.change(|world| {
        world.delete("games", "web-2");
        world.remove("games", "web-2");
    });
    server.disturb(Disturbance::Bookmark);
    for real in real.lines() {
        let real: Value = serde_json::from_str(real).expect("JSON");
        if real["type"] == "ERROR" {
            server.disturb(Disturbance::Expire);
        }
        let own = watching.event().await;
        assert_eq!((&own["type"], shape(&own)), (&real["type"], shape(&real)));
        let grace = |event: &Value| event["object"]["metadata"]["deletionGracePeriodSeconds"].clone();
        assert_eq!(grace(&own), grace(&real));
        if real["type"] == "ERROR" {
            assert_eq!(
                (&own["object"]["reason"], &own["object"]["code"]),
                (&real["object"]["reason"], &real["object"]["code"])
            );
        }
    }
    assert_eq!(watching.line().await, Ok(None));
}
