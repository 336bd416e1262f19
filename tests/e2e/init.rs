//! stalls as process 1, as it is in a container.

use std::fs;

use rustix::process::{Pid, Signal as RawSignal, geteuid, kill_process};
use stalls_lab::stalls::{
    Signal,
    messages::{DIED, ORPHANS_REAPED},
};

use crate::harness::{Script, Stage, until};

/// A new PID namespace, whose first process is stalls. A user other than root creates it in a user namespace, where the
/// kernel allows that.
fn namespace() -> Vec<&'static str> {
    let mut unshare = vec!["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"];
    if !geteuid().is_root() {
        unshare.push("--map-root-user");
    }
    unshare
}

/// A HAProxy that leaves an orphan, which ends soon.
const LEAVES_AN_ORPHAN: &str = r#"(sleep 0.05 </dev/null >/dev/null 2>&1 &)
exec "$HAPROXY" "$@""#;

/// A process as `/proc/<pid>/stat` describes it.
struct Process {
    pid: i32,
    state: String,
    parent: i32,
}

fn children(parent: i32) -> Vec<Process> {
    let pids = fs::read_dir("/proc").unwrap().filter_map(|e| e.ok()?.file_name().to_str()?.parse().ok());
    pids.filter_map(process).filter(|process| process.parent == parent).collect()
}

/// The fields behind the command's name, which stands in parentheses and may hold any character.
fn process(pid: i32) -> Option<Process> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let mut fields = stat.rsplit_once(") ")?.1.split(' ');
    Some(Process { pid, state: fields.next()?.to_owned(), parent: fields.next()?.parse().ok()? })
}

fn zombies(parent: i32) -> usize {
    children(parent).iter().filter(|child| child.state == "Z").count()
}

#[tokio::test]
async fn orphans_are_reaped_and_the_end_of_haproxy_is_noticed_all_the_same() {
    let haproxy = Script::new(LEAVES_AN_ORPHAN);
    let stage = Stage::prepared(3).await.env("HAPROXY_BIN", haproxy.path().display());
    let mut stage = stage.through(&namespace()).started().await;
    let unshare = i32::try_from(stage.stalls().pid()).unwrap();
    let stalls = children(unshare)[0].pid;
    assert!(stage.line(ORPHANS_REAPED).await["count"].as_u64() > Some(0));
    until("no zombie is left", || zombies(stalls) == 0).await;

    let killed = stage.haproxy().await;
    stage.stalls().signal_haproxy(Signal::KILL);
    assert_eq!(stage.line(DIED).await["how"], "signal 9");
    stage.settled().await;
    assert_ne!(stage.haproxy().await, killed);
    stage.change(|world| world.web().scale_to(4)).await;
    stage.settled().await;
    until("no zombie is left", || zombies(stalls) == 0).await;

    kill_process(Pid::from_raw(stalls).unwrap(), RawSignal::TERM).unwrap();
    stage.ended_well().await;
}
