//! Decides what becomes of the HAProxy processes that an earlier stalls process left behind.

use std::{path::PathBuf, rc::Rc};

use futures_util::future::join_all;

use super::{
    bring_up::answering,
    host::Leftover,
    known_faults::Version,
    runtime_api::{CliError, RuntimeApi, Unavailable},
};

/// What becomes of a leftover process.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Decision {
    /// It is the newest that answers, or that cannot be asked for want of something here: it serves on. Its version, if
    /// that is known.
    Adopt(Option<Version>),
    /// It drains already, or a newer one serves.
    Drain,
    /// It holds the ports and does not answer.
    Kill,
    /// It has the number of another one, so it is none of ours: it is let alone.
    Refuse,
}

/// Classifies `leftovers`, each with its socket.
pub(super) async fn classify<A: RuntimeApi>(
    api: Rc<A>,
    leftovers: Vec<(Leftover, PathBuf)>,
) -> Vec<(Leftover, Decision)> {
    // All at once: a process that does not answer takes seconds.
    let answers =
        leftovers.iter().map(|(leftover, socket)| answering(api.as_ref(), socket.clone(), leftover.pid));
    let answers = join_all(answers).await;
    let mut answered: Vec<_> = leftovers.into_iter().zip(answers).collect();
    // Of several with one number the one that answers is ours, else the first.
    answered.sort_by_key(|((leftover, _), answer)| {
        (std::cmp::Reverse(leftover.generation), !matches!(answer, Ok(Some(_))), leftover.pid)
    });
    let mut classified: Vec<(Leftover, Decision)> = Vec::new();
    for ((leftover, _), answer) in answered {
        let is_first = !classified.iter().any(|(_, decision)| matches!(decision, Decision::Adopt(_)));
        let has_number_of = |(other, _): &(Leftover, Decision)| other.generation == leftover.generation;
        let decision = match answer {
            _ if classified.iter().any(has_number_of) => Decision::Refuse,
            Ok(Some(version)) if is_first => Decision::Adopt(version),
            Err(CliError::Unavailable(Unavailable::Exhausted { .. })) if is_first => Decision::Adopt(None),
            // A draining HAProxy has closed its socket, or it was removed.
            Ok(_) | Err(CliError::Unavailable(Unavailable::NotListening { .. })) => Decision::Drain,
            Err(_) => Decision::Kill,
        };
        classified.push((leftover, decision));
    }
    classified
}
