//! What a process costs, from `/proc`.

use std::{collections::BTreeMap, fs, time::Duration};

use rustix::param::clock_ticks_per_second;

/// The processor time that each thread of some processes has taken, to the nanosecond where the kernel says so.
#[derive(Clone, Debug)]
pub(crate) struct ThreadTimes(BTreeMap<u32, Duration>);

impl ThreadTimes {
    /// Until now.
    pub(crate) fn of(pids: &[u32]) -> Self {
        Self(pids.iter().flat_map(|pid| times(*pid).unwrap_or_else(|| [(*pid, cpu(*pid))].into())).collect())
    }

    /// What has been taken since `before`, without what a thread took that has ended meanwhile.
    pub(crate) fn since(&self, before: &Self) -> Duration {
        let taken = self
            .0
            .iter()
            .map(|(thread, now)| now.saturating_sub(before.0.get(thread).copied().unwrap_or_default()));
        taken.sum()
    }
}

fn times(pid: u32) -> Option<BTreeMap<u32, Duration>> {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).ok()?;
    let times = threads.map(|thread| {
        let thread = thread.ok()?;
        let schedstat = fs::read_to_string(thread.path().join("schedstat")).ok()?;
        let nanos = schedstat.split(' ').next()?.parse().ok()?;
        Some((thread.file_name().to_str()?.parse().ok()?, Duration::from_nanos(nanos)))
    });
    times.collect()
}

/// The processor time that a process has taken, threads that have ended included, to some 10 ms.
pub(crate) fn cpu(pid: u32) -> Duration {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let ticks = cpu_ticks(&stat).unwrap_or_default();
    Duration::from_secs_f64(ticks as f64 / clock_ticks_per_second() as f64)
}

/// User and system time, the 14th and the 15th field; the second is a name in brackets, which may contain
/// anything.
fn cpu_ticks(stat: &str) -> Option<u64> {
    let (_, fields) = stat.rsplit_once(") ")?;
    let mut fields = fields.split(' ').skip(14 - 3);
    Some(fields.next()?.parse::<u64>().ok()? + fields.next()?.parse::<u64>().ok()?)
}

/// The memory of a process in bytes, with shared pages divided among the processes that share them (PSS); the
/// resident memory where the kernel does not tell.
pub(crate) fn memory(pid: u32) -> u64 {
    let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
    bytes(&rollup, "Pss:").unwrap_or_else(|| resident(pid))
}

/// The resident memory of a process in bytes.
pub(crate) fn resident(pid: u32) -> u64 {
    status(pid, "VmRSS:")
}

/// The peak of a process's resident memory, in bytes.
pub(crate) fn peak_resident(pid: u32) -> u64 {
    status(pid, "VmHWM:")
}

fn status(pid: u32, key: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    bytes(&status, key).unwrap_or_default()
}

fn bytes(text: &str, key: &str) -> Option<u64> {
    let value = text.lines().find_map(|line| line.strip_prefix(key))?;
    value.trim().strip_suffix(" kB")?.parse::<u64>().ok().map(|kilobytes| kilobytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_contain_anything() {
        let stat = "7 (a ) b) S 1 7 7 0 -1 4194560 126 0 0 0 31 11 0 0 20 0 1 0 1 1 1";
        assert_eq!(cpu_ticks(stat), Some(42));
    }

    #[test]
    fn kilobytes_are_1024_bytes() {
        assert_eq!(bytes("Rss:  1756 kB\nPss:   427 kB\nPss_Dirty: 1 kB\n", "Pss:"), Some(427 * 1024));
    }

    #[test]
    fn a_thread_that_has_ended_takes_nothing_from_the_others() {
        let times = |times: &[(u32, u64)]| {
            ThreadTimes(times.iter().map(|(thread, nanos)| (*thread, Duration::from_nanos(*nanos))).collect())
        };
        let taken = times(&[(1, 15), (3, 2)]).since(&times(&[(1, 10), (2, 100)]));
        assert_eq!(taken, Duration::from_nanos(7));
    }

    #[test]
    fn this_process_costs_something() {
        let own = std::process::id();
        assert!(memory(own) > 0 && resident(own) > 0 && peak_resident(own) >= resident(own));
        let begun = ThreadTimes::of(&[]);
        assert!(ThreadTimes::of(&[own]).since(&begun) > Duration::ZERO);
    }
}
