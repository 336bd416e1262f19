//! `stalls render`: prints HAProxy's configuration for the current metadata.

use std::{
    collections::BTreeSet,
    io::{self, Write},
    sync::Arc,
};

use stalls_actors::{
    config::{HaproxyConfig, RenderError, Renderer},
    metadata::Fault,
};

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
    let no_answer = |fault: Fault| {
        let what = format!("no usable answer from {}", settings.source.address());
        (Exit::Unavailable, anyhow::Error::from(fault).context(what))
    };
    let mut current =
        current_plan::ask(&settings, settings.needs_published_ports()).await.map_err(no_answer)?;
    if current.faults.len() == settings.services().len()
        && let Some((_, fault)) = current.faults.pop_first()
    {
        return Err(no_answer(fault));
    }
    for (service, fault) in &current.faults {
        report(&format!("no usable answer about {service}, rendering what is saved of it: {fault}"));
    }
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
