//! Walking a path down the tree of documents (`valueForPath` in rancher/rancher-metadata,
//! `config/answers.go`).

use serde_json::Value;

/// What stands at the path; a miss is tried again in lower case.
pub(super) fn lookup<'tree>(tree: &'tree Value, path: &[String]) -> Option<&'tree Value> {
    walk(tree, path.iter().map(String::as_str)).or_else(|| {
        let lower: Vec<_> = path.iter().map(|segment| segment.to_lowercase()).collect();
        walk(tree, lower.iter().map(String::as_str))
    })
}

fn walk<'tree, 'path>(
    tree: &'tree Value,
    mut path: impl Iterator<Item = &'path str>,
) -> Option<&'tree Value> {
    path.try_fold(tree, |value, segment| match value {
        Value::Object(fields) => fields.get(segment),
        Value::Array(items) => child(items, segment),
        _ => None,
    })
}

/// A number is an index, even where a child has that name; anything else is a name or a uuid.
fn child<'tree>(items: &'tree [Value], segment: &str) -> Option<&'tree Value> {
    match segment.parse::<i64>() {
        Ok(index) => items.get(usize::try_from(index).ok()?),
        Err(_) => items.iter().find(|item| {
            ["name", "uuid"].iter().any(|key| item.get(key).is_some_and(|value| value == segment))
        }),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn find(path: &str) -> Option<Value> {
        let tree = json!({ "services": [{ "name": "web", "uuid": "u1" }, { "name": "1", "uuid": "U2" }] });
        lookup(&tree, &path.split('/').map(str::to_owned).collect::<Vec<_>>()).cloned()
    }

    #[test]
    fn a_segment_is_an_index_or_a_name_or_a_uuid() {
        assert_eq!(find("services/0/uuid"), Some(json!("u1")));
        assert_eq!(find("services/web/uuid"), Some(json!("u1")));
        assert_eq!(find("services/U2/name"), Some(json!("1")));
    }

    #[test]
    fn a_number_is_never_a_name() {
        assert_eq!(find("services/1/uuid"), Some(json!("U2")));
        assert_eq!(find("services/2"), None);
        assert_eq!(find("services/-1"), None);
    }

    #[test]
    fn a_miss_is_tried_again_in_lower_case() {
        assert_eq!(find("Services/WEB/uuid"), Some(json!("u1")));
        assert_eq!(find("services/u2"), None);
    }
}
