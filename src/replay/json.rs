//! A replay for scripts: one JSON object a line, each with a `kind`.

use std::io::{self, Write};

use serde_json::{Value, json};
use stalls_actors::{
    allocation::{Effect, Explanation},
    recording::{Cause, Difference, Moment, Replay},
};

/// Prints what is told, if there is something to say.
pub(super) fn print(out: &mut dyn Write, told: &Replay) -> io::Result<()> {
    match told {
        Replay::Segment { name, wall_ms, stalls, is_start, .. } => {
            let begins = if *is_start { "start" } else { "further" };
            let segment = json!({
                "kind": "segment", "file": name, "ts_ms": wall_ms, "stalls": stalls, "begins": begins,
            });
            writeln!(out, "{segment}")
        }
        Replay::Moment(moment) => {
            let Moment { wall_ms, revision, causes, explanations } = moment;
            for cause in causes {
                writeln!(out, "{}", of_cause(*wall_ms, cause))?;
            }
            for explanation in explanations {
                writeln!(out, "{}", of_change(*wall_ms, *revision, explanation))?;
            }
            Ok(())
        }
        Replay::Difference(Difference { name, line, recorded, replayed }) => {
            let [recorded, replayed] =
                [recorded, replayed].map(|plan| serde_json::from_str::<Value>(plan).ok());
            let difference = json!({
                "kind": "difference", "file": name, "line": line, "recorded": recorded, "replayed": replayed,
            });
            writeln!(out, "{difference}")
        }
        Replay::Torn { name } => writeln!(out, "{}", json!({"kind": "torn", "file": name})),
    }
}

fn of_cause(wall_ms: u64, Cause { ports, container: (uuid, name), what }: &Cause) -> Value {
    json!({"kind": "said", "ts_ms": wall_ms, "ports": ports, "uuid": uuid, "container": name, "what": what})
}

fn of_change(wall_ms: u64, revision: Option<u64>, explanation: &Explanation) -> Value {
    let Explanation { port, effect, container, why } = explanation;
    let (uuid, name) = container.as_ref().map(|(uuid, name)| (uuid, name)).unzip();
    let (effect, address) = match effect {
        Effect::Leads(to) => ("leads", Some(to.backend)),
        Effect::Refuses => ("refuses", None),
        Effect::Stays => ("stays", None),
        Effect::NotMapped => ("not_mapped", None),
        Effect::PoolEnds => ("pool_ends", None),
        Effect::LeftAlone => ("left_alone", None),
    };
    json!({
        "kind": "change", "ts_ms": wall_ms, "revision": revision, "port": port, "effect": effect, "uuid": uuid,
        "container": name, "address": address, "rule": why.rule(), "reason": why.kind(), "why": why.to_string(),
    })
}
