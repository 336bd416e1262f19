//! `stalls render`: the configuration for the metadata of the moment, and nothing else.

use std::{
    collections::BTreeSet,
    io::{self, Write},
};

use anyhow::Context;
use stalls_actors::{
    allocation::{AllocatorSettings, StateFile, plan_once},
    config::render,
    metadata::{HttpMetadata, MetadataLimits, fetch_once},
};

use crate::{exit::Exit, settings::Settings, system::listen_settings};

/// Prints what a running stalls with these settings would write. Changes nothing.
pub(crate) fn run(settings: Settings) -> Exit {
    let rendered = actix_rt::System::new().block_on(rendered(settings));
    let printed = rendered.and_then(|text| Ok(io::stdout().write_all(text.as_bytes())?));
    match printed {
        Ok(()) => Exit::Ok,
        Err(error) => {
            let _ = writeln!(io::stderr(), "stalls render: {error:#}");
            Exit::Unavailable
        }
    }
}

async fn rendered(settings: Settings) -> anyhow::Result<String> {
    let services: BTreeSet<_> = settings.mappings.iter().map(|m| m.service.clone()).collect();
    let needs_published_ports = settings.mappings.iter().any(|m| m.port_count.is_none());
    let source = HttpMetadata::new(settings.metadata_url.clone(), MetadataLimits::default());
    let snapshots = fetch_once(&source, &services, needs_published_ports)
        .await
        .with_context(|| format!("no usable answer from {}", settings.metadata_url))?;
    // A container without an index keeps the slot that a running stalls remembers; without a readable memory
    // the plan is that of a first start.
    let state = StateFile::in_folder(&settings.state_dir).peek().ok().flatten().unwrap_or_default();
    let listen = listen_settings(settings.bind_address);
    let allocation = AllocatorSettings {
        mappings: settings.mappings,
        allow_loopback: settings.allow_loopback,
        tombstone: settings.tombstone,
    };
    let plan = plan_once(&allocation, &state, &snapshots);
    Ok(render(&plan, &BTreeSet::new(), &settings.template, listen)?.text)
}
