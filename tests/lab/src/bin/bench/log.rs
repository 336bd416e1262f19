//! What the bench reads in the log of stalls.

use serde_json::Value;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

/// HAProxy serves what the newest plan says. The field `step` says how: `reload`, which earlier builds call `handover`,
/// or another step.
pub(crate) const PLAN_APPLIED: Message = Message(&["plan applied"]);

/// A new HAProxy process serves.
pub(crate) const HAPROXY_SERVES: Message = Message(&["haproxy serves"]);

/// The metadata of the service has been fetched and parsed, and has changed.
pub(crate) const SERVICE_CHANGED: Message = Message(&["service changed"]);

/// A message of stalls: the text that it has now, and those that it had in builds which `--before` may name.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Message(&'static [&'static str]);

impl Message {
    /// Whether this line of the log is such a message.
    pub(crate) fn is_in(self, line: &Value) -> bool {
        line["msg"].as_str().is_some_and(|text| self.0.contains(&text))
    }
}

/// The step that led to an applied plan.
pub(crate) fn step(line: &Value) -> &str {
    line["step"].as_str().unwrap_or("?")
}

/// When a line was logged.
pub(crate) fn time(line: &Value) -> Option<OffsetDateTime> {
    OffsetDateTime::parse(line["ts"].as_str()?, &Rfc3339).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_message_is_known_by_each_of_its_texts() {
        let message = Message(&["new", "old"]);
        let says = |text: &str| message.is_in(&json!({"msg": text}));
        assert_eq!([says("new"), says("old"), says("older")], [true, true, false]);
        assert!(!message.is_in(&Value::from("not JSON")));
    }
}
