//! `stalls replay`: decides once more from what was recorded, and prints what changed and why.

mod json;
mod text;

use std::{
    io::{self, BufWriter, Write},
    path::Path,
};

use stalls_actors::recording::{Moment, Replay, replay};

use crate::{exit::Exit, printable::Printable};

/// Prints what the recording in `dir` tells; if a port is to be explained, only what concerns this one.
pub(crate) fn run(dir: &Path, explain: Option<u16>, json: bool) -> Exit {
    let print = if json { json::print } else { text::print };
    let mut out = BufWriter::new(io::stdout().lock());
    let (mut plans, mut differences) = (0_u64, 0_u64);
    let mut printed = Ok(());
    let replayed = replay(dir, |mut told| {
        match &mut told {
            Replay::Moment(moment) => {
                plans += u64::from(moment.revision.is_some());
                narrow(moment, explain);
            }
            Replay::Difference(_) => differences += 1,
            Replay::Segment { .. } | Replay::Torn { .. } => {}
        }
        if printed.is_ok() {
            printed = print(&mut out, &told);
        }
    });
    if !json && printed.is_ok() {
        printed = text::print_end(&mut out, plans, differences);
    }
    // `stalls replay DIR | head` is no mistake.
    let _ = printed.and_then(|()| out.flush());
    match replayed {
        Ok(()) if differences == 0 => Exit::Ok,
        Ok(()) => Exit::No,
        Err(error) => {
            let _ = writeln!(io::stderr(), "stalls replay: {}", Printable(&error.to_string()));
            Exit::Config
        }
    }
}

/// Leaves what concerns this port. What the source said of containers is of use only for a single port.
fn narrow(moment: &mut Moment, explain: Option<u16>) {
    match explain {
        Some(port) => {
            moment.causes.retain(|cause| cause.ports.contains(&port));
            moment.explanations.retain(|explanation| explanation.port == Some(port));
        }
        None => moment.causes.clear(),
    }
}
