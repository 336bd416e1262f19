//! The form of every line of the log.

use serde_json::{Map, Value};

/// A line is one JSON object; the fields that a person reads first come first.
///
/// # Panics
///
/// When it is not.
#[track_caller]
pub fn check_form(line: &str) {
    let object: Result<Map<String, Value>, _> = serde_json::from_str(line);
    assert!(object.is_ok(), "not a JSON object: {line}");
    let mut fields = line.split("\",\"");
    for start in ["{\"ts\":\"", "level\":\"", "msg\":\"", "actor\":\""] {
        let field = fields.next().unwrap_or_default();
        assert!(field.starts_with(start), "no {start:?} where it belongs: {line}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fixed_fields_are_enough() {
        check_form(
            r#"{"ts":"2026-11-23T05:24:58.978953Z","level":"info","msg":"stalls starts","actor":"stalls"}"#,
        );
    }

    #[test]
    #[should_panic(expected = "no \"actor")]
    fn one_that_is_missing_at_the_end_is_missed() {
        check_form(r#"{"ts":"2026-11-23T05:24:58.978953Z","level":"info","msg":"stalls starts"}"#);
    }

    #[test]
    #[should_panic(expected = "no \"level")]
    fn another_order_is_not_the_form() {
        check_form(
            r#"{"ts":"2026-11-23T05:24:58.978953Z","msg":"stalls starts","level":"info","actor":"stalls"}"#,
        );
    }
}
