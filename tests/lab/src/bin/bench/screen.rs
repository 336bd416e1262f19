//! What the bench says while it runs, and how its results look.

#![allow(clippy::print_stderr, reason = "progress goes to stderr, results to stdout")]

use std::{
    fmt::Write as _,
    io::{self, Write as _},
};

use crate::{
    column::{Column, PerColumn},
    measure::{Quantiles, UnderLoad},
    results::{Measured, Pool, Results},
    way::Done,
};

/// What is being measured.
pub(crate) fn progress(what: &str) {
    eprintln!("... {what}");
}

/// What went wrong.
pub(crate) fn failed(error: &anyhow::Error) {
    eprintln!("✗ {error:#}");
}

/// All tables, in Markdown.
pub(crate) fn print(results: &Results) -> io::Result<()> {
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = write!(
        text,
        "{}, stalls {:.1} MiB\n\n{}\n{}\n{}",
        results.haproxy,
        mib(results.stalls_bytes),
        pools(&results.pools),
        load(results.load_ports, &results.load),
        notes(results),
    );
    io::stdout().write_all(text.as_bytes())
}

fn notes(results: &Results) -> String {
    format!(
        "\
stalls: the built-in template. stalls, other template: one whose used and free ports differ in more than the
server's address, so that each change is a reload. As the original: one frontend with an ACL for each port;
for each change the whole configuration is written anew and `haproxy -D -sf` is run. Its pause of 5 s between two
polls of the metadata is left out: the time begins when the world changes, as if that were noticed at once. For
stalls it begins when the metadata server has the change: fetching and parsing the document are included. Changes
come 0.1 s apart there, since stalls is limited to ten changes a second sustained. HAProxy alone: started with the
configuration that `stalls render` prints, the yardstick for the start and for a connection.
All columns are measured in turns, each turn with a start of its own, so that what slows the machine for a while
slows all of them; whatever is compared below is the median of all turns.
Processes are those that served; those that only check a file (`haproxy -c`) are not counted. HAProxy's memory is
PSS, of the one process before the first change and of all of them after the last of {pinning_changes} changes,
before each of which a connection was opened that stays; that is measured last. What a connection costs is
measured when the changes of the turn have been made.
The directories that each way writes to (RUN_DIR, STATE_DIR; the original's configuration) are in {directories}.
The clients, the metadata server and the containers share the machine with all this: the times are this
machine's, what counts is how those of one run compare.
",
        pinning_changes = results.pinning_changes,
        directories = results.directories.display(),
    )
}

/// The columns beneath each other, the sizes side by side; without those that have nothing to tell.
fn pools(pools: &[Pool]) -> String {
    let mut header = vec![String::new(), "ports:".to_owned()];
    header.extend(pools.iter().map(|pool| pool.ports.to_string()));
    let mut rows = Vec::new();
    let mut metric = |name: &str, cell: &dyn Fn(&Measured, &Pool) -> Option<String>| {
        let mut name = Some(name);
        for &column in pools.first().iter().flat_map(|pool| pool.measured.keys()) {
            let cells: Vec<_> =
                pools.iter().map(|pool| pool.measured.get(&column).and_then(|m| cell(m, pool))).collect();
            if cells.iter().any(Option::is_some) {
                let mut row = vec![name.take().unwrap_or_default().to_owned(), column.name().to_owned()];
                row.extend(cells.into_iter().map(|cell| cell.unwrap_or_else(|| "n/a".to_owned())));
                rows.push(row);
            }
        }
    };
    metric("change → serves, median / p99 (ms)", &|m, _| Some(quantiles(m.latency.as_ref()?.total)));
    metric("of it after fetching and parsing (ms)", &|m, _| {
        m.latency.as_ref()?.above_fetching.map(quantiles)
    });
    metric("changes measured: steps", &|m, _| {
        m.latency.as_ref().map(|latency| steps(latency.total.count, &latency.done))
    });
    metric("HAProxy processes started for them", &|m, _| {
        Some(m.latency.as_ref()?.done.haproxy_processes.to_string())
    });
    metric("lost on the changing port, refused / broken", &|m, _| Some(m.latency.as_ref()?.lost.to_string()));
    metric("HAProxy's memory, before → after (MiB, processes)", &|m, _| {
        let memory = m.memory?;
        let [before, after] = [memory.bytes_before, memory.bytes].map(mib);
        Some(format!("{before:.0} → {after:.0}, {}", memory.processes))
    });
    metric("connections per second, first / last port", &|m, _| {
        Some(format!("{:.0} / {:.0}", m.first_port.per_second, m.last_port.per_second))
    });
    metric("HAProxy's CPU per connection, first / last port (µs)", &|m, _| {
        Some(format!("{:.0} / {:.0}", m.first_port.haproxy_cpu_us, m.last_port.haproxy_cpu_us))
    });
    metric("cold start, median (ms), × that of HAProxy alone", &|m, pool| {
        let (own, alone) = (m.cold_start?, pool.measured.get(&Column::Alone)?.cold_start?);
        Some(format!("{:.0}, × {:.2}", own.median_ms, own.median_ms / alone.median_ms))
    });
    metric("stalls' memory, at the end / at most (MiB)", &|m, _| {
        let upkeep = m.upkeep?;
        Some(format!("{:.0} / {:.0}", mib(upkeep.resident_bytes), mib(upkeep.peak_resident_bytes)))
    });
    metric("stalls' CPU, last turn (ms) / idle (ms per s)", &|m, _| {
        let upkeep = m.upkeep?;
        Some(format!("{:.0} / {:.2}", upkeep.cpu_ms, upkeep.idle_cpu_ms / upkeep.idle_seconds))
    });
    table(&header, &rows)
}

/// The columns side by side.
fn load(ports: u16, load: &PerColumn<UnderLoad>) -> String {
    let mut header = vec![format!("{ports} ports under load")];
    header.extend(load.keys().map(|column| column.name().to_owned()));
    let mut rows = Vec::new();
    let mut metric = |name: &str, cell: &dyn Fn(&UnderLoad) -> String| {
        let mut row = vec![name.to_owned()];
        row.extend(load.values().map(cell));
        rows.push(row);
    };
    metric("changes, steps", &|l| steps(l.changes, &l.done));
    metric("in (s)", &|l| format!("{:.0}", l.seconds));
    metric("HAProxy processes started", &|l| l.done.haproxy_processes.to_string());
    metric("new connections on other ports", &|l| l.connections.to_string());
    metric("of them lost, refused / broken", &|l| l.lost.to_string());
    metric("of them landed on another container", &|l| l.wrong.to_string());
    metric("lost on the changing port, refused / broken", &|l| l.lost_on_changing.to_string());
    metric("did not land on the new container, after one had", &|l| l.wrong_after_change.to_string());
    metric("held connections broken", &|l| format!("{} of {}", l.held_broken, l.held));
    table(&header, &rows)
}

fn mib(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

fn quantiles(quantiles: Quantiles) -> String {
    format!("{:.1} / {:.1}", quantiles.median_ms, quantiles.p99_ms)
}

fn steps(changes: usize, done: &Done) -> String {
    let steps: Vec<_> = done.steps.iter().map(|(step, count)| format!("{count} {step}")).collect();
    format!("{changes}: {}", steps.join(", "))
}

/// A table in Markdown whose columns are aligned in the source, too.
fn table(header: &[String], rows: &[Vec<String>]) -> String {
    let all = || std::iter::once(header).chain(rows.iter().map(Vec::as_slice));
    let width = |column: usize| all().map(|row| row[column].chars().count()).max().unwrap_or_default();
    let widths: Vec<_> = (0..header.len()).map(width).collect();
    let line = |row: &[String]| {
        let cells = row.iter().zip(&widths).map(|(cell, &width)| format!(" {cell:<width$} |"));
        format!("|{}\n", cells.collect::<String>())
    };
    let rule: String = widths.iter().map(|width| format!("{}|", "-".repeat(width + 2))).collect();
    let body: String = rows.iter().map(|row| line(row)).collect();
    format!("{}|{rule}\n{body}", line(header))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned() {
        let row = |cells: [&str; 2]| cells.map(str::to_owned).to_vec();
        let table = table(&row(["", "ways"]), &[row(["a → b", "1"]), row(["c", "22"])]);
        assert_eq!(table, "|       | ways |\n|-------|------|\n| a → b | 1    |\n| c     | 22   |\n");
    }
}
