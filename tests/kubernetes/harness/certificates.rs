//! Keys and certificates, as files in the cluster's folder: `NAME.key` and `NAME.pem`.

use std::{fs, net::Ipv4Addr, path::Path, process::Command};

/// Makes a certificate authority, `ca`, and what it has signed for an API server at this address, `server`; in the place
/// of earlier ones, if there are any.
pub(crate) fn create_authority(folder: &Path, server: Ipv4Addr) {
    create(folder, "ca", &["-addext", "basicConstraints=critical,CA:TRUE"]);
    let [ca, key] = ["ca.pem", "ca.key"].map(|name| folder.join(name).display().to_string());
    let name = format!("subjectAltName=IP:{server}");
    create(folder, "server", &["-CA", &ca, "-CAkey", &key, "-addext", &name]);
}

/// Makes a key with which tokens of service accounts are signed, `accounts`.
pub(super) fn create_account_key(folder: &Path) {
    create(folder, "accounts", &[]);
}

fn create(folder: &Path, name: &str, extra: &[&str]) {
    let path = |name: &str| folder.join(name).display().to_string();
    // Without a file of its own, openssl adds what the machine's says.
    fs::write(path("openssl.cnf"), "[req]\ndistinguished_name = name\n[name]\n")
        .expect("a file can be written");
    let mut openssl = Command::new("openssl");
    openssl.args(["req", "-x509", "-nodes", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]);
    openssl.args(["-config", &path("openssl.cnf"), "-subj", &format!("/CN={name}"), "-days", "2"]);
    openssl
        .args(["-out", &path(&format!("{name}.pem")), "-keyout", &path(&format!("{name}.key"))])
        .args(extra);
    let output = openssl.output().unwrap_or_else(|error| panic!("openssl: {error}"));
    assert!(output.status.success(), "openssl: {}", String::from_utf8_lossy(&output.stderr));
}
