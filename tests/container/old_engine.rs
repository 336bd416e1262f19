//! Public source: moby/moby#42680, haproxy/haproxy#2251: an engine before 20.10.10, whose seccomp profile answers system
//! calls that it does not know with EPERM, so that the C library starts no thread.

use crate::harness::Stage;

/// The system calls that are younger than such a profile.
const OLD_PROFILE: &str = r#"{
    "defaultAction": "SCMP_ACT_ALLOW",
    "syscalls": [{
        "names": ["clone3", "faccessat2", "openat2", "close_range", "pidfd_open", "epoll_pwait2"],
        "action": "SCMP_ACT_ERRNO",
        "errnoRet": 1
    }]
}"#;

/// As docs/when-things-go-wrong.md has it.
const NO_THREADS: i32 = 71;

#[tokio::test]
async fn an_engine_that_is_too_old_is_one_line_that_says_what_would_do() {
    let stage = Stage::prepared(1);
    let profile = stage.file("old.json", OLD_PROFILE);
    let old = || stage.stalls().option(&format!("--security-opt=seccomp={profile}"));
    let (code, written) = old().ended_by_itself();
    assert_eq!((code, written.lines().count()), (Some(NO_THREADS), 1), "{written}");
    for part in ["forbids to start threads", "20.10.10", "--security-opt seccomp=unconfined"] {
        assert!(written.contains(part), "{written}");
    }
}

#[tokio::test]
async fn without_the_profile_of_the_engine_it_works() {
    let stage = Stage::prepared(1);
    let stalls = stage.stalls().option("--security-opt=seccomp=unconfined").start();
    stage.settled().await;
    stalls.stop();
}
