//! What every line of the log looks like.

use serde_json::{Map, Value};

/// A line is one JSON object, with what a person reads first in front.
///
/// # Panics
///
/// When it is not.
#[track_caller]
pub fn check_form(line: &str) {
    let object: Result<Map<String, Value>, _> = serde_json::from_str(line);
    assert!(object.is_ok(), "not a JSON object: {line}");
    let fields: Vec<_> = line.split("\",\"").take(4).collect();
    for (field, start) in fields.iter().zip(["{\"ts\":\"", "level\":\"", "msg\":\"", "actor\":\""]) {
        assert!(field.starts_with(start), "no {start:?} where it belongs: {line}");
    }
}
