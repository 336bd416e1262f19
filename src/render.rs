//! `stalls render`: the configuration for the metadata of the moment, and nothing else.

use std::{
    collections::BTreeSet,
    io::{self, Write},
    sync::Arc,
};

use anyhow::Context;
use stalls_actors::{
    allocation::{StateFile, plan_once},
    config::{ConfigText, Renderer},
    metadata::{HttpMetadata, MetadataLimits, fetch_once},
};

use crate::{exit::Exit, printable::Printable, settings::Settings};

/// Prints what a running stalls with these settings would write. Changes nothing.
pub(crate) fn run(settings: Settings) -> Exit {
    let runner = actix_rt::System::new();
    let rendered = runner.block_on(rendered(settings));
    // Its end would wait for a name that is being looked up.
    std::mem::forget(runner);
    let printed = rendered.and_then(|text| {
        write!(io::stdout().lock(), "{text}").map_err(|error| (Exit::Internal, error.into()))
    });
    match printed {
        Ok(()) => Exit::Ok,
        Err((exit, error)) => {
            say(&format!("{error:#}"));
            exit
        }
    }
}

async fn rendered(settings: Settings) -> Result<ConfigText, (Exit, anyhow::Error)> {
    let source = HttpMetadata::new(settings.metadata_url.clone(), MetadataLimits::default());
    let snapshots = fetch_once(&source, &settings.services(), settings.needs_published_ports())
        .await
        .with_context(|| format!("no usable answer from {}", settings.metadata_url))
        .map_err(|error| (Exit::Unavailable, error))?;
    // A container without an index keeps the slot that a running stalls remembers.
    let state = StateFile::in_folder(&settings.state_dir).peek().unwrap_or_else(|reason| {
        say(&format!(
            "what a running stalls remembers cannot be read, so this is for a first start: {reason}"
        ));
        None
    });
    let plan = Arc::new(plan_once(&settings.allocation(), &state.unwrap_or_default(), &snapshots));
    let listen = settings.listen();
    let mut renderer = Renderer::new(settings.template, listen);
    let config = renderer.render(&plan, &BTreeSet::new());
    config.map(|config| config.text).map_err(|error| (Exit::Usage, error.into()))
}

fn say(what: &str) {
    let _ = writeln!(io::stderr(), "stalls render: {}", Printable(what));
}
