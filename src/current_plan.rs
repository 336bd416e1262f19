//! The plan that a stalls process with these settings would make of what the source says at present.

use std::collections::BTreeMap;

use slog::{Discard, Logger, o};
use stalls_actors::{
    allocation::{Plan, plan_once},
    domain::{PublishedPorts, ServiceRef},
    metadata::{Answers, Fault, ask_once},
    state::StateFile,
};

use crate::{settings::Settings, source::source};

/// What the source and the saved assignments come to.
#[derive(Debug)]
pub(crate) struct CurrentPlan {
    pub(crate) plan: Plan,
    /// What stalls' own service publishes, if that was asked for.
    pub(crate) published: PublishedPorts,
    /// The services that the source does not tell of, and why: of these the plan has what is saved.
    pub(crate) faults: BTreeMap<ServiceRef, Fault>,
    /// Why the plan was made without the saved assignments.
    pub(crate) without_state: Option<String>,
}

/// Runs `work`, which may ask the source, to its end.
pub(crate) fn block_on<T>(work: impl Future<Output = T>) -> T {
    let runner = actix_rt::System::new();
    let done = runner.block_on(work);
    // Dropping it would wait for a DNS lookup.
    std::mem::forget(runner);
    done
}

/// Asks once, and changes nothing.
///
/// # Errors
/// The source gives no usable answer.
pub(crate) async fn ask(settings: &Settings, needs_published_ports: bool) -> Result<CurrentPlan, Fault> {
    let mut source = source(settings, needs_published_ports, Logger::root(Discard, o!()));
    let Answers { snapshots, faults } = ask_once(source.as_mut()).await?;
    let published = snapshots.values().next().map(|snapshot| snapshot.published.clone());
    // A container without an index keeps its saved slot.
    let (state, without_state) = match StateFile::in_folder(&settings.state_dir).peek() {
        Ok(state) => (state, None),
        Err(reason) => (None, Some(reason.to_string())),
    };
    let plan = plan_once(&settings.allocation(), &state.unwrap_or_default(), &snapshots);
    Ok(CurrentPlan { plan, published: published.unwrap_or_default(), faults, without_state })
}
