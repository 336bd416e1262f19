//! Label selectors: which labels a pod has to have, and which it must not have. Pure.

#[cfg(test)]
mod tests;

use std::{collections::BTreeSet, fmt, str::FromStr};

use thiserror::Error;

use super::names::{is_dns_subdomain, is_qualified};
use crate::excerpt::excerpt;

/// Terms that a pod's labels have to fulfil, all of them: `app=web,tier!=test,!canary`. It is written with each term
/// once, in an order that does not depend on how it was given; the first one always has a `=` or begins with a `!`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LabelSelector(BTreeSet<Term>);

/// In the order in which they are written.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Term {
    /// `key=value`.
    Is(Key, String),
    /// `key!=value`, also fulfilled by one without that key.
    IsNot(Key, String),
    /// `!key`.
    Lacks(Key),
    /// `key`.
    Has(Key),
}

/// `name`, or `prefix/name`.
type Key = String;

/// Why a text is no selector.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum BadSelector {
    /// A term has no key and no operator.
    #[error("must have no empty term, and so a comma only between two terms")]
    EmptyTerm,
    /// A key cannot be one.
    #[error(
        "must have keys such as app or app.kubernetes.io/name instead of {key:?}: behind an optional domain name in \
         lower case with a slash, up to 63 letters, digits, '-', '_' and '.', with a letter or a digit at both ends; \
         terms are key=value, key!=value, !key or, beside others, key"
    )]
    BadKey {
        /// What stands in its place.
        key: String,
    },
    /// A value cannot be one.
    #[error(
        "must have a value of {key:?} such as web instead of {value:?}: up to 63 letters, digits, '-', '_' and '.', \
         with a letter or a digit at both ends"
    )]
    BadValue {
        /// The key.
        key: String,
        /// What stands in the value's place.
        value: String,
    },
    /// It has keys alone, like a name.
    #[error("must have a term with = or ! such as app=web")]
    KeysAlone,
}

impl LabelSelector {
    /// Whether a text is meant as a selector rather than a name.
    pub fn is_meant(text: &str) -> bool {
        text.contains('=') || text.starts_with('!')
    }
}

impl FromStr for LabelSelector {
    type Err = BadSelector;

    fn from_str(text: &str) -> Result<Self, BadSelector> {
        let terms: BTreeSet<Term> = text.split(',').map(str::parse).collect::<Result<_, _>>()?;
        match terms.first() {
            Some(Term::Has(_)) | None => Err(BadSelector::KeysAlone),
            Some(_) => Ok(Self(terms)),
        }
    }
}

impl FromStr for Term {
    type Err = BadSelector;

    fn from_str(text: &str) -> Result<Self, BadSelector> {
        let text = text.trim();
        if text.is_empty() {
            return Err(BadSelector::EmptyTerm);
        }
        if let Some(lacked) = text.strip_prefix('!') {
            return key(lacked).map(Self::Lacks);
        }
        let Some((left, right)) = text.split_once('=') else { return key(text).map(Self::Has) };
        if let Some(left) = left.strip_suffix('!') {
            let key = key(left)?;
            return value(&key, right).map(|value| Self::IsNot(key, value));
        }
        let key = key(left)?;
        value(&key, right.strip_prefix('=').unwrap_or(right)).map(|value| Self::Is(key, value))
    }
}

fn key(text: &str) -> Result<Key, BadSelector> {
    let key = text.trim();
    let (prefix, name) = key.split_once('/').map_or((None, key), |(prefix, name)| (Some(prefix), name));
    match prefix.is_none_or(is_dns_subdomain) && is_qualified(name) {
        true => Ok(key.to_owned()),
        false => Err(BadSelector::BadKey { key: excerpt(key) }),
    }
}

fn value(key: &str, text: &str) -> Result<String, BadSelector> {
    let value = text.trim();
    match value.is_empty() || is_qualified(value) {
        true => Ok(value.to_owned()),
        false => Err(BadSelector::BadValue { key: excerpt(key), value: excerpt(value) }),
    }
}

impl fmt::Display for LabelSelector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, term) in self.0.iter().enumerate() {
            let comma = if position == 0 { "" } else { "," };
            write!(f, "{comma}{term}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Is(key, value) => write!(f, "{key}={value}"),
            Self::IsNot(key, value) => write!(f, "{key}!={value}"),
            Self::Lacks(key) => write!(f, "!{key}"),
            Self::Has(key) => f.write_str(key),
        }
    }
}
