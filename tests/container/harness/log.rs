//! What stalls says.

use serde_json::Value;

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
