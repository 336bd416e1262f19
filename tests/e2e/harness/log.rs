//! What stalls says.

use serde_json::Value;

use super::{SOON, Stage};

impl Stage {
    /// The lines so far of the current run whose message begins like this.
    pub(crate) fn lines(&self, message: &str) -> Vec<Value> {
        self.stalls().log_lines().into_iter().filter(|line| says(line, message)).collect()
    }

    /// Waits for a line of the current run whose message begins like this.
    #[track_caller]
    pub(crate) fn line(&self, message: &str) -> impl Future<Output = Value> {
        self.line_after(0, message)
    }

    /// Waits for a line after this mark (`stalls().log_mark()`).
    #[track_caller]
    pub(crate) fn line_after(&self, mark: usize, message: &str) -> impl Future<Output = Value> {
        self.stalls().await_log_from(mark, move |line| says(line, message), SOON)
    }
}

fn says(line: &Value, message: &str) -> bool {
    line["msg"].as_str().is_some_and(|said| said.starts_with(message))
}

/// One JSON object a line, with what a person reads first in front.
#[track_caller]
pub(super) fn check_form(line: &str) {
    let object: Result<serde_json::Map<String, Value>, _> = serde_json::from_str(line);
    assert!(object.is_ok(), "not a JSON object: {line}");
    let fields: Vec<_> = line.split("\",\"").take(4).collect();
    for (field, start) in fields.iter().zip(["{\"ts\":\"", "level\":\"", "msg\":\"", "actor\":\""]) {
        assert!(field.starts_with(start), "no {start:?} where it belongs: {line}");
    }
}
