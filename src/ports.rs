//! `stalls ports`: the ports of all pools, as what has to know of them reads it.

mod formats;

use std::{
    io::{self, Write},
    net::IpAddr,
};

use clap::ValueEnum;

use self::formats::{compose, env, json, nft, rancher, sysctl};
use crate::{
    exit::Exit,
    port_ranges::{self, Ports},
    printable::Printable,
    settings::{Pool, Settings},
};

/// What reads the ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// The list `ports` of a docker-compose.yml.
    Compose,
    /// The list `ports` of a docker-compose.yml of Rancher 1.x.
    Rancher,
    /// A file of variables, as Compose, `docker run --env-file`, systemd and shells read it.
    Env,
    /// An array with an object for each pool.
    Json,
    /// Commands for `nft -f` that have the chain `inet filter input` accept connections to the pools.
    Nft,
    /// A file of sysctl.d that keeps the kernel from giving ports of the pools to outgoing connections.
    Sysctl,
}

/// What a format is written from.
#[derive(Debug)]
struct Pools {
    pools: Vec<Pool>,
    /// The address that they listen on; `None` if they listen on every address of a family or of both.
    address: Option<IpAddr>,
    /// What the kernel reserves already.
    reserved: Ports,
}

/// Prints the ports. Changes nothing, and asks nobody.
pub(crate) fn run(settings: &Settings, format: Format) -> Exit {
    let pools = Pools {
        pools: settings.pools().collect(),
        address: settings.bind_address.filter(|address| !address.is_unspecified()),
        // Where /proc/sys is hidden, nothing is known to be reserved.
        reserved: port_ranges::reserved().unwrap_or_default(),
    };
    for pool in pools.pools.iter().filter(|pool| pool.is_assumed) {
        note(&format!(
            "the pool of {} has no size (PORT_COUNT, or +COUNT in MAPPINGS), so it is taken to have {} ports; it has as \
             many as stalls' own service publishes from {} on, and grows when its containers need more",
            pool.service,
            pool.ports.len(),
            pool.ports.start(),
        ));
    }
    let text = match format {
        Format::Compose => Ok(compose(&pools)),
        Format::Rancher => Ok(rancher(&pools)),
        Format::Env => Ok(env(&pools)),
        Format::Json => json(&pools),
        Format::Nft => Ok(nft(&pools)),
        Format::Sysctl => Ok(sysctl(&pools)),
    };
    match text.map_err(io::Error::from).and_then(|text| write!(io::stdout().lock(), "{text}")) {
        Ok(()) => Exit::Ok,
        Err(error) => {
            note(&format!("cannot write: {error}"));
            Exit::Internal
        }
    }
}

fn note(what: &str) {
    let _ = writeln!(io::stderr(), "stalls ports: {}", Printable(what));
}
