//! A setting before it is parsed, and the parsers that several settings share.

use std::{
    fmt::Display,
    net::{IpAddr, SocketAddr},
    num::NonZeroU16,
    path::{Path, PathBuf},
    time::Duration,
};

use super::table::{Kind, Setting};
use crate::config_error::ConfigError;

/// A setting and its text, which is not empty and has no surrounding blanks.
#[derive(Clone, Copy, Debug)]
pub(super) struct RawSetting<'a> {
    pub(super) setting: &'static Setting,
    pub(super) text: &'a str,
}

impl RawSetting<'_> {
    /// The text is wrong; `remedy` says what would be right.
    pub(super) fn wrong(&self, remedy: impl Display) -> ConfigError {
        ConfigError::wrong(self.setting.name, self.text, remedy)
    }

    /// Decimal digits alone: a sign or a point is rather a typing error than meant.
    fn whole_number(&self) -> Option<u64> {
        let digits = self.text.bytes().all(|byte| byte.is_ascii_digit());
        let allowed = |number: &u64| match &self.setting.kind {
            Kind::Number(_, range) => range.contains(number),
            _ => true,
        };
        self.text.parse().ok().filter(|number| digits && allowed(number))
    }

    /// A port, 1 to 65535.
    pub(super) fn port(&self) -> Result<NonZeroU16, ConfigError> {
        self.nonzero_u16("a port")
    }

    /// A number of ports, 1 to 65535.
    pub(super) fn port_count(&self) -> Result<NonZeroU16, ConfigError> {
        self.nonzero_u16("a number of ports")
    }

    fn nonzero_u16(&self, what: &str) -> Result<NonZeroU16, ConfigError> {
        let number = self.whole_number().and_then(|number| NonZeroU16::new(u16::try_from(number).ok()?));
        number.ok_or_else(|| self.wrong(format_args!("must be {what} from {}", self.setting.kind)))
    }

    /// A number of connections within the setting's range.
    pub(super) fn connections(&self) -> Result<u64, ConfigError> {
        self.whole_number().ok_or_else(|| {
            self.wrong(format_args!("must be a number of connections from {}", self.setting.kind))
        })
    }

    /// A whole number of milliseconds within the setting's range.
    pub(super) fn milliseconds(&self) -> Result<Duration, ConfigError> {
        self.whole_number().map(Duration::from_millis).ok_or_else(|| {
            self.wrong(format_args!("must be a whole number of milliseconds from {}", self.setting.kind))
        })
    }

    /// A whole number within the setting's range.
    pub(super) fn count(&self) -> Result<usize, ConfigError> {
        let count = self.whole_number().and_then(|number| usize::try_from(number).ok());
        count.ok_or_else(|| self.wrong(format_args!("must be a whole number from {}", self.setting.kind)))
    }

    /// One of the words of the setting, as `named` knows it.
    pub(super) fn choice<T>(&self, named: impl FnOnce(&str) -> Option<T>) -> Result<T, ConfigError> {
        named(self.text).ok_or_else(|| self.wrong(format_args!("must be {}", self.setting.kind)))
    }

    pub(super) fn ip_address(&self) -> Result<IpAddr, ConfigError> {
        // An IPv4-mapped IPv6 address cannot be bound as such.
        self.text.parse().map(|address: IpAddr| address.to_canonical()).map_err(|_| {
            self.wrong("must be an IP address such as 10.0.0.1, 0.0.0.0 for all, or :: for both families")
        })
    }

    /// `off` is `None`.
    pub(super) fn socket_address_or_off(&self) -> Result<Option<SocketAddr>, ConfigError> {
        match self.text {
            "off" => Ok(None),
            address => match address.parse::<SocketAddr>() {
                Ok(address) if address.port() > 0 => Ok(Some(address)),
                _ => Err(self
                    .wrong("must be an IP address with a port such as 127.0.0.1:8405 or [::]:8405, or off")),
            },
        }
    }

    /// Names of hosts, separated by commas.
    pub(super) fn host_names(&self) -> Result<Vec<String>, ConfigError> {
        let is_name = |name: &str| {
            let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
            !name.is_empty() && name.len() <= 253 && name.bytes().all(is_allowed)
        };
        let names: Vec<_> = self.text.split(',').map(str::trim).collect();
        match names.iter().all(|name| is_name(name)) {
            true => Ok(names.into_iter().map(str::to_owned).collect()),
            false => Err(self.wrong(
                "must be names such as stalls.example.org, separated by commas, without a port or a wildcard",
            )),
        }
    }

    pub(super) fn boolean(&self) -> Result<bool, ConfigError> {
        match self.text.to_ascii_lowercase().as_str() {
            "true" | "yes" | "1" => Ok(true),
            "false" | "no" | "0" => Ok(false),
            _ => Err(self.wrong("must be true or false (or yes, no, 1, 0)")),
        }
    }

    /// An absolute path, so that it does not depend on the working directory.
    pub(super) fn absolute_path(&self) -> Result<PathBuf, ConfigError> {
        let path = Path::new(self.text);
        if !path.is_absolute() {
            return Err(self.wrong("must be an absolute path, starting with /"));
        }
        if self.text.chars().any(char::is_control) {
            return Err(self.wrong("must not contain control characters"));
        }
        Ok(path.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::{super::table::Fallback, *};

    static MS: Setting = Setting { kind: Kind::Number("MS", 0..=9), ..setting() };
    static PORT: Setting = Setting { kind: Kind::Number("PORT", 1..=65_535), ..setting() };
    static TEXT: Setting = setting();

    const fn setting() -> Setting {
        Setting { name: "X", heading: "", kind: Kind::Text(""), fallback: Fallback::Value(""), help: "" }
    }

    fn raw(text: &str) -> RawSetting<'_> {
        RawSetting { setting: &TEXT, text }
    }

    fn number<'a>(setting: &'static Setting, text: &'a str) -> RawSetting<'a> {
        RawSetting { setting, text }
    }

    #[test]
    fn ports_end_at_65535() {
        for (text, port) in [("1", Some(1)), ("65535", Some(65535)), ("0080", Some(80))] {
            assert_eq!(number(&PORT, text).port().ok().map(NonZeroU16::get), port, "{text}");
        }
        for text in ["0", "65536", "70000", "-1", "+1", "1.0", "0x50", "99999999999999999999999", "٣"] {
            assert_eq!(
                number(&PORT, text).port().unwrap_err().to_string(),
                format!("X={text:?}: must be a port from 1 to 65535")
            );
        }
    }

    #[test]
    fn milliseconds_must_be_in_range() {
        assert_eq!(number(&MS, "0").milliseconds().unwrap(), Duration::ZERO);
        assert_eq!(number(&MS, "9").milliseconds().unwrap(), Duration::from_millis(9));
        assert_eq!(
            number(&MS, "10").milliseconds().unwrap_err().to_string(),
            r#"X="10": must be a whole number of milliseconds from 0 to 9"#
        );
        assert!(number(&MS, "5s").milliseconds().is_err());
    }

    #[test]
    fn addresses_of_both_families() {
        assert_eq!(raw("::").ip_address().unwrap(), IpAddr::from([0; 16]));
        assert_eq!(raw("::ffff:10.0.0.1").ip_address().unwrap(), IpAddr::from([10, 0, 0, 1]));
        assert!(raw("localhost").ip_address().is_err());
        assert_eq!(raw("off").socket_address_or_off().unwrap(), None);
        assert_eq!(raw("[::1]:8405").socket_address_or_off().unwrap().unwrap().port(), 8405);
        for text in ["8405", "localhost:8405", "127.0.0.1", "0.0.0.0:0", "OFF"] {
            assert!(raw(text).socket_address_or_off().is_err(), "{text}");
        }
    }

    #[test]
    fn names_of_hosts_have_neither_port_nor_wildcard() {
        assert_eq!(raw("a.example, b_2-x").host_names().unwrap(), ["a.example", "b_2-x"]);
        for text in ["*", "a.example:80", "a,,b", "a b", "http://a"] {
            assert!(raw(text).host_names().is_err(), "{text}");
        }
    }

    #[test]
    fn yes_and_no_in_three_spellings() {
        for text in ["true", "TRUE", "yes", "1"] {
            assert!(raw(text).boolean().unwrap());
        }
        for text in ["false", "No", "0"] {
            assert!(!raw(text).boolean().unwrap());
        }
        assert!(raw("on").boolean().is_err());
    }

    #[test]
    fn paths_start_at_the_root() {
        assert_eq!(raw("/run/stalls").absolute_path().unwrap(), Path::new("/run/stalls"));
        assert!(raw("run/stalls").absolute_path().is_err());
        assert!(raw("/run/\u{7}").absolute_path().is_err());
    }
}
