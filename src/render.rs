//! `stalls render`: prints HAProxy's configuration for the current metadata.

use std::{
    collections::BTreeSet,
    io::{self, Write},
    sync::Arc,
};

use anyhow::Context;
use stalls_actors::config::{HaproxyConfig, RenderError, Renderer};

use crate::{
    current_plan::{self, block_on},
    exit::Exit,
    printable::Printable,
    settings::Settings,
};

/// Prints the configuration that a stalls process with these settings would use. Changes nothing.
pub(crate) fn run(settings: Settings) -> Exit {
    let printed = block_on(rendered(settings)).and_then(|text| {
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
    let current = current_plan::ask(&settings, settings.needs_published_ports())
        .await
        .with_context(|| format!("no usable answer from {}", settings.source.address()))
        .map_err(|error| (Exit::Unavailable, error))?;
    if let Some(reason) = current.without_state {
        report(&format!("cannot read the saved assignments, rendering without them: {reason}"));
    }
    let plan = current.plan;
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
