//! Public source: haproxy/haproxy#134, #797: many processors, and a quota of a part of one.

use std::{
    fs,
    path::{Path, PathBuf},
    process, thread,
};

use crate::harness::Stage;

/// How many threads HAProxy has in the configuration that stalls renders, started like this.
async fn threads(through: &[&str]) -> Option<String> {
    let stage = Stage::prepared(1).await;
    let stage = if through.is_empty() { stage } else { stage.through(through) };
    let text = stage.render().await;
    text.lines().find_map(|line| Some(line.trim().strip_prefix("nbthread ")?.to_owned()))
}

/// One of the processors that this test may use.
fn one_processor() -> String {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let allowed = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:")).unwrap();
    allowed.trim().split([',', '-']).next().unwrap().to_owned()
}

#[tokio::test]
async fn haproxy_has_a_thread_for_each_processor_that_stalls_may_use() {
    let processors = thread::available_parallelism().unwrap().get();
    assert_eq!(threads(&[]).await, Some(processors.to_string()));
    assert_eq!(threads(&["taskset", "--cpu-list", &one_processor()]).await, Some("1".to_owned()));
}

/// A cgroup with a quota, and one within it.
struct Cgroup(PathBuf);

impl Cgroup {
    /// A quarter of a processor. Where the machine does not let this user make one, the test fails.
    fn with_a_quarter_of_a_processor() -> Self {
        let (root, quota, value) = match Path::new("/sys/fs/cgroup/cpu").is_dir() {
            true => ("/sys/fs/cgroup/cpu", "cpu.cfs_quota_us", "25000"),
            false => ("/sys/fs/cgroup", "cpu.max", "25000 100000"),
        };
        let cgroup = Self(Path::new(root).join(format!("stalls-test-{}", process::id())));
        fs::create_dir_all(cgroup.inner()).expect("a cgroup can be made");
        fs::write(cgroup.0.join(quota), value).expect("a cgroup can have a quota");
        cgroup
    }

    fn inner(&self) -> PathBuf {
        self.0.join("inner")
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        for folder in [self.inner(), self.0.clone()] {
            let _ = fs::remove_dir(folder);
        }
    }
}

#[tokio::test]
async fn a_quota_of_a_part_of_a_processor_is_one_thread_also_of_an_outer_cgroup() {
    let cgroup = Cgroup::with_a_quarter_of_a_processor();
    for folder in [cgroup.0.clone(), cgroup.inner()] {
        let enter = format!("echo $$ >{}/cgroup.procs && exec \"$@\"", folder.display());
        assert_eq!(threads(&["sh", "-c", &enter, "sh"]).await, Some("1".to_owned()), "{}", folder.display());
    }
}
