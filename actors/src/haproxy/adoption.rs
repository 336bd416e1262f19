//! What becomes of HAProxies that an earlier stalls left behind.

use std::{path::PathBuf, rc::Rc};

use futures_util::future::join_all;

use super::{
    bring_up::is_answered_by,
    process::Survivor,
    runtime_api::{CliError, NoAnswer, RuntimeApi},
};

/// What to do with a survivor.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is the newest that answers, or that would if it could be asked: it serves on.
    Adopt,
    /// It drains already, or a newer one serves.
    Drain,
    /// It holds the ports and answers nothing.
    Kill,
}

/// Judges `survivors`, each with its socket.
pub(super) async fn judge<A: RuntimeApi>(
    api: Rc<A>,
    mut survivors: Vec<(Survivor, PathBuf)>,
) -> Vec<(Survivor, Verdict)> {
    survivors.sort_by_key(|(survivor, _)| std::cmp::Reverse(survivor.generation));
    // All at once, since each that does not answer takes its time.
    let answers =
        survivors.iter().map(|(survivor, socket)| is_answered_by(api.as_ref(), socket.clone(), survivor.pid));
    let answers = join_all(answers).await;
    let mut judged: Vec<(Survivor, Verdict)> = Vec::new();
    for ((survivor, _), answer) in survivors.into_iter().zip(answers) {
        let is_first = judged.iter().all(|(_, verdict)| *verdict != Verdict::Adopt);
        let verdict = match answer {
            Ok(true) | Err(CliError::NoAnswer(NoAnswer::Unasked { .. })) if is_first => Verdict::Adopt,
            // A draining HAProxy has closed its socket, or it was removed.
            Ok(_) | Err(CliError::NoAnswer(NoAnswer::NotListening { .. })) => Verdict::Drain,
            Err(_) => Verdict::Kill,
        };
        judged.push((survivor, verdict));
    }
    judged
}
