//! The URL of the metadata service: a server, and a version of its documents.

use std::net::Ipv6Addr;

use super::raw_setting::RawSetting;
use crate::config_error::ConfigError;

/// The only version whose `containers` are strings.
const NAMES_ONLY: &str = "2015-07-25";

/// Parses a URL such as `http://host:port/version`, and removes a slash at its end.
pub(super) fn parse(raw: &RawSetting<'_>) -> Result<String, ConfigError> {
    let example = "such as http://rancher-metadata/2015-12-19";
    let scheme = raw.text.get(..7).filter(|scheme| scheme.eq_ignore_ascii_case("http://"));
    if scheme.is_none() {
        return Err(raw.wrong(format_args!("must be an http:// address {example}")));
    }
    let address = raw.text[7..].trim_end_matches('/');
    let (authority, path) = address.split_once('/').unwrap_or((address, ""));
    if !is_authority(authority) {
        return Err(raw.wrong(format_args!("must have a host, with or without a port, {example}")));
    }
    if path.is_empty() {
        return Err(raw.wrong(format_args!("must end in a version {example}")));
    }
    if !path.split('/').all(is_segment) {
        return Err(raw.wrong(format_args!("must be a plain path without a query {example}")));
    }
    if path.rsplit('/').next() == Some(NAMES_ONLY) {
        return Err(raw.wrong(format_args!(
            "must be of version 2015-12-19 or later: in {NAMES_ONLY} a service lists its containers by name only"
        )));
    }
    Ok(format!("http://{authority}/{path}"))
}

/// `host`, `host:port`, `[::1]` or `[::1]:port`; no user, no password.
pub(super) fn is_authority(authority: &str) -> bool {
    let (host, port) = match authority.rfind(']').map(|end| authority.split_at(end + 1)) {
        Some((host, "")) => (host, None),
        Some((host, rest)) => (host, Some(rest.strip_prefix(':').unwrap_or_default())),
        None => authority.split_once(':').map_or((authority, None), |(host, port)| (host, Some(port))),
    };
    is_host(host) && port.is_none_or(is_port)
}

fn is_host(host: &str) -> bool {
    match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        Some(address) => address.parse::<Ipv6Addr>().is_ok(),
        None => {
            !host.is_empty()
                && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte))
        }
    }
}

fn is_port(port: &str) -> bool {
    port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok_and(|port| port > 0)
}

fn is_segment(segment: &str) -> bool {
    !matches!(segment, "" | "." | "..")
        && segment.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::{super::table::METADATA_URL, *};

    fn parsed(text: &str) -> Result<String, String> {
        parse(&RawSetting { setting: &METADATA_URL, text }).map_err(|error| error.to_string())
    }

    #[test]
    fn keeps_the_version_and_drops_the_last_slash() {
        for text in [
            "http://rancher-metadata/2015-12-19",
            "http://169.254.169.250/latest",
            "http://[::1]:8080/2016-07-29",
            "http://[fe80::1]/latest",
            "http://host_1.lan:65535/behind/2015-12-19",
        ] {
            assert_eq!(parsed(text).as_deref(), Ok(text));
            assert_eq!(parsed(&format!("{text}/")).as_deref(), Ok(text));
        }
        assert_eq!(parsed("HTTP://h/latest").as_deref(), Ok("http://h/latest"));
    }

    #[test]
    fn reports_what_is_wrong_with_a_url() {
        for (text, expected) in [
            ("https://h/latest", "must be an http:// address"),
            ("rancher-metadata", "must be an http:// address"),
            ("http:/\u{e9}/x", "must be an http:// address"),
            ("http://", "must have a host"),
            ("http:///latest", "must have a host"),
            ("http://user@h/latest", "must have a host"),
            ("http://h:0/latest", "must have a host"),
            ("http://h:70000/latest", "must have a host"),
            ("http://h:/latest", "must have a host"),
            ("http://[::1]8080/latest", "must have a host"),
            ("http://[::1/latest", "must have a host"),
            ("http://h", "must end in a version"),
            ("http://h/", "must end in a version"),
            ("http://h/latest?wait=true", "must be a plain path"),
            ("http://h/a//latest", "must be a plain path"),
            ("http://h/a/../latest", "must be a plain path"),
            ("http://h/2015-07-25", "by name only"),
        ] {
            let error = parsed(text).unwrap_err();
            assert!(error.contains(expected), "{error}");
        }
    }
}
