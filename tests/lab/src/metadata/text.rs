//! The plain text that a client gets that does not ask for JSON (`respondText` in
//! rancher/rancher-metadata, `main.go`).

use std::fmt::Write as _;

use serde_json::Value;

/// A leaf as it is, a container of others as the list of their names.
pub(super) fn listing(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
        Value::String(text) => text.clone(),
        Value::Object(fields) => {
            let mut lines: Vec<_> = fields
                .iter()
                .map(|(name, value)| format!("{}{}\n", escaped(name), if is_leaf(value) { "" } else { "/" }))
                .collect();
            lines.sort();
            lines.concat()
        }
        Value::Array(items) => items.iter().enumerate().fold(String::new(), |mut lines, (index, item)| {
            let name = ["name", "uuid"].iter().find_map(|key| item.get(key)?.as_str());
            let written = match name {
                Some(name) => writeln!(lines, "{index}={}", escaped(name)),
                None if is_leaf(item) => writeln!(lines, "{index}"),
                None => writeln!(lines, "{index}/"),
            };
            written.expect("writing to a string succeeds");
            lines
        }),
    }
}

fn is_leaf(value: &Value) -> bool {
    !(value.is_object() || value.is_array())
}

fn escaped(name: &str) -> String {
    form_urlencoded::byte_serialize(name.as_bytes()).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_object_lists_its_fields_with_a_slash_behind_containers() {
        assert_eq!(listing(&json!({ "b": 1, "a": {}, "c d": [] })), "a/\nb\nc+d/\n");
    }

    #[test]
    fn an_array_lists_indices_with_names_where_there_are_any() {
        assert_eq!(listing(&json!([{ "name": "web" }, { "x": 1 }, 7])), "0=web\n1/\n2\n");
    }

    #[test]
    fn a_leaf_is_itself() {
        assert_eq!(listing(&json!("v1")), "v1");
        assert_eq!(listing(&json!(null)), "");
        assert_eq!(listing(&json!(true)), "true");
    }
}
