//! The processes in stalls' container.

use super::Run;

/// Prints a line for each process: pid, name, state, parent, resident memory in kB unless it is a zombie, descriptors.
const LIST: &str = r#"cd /proc; for pid in [0-9]*; do
    echo "$pid $(sed -n 's/^\(Name\|State\|PPid\|VmRSS\):[[:space:]]*\([^[:space:]]*\).*/\2/p' "$pid/status" | tr '\n' ' ')" \
        "$(ls "$pid/fd" | wc -l)"
done 2>/dev/null"#;

/// One process.
#[derive(Clone, Debug)]
pub(crate) struct Process {
    pub(crate) pid: u32,
    pub(crate) name: String,
    pub(crate) is_zombie: bool,
    pub(crate) memory_kb: u64,
    pub(crate) descriptors: usize,
}

impl Run {
    /// The processes there, without those that list them.
    pub(crate) fn processes(&self) -> Vec<Process> {
        let listed = self.shell(LIST);
        let all = listed.lines().filter_map(parse);
        all.filter(|process| process.is_zombie || ["stalls", "haproxy"].contains(&&*process.name)).collect()
    }

    /// The only HAProxy, as soon as there is only one.
    pub(crate) async fn haproxy(&self) -> Process {
        let haproxies =
            || self.processes().into_iter().filter(|process| process.name == "haproxy" && !process.is_zombie);
        super::until("a single HAProxy", || haproxies().count() == 1).await;
        haproxies().next().expect("there was one")
    }
}

/// A process that has ended while it was listed is left out.
fn parse(line: &str) -> Option<Process> {
    let fields: Vec<_> = line.split_whitespace().collect();
    let [pid, name, state, _parent, memory @ .., descriptors] = &*fields else { return None };
    Some(Process {
        pid: pid.parse().ok()?,
        name: (*name).to_owned(),
        is_zombie: *state == "Z",
        memory_kb: memory.first().map_or(Some(0), |kb| kb.parse().ok())?,
        descriptors: descriptors.parse().ok()?,
    })
}
