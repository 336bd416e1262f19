//! What a log has said about the mapping so far.

use std::{collections::BTreeMap, ops::Range};

use serde_json::Value;

use super::messages::{PLAN_APPLIED, SLOT_ASSIGNED, SLOT_FREED, VERSION_FOLLOWED};

/// The newest version of the metadata that was read, the containers on the ports, and the plan that HAProxy serves.
///
/// Each of these has a line of its own, and any line may be late. They belong together as follows:
///
/// - A version is logged as followed once all of it is read; by then the effects of earlier versions are logged.
/// - Each port that changes is logged with the revision of the plan that changes it.
/// - A plan that is applied contains all that earlier revisions contain.
///
/// So a test that changes the metadata waits until [`follows`](Told::follows) and [`applied`](Told::applied) say so,
/// and does not take an earlier change for its own. A test that returns to a version which was followed before has to
/// wait for the version in between first: otherwise it would miss what is not logged yet.
#[derive(Debug, Default)]
pub struct Told {
    version: String,
    assignments: BTreeMap<u16, String>,
    /// The revision of the newest plan that changed a port.
    revision: u64,
    applied: Option<Value>,
}

impl Told {
    pub(super) fn read(&mut self, line: &Value) {
        match line["msg"].as_str().unwrap_or_default() {
            VERSION_FOLLOWED => text(line, "version").clone_into(&mut self.version),
            PLAN_APPLIED => self.applied = Some(line.clone()),
            message @ (SLOT_ASSIGNED | SLOT_FREED) => {
                let port = number(line, "port").try_into().expect("a port has 16 bits");
                if message == SLOT_ASSIGNED {
                    self.assignments.insert(port, text(line, "uuid").to_owned());
                } else {
                    self.assignments.remove(&port);
                }
                self.revision = number(line, "revision");
            }
            _ => {}
        }
    }

    /// Whether this version of the metadata is the newest that was read, and these containers have the ports.
    pub fn follows(&self, version: &str, assignments: &BTreeMap<u16, String>) -> bool {
        self.version == version && self.assignments == *assignments
    }

    /// Whether these containers have the ports of this pool.
    pub fn has(&self, pool: Range<u16>, assignments: &BTreeMap<u16, String>) -> bool {
        self.assignments.range(pool).eq(assignments)
    }

    /// The newest plan that HAProxy serves, if it has all that was told of the ports.
    pub fn applied(&self) -> Option<&Value> {
        self.applied.as_ref().filter(|line| number(line, "revision") >= self.revision)
    }
}

fn text<'line>(line: &'line Value, field: &str) -> &'line str {
    line[field].as_str().unwrap_or_else(|| panic!("no {field}: {line}"))
}

fn number(line: &Value, field: &str) -> u64 {
    line[field].as_u64().unwrap_or_else(|| panic!("no {field}: {line}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn told(lines: &[Value]) -> Told {
        let mut told = Told::default();
        lines.iter().for_each(|line| told.read(line));
        told
    }

    fn version(version: &str) -> Value {
        json!({"msg": VERSION_FOLLOWED, "version": version})
    }

    fn assigned(revision: u64, port: u16, uuid: &str) -> Value {
        json!({"msg": SLOT_ASSIGNED, "revision": revision, "port": port, "uuid": uuid})
    }

    fn freed(revision: u64, port: u16) -> Value {
        json!({"msg": SLOT_FREED, "revision": revision, "port": port, "uuid": "any"})
    }

    fn applied(revision: u64) -> Value {
        json!({"msg": PLAN_APPLIED, "revision": revision})
    }

    fn assignments<const N: usize>(assignments: [(u16, &str); N]) -> BTreeMap<u16, String> {
        assignments.map(|(port, uuid)| (port, uuid.to_owned())).into()
    }

    #[test]
    fn the_plan_of_an_earlier_change_is_not_that_of_a_later_one() {
        let mut lines = vec![version("one"), assigned(1, 5000, "a"), version("two"), assigned(2, 5001, "b")];
        lines.push(applied(1));
        assert_eq!(told(&lines).applied(), None);
        lines.push(applied(2));
        assert_eq!(told(&lines).applied(), Some(&applied(2)));
    }

    #[test]
    fn a_later_plan_has_what_an_earlier_one_has() {
        let lines = [version("one"), assigned(1, 5000, "a"), applied(3)];
        assert_eq!(told(&lines).applied(), Some(&applied(3)));
    }

    #[test]
    fn a_version_that_is_only_read_is_not_followed_yet() {
        let mut lines = vec![version("one"), assigned(1, 5000, "a"), applied(1), version("two")];
        let both = assignments([(5000, "a"), (5001, "b")]);
        assert!(!told(&lines).follows("two", &both));
        lines.push(assigned(2, 5001, "b"));
        assert!(told(&lines).follows("two", &both));
        lines.push(freed(3, 5000));
        assert!(!told(&lines).follows("two", &both));
    }

    #[test]
    fn unchanged_ports_do_not_mean_that_a_version_is_read() {
        let lines = [version("one"), assigned(1, 5000, "a"), applied(1)];
        assert!(!told(&lines).follows("three", &assignments([(5000, "a")])));
    }
}
