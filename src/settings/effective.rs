//! The settings as a person asks for them: each with its text, and whether that was given.

use serde::Serialize;
use utoipa::ToSchema;

use super::table::{Fallback, SETTINGS, Setting};
use crate::{cli::Cli, config_error::without_password};

/// One setting in effect.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct EffectiveSetting {
    /// The environment variable.
    name: &'static str,
    /// Its value, without a password; none if stalls finds it out itself.
    value: Option<String>,
    source: Origin,
    /// What it is for.
    help: String,
}

/// Where a value comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Origin {
    Given,
    Default,
}

/// Every setting, in the order of the README.
pub(crate) fn effective(cli: &Cli) -> Vec<EffectiveSetting> {
    SETTINGS.iter().map(|setting| effective_one(cli, setting)).collect()
}

fn effective_one(cli: &Cli, setting: &'static Setting) -> EffectiveSetting {
    let given = cli.value(setting).map(|text| without_password(setting.name, text.to_string_lossy().trim()));
    let source = if given.is_some() { Origin::Given } else { Origin::Default };
    let value = given.or_else(|| match setting.fallback {
        Fallback::Value(text) => Some(text.to_owned()),
        Fallback::RequiredUnless(_) | Fallback::Found(_) => None,
    });
    EffectiveSetting { name: setting.name, value, source, help: setting.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_setting_has_its_value_where_it_comes_from_and_no_password() {
        let cli = Cli::from_arguments(["--metadata-url=http://me:secret@host/2015-12-19"]).unwrap();
        let all = effective(&cli);
        assert_eq!(all.len(), SETTINGS.len());
        let of = |name| all.iter().find(|it| it.name == name).unwrap();
        assert_eq!(of("METADATA_URL").value.as_deref(), Some("http://…@host/2015-12-19"));
        assert_eq!(of("METADATA_URL").source, Origin::Given);
        assert_eq!((of("DRAIN_MS").value.as_deref(), of("DRAIN_MS").source), (Some("8000"), Origin::Default));
        assert_eq!((&of("BIND_ADDRESS").value, of("BIND_ADDRESS").source), (&None, Origin::Default));
    }
}
