//! What the real HAProxy says, and the copy.

use std::{env, fs, process};

use super::*;
use crate::{
    config::Template,
    testing::{haproxy_config, listen_settings},
};

/// `HAPROXY_BIN`, which `make test` sets, else where Debian and the Docker image have it.
fn haproxy() -> PathBuf {
    let usual = ["/usr/local/sbin/haproxy", "/usr/sbin/haproxy"].map(PathBuf::from);
    let found = env::var_os("HAPROXY_BIN").map(PathBuf::from);
    found.or_else(|| usual.into_iter().find(|path| path.exists())).unwrap_or_else(|| "haproxy".into())
}

/// A configuration of one port that refuses.
fn listening_on(port: u16) -> Arc<HaproxyConfig> {
    Arc::new(haproxy_config("f", [(port, None)].into()))
}

fn in_folder(dir: &Path, haproxy: PathBuf) -> ConfigFile {
    with_template(dir, haproxy, Template::built_in().unwrap())
}

fn with_template(dir: &Path, haproxy: PathBuf, template: Template) -> ConfigFile {
    let listen = listen_settings(1024);
    ConfigFile::in_folder(dir, haproxy, Arc::new(Renderer::new(template, listen)), Children::default())
}

/// The names in a folder, sorted.
fn names_in(folder: &Path) -> Vec<String> {
    let entries =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = entries.collect();
    names.sort();
    names
}

#[tokio::test]
async fn a_good_configuration_is_accepted_and_nothing_is_left_of_the_check() {
    let dir = tempfile::tempdir().unwrap();
    in_folder(dir.path(), haproxy()).check(listening_on(5000)).await.unwrap();
    assert_eq!(names_in(dir.path()), [] as [&str; 0]);
}

#[tokio::test]
async fn a_bad_one_is_kept_beside_the_last_good_one_with_haproxys_own_words() {
    let dir = tempfile::tempdir().unwrap();
    let built_in = include_str!("../haproxy.cfg.hbs");
    let bad = Template::parse(&format!("{built_in}    frobnicate\n")).unwrap();
    let file = with_template(dir.path(), haproxy(), bad);
    let error = file.check(listening_on(5001)).await.unwrap_err();
    assert_eq!(error.kind(), "rejected");
    assert!(error.is_final());
    let ConfigError::Rejected { words, kept_as } = &error else { panic!("{error}") };
    assert!(words.contains("unknown keyword 'frobnicate' in 'listen' section"), "{words}");
    assert!(!words.contains('\n'), "{words}");
    assert_eq!(*kept_as, dir.path().join("haproxy.cfg.rejected"));
    assert!(fs::read_to_string(kept_as).unwrap().ends_with("    frobnicate\n"));
    assert_eq!(names_in(dir.path()), ["haproxy.cfg.rejected"]);
}

#[tokio::test]
async fn a_large_one_that_haproxy_does_not_read_to_its_end_is_judged_all_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let large = Arc::new(haproxy_config("f", (1..60_000).map(|port| (port, None)).collect()));
    let error = in_folder(dir.path(), "/bin/false".into()).check(large).await.unwrap_err();
    assert_eq!(error.kind(), "rejected");
}

#[tokio::test]
async fn the_copy_takes_its_place_unchecked_and_nothing_else_is_left() {
    let dir = tempfile::tempdir().unwrap();
    let file = in_folder(dir.path(), "/bin/false".into());
    for port in [5000, 5001] {
        file.write(listening_on(port)).await.unwrap();
        let text = fs::read_to_string(dir.path().join("haproxy.cfg")).unwrap();
        assert!(text.contains(&format!("listen p{port}\n")), "{text}");
    }
    assert_eq!(names_in(dir.path()), ["haproxy.cfg"]);
}

#[tokio::test]
async fn a_folder_that_was_removed_is_made_again() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("removed");
    let file = in_folder(&folder, "/bin/false".into());
    for port in [5000, 5001] {
        file.write(listening_on(port)).await.unwrap();
        fs::remove_dir_all(&folder).unwrap();
    }
}

#[tokio::test]
async fn without_a_haproxy_to_ask_nothing_is_accepted() {
    let dir = tempfile::tempdir().unwrap();
    let missing = dir.path().join("no-haproxy");
    let file = in_folder(dir.path(), missing.clone());
    let error = file.check(listening_on(5000)).await.unwrap_err();
    assert_eq!(error.kind(), "check");
    assert!(error.to_string().starts_with(&format!("{} -c cannot be run: ", missing.display())), "{error}");
    assert_eq!(names_in(dir.path()), [] as [&str; 0]);
}

#[tokio::test]
async fn a_folder_that_is_gone_is_named() {
    let file = in_folder(Path::new("/dev/null"), haproxy());
    let error = file.write(listening_on(5000)).await.unwrap_err();
    assert_eq!(error.kind(), "io");
    assert!(error.to_string().starts_with("/dev/null/haproxy.cfg: "), "{error}");
}

#[tokio::test]
async fn a_check_that_fails_without_a_word_is_told_by_its_status() {
    let dir = tempfile::tempdir().unwrap();
    let file = in_folder(dir.path(), "/bin/false".into());
    let error = file.check(listening_on(5000)).await.unwrap_err().to_string();
    assert!(error.starts_with("HAProxy rejects it: nothing, and exit status: 1; "), "{error}");
}

#[tokio::test]
async fn a_check_that_is_killed_says_nothing_of_the_configuration() {
    let dir = tempfile::tempdir().unwrap();
    let haproxy = dir.path().join("haproxy");
    // Written by another process: a file that a child of another test holds open for writing cannot be executed.
    let script = format!("printf '#!/bin/sh\\nkill -9 $$\\n' > {0} && chmod 755 {0}", haproxy.display());
    assert!(process::Command::new("sh").args(["-c", &script]).status().unwrap().success());
    let file = in_folder(dir.path(), haproxy);
    let error = file.check(listening_on(5000)).await.unwrap_err();
    assert_eq!(error.kind(), "check");
    assert!(error.to_string().ends_with("signal: 9 (SIGKILL)"), "{error}");
    assert_eq!(names_in(dir.path()), ["haproxy"]);
}
