//! The chart, rendered by Helm.

use std::{
    env,
    io::Write,
    path::PathBuf,
    process::{Command, Output, Stdio},
};

use serde_json::{Value, json};

/// The namespace that the chart is installed in.
pub(crate) const NAMESPACE: &str = "infra";

/// A program that tests/helm_tools.sh has fetched.
pub(crate) fn program(name: &str) -> PathBuf {
    PathBuf::from(env::var_os("HELM_DIR").expect("tests/helm.sh says where Helm is")).join(name)
}

/// A path of the repository.
pub(crate) fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// Runs a command to its end, with this on its standard input.
pub(crate) fn run(command: &mut Command, stdin: &str) -> Output {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    // All of it fits into the pipe.
    child.stdin.take().unwrap().write_all(stdin.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

/// Helm, which neither reads nor writes anything of the user's.
pub(crate) fn helm(arguments: &[&str], stdin: &str) -> Result<String, String> {
    let mut command = Command::new(program("helm"));
    command.args(arguments).current_dir(path("")).env("HOME", "/nonexistent").env_remove("KUBECONFIG");
    let output = run(&mut command, stdin);
    let [out, err] = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
    if output.status.success() { Ok(out) } else { Err(format!("{out}{err}")) }
}

/// The folder of the chart.
pub(crate) const CHART: &str = "deploy/helm/stalls";

/// The manifests, or why Helm refuses these values.
pub(crate) fn template(values: &Value) -> Result<String, String> {
    template_in(NAMESPACE, values)
}

/// The same, installed in this namespace.
pub(crate) fn template_in(namespace: &str, values: &Value) -> Result<String, String> {
    let arguments = ["template", "stalls", CHART, "--namespace", namespace, "--values", "-"];
    helm(&arguments, &values.to_string())
}

/// Helm's linter accepts these values, without a warning.
pub(crate) fn lint(values: &Value) {
    let arguments = ["lint", "--strict", CHART, "--namespace", NAMESPACE, "--values", "-"];
    if let Err(said) = helm(&arguments, &values.to_string()) {
        panic!("{values}: {said}");
    }
}

/// The objects that these values come to. Helm's linter has no objection to them.
pub(crate) fn objects(values: &Value) -> Vec<Value> {
    lint(values);
    let manifests = template(values).unwrap_or_else(|said| panic!("{values}: {said}"));
    parse(&manifests)
}

pub(crate) fn parse(manifests: &str) -> Vec<Value> {
    let objects: Vec<Value> =
        serde_saphyr::from_multiple(manifests).unwrap_or_else(|error| panic!("{error}: {manifests}"));
    objects.into_iter().filter(|object| !object.is_null()).collect()
}

/// All objects of a kind.
pub(crate) fn of_kind<'a>(objects: &'a [Value], kind: &str) -> Vec<&'a Value> {
    objects.iter().filter(|object| object["kind"] == kind).collect()
}

/// The only object of a kind.
pub(crate) fn only<'a>(objects: &'a [Value], kind: &str) -> &'a Value {
    let [object] = of_kind(objects, kind)[..] else { panic!("not one {kind} in {objects:?}") };
    object
}

/// What the pods of the DaemonSet or the Deployment are.
pub(crate) fn pod(objects: &[Value]) -> Value {
    let workload = objects.iter().find(|object| !object["spec"]["template"].is_null());
    workload.unwrap_or_else(|| panic!("no pods in {objects:?}"))["spec"]["template"]["spec"].clone()
}

/// The only container of a pod.
pub(crate) fn container(pod: &Value) -> &Value {
    assert_eq!((pod["containers"].as_array().unwrap().len(), &pod["initContainers"]), (1, &Value::Null));
    &pod["containers"][0]
}

/// The variables of the container that have a value.
pub(crate) fn variables(objects: &[Value]) -> Vec<(String, String)> {
    let pod = pod(objects);
    let variables = container(&pod)["env"].as_array().unwrap().iter();
    let text = |value: &Value| value.as_str().unwrap_or_else(|| panic!("{value} is no text")).to_owned();
    let with_value = variables.filter(|variable| !variable["value"].is_null());
    with_value.map(|variable| (text(&variable["name"]), text(&variable["value"]))).collect()
}

/// The value of a variable of the container.
pub(crate) fn variable(objects: &[Value], name: &str) -> Option<String> {
    let [value] = &variables(objects).into_iter().filter(|(it, _)| it == name).collect::<Vec<_>>()[..] else {
        return None;
    };
    Some(value.1.clone())
}

/// Values with one mapping, and these besides.
pub(crate) fn with(more: Value) -> Value {
    let mut values = json!({"mappings": {"web": {"service": "web", "backendPort": 8080, "basePort": 5000, "portCount": 3}}});
    merge(&mut values, more);
    values
}

fn merge(into: &mut Value, from: Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (key, value) in from {
                merge(into.entry(key).or_insert(Value::Null), value);
            }
        }
        (into, from) => *into = from,
    }
}
