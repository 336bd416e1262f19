//! The bytes that are written.

use std::{
    io::{self, Write},
    sync::{Arc, Mutex, mpsc},
    time::Duration,
};

use proptest::prelude::*;
use serde_json::Value;
use slog::{crit, debug, error, info, trace, warn};
use slog_term::PlainDecorator;

use super::*;

const SOON: Duration = Duration::from_secs(10);

#[derive(Clone, Default)]
struct Memory(Arc<Mutex<Vec<u8>>>);

impl Memory {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Memory {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A stdout whose reader has closed it.
struct Closed;

impl Write for Closed {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::BrokenPipe.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Err(io::ErrorKind::BrokenPipe.into())
    }
}

/// A stdout that nobody reads: it takes one byte for each permit.
struct Stuck(mpsc::Receiver<()>);

impl Write for Stuck {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        self.0.recv().map_or(Err(io::ErrorKind::BrokenPipe.into()), |()| Ok(1))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn json(level: Level, work: impl FnOnce(&Logger)) -> String {
    let memory = Memory::default();
    let (log, pending) = behind_channel(json_lines(memory.clone()), level);
    work(&log);
    assert!(pending.flush(SOON));
    memory.text()
}

fn term(work: impl FnOnce(&Logger)) -> String {
    let memory = Memory::default();
    let lines = TermLines::new(PlainDecorator::new(memory.clone())).ignore_res();
    let (log, pending) = behind_channel(lines, Level::Info);
    work(&log);
    assert!(pending.flush(SOON));
    memory.text()
}

/// The line without its time.
fn after_ts(line: &str) -> &str {
    let (ts, rest) = line.strip_prefix(r#"{"ts":""#).unwrap().split_once(r#"","#).unwrap();
    let form: String = ts.chars().map(|char| if char.is_ascii_digit() { '0' } else { char }).collect();
    assert_eq!(form, "0000-00-00T00:00:00.000000Z");
    rest
}

#[test]
fn a_line_has_its_fixed_fields_first_and_its_data_in_order() {
    let text = json(Level::Info, |log| {
        info!(log, "port opens"; "port" => 5000_u16, "container" => "web-1", "took_ms" => 1.5, "old" => None::<u8>);
    });
    assert_eq!(
        after_ts(text.strip_suffix('\n').unwrap()),
        r#""level":"info","msg":"port opens","actor":"main","port":5000,"container":"web-1","took_ms":1.5,"old":null}"#
    );
}

#[test]
fn the_innermost_value_of_a_key_is_the_only_one() {
    let text = json(Level::Info, |log| {
        let poller = log.new(o!("actor" => "MetadataPoller", "service" => "web", "try" => 1));
        let child = poller.new(o!("try" => 2, "host" => "h"));
        info!(child, "retries"; "host" => "i", "try" => -3_i64);
        info!(log, "goes on");
    });
    let lines: Vec<_> = text.lines().map(after_ts).collect();
    assert_eq!(
        lines,
        [
            r#""level":"info","msg":"retries","actor":"MetadataPoller","service":"web","host":"i","try":-3}"#,
            r#""level":"info","msg":"goes on","actor":"main"}"#
        ]
    );
}

#[test]
fn data_cannot_take_the_place_of_a_fixed_field() {
    let text = json(Level::Info, |log| {
        info!(log, "true"; "ts" => "false", "level" => "false", "msg" => "false");
    });
    assert_eq!(after_ts(text.trim_end()), r#""level":"info","msg":"true","actor":"main"}"#);
}

#[test]
fn levels_are_filtered_and_written_in_lower_case() {
    let levels = |least| {
        let text = json(least, |log| {
            crit!(log, "c");
            error!(log, "e");
            warn!(log, "w");
            info!(log, "i");
            debug!(log, "d");
            trace!(log, "t");
        });
        let level =
            |line: &str| serde_json::from_str::<Value>(line).unwrap()["level"].as_str().unwrap().to_owned();
        text.lines().map(level).collect::<Vec<_>>()
    };
    assert_eq!(levels(Level::Trace), ["critical", "error", "warning", "info", "debug", "trace"]);
    assert_eq!(levels(Level::Warning), ["critical", "error", "warning"]);
}

#[test]
fn a_terminal_line_keeps_the_order_and_spells_out_control_characters() {
    let text = term(|log| {
        info!(log.new(o!("actor" => "ConfigWriter")), "wrote"; "revision" => 7, "name" => "a\nNov 22 forged\u{1b}[2J");
    });
    assert_eq!(text.lines().count(), 1);
    let (_, line) = text.trim_end().split_once(" INFO ").unwrap();
    assert_eq!(line, r"wrote, actor: ConfigWriter, revision: 7, name: a\nNov 22 forged\u{1b}[2J");
}

#[test]
fn a_closed_stdout_harms_nobody() {
    for level in [Level::Info, Level::Critical] {
        let (log, pending) = behind_channel(json_lines(Closed), level);
        for _ in 0..100 {
            info!(log, "into the void"; "text" => "x".repeat(5000));
        }
        assert!(pending.flush(SOON));
    }
    let closed = TermLines::new(PlainDecorator::new(Closed)).ignore_res();
    let (log, pending) = behind_channel(closed, Level::Info);
    info!(log, "into the void"; "a" => 1, "b" => 2);
    assert!(pending.flush(SOON));
}

#[test]
fn a_stuck_stdout_delays_neither_the_work_nor_the_end() {
    let (_permits, stuck) = mpsc::channel();
    let (log, pending) = behind_channel(json_lines(Stuck(stuck)), Level::Info);
    for number in 0..2 * CHANNEL_SIZE {
        info!(log, "more than fits"; "number" => number);
    }
    assert!(!pending.flush(Duration::from_millis(50)));
}

#[test]
fn what_was_dropped_is_reported_once_there_is_room() {
    let memory = Memory::default();
    let (open, opened) = mpsc::channel::<()>();
    let mut gate = Some(opened);
    let mut inner = memory.clone();
    let gated = WriteWith(move |bytes: &[u8]| {
        if let Some(opened) = gate.take() {
            let _ = opened.recv();
        }
        inner.write(bytes)
    });
    let (log, pending) = behind_channel(json_lines(gated), Level::Info);
    for number in 0..CHANNEL_SIZE + 100 {
        info!(log, "burst"; "number" => number);
    }
    drop(open);
    while !memory.text().contains("overflow") {
        info!(log, "after");
        std::thread::yield_now();
    }
    assert!(pending.flush(SOON));
    let report = memory.text().lines().find(|line| line.contains("overflow")).unwrap().to_owned();
    let report: Value = serde_json::from_str(&report).unwrap();
    assert!(report["count"].as_u64().unwrap() > 0);
    assert_eq!(report["level"], "error");
    assert_eq!(report["actor"], "main");
    assert!(report["ts"].is_string());
}

struct WriteWith<F>(F);

impl<F: FnMut(&[u8]) -> io::Result<usize>> Write for WriteWith<F> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        (self.0)(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_record_is_stamped_when_it_is_logged() {
    let memory = Memory::default();
    let (open, opened) = mpsc::channel::<()>();
    let mut inner = memory.clone();
    let gated = WriteWith(move |bytes: &[u8]| {
        let _ = opened.recv();
        inner.write(bytes)
    });
    let (log, pending) = behind_channel(json_lines(gated), Level::Info);
    info!(log, "first");
    info!(log, "second");
    let logged_by = stamp::now();
    while stamp::now() == logged_by {
        std::thread::yield_now();
    }
    drop(open);
    assert!(pending.flush(SOON));
    assert_eq!(memory.text().lines().count(), 2);
    for line in memory.text().lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        assert!(line["ts"].as_str().unwrap() <= logged_by.as_str());
    }
}

#[test]
fn a_panic_is_one_critical_line() {
    let before = std::panic::take_hook();
    let text = json(Level::Info, |log| {
        log_panics(log);
        let thread = std::thread::Builder::new().name("worker".into());
        let _ = thread.spawn(|| panic!("broken\n{}", "invariant")).unwrap().join();
        std::panic::set_hook(before);
    });
    let line = text.lines().find(|line| line.contains(r#""thread":"worker""#)).unwrap();
    let line: Value = serde_json::from_str(line).unwrap();
    assert_eq!(line["level"], "critical");
    assert_eq!(line["msg"], "panicked");
    assert_eq!(line["message"], "broken\ninvariant");
    assert!(line["location"].as_str().unwrap().starts_with("src/logging/tests.rs:"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_text_stays_within_its_line(texts in proptest::collection::vec(any::<String>(), 1..20)) {
        let text = json(Level::Info, |log| {
            for text in &texts {
                info!(log, "text"; "text" => text);
            }
        });
        let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let back: Vec<_> = lines.iter().map(|line| line["text"].as_str().unwrap()).collect();
        prop_assert_eq!(back, texts);
    }
}
