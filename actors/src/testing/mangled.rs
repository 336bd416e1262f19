//! Documents and replies that are damaged in every way.

use proptest::{
    collection::vec,
    prelude::*,
    sample::{Index, select},
};
use serde_json::Value;

/// JSON of any kind, with objects of these keys and of others, some of them twice.
pub(crate) fn any_json(keys: &'static [&'static str]) -> impl Strategy<Value = String> + Clone {
    let odd = [
        "null",
        "true",
        "0",
        "-1",
        "0.5",
        "1e300",
        "1e999",
        "18446744073709551615",
        "99999999999999999999999",
    ];
    let leaf = prop_oneof![
        8 => select(odd.to_vec()).prop_map(str::to_owned),
        4 => any::<u32>().prop_map(|number| number.to_string()),
        4 => any::<String>().prop_map(quoted),
        1 => (0..10_000_usize).prop_map(|length| quoted("é".repeat(length))),
        1 => (0..2_000_usize).prop_map(nested),
    ];
    let key = prop_oneof![8 => select(keys).prop_map(str::to_owned), 1 => any::<String>()].prop_map(quoted);
    leaf.prop_recursive(4, 64, 8, move |inner| {
        let entry = (key.clone(), inner.clone()).prop_map(|(key, value)| format!("{key}:{value}"));
        prop_oneof![
            vec(inner, 0..8).prop_map(|values| format!("[{}]", values.join(","))),
            vec(entry, 0..8).prop_map(|entries| format!("{{{}}}", entries.join(","))),
        ]
    })
}

/// `document` with some of its values dropped or replaced by [`any_json`], and then [`mangled`] as a text.
pub(crate) fn mangled_json(document: Value, keys: &'static [&'static str]) -> impl Strategy<Value = Vec<u8>> {
    let swaps = vec((any::<Index>(), proptest::option::of(any_json(keys))), 0..4);
    let swapped = swaps.prop_map(move |swaps| {
        let mut document = document.clone();
        let mut replacements = Vec::new();
        for (number, (place, replacement)) in swaps.into_iter().enumerate() {
            let pointers = pointers(&document);
            let pointer = place.get(&pointers);
            match replacement {
                None => drop_value(&mut document, pointer),
                Some(json) => {
                    let stand_in = format!("@{number}@");
                    *document.pointer_mut(pointer).unwrap() = Value::String(stand_in.clone());
                    replacements.push((quoted(stand_in), json));
                }
            }
        }
        let replace = |text: String, (stand_in, json): (String, String)| text.replace(&stand_in, &json);
        replacements.into_iter().fold(document.to_string(), replace)
    });
    swapped.prop_flat_map(mangled)
}

/// `text` with parts of it cut out, doubled or cut off, and bytes put in that may be no UTF-8; or as it is.
pub(crate) fn mangled(text: String) -> impl Strategy<Value = Vec<u8>> {
    let bytes = prop_oneof![
        vec(any::<u8>(), 0..8),
        select(vec!["\"", "\\", "[", "}", ",", "\n", "\n\n", " ", "\u{0}", "#"]).prop_map(|text| text.into()),
    ];
    let edit = (0..4_u8, any::<Index>(), any::<Index>(), bytes);
    vec(edit, 0..4).prop_map(move |edits| {
        let mut text = text.clone().into_bytes();
        for (kind, one, other, bytes) in edits {
            let (one, other) = (one.index(text.len() + 1), other.index(text.len() + 1));
            let (start, end) = (one.min(other), one.max(other));
            match kind {
                0 => text.truncate(one),
                1 => drop(text.splice(one..one, bytes)),
                2 => drop(text.drain(start..end)),
                _ => {
                    let part = text[start..end].to_vec();
                    drop(text.splice(start..start, part));
                }
            }
        }
        text
    })
}

/// A list in a list, so many times.
pub(crate) fn nested(depth: usize) -> String {
    "[".repeat(depth) + "0" + &"]".repeat(depth)
}

fn quoted(text: String) -> String {
    Value::String(text).to_string()
}

/// The JSON pointers of a value and of all within it.
fn pointers(value: &Value) -> Vec<String> {
    let within: Vec<(String, &Value)> = match value {
        Value::Array(list) => list.iter().enumerate().map(|(at, value)| (at.to_string(), value)).collect(),
        Value::Object(object) => object.iter().map(|(key, value)| (key.clone(), value)).collect(),
        _ => Vec::new(),
    };
    let below = |(key, value): (String, &Value)| -> Vec<String> {
        let key = key.replace('~', "~0").replace('/', "~1");
        pointers(value).into_iter().map(|pointer| format!("/{key}{pointer}")).collect()
    };
    std::iter::once(String::new()).chain(within.into_iter().flat_map(below)).collect()
}

fn drop_value(document: &mut Value, pointer: &str) {
    let Some((parent, key)) = pointer.rsplit_once('/') else {
        *document = Value::Null;
        return;
    };
    match document.pointer_mut(parent).unwrap() {
        Value::Array(list) => drop(list.remove(key.parse().unwrap())),
        Value::Object(object) => drop(object.remove(&key.replace("~1", "/").replace("~0", "~"))),
        _ => unreachable!("what has a pointer is in a list or an object"),
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use proptest::test_runner::{Config, TestRunner};
    use serde_json::json;

    use super::*;

    /// A test would show nothing if every document were refused as a whole, or if none were damaged.
    #[test]
    fn some_mangled_documents_are_json_and_some_of_those_differ() {
        let document = json!({"name": "web", "containers": [{"uuid": "a/b"}, {}]});
        let (json, other) = (Cell::new(0), Cell::new(0));
        let mut runner = TestRunner::new_with_rng(
            Config::with_cases(256),
            proptest::test_runner::TestRng::deterministic_rng(proptest::test_runner::RngAlgorithm::ChaCha),
        );
        let any = mangled_json(document.clone(), &["name", "uuid"]);
        let count = |bytes: Vec<u8>| {
            if let Ok(value) = serde_json::from_slice::<Value>(&bytes) {
                json.set(json.get() + 1);
                other.set(other.get() + usize::from(value != document));
            }
            Ok(())
        };
        runner.run(&any, count).unwrap();
        assert!((32..224).contains(&json.get()) && other.get() >= 16, "{json:?} {other:?}");
    }
}
