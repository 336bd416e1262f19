//! What is named in Kubernetes: a namespace, and in it a StatefulSet or a label selector. Pure.

#[cfg(test)]
mod tests;

use stalls_actors::{
    domain::ServiceRef,
    sources::kubernetes::{
        LabelSelector,
        names::{is_dns_label, is_dns_subdomain},
    },
};

/// The name of a namespace.
///
/// # Errors
/// Says what it must be.
pub(super) fn namespace(text: &str) -> Result<String, String> {
    match is_dns_label(text) {
        true => Ok(text.to_owned()),
        false => Err(
            "must name a namespace such as games: 1 to 63 lower-case letters, digits and hyphens, with no \
                      hyphen at an end"
                .to_owned(),
        ),
    }
}

/// The name of a StatefulSet, or a label selector, without a namespace.
///
/// # Errors
/// Says what it must be.
pub(super) fn service(text: &str) -> Result<String, String> {
    let service = in_namespace(text)?;
    match split(&service) {
        // It would be read as another one where a namespace may stand in front.
        (Some(prefix), _) => Err(format!(
            "must not begin with {:?}, as if that were a namespace: STACK_NAME has the namespace; a label whose prefix \
             has no dot takes an entry of MAPPINGS with the namespace in front, such as games/{service}:8080@5000",
            format!("{prefix}/")
        )),
        (None, _) => Ok(service),
    }
}

/// The service of an entry: `games/web`, `web`, `games/app=web` or `app=web`.
///
/// # Errors
/// Says what it must be.
pub(super) fn reference(text: &str) -> Result<ServiceRef, String> {
    match split(text) {
        (Some(stack), rest) => {
            Ok(ServiceRef { stack: Some(namespace(stack)?), service: in_namespace(rest)? })
        }
        (None, _) => Ok(ServiceRef { stack: None, service: service(text)? }),
    }
}

/// What stands before the first slash, and what behind it. The prefix of a label's key has a slash behind it, too: it is
/// none if it may be a namespace.
fn split(text: &str) -> (Option<&str>, &str) {
    match text.split_once('/') {
        Some((before, rest)) if is_dns_label(before) || !LabelSelector::is_meant(text) => {
            (Some(before), rest)
        }
        _ => (None, text),
    }
}

/// A label selector is written in its normal form, so that one is one service however it is given.
fn in_namespace(text: &str) -> Result<String, String> {
    if LabelSelector::is_meant(text) {
        let selector: Result<LabelSelector, _> = text.parse();
        return selector.map(|selector| selector.to_string()).map_err(|error| error.to_string());
    }
    match is_dns_subdomain(text) {
        true => Ok(text.to_owned()),
        false if text.contains('/') => {
            Err("must not contain a slash; a namespace goes to STACK_NAME, or once in front of an entry of MAPPINGS"
                .to_owned())
        }
        false => Err("must name a StatefulSet such as web, or have a label selector such as app=web; a name has up to \
                      253 lower-case letters, digits, hyphens and dots, with a letter or a digit at both ends and \
                      beside each dot"
            .to_owned()),
    }
}
