//! An engine that listens on TCP, and wants to see a client's certificate.

use std::{fs, path::Path, process::Command};

use stalls_lab::block::Block;
use tempfile::TempDir;

use crate::{
    engine::OwnEngine,
    harness::{BASE, SOON, Stage, succeed},
};

/// A folder as DOCKER_CERT_PATH names one: `ca.pem`, `cert.pem` and `key.pem`; and the CA's key.
struct Certificates(TempDir);

impl Certificates {
    /// A CA of its own, and a certificate for `address`, by which an engine and its clients may go.
    fn new(address: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).display().to_string();
        // Without a file of its own, openssl adds what the machine's says.
        fs::write(path("config"), "[req]\ndistinguished_name = name\n[name]\n").unwrap();
        let make = |name: &str, key: &str, extra: &[&str]| {
            let mut openssl = Command::new("openssl");
            openssl.args(["req", "-x509", "-nodes", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]);
            openssl.args(["-config", &path("config"), "-subj", &format!("/CN={name}"), "-days", "2"]);
            openssl.args(["-out", &path(name), "-keyout", &path(key)]).args(extra);
            succeed(&mut openssl, "openssl req");
        };
        make("ca.pem", "ca-key.pem", &["-addext", "basicConstraints=critical,CA:TRUE"]);
        let name = format!("subjectAltName=IP:{address}");
        let signed = ["-CA", &path("ca.pem"), "-CAkey", &path("ca-key.pem"), "-addext", &name];
        make("cert.pem", "key.pem", &signed);
        Self(folder)
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).display().to_string()
    }

    /// A folder with these files of these.
    fn with(files: &[(&Self, &str)]) -> TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (from, name) in files {
            fs::copy(from.path(name), folder.path().join(name)).unwrap();
        }
        folder
    }
}

/// An engine with these certificates, and where it listens.
fn start() -> (OwnEngine, String, Certificates) {
    let block = Block::reserve();
    let address = block.listen(2376);
    let certificates = Certificates::new(&address.ip().to_string());
    let host = format!("tcp://{address}");
    let [ca, cert, key] = ["ca.pem", "cert.pem", "key.pem"].map(|name| certificates.path(name));
    let tls = ["--tlsverify", "--tlscacert", &ca, "--tlscert", &cert, "--tlskey", &key];
    let engine = OwnEngine::start(&[&["--host", &*host], &tls[..]].concat());
    (engine, host, certificates)
}

fn follow(host: &str, certificates: &Path) -> Stage {
    Stage::start_with(host, |launch| {
        launch.env("DOCKER_TLS_VERIFY", 1).env("DOCKER_CERT_PATH", certificates.display())
    })
}

#[actix_rt::test]
async fn an_engine_is_followed_over_tls() {
    let (engine, host, certificates) = start();
    let stage = follow(&host, certificates.0.path());
    let first = (BASE, engine.run("1"));
    stage.await_served([first.clone()]).await;
    stage.await_served([first, (BASE + 1, engine.run("2"))]).await;
}

#[actix_rt::test]
async fn certificates_that_do_not_fit_are_a_fault_that_says_what_would_do() {
    let (_engine, host, good) = start();
    let other = Certificates::new("127.0.0.1");
    let all = |ca, client| [(ca, "ca.pem"), (client, "cert.pem"), (client, "key.pem")];
    let wants = "the engine wants cert.pem and key.pem in DOCKER_CERT_PATH";
    for (files, says) in [
        (&all(&other, &good)[..], "ca.pem in DOCKER_CERT_PATH has to be the CA that signed the engine's"),
        (&[(&good, "ca.pem"), (&good, "key.pem")], "is missing; DOCKER_CERT_PATH has to have ca.pem"),
        (&all(&good, &other), wants),
        (&all(&good, &good)[..1], wants),
    ] {
        let folder = Certificates::with(files);
        let stage = follow(&host, folder.path());
        stage.stalls.await_log(|line| line.to_string().contains(says), SOON).await;
        let faults: Vec<_> =
            stage.stalls.log_texts().into_iter().filter(|text| text.contains("source fault")).collect();
        assert_eq!(faults.len(), 1, "{faults:?}");
        for secret in [&good, &other].map(|it| fs::read_to_string(it.path("key.pem")).unwrap()) {
            let secret = secret.lines().nth(1).unwrap();
            assert!(stage.stalls.log_texts().iter().all(|text| !text.contains(secret)));
        }
    }
}
