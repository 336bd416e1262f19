//! An entry of `MAPPINGS`: `stack/service:8080@5000+20`. The stack and the size of the pool may be missing.

use std::num::NonZeroU16;

use stalls_actors::domain::{Mapping, ServiceRef};

use super::name::{self, Numbers};

/// An entry with all that most have.
pub(super) const EXAMPLE: &str = "web:8080@5000+20";

/// The entries of a list, which blanks, newlines or commas separate.
pub(super) fn split(list: &str) -> impl Iterator<Item = &str> {
    list.split(is_separator).filter(|entry| !entry.is_empty())
}

fn is_separator(c: char) -> bool {
    c == ',' || c.is_whitespace()
}

/// Writes a mapping as [`read`] reads it, if its names have neither separators nor slashes.
pub(in super::super) fn written(mapping: &Mapping) -> String {
    let Mapping { service, backend_port, base_port, port_count } = mapping;
    let size = port_count.map(|count| format!("+{count}")).unwrap_or_default();
    format!("{service}:{backend_port}@{base_port}{size}")
}

/// Reads an entry. The name of a service may have `@` and `:` itself: the last ones count.
///
/// # Errors
/// What each of its parts must be that is wrong.
pub(super) fn read(entry: &str, numbers: Numbers) -> Result<Mapping, Vec<String>> {
    let parts = entry
        .rsplit_once('@')
        .and_then(|(target, pool)| target.rsplit_once(':').map(|(service, port)| (service, port, pool)));
    let Some((service, backend_port, pool)) = parts else {
        return Err(vec![format!(
            "must be service:port@base_port such as {EXAMPLE}, where +20 may be missing"
        )]);
    };
    let (base_port, port_count) =
        pool.split_once('+').map_or((pool, None), |(base, count)| (base, Some(count)));
    let mut wrong = Vec::new();
    let service = service_of(service, numbers).map_err(|remedy| wrong.push(remedy));
    let mut number = |text: &str, what: &str| {
        let number = nonzero_u16(text);
        number.ok_or_else(|| wrong.push(format!("must have {what} from 1 to 65535 instead of {text:?}")))
    };
    let backend_port = number(backend_port, "a port of the containers");
    let base_port = number(base_port, "a first port behind the @");
    let port_count = port_count.map(|count| number(count, "a number of ports behind the +")).transpose();
    match (service, backend_port, base_port, port_count) {
        (Ok(service), Ok(backend_port), Ok(base_port), Ok(port_count)) => {
            Ok(Mapping { service, backend_port: backend_port.into(), base_port, port_count })
        }
        _ => Err(wrong),
    }
}

fn service_of(text: &str, numbers: Numbers) -> Result<ServiceRef, String> {
    let (stack, service) =
        text.split_once('/').map_or((None, text), |(stack, service)| (Some(stack), service));
    if service.contains('/') {
        return Err("must have one slash at most, between a stack and a service".to_owned());
    }
    for name in stack.into_iter().chain([service]) {
        if name.is_empty() {
            return Err(format!("must name a service such as {EXAMPLE}, or a stack and a service"));
        }
        if let Some(objection) = name::objection(name, numbers) {
            return Err(format!("must name a service and a stack well: {name:?} {objection}"));
        }
    }
    Ok(ServiceRef { stack: stack.map(str::to_owned), service: service.to_owned() })
}

/// Decimal digits alone: a sign is rather a typing error than meant.
fn nonzero_u16(text: &str) -> Option<NonZeroU16> {
    text.parse().ok().filter(|_| text.bytes().all(|byte| byte.is_ascii_digit()))
}
