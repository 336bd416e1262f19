//! Lists, and who may read them.

use serde_json::json;

use super::*;

fn names(list: &Value) -> Vec<&str> {
    let pods = list["items"].as_array().expect("a list has items");
    pods.iter().map(|pod| pod["metadata"]["name"].as_str().expect("a name")).collect()
}

#[tokio::test]
async fn a_namespace_that_does_not_exist_has_no_pods() {
    let server = start().await;
    let (status, list) = get(&server, "/api/v1/namespaces/nowhere/pods").await;
    assert_eq!((status, &list["items"]), (200, &json!([])));
}

#[tokio::test]
async fn a_selector_chooses_among_the_pods_of_one_namespace() {
    let server = start_with(|options| {
        options.world.stateful_set("games", "api").scale_to(1);
        options.world.stateful_set("other", "web").scale_to(1);
        options.world.create(Pod::new("games", "alone").label("app", "web").port(8080));
    })
    .await;
    for (selector, expected) in [
        ("app%3Dweb", &["alone", "web-0", "web-1", "web-2"][..]),
        ("statefulset.kubernetes.io/pod-name", &["api-0", "web-0", "web-1", "web-2"]),
        ("app=web,!statefulset.kubernetes.io%2Fpod-name", &["alone"]),
        ("app!=web", &["api-0"]),
    ] {
        let (_, list) = get(&server, &format!("{PODS}?labelSelector={selector}")).await;
        assert_eq!(names(&list), expected, "{selector}");
    }
    assert_eq!(get(&server, &format!("{PODS}?labelSelector=app%20in%20(a)")).await.0, 400);
}

#[tokio::test]
async fn pages_show_the_world_as_it_was_at_the_first_of_them() {
    let server = start().await;
    let (_, first) = get(&server, &format!("{PODS}?limit=2")).await;
    assert_eq!(
        (names(&first), &first["metadata"]["remainingItemCount"]),
        (vec!["web-0", "web-1"], &json!(1))
    );
    server.change(|world| world.stateful_set("games", "web").scale_to(5));
    let token = first["metadata"]["continue"].as_str().expect("there is more");
    let token: String = form_urlencoded::byte_serialize(token.as_bytes()).collect();
    let rest = format!("{PODS}?limit=2&continue={token}");
    let (_, second) = get(&server, &rest).await;
    assert_eq!((names(&second), &second["metadata"]["continue"]), (vec!["web-2"], &Value::Null));
    assert_eq!(second["metadata"]["resourceVersion"], first["metadata"]["resourceVersion"]);

    server.change(World::compact);
    let (status, expired) = get(&server, &rest).await;
    assert_eq!((status, &expired["reason"]), (410, &json!("Expired")));
}

#[tokio::test]
async fn a_foreign_change_makes_a_newer_list_of_the_same_pods() {
    let server = start().await;
    let (_, before) = get(&server, PODS).await;
    server.change(World::change_something_foreign);
    let (_, after) = get(&server, PODS).await;
    assert_eq!(before["items"], after["items"]);
    assert_ne!(before["metadata"], after["metadata"]);
}

#[tokio::test]
async fn a_client_is_known_by_its_token() {
    let server = start().await;
    for headers in ["", "Authorization: Bearer another\r\n"] {
        let (status, answer) = client::get(server.address(), PODS, headers).await;
        assert_eq!(
            (status, &answer["kind"], &answer["reason"]),
            (401, &json!("Status"), &json!("Unauthorized"))
        );
    }
    server.replace_token("another");
    assert_eq!(get(&server, PODS).await.0, 401);
    assert_eq!(client::get(server.address(), PODS, "Authorization: Bearer another\r\n").await.0, 200);
}

#[tokio::test]
async fn the_client_may_list_and_watch_pods_and_nothing_else() {
    let server = start().await;
    for path in [
        "/api/v1/pods",
        "/api/v1/namespaces/games/pods/web-0",
        "/api/v1/namespaces/games/secrets",
        "/version",
        "/",
    ] {
        let (status, answer) = get(&server, path).await;
        assert_eq!((status, &answer["reason"]), (403, &json!("Forbidden")), "{path}");
    }
}

#[tokio::test]
async fn requests_are_recorded() {
    let server = start().await;
    get(&server, &format!("{PODS}?labelSelector=app%3Dweb&limit=500")).await;
    get(&server, &format!("{PODS}?watch=true&timeoutSeconds=0")).await;
    client::get(server.address(), "/api/v1/nodes?x=1", "").await;
    let asked = server.asked();
    let verbs: Vec<_> = asked.iter().map(|asked| (asked.verb.as_str(), asked.namespace.as_deref())).collect();
    assert_eq!(verbs, [("list", Some("games")), ("watch", Some("games")), ("GET", None)]);
    assert_eq!(
        (asked[0].parameter("labelSelector"), asked[0].parameter("limit")),
        (Some("app=web"), Some("500"))
    );
    assert_eq!((asked[0].path.as_str(), asked[2].path.as_str()), (PODS, "/api/v1/nodes"));
    assert_eq!(
        (asked[0].authorization.as_deref(), &asked[2].authorization),
        (Some("Bearer token-of-the-lab"), &None)
    );
    server.await_asked(|asked| asked.iter().any(Asked::is_watch), SOON).await;
}

#[tokio::test]
async fn a_long_list_comes_in_chunks() {
    let server = start_with(|options| options.world.stateful_set("games", "web").scale_to(100)).await;
    let answer = client::raw(server.address(), PODS, AUTHORIZED).await.expect("an answer");
    assert!(answer.contains("\r\nTransfer-Encoding: chunked\r\n"), "{answer}");
    assert_eq!(get(&server, PODS).await.1["items"].as_array().map(Vec::len), Some(100));
}

#[test]
fn the_kubeconfig_says_where_the_server_is_and_who_asks() {
    let text = kubeconfig::kubeconfig(([127, 1, 2, 252], 6443).into(), "secret", Some("games"));
    for line in ["    server: http://127.1.2.252:6443\n", "    token: secret\n", "    namespace: games\n"] {
        assert!(text.contains(line), "{text}");
    }
    assert!(!kubeconfig::kubeconfig(([127, 1, 2, 252], 6443).into(), "secret", None).contains("namespace"));
}
