//! The address of a container that is in the network of another one.

use super::{
    MetadataFault,
    client::{MetadataSource, container_path},
    document::{Network, parse_network},
};

/// One that is in another's network is in its own one's, too: more steps than a few are a cycle.
const MAX_STEPS: usize = 4;

/// The address of the network that belongs to the container `owner`, as text; `None` if there is none: the container
/// is not there, has no address, or does not run, since the engine takes the address from a network whose owner stops.
///
/// # Errors
/// The first fault. That the server does not know the container is none.
pub(super) async fn address<S: MetadataSource>(
    source: &S,
    owner: &str,
) -> Result<Option<String>, MetadataFault> {
    let mut owner = owner.to_owned();
    for _ in 0..MAX_STEPS {
        let path = container_path(&owner);
        let document = match source.document(path.clone()).await {
            Err(fault) if fault.is_verdict() => return Ok(None),
            document => document?,
        };
        match parse_network(&path, &owner, &document)? {
            Network::Own(address) => return Ok(Some(address)),
            Network::Of(other) => owner = other,
            Network::Missing => return Ok(None),
        }
    }
    Ok(None)
}
