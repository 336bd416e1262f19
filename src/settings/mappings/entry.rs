//! An entry of `MAPPINGS`: `stack/service:8080@5000+20`. The stack and the size of the pool may be missing.

use stalls_actors::domain::Mapping;

use super::{
    backend_port::{self, NoPort, nonzero_u16},
    name::Naming,
};

/// An entry with all that most have.
pub(super) const EXAMPLE: &str = "web:8080@5000+20";

/// The entries of a list, which blanks, newlines or commas separate.
///
/// The comma of a label selector separates none: what stands before it has no port yet, and is a term of a selector or
/// behind one.
pub(super) fn split(list: &str, naming: Naming) -> Vec<String> {
    let (mut entries, mut begun) = (Vec::new(), String::new());
    for piece in list.split_inclusive(',') {
        let (words, has_comma) = piece.strip_suffix(',').map_or((piece, false), |words| (words, true));
        let mut words = words.split_whitespace().peekable();
        while let Some(word) = words.next() {
            let is_term = word.contains(['=', '!']) || !begun.is_empty();
            begun.push_str(word);
            let goes_on = has_comma && words.peek().is_none() && is_term && !word.contains('@');
            match naming.has_commas_in_names() && goes_on {
                true => begun.push(','),
                false => entries.push(std::mem::take(&mut begun)),
            }
        }
    }
    entries.extend(Some(begun).filter(|begun| !begun.is_empty()));
    entries
}

/// Writes a mapping as [`read`] reads it, if its names have neither separators nor slashes but those of a selector.
pub(in super::super) fn written(mapping: &Mapping) -> String {
    let Mapping { service, backend_port, base_port, port_count } = mapping;
    let size = port_count.map(|count| format!("+{count}")).unwrap_or_default();
    format!("{service}:{backend_port}@{base_port}{size}")
}

/// Reads an entry. The name of a service may have `@` and `:` itself: the last ones count.
///
/// # Errors
/// What each of its parts must be that is wrong.
pub(super) fn read(entry: &str, naming: Naming) -> Result<Mapping, Vec<String>> {
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
    let service = naming.reference(service).map_err(|remedy| wrong.push(remedy));
    let port = backend_port::read(backend_port, naming);
    let port = port.map_err(|NoPort { allowed, note }| {
        wrong.push(format!("must have a port of the containers {allowed} instead of {backend_port:?}{note}"));
    });
    let mut number = |text: &str, what: &str| {
        let number = nonzero_u16(text);
        number.ok_or_else(|| wrong.push(format!("must have {what} from 1 to 65535 instead of {text:?}")))
    };
    let base_port = number(base_port, "a first port behind the @");
    let port_count = port_count.map(|count| number(count, "a number of ports behind the +")).transpose();
    match (service, port, base_port, port_count) {
        (Ok(service), Ok(backend_port), Ok(base_port), Ok(port_count)) => {
            Ok(Mapping { service, backend_port, base_port, port_count })
        }
        _ => Err(wrong),
    }
}
