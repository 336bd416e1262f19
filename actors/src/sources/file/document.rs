//! From the file's text to containers. Pure.
//!
//! Whatever is wrong is told with its line and column, and makes the whole file a fault: half of it may be worse than
//! what it said before.

#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    num::{NonZeroU16, NonZeroU64},
    sync::Arc,
};

use serde::{
    Deserialize, Deserializer,
    de::{Error as _, SeqAccess, Visitor},
};

use crate::{
    domain::{Address, Container, Lifecycle, State},
    excerpt::excerpt,
};

/// Which language the file is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Language {
    Json,
    Yaml,
}

/// The containers of each service, by the name of the service as the settings have it.
pub(super) type Services = BTreeMap<String, Vec<Arc<Container>>>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    services: BTreeMap<String, Entries>,
}

/// The containers of a service, each name once.
struct Entries(Vec<Entry>);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: Name,
    address: Ip,
    index: Option<NonZeroU64>,
    port: Option<NonZeroU16>,
    state: Option<Word>,
}

/// A container's name, which is not empty.
struct Name(String);

/// An IP address, as it is written.
struct Ip(String);

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Word {
    Running,
    Starting,
    Stopping,
    Stopped,
}

/// The containers of every service in `text`.
///
/// # Errors
/// What is wrong, with line and column.
pub(super) fn parse(text: &str, language: Language) -> Result<Services, String> {
    let document: Document = match language {
        Language::Json => serde_json::from_str(text).map_err(|error| excerpt(&error.to_string()))?,
        Language::Yaml => {
            let options = serde_saphyr::options! { with_snippet: false };
            serde_saphyr::from_str_with_options(text, options).map_err(|error| excerpt(&error.to_string()))?
        }
    };
    let services = document.services.into_iter().map(|(service, Entries(entries))| {
        let mut containers: Vec<_> = entries.into_iter().map(|entry| Arc::new(entry.into())).collect();
        containers.sort_by(|a: &Arc<Container>, b| a.uuid.cmp(&b.uuid));
        (service, containers)
    });
    Ok(services.collect())
}

impl From<Entry> for Container {
    fn from(Entry { name: Name(name), address: Ip(address), index, port, state }: Entry) -> Self {
        let name: Arc<str> = name.into();
        Self {
            uuid: Arc::clone(&name),
            name,
            index,
            created: 0,
            state: state.map(|word| word.state()),
            address: Some(Address::from(address)),
            port,
            named_ports: [].into(),
            health: None,
        }
    }
}

impl Word {
    fn state(&self) -> State {
        match self {
            Self::Running => State::new("running", Lifecycle::Running),
            Self::Starting => State::new("starting", Lifecycle::Starting),
            Self::Stopping => State::new("stopping", Lifecycle::Stopping),
            Self::Stopped => State::new("stopped", Lifecycle::Inactive),
        }
    }
}

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        match name.is_empty() {
            true => Err(D::Error::custom("`name` must not be empty")),
            false => Ok(Self(name)),
        }
    }
}

impl<'de> Deserialize<'de> for Ip {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        match Address::from(text.as_str()).ip() {
            Some(_) => Ok(Self(text)),
            None => Err(D::Error::custom(format_args!(
                "`address` must be an IP address such as 10.0.0.1, not {:?}",
                excerpt(&text)
            ))),
        }
    }
}

/// The error of a name that is there twice has the place of the second.
impl<'de> Deserialize<'de> for Entries {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Listed;

        impl<'de> Visitor<'de> for Listed {
            type Value = Entries;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of containers (`[]` for none)")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut listed: A) -> Result<Entries, A::Error> {
                let (mut entries, mut names) = (Vec::new(), BTreeSet::new());
                while let Some(entry) = listed.next_element::<Entry>()? {
                    if !names.insert(entry.name.0.clone()) {
                        let name = excerpt(&entry.name.0);
                        return Err(A::Error::custom(format_args!("the container {name:?} is listed twice")));
                    }
                    entries.push(entry);
                }
                Ok(Entries(entries))
            }
        }

        deserializer.deserialize_seq(Listed)
    }
}
