//! The names of services and stacks.

use stalls_actors::domain::ServiceRef;

#[cfg(feature = "kubernetes")]
use super::kubernetes;
use super::{
    super::{parser::SettingsParser, raw_setting::RawSetting, table::SOURCE},
    entry::EXAMPLE,
};
use crate::config_error::ConfigError;

/// What names look like, which depends on the source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Naming {
    /// Rancher's metadata service parses each segment of a path with Go's `strconv.Atoi`, and takes a number for a
    /// list index.
    Rancher,
    /// Stacks are namespaces, services are StatefulSets or label selectors, and ports may have names.
    #[cfg(feature = "kubernetes")]
    Kubernetes,
    /// One name is like any other.
    Plain,
}

impl Naming {
    /// That of the source, as far as `SOURCE` is right.
    pub(super) fn of(parser: &SettingsParser<'_>) -> Self {
        match parser.text(&SOURCE) {
            Some("rancher") => Self::Rancher,
            #[cfg(feature = "kubernetes")]
            Some("kubernetes") => Self::Kubernetes,
            _ => Self::Plain,
        }
    }

    /// The name of a stack in a setting of its own.
    ///
    /// # Errors
    /// It cannot be a name.
    pub(super) fn stack(self, raw: &RawSetting<'_>) -> Result<String, ConfigError> {
        match self {
            #[cfg(feature = "kubernetes")]
            Self::Kubernetes => kubernetes::namespace(raw.text).map_err(|remedy| raw.wrong(remedy)),
            Self::Rancher | Self::Plain => self.segment(raw, "use SERVICE_NAME for the service"),
        }
    }

    /// The name of a service in a setting of its own.
    ///
    /// # Errors
    /// It cannot be a name.
    pub(super) fn service(self, raw: &RawSetting<'_>) -> Result<String, ConfigError> {
        match self {
            #[cfg(feature = "kubernetes")]
            Self::Kubernetes => kubernetes::service(raw.text).map_err(|remedy| raw.wrong(remedy)),
            Self::Rancher | Self::Plain => self.segment(raw, "use STACK_NAME for the stack"),
        }
    }

    /// The service of an entry, with or without its stack in front.
    ///
    /// # Errors
    /// Says what it must be.
    pub(super) fn reference(self, text: &str) -> Result<ServiceRef, String> {
        match self {
            #[cfg(feature = "kubernetes")]
            Self::Kubernetes => kubernetes::reference(text),
            Self::Rancher | Self::Plain => self.segments(text),
        }
    }

    /// Whether a piece of a list that ends with a comma may be the beginning of an entry.
    pub(super) fn has_commas_in_names(self) -> bool {
        match self {
            #[cfg(feature = "kubernetes")]
            Self::Kubernetes => true,
            Self::Rancher | Self::Plain => false,
        }
    }

    /// Whether a container's port may have a name.
    pub(super) fn has_port_names(self) -> bool {
        match self {
            #[cfg(feature = "kubernetes")]
            Self::Kubernetes => true,
            Self::Rancher | Self::Plain => false,
        }
    }

    fn segment(self, raw: &RawSetting<'_>, hint: &str) -> Result<String, ConfigError> {
        if raw.text.contains('/') {
            return Err(raw.wrong(format_args!("must not contain a slash; {hint}")));
        }
        match self.objection(raw.text) {
            Some(objection) => Err(raw.wrong(objection)),
            None => Ok(raw.text.to_owned()),
        }
    }

    fn segments(self, text: &str) -> Result<ServiceRef, String> {
        let (stack, service) =
            text.split_once('/').map_or((None, text), |(stack, service)| (Some(stack), service));
        if service.contains('/') {
            return Err("must have one slash at most, between a stack and a service".to_owned());
        }
        for name in stack.into_iter().chain([service]) {
            if name.is_empty() {
                return Err(format!("must name a service such as {EXAMPLE}, or a stack and a service"));
            }
            if let Some(objection) = self.objection(name) {
                return Err(format!("must name a service and a stack well: {name:?} {objection}"));
            }
        }
        Ok(ServiceRef { stack: stack.map(str::to_owned), service: service.to_owned() })
    }

    /// Why this cannot be a name, if it cannot.
    fn objection(self, name: &str) -> Option<&'static str> {
        if name.chars().any(char::is_control) {
            return Some("must not contain control characters");
        }
        let is_position = self == Self::Rancher && name.parse::<i64>().is_ok();
        is_position.then_some(
            "must not be a number, which the metadata service takes for a list index; use the uuid instead",
        )
    }
}

#[cfg(test)]
mod tests {
    use super::{super::super::table::STACK_NAME, *};

    fn read(text: &str, naming: Naming) -> Result<String, String> {
        let raw = RawSetting { setting: &STACK_NAME, text };
        naming.stack(&raw).map_err(|error| error.to_string())
    }

    #[test]
    fn a_name_is_one_segment_of_a_path() {
        assert_eq!(read("my web_1.2", Naming::Rancher).as_deref(), Ok("my web_1.2"));
        assert_eq!(read("2048-game", Naming::Rancher).as_deref(), Ok("2048-game"));
        assert!(read("stack/web", Naming::Rancher).unwrap_err().contains("SERVICE_NAME"));
        assert!(read("we\nb", Naming::Plain).unwrap_err().contains("control characters"));
    }

    #[test]
    fn a_number_is_a_name_unless_the_source_takes_it_for_a_position() {
        for number in ["0", "2048", "-1", "+1"] {
            assert!(read(number, Naming::Rancher).unwrap_err().contains("must not be a number"));
            assert_eq!(read(number, Naming::Plain).as_deref(), Ok(number));
        }
    }
}
