//! The file, checked by the real HAProxy.

use std::{env, fs, process};

use super::*;

/// `HAPROXY_BIN`, which `make test` sets, else where Debian and the Docker image have it.
fn haproxy() -> PathBuf {
    let usual = ["/usr/local/sbin/haproxy", "/usr/sbin/haproxy"].map(PathBuf::from);
    let found = env::var_os("HAPROXY_BIN").map(PathBuf::from);
    found.or_else(|| usual.into_iter().find(|path| path.exists())).unwrap_or_else(|| "haproxy".into())
}

fn listening_on(port: u16) -> String {
    format!(
        "global\n    stats socket \"${{HAP_CLI}}\" mode 600 level admin\ndefaults\n    mode tcp\n    \
         timeout connect 3s\n    timeout client 1m\n    timeout server 1m\n\
         listen p{port}\n    bind 127.0.0.1:{port}\n    server c 127.0.0.1:1 disabled\n"
    )
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
async fn a_good_configuration_takes_its_place_and_nothing_else_is_left() {
    let dir = tempfile::tempdir().unwrap();
    let file = CheckedFile::in_folder(dir.path(), haproxy(), Children::default());
    for port in [5000, 5001] {
        file.check_and_replace(listening_on(port).into()).await.unwrap();
        assert_eq!(fs::read_to_string(dir.path().join("haproxy.cfg")).unwrap(), listening_on(port));
    }
    assert_eq!(names_in(dir.path()), ["haproxy.cfg"]);
}

#[tokio::test]
async fn a_bad_one_is_kept_beside_the_last_good_one_with_haproxys_own_words() {
    let dir = tempfile::tempdir().unwrap();
    let file = CheckedFile::in_folder(dir.path(), haproxy(), Children::default());
    file.check_and_replace(listening_on(5000).into()).await.unwrap();
    let bad = listening_on(5001) + "    frobnicate\n";
    let error = file.check_and_replace(bad.clone().into()).await.unwrap_err();
    assert_eq!(error.kind(), "rejected");
    let WriteError::Rejected { words, kept_as } = &error else { panic!("{error}") };
    assert!(words.contains("unknown keyword 'frobnicate' in 'listen' section"), "{words}");
    assert!(!words.contains('\n'), "{words}");
    assert_eq!(*kept_as, dir.path().join("haproxy.cfg.rejected"));
    assert_eq!(fs::read_to_string(kept_as).unwrap(), bad);
    assert_eq!(fs::read_to_string(dir.path().join("haproxy.cfg")).unwrap(), listening_on(5000));
    assert_eq!(names_in(dir.path()), ["haproxy.cfg", "haproxy.cfg.rejected"]);
    file.check_and_replace(listening_on(5002).into()).await.unwrap();
    assert_eq!(fs::read_to_string(dir.path().join("haproxy.cfg")).unwrap(), listening_on(5002));
}

#[tokio::test]
async fn what_is_known_to_be_faultless_is_not_checked() {
    let dir = tempfile::tempdir().unwrap();
    let file = CheckedFile::in_folder(dir.path(), "/bin/false".into(), Children::default());
    file.replace(String::from("as good as gold\n").into()).await.unwrap();
    assert_eq!(fs::read_to_string(dir.path().join("haproxy.cfg")).unwrap(), "as good as gold\n");
    assert_eq!(names_in(dir.path()), ["haproxy.cfg"]);
    let file = CheckedFile::in_folder(Path::new("/dev/null"), "/bin/false".into(), Children::default());
    assert_eq!(file.replace(ConfigText::default()).await.unwrap_err().kind(), "io");
}

#[tokio::test]
async fn a_folder_that_was_removed_is_made_again() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("removed");
    let file = CheckedFile::in_folder(&folder, "/bin/false".into(), Children::default());
    for text in ["first\n", "second\n"] {
        file.replace(String::from(text).into()).await.unwrap();
        assert_eq!(fs::read_to_string(folder.join("haproxy.cfg")).unwrap(), text);
        file.next.settled().await;
        fs::remove_dir_all(&folder).unwrap();
    }
}

#[tokio::test]
async fn without_a_haproxy_to_ask_nothing_is_replaced() {
    let dir = tempfile::tempdir().unwrap();
    let missing = dir.path().join("no-haproxy");
    let file = CheckedFile::in_folder(dir.path(), missing.clone(), Children::default());
    let error = file.check_and_replace(listening_on(5000).into()).await.unwrap_err();
    assert_eq!(error.kind(), "check");
    assert!(error.to_string().starts_with(&format!("{} -c cannot be run: ", missing.display())), "{error}");
    assert_eq!(names_in(dir.path()), [] as [&str; 0]);
}

#[tokio::test]
async fn a_folder_that_is_gone_is_named() {
    let file = CheckedFile::in_folder(Path::new("/dev/null"), haproxy(), Children::default());
    let error = file.check_and_replace(listening_on(5000).into()).await.unwrap_err();
    assert_eq!(error.kind(), "io");
    assert!(error.to_string().starts_with("/dev/null/haproxy.cfg: "), "{error}");
}

#[tokio::test]
async fn a_check_that_fails_without_a_word_is_told_by_its_status() {
    let dir = tempfile::tempdir().unwrap();
    let file = CheckedFile::in_folder(dir.path(), "/bin/false".into(), Children::default());
    let error = file.check_and_replace(listening_on(5000).into()).await.unwrap_err().to_string();
    assert!(error.starts_with("HAProxy rejects it: nothing, and exit status: 1; "), "{error}");
}

#[tokio::test]
async fn a_check_that_is_killed_says_nothing_of_the_configuration() {
    let dir = tempfile::tempdir().unwrap();
    let haproxy = dir.path().join("haproxy");
    // Written by another process: a file that a child of another test holds open for writing cannot be executed.
    let script = format!("printf '#!/bin/sh\\nkill -9 $$\\n' > {0} && chmod 755 {0}", haproxy.display());
    assert!(process::Command::new("sh").args(["-c", &script]).status().unwrap().success());
    let file = CheckedFile::in_folder(dir.path(), haproxy, Children::default());
    let error = file.check_and_replace(listening_on(5000).into()).await.unwrap_err();
    assert_eq!(error.kind(), "check");
    assert!(error.to_string().ends_with("signal: 9 (SIGKILL)"), "{error}");
    assert_eq!(names_in(dir.path()), ["haproxy"]);
}
