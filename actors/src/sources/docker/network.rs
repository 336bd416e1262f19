//! At which of its addresses a container is reached.

use std::collections::{BTreeMap, HashMap};

use super::{
    labels::Labels,
    note::Note,
    summary::{ContainerSummary, Endpoint},
};

/// How the network of a container in another's network begins.
const OF_CONTAINER: &str = "container:";

/// The address of `listed`, and what is to be said about it; `by_id` has all that is listed.
///
/// In this order: the network that the label `stalls.network` names, or else the setting (`wanted`); the only one in
/// which it has an address; the default network of its Compose project; the first by name. Compose puts the project
/// before the name of a network; either name will do.
pub(super) fn address<'a>(
    listed: &'a ContainerSummary,
    wanted: Option<&str>,
    by_id: &HashMap<&str, &'a ContainerSummary>,
) -> (Option<&'a str>, Option<Note>) {
    let labels = Labels::of(listed);
    let mode = listed.host_config.as_ref().and_then(|config| config.network_mode.as_deref());
    let owner = mode.and_then(|mode| mode.strip_prefix(OF_CONTAINER)).and_then(|id| by_id.get(id));
    if let Some(mode @ ("host" | "none")) = mode {
        return (None, Some(Note::NoNetwork(mode.to_owned())));
    }
    let addresses = addresses(owner.unwrap_or(&listed));
    let project = labels.compose().map(|compose| compose.project);
    if let Some(network) = labels.network().or(wanted) {
        let of_project = project.map(|project| format!("{project}_{network}"));
        let found = addresses.get(network).or_else(|| addresses.get(of_project?.as_str()));
        let has_others = found.is_none() && !addresses.is_empty();
        return (found.copied(), has_others.then(|| Note::NotInNetwork(network.to_owned())));
    }
    let default = project.and_then(|project| addresses.get_key_value(format!("{project}_default").as_str()));
    let chosen = default.or_else(|| addresses.first_key_value());
    let guessed = chosen.filter(|_| addresses.len() > 1);
    (
        chosen.map(|(_, address)| *address),
        guessed.map(|(network, _)| Note::GuessedNetwork((*network).to_owned())),
    )
}

/// The networks in which a container has an address, which is that of IPv4 if there is one. On the host's network it
/// has none of its own, and while it does not run, neither.
fn addresses(listed: &ContainerSummary) -> BTreeMap<&str, &str> {
    let networks = listed.network_settings.as_ref().and_then(|settings| settings.networks.as_ref());
    let with_address = networks.into_iter().flatten().filter_map(|(name, endpoint)| {
        let Endpoint { ip_address, global_ipv6_address } = endpoint.as_ref()?;
        let addresses = [ip_address, global_ipv6_address];
        let address = addresses.into_iter().flatten().find(|address| !address.is_empty())?;
        Some((name.as_str(), address.as_str()))
    });
    with_address.collect()
}
