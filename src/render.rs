//! `stalls render`: prints HAProxy's configuration for the current metadata.

use std::{
    collections::BTreeSet,
    io::{self, Write},
    sync::Arc,
};

use anyhow::Context;
use slog::{Discard, Logger, o};
use stalls_actors::{
    allocation::plan_once,
    config::{HaproxyConfig, RenderError, Renderer},
    metadata::{HttpMetadata, MetadataLimits, fetch_once},
    state::StateFile,
};

use crate::{exit::Exit, printable::Printable, settings::Settings};

/// Prints the configuration that a stalls process with these settings would use. Changes nothing.
pub(crate) fn run(settings: Settings) -> Exit {
    let runner = actix_rt::System::new();
    let rendered = runner.block_on(rendered(settings));
    // Dropping it would wait for a DNS lookup.
    std::mem::forget(runner);
    let printed = rendered.and_then(|text| {
        write!(io::stdout().lock(), "{text}").map_err(|error| (Exit::Internal, error.into()))
    });
    match printed {
        Ok(()) => Exit::Ok,
        Err((exit, error)) => {
            report(&format!("{error:#}"));
            exit
        }
    }
}

async fn rendered(settings: Settings) -> Result<String, (Exit, anyhow::Error)> {
    let source = HttpMetadata::new(
        settings.metadata_url.clone(),
        MetadataLimits::default(),
        Logger::root(Discard, o!()),
    );
    let snapshots = fetch_once(&source, &settings.services(), settings.needs_published_ports())
        .await
        .with_context(|| format!("no usable answer from {}", settings.metadata_url))
        .map_err(|error| (Exit::Unavailable, error))?;
    // A container without an index keeps its saved slot.
    let state = StateFile::in_folder(&settings.state_dir).peek().unwrap_or_else(|reason| {
        report(&format!("cannot read the saved assignments, rendering without them: {reason}"));
        None
    });
    let plan = plan_once(&settings.allocation(), &state.unwrap_or_default(), &snapshots);
    let listen = settings.listen();
    let renderer = Renderer::new(settings.template, listen);
    let frame = renderer.frame(&plan, &BTreeSet::new());
    let text = frame.and_then(|frame| renderer.render(&HaproxyConfig::new(Arc::new(frame), &plan)));
    text.map_err(|error| match error {
        RenderError::TooFewDescriptors { .. } => (Exit::Temporary, error.into()),
        RenderError::Template(_) => (Exit::Config, error.into()),
    })
}

fn report(what: &str) {
    let _ = writeln!(io::stderr(), "stalls render: {}", Printable(what));
}
