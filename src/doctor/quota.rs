//! The quota of the cgroup. HAProxy has as many threads as the quota has whole processors, and one at least: with less than
//! one processor the kernel pauses that thread.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::{Finding, Kind, Severity};

const CGROUPS: &str = "/sys/fs/cgroup";

pub(super) fn check() -> Option<Finding> {
    let own = fs::read_to_string("/proc/self/cgroup").ok()?;
    let quotas =
        own.lines().flat_map(|line| folders(line).into_iter().filter_map(|folder| quota_in(&folder)));
    let least = quotas.min_by(f64::total_cmp)?;
    (least < 1.0).then(|| Finding {
        kind: Kind::Quota,
        severity: Severity::Note,
        subject: format!("a quota of {least:.2} processors"),
        reason: "HAProxy is paused when it is used up, for up to a tenth of a second".to_owned(),
        remedy: "allow one processor or more (--cpus, CPUQuota=)".to_owned(),
    })
}

/// The folders of a cgroup and of those that it is in: `0::/a/b` (version 2), `1:cpu,cpuacct:/a/b` (version 1). In a
/// container the path may be that on the host; then the folder of the container is the topmost one.
fn folders(line: &str) -> Vec<PathBuf> {
    let mut fields = line.splitn(3, ':').skip(1);
    let (Some(controllers), Some(path)) = (fields.next(), fields.next()) else { return Vec::new() };
    let root = match controllers {
        "" => PathBuf::from(CGROUPS),
        some if some.split(',').any(|controller| controller == "cpu") => Path::new(CGROUPS).join(some),
        _ => return Vec::new(),
    };
    let own = root.join(path.trim_start_matches('/'));
    own.ancestors().take_while(|folder| folder.starts_with(&root)).map(Path::to_owned).collect()
}

/// In processors; `None` is without limit.
fn quota_in(folder: &Path) -> Option<f64> {
    let read = |file| fs::read_to_string(folder.join(file)).ok();
    let both =
        read("cpu.max").or_else(|| Some(read("cpu.cfs_quota_us")? + " " + &read("cpu.cfs_period_us")?));
    parse(&both?)
}

/// `50000 100000`; without limit the first one is `max` or -1.
fn parse(text: &str) -> Option<f64> {
    let mut numbers = text.split_whitespace().map(|number| number.parse::<f64>().ok());
    let (quota, period) = (numbers.next()??, numbers.next()??);
    (quota > 0.0 && period > 0.0).then_some(quota / period)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_versions_of_cgroups_are_read() {
        assert_eq!(parse("50000 100000\n"), Some(0.5));
        assert_eq!(parse("200000\n 100000\n"), Some(2.0));
        for none in ["max 100000", "-1 100000", "", "1", "x y"] {
            assert_eq!(parse(none), None, "{none}");
        }
        let folders = |line| {
            let folders = folders(line).into_iter();
            folders.map(|folder| folder.display().to_string()).collect::<Vec<_>>()
        };
        assert_eq!(folders("0::/a/b"), ["/sys/fs/cgroup/a/b", "/sys/fs/cgroup/a", "/sys/fs/cgroup"]);
        assert_eq!(folders("0::/"), ["/sys/fs/cgroup/"]);
        assert_eq!(
            folders("4:cpu,cpuacct:/a"),
            ["/sys/fs/cgroup/cpu,cpuacct/a", "/sys/fs/cgroup/cpu,cpuacct"]
        );
        for other in ["3:memory:/a", "", "5:cpuset:/"] {
            assert_eq!(folders(other), [] as [&str; 0], "{other}");
        }
    }
}
