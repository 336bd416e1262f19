//! One setting as it was given, and the readings that several settings share.

use std::{
    fmt::Display,
    net::{IpAddr, SocketAddr},
    num::NonZeroU16,
    ops::RangeInclusive,
    path::{Path, PathBuf},
    time::Duration,
};

use crate::mistake::Mistake;

/// A setting's name and text: not empty, without blanks around it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Given<'a> {
    pub(super) name: &'static str,
    pub(super) text: &'a str,
}

impl<'a> Given<'a> {
    /// This will not do; `remedy` says what would.
    pub(super) fn wrong(&self, remedy: impl Display) -> Mistake {
        Mistake::wrong(self.name, self.text, remedy)
    }

    /// Decimal digits alone: a sign or a point in a count is a slip worth telling.
    fn whole_number(&self, range: &RangeInclusive<u64>) -> Option<u64> {
        let digits = self.text.bytes().all(|byte| byte.is_ascii_digit());
        self.text.parse().ok().filter(|number| digits && range.contains(number))
    }

    /// A port, 1 to 65535.
    pub(super) fn port(&self) -> Result<NonZeroU16, Mistake> {
        self.nonzero_u16().ok_or_else(|| self.wrong("must be a port from 1 to 65535"))
    }

    /// A number of ports, 1 to 65535.
    pub(super) fn port_count(&self) -> Result<NonZeroU16, Mistake> {
        self.nonzero_u16().ok_or_else(|| self.wrong("must be a number of ports from 1 to 65535"))
    }

    fn nonzero_u16(&self) -> Option<NonZeroU16> {
        let number = self.whole_number(&(1..=u64::from(u16::MAX)))?;
        NonZeroU16::new(u16::try_from(number).ok()?)
    }

    /// A whole number of milliseconds within `range`.
    pub(super) fn milliseconds(&self, range: RangeInclusive<u64>) -> Result<Duration, Mistake> {
        self.whole_number(&range).map(Duration::from_millis).ok_or_else(|| {
            self.wrong(format_args!(
                "must be a whole number of milliseconds from {} to {}",
                range.start(),
                range.end()
            ))
        })
    }

    /// The name of a service or a stack, as one segment of a metadata path.
    pub(super) fn name(&self, hint: &str) -> Result<String, Mistake> {
        if self.text.contains('/') {
            return Err(self.wrong(format_args!("must not contain a slash; {hint}")));
        }
        if self.text.chars().any(char::is_control) {
            return Err(self.wrong("must not contain control characters"));
        }
        // It reads such a segment of a path as a position in its list, as Go's `strconv.Atoi` does.
        if self.text.parse::<i64>().is_ok() {
            return Err(self.wrong(
                "must not be a number, which the metadata service takes for a position; its uuid will do",
            ));
        }
        Ok(self.text.to_owned())
    }

    pub(super) fn ip_address(&self) -> Result<IpAddr, Mistake> {
        // An IPv4 address in the form of IPv6 cannot be bound as such.
        self.text.parse().map(|address: IpAddr| address.to_canonical()).map_err(|_| {
            self.wrong("must be an IP address such as 10.0.0.1, 0.0.0.0 for all, or :: for both families")
        })
    }

    /// `off` is `None`.
    pub(super) fn socket_address_or_off(&self) -> Result<Option<SocketAddr>, Mistake> {
        match self.text {
            "off" => Ok(None),
            address => match address.parse::<SocketAddr>() {
                Ok(address) if address.port() > 0 => Ok(Some(address)),
                _ => Err(self
                    .wrong("must be an IP address with a port such as 127.0.0.1:8405 or [::]:8405, or off")),
            },
        }
    }

    pub(super) fn yes_or_no(&self) -> Result<bool, Mistake> {
        match self.text.to_ascii_lowercase().as_str() {
            "true" | "yes" | "1" => Ok(true),
            "false" | "no" | "0" => Ok(false),
            _ => Err(self.wrong("must be true or false (yes, no, 1 and 0 will do too)")),
        }
    }

    /// A path from the root, so that it means the same wherever stalls is started.
    pub(super) fn absolute_path(&self) -> Result<PathBuf, Mistake> {
        let path = Path::new(self.text);
        if !path.is_absolute() {
            return Err(self.wrong("must be an absolute path, from / on"));
        }
        if self.text.chars().any(char::is_control) {
            return Err(self.wrong("must not contain control characters"));
        }
        Ok(path.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(text: &str) -> Given<'_> {
        Given { name: "X", text }
    }

    #[test]
    fn ports_end_at_65535() {
        for (text, port) in [("1", Some(1)), ("65535", Some(65535)), ("0080", Some(80))] {
            assert_eq!(given(text).port().ok().map(NonZeroU16::get), port, "{text}");
        }
        for text in ["0", "65536", "70000", "-1", "+1", "1.0", "0x50", "99999999999999999999999", "٣"] {
            assert_eq!(
                given(text).port().unwrap_err().to_string(),
                format!("X={text:?}: must be a port from 1 to 65535")
            );
        }
    }

    #[test]
    fn milliseconds_keep_to_their_range() {
        assert_eq!(given("0").milliseconds(0..=9).unwrap(), Duration::ZERO);
        assert_eq!(given("9").milliseconds(0..=9).unwrap(), Duration::from_millis(9));
        assert_eq!(
            given("10").milliseconds(0..=9).unwrap_err().to_string(),
            r#"X="10": must be a whole number of milliseconds from 0 to 9"#
        );
        assert!(given("5s").milliseconds(0..=9).is_err());
    }

    #[test]
    fn names_are_one_segment_of_a_path() {
        assert_eq!(given("my web_1.2").name("").unwrap(), "my web_1.2");
        assert!(
            given("stack/web")
                .name("use STACK_NAME for the stack")
                .unwrap_err()
                .to_string()
                .contains("STACK_NAME")
        );
        assert!(given("we\nb").name("").is_err());
        assert_eq!(given("2048-game").name("").unwrap(), "2048-game");
        for position in ["0", "2048", "-1", "+1"] {
            assert!(given(position).name("").unwrap_err().to_string().contains("must not be a number"));
        }
    }

    #[test]
    fn addresses_of_both_families() {
        assert_eq!(given("::").ip_address().unwrap(), IpAddr::from([0; 16]));
        assert_eq!(given("::ffff:10.0.0.1").ip_address().unwrap(), IpAddr::from([10, 0, 0, 1]));
        assert!(given("localhost").ip_address().is_err());
        assert_eq!(given("off").socket_address_or_off().unwrap(), None);
        assert_eq!(given("[::1]:8405").socket_address_or_off().unwrap().unwrap().port(), 8405);
        for text in ["8405", "localhost:8405", "127.0.0.1", "0.0.0.0:0", "OFF"] {
            assert!(given(text).socket_address_or_off().is_err(), "{text}");
        }
    }

    #[test]
    fn yes_and_no_in_three_spellings() {
        for text in ["true", "TRUE", "yes", "1"] {
            assert!(given(text).yes_or_no().unwrap());
        }
        for text in ["false", "No", "0"] {
            assert!(!given(text).yes_or_no().unwrap());
        }
        assert!(given("on").yes_or_no().is_err());
    }

    #[test]
    fn paths_start_at_the_root() {
        assert_eq!(given("/run/stalls").absolute_path().unwrap(), Path::new("/run/stalls"));
        assert!(given("run/stalls").absolute_path().is_err());
        assert!(given("/run/\u{7}").absolute_path().is_err());
    }
}
