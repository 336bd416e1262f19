//! A replay for people.

use std::{
    fmt,
    io::{self, Write},
};

use stalls_actors::{
    allocation::{Effect, Explanation},
    domain::Mapping,
    recording::{Cause, Difference, Moment, Replay},
};
use time::{OffsetDateTime, format_description::BorrowedFormatItem, macros::format_description};

use crate::printable::Printable;

/// As in the log, but for the microseconds.
const RFC_3339_MILLIS: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");

/// Prints what is told, if there is something to say.
pub(super) fn print(out: &mut dyn Write, told: &Replay) -> io::Result<()> {
    match told {
        Replay::Segment { name, wall_ms, stalls, is_start, mappings } => {
            let begins = if *is_start { "starts" } else { "goes on" };
            let mappings: Vec<_> = mappings.iter().map(describe).collect();
            let line = format!("{name}: stalls {stalls} {begins}, {}", mappings.join(", "));
            writeln!(out, "{} {}", stamp(*wall_ms), Printable(&line))
        }
        Replay::Moment(moment) => print_moment(out, moment),
        Replay::Difference(Difference { name, line, recorded, replayed }) => {
            writeln!(out, "{} line {line}: another plan than was recorded", Printable(name))?;
            writeln!(out, "  recorded {}", or_none(recorded))?;
            writeln!(out, "  replayed {}", or_none(replayed))
        }
        Replay::Torn { name } => {
            writeln!(out, "{}: the last line was not written completely, it is left out", Printable(name))
        }
    }
}

/// Prints whether all was as recorded.
pub(super) fn print_end(out: &mut dyn Write, plans: u64, differences: u64) -> io::Result<()> {
    match differences {
        0 => writeln!(out, "plans: {plans}, each as it was recorded"),
        _ => writeln!(out, "plans: {plans}, not all as they were recorded"),
    }
}

fn print_moment(out: &mut dyn Write, moment: &Moment) -> io::Result<()> {
    let Moment { wall_ms, revision, causes, explanations } = moment;
    let time = stamp(*wall_ms);
    let plan = revision.map_or_else(String::new, |revision| format!("plan {revision}"));
    for Cause { container: (uuid, name), what, .. } in causes {
        let line = format!("{} {what}", named(uuid, name));
        writeln!(out, "{time}  {:<9} {}", "", Printable(&line))?;
    }
    for explanation in explanations {
        let line = Sentence(explanation).to_string();
        writeln!(out, "{time}  {plan:<9} {}", Printable(&line))?;
    }
    Ok(())
}

/// `5001  leads to web-2 (6e6a72ad) at 10.42.0.8: its index is 2 (rule 2)`.
struct Sentence<'a>(&'a Explanation);

impl fmt::Display for Sentence<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Explanation { port, effect, container, why } = self.0;
        let port = port.map_or_else(|| "-".to_owned(), |port| port.to_string());
        let container = container.as_ref().map_or_else(String::new, |(uuid, name)| named(uuid, name));
        write!(f, "{port:<5} ")?;
        match effect {
            Effect::Leads(to) => write!(f, "leads to {container} at {}", to.backend),
            Effect::Refuses => write!(f, "refuses; {container}"),
            Effect::Stays => write!(f, "stays as it is; {container}"),
            Effect::NotMapped => write!(f, "{container} is not mapped"),
            Effect::PoolEnds => f.write_str("is the pool's last port now"),
            Effect::LeftAlone => f.write_str("is left alone"),
        }?;
        write!(f, ": {why} (rule {})", why.rule())
    }
}

/// `app-web-2 (6e6a72ad)`: the beginning of a uuid tells containers of one name apart.
fn named(uuid: &str, name: &str) -> String {
    let beginning: String = uuid.chars().take(8).collect();
    format!("{name} ({beginning})")
}

/// `web:8080 from port 5000 on`.
fn describe(Mapping { service, backend_port, base_port, .. }: &Mapping) -> String {
    format!("{service}:{backend_port} from port {base_port} on")
}

fn or_none(plan: &str) -> &str {
    if plan.is_empty() { "none" } else { plan }
}

fn stamp(wall_ms: u64) -> String {
    let moment = OffsetDateTime::from_unix_timestamp_nanos(i128::from(wall_ms) * 1_000_000);
    moment.ok().and_then(|moment| moment.format(RFC_3339_MILLIS).ok()).unwrap_or_else(|| wall_ms.to_string())
}
