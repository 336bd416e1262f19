//! Rules of the host that lead connections elsewhere before they come to HAProxy.

use std::io;

use super::{Finding, Kind, Severity, not_looked, ports_text, program};
use crate::port_ranges::{self, Ports};

/// What prints rules, in the words of iptables or of nft. Rules of one may be invisible to the others. Without the name of a
/// table, since iptables would load the kernel's module for that one.
const PRINTERS: [(&str, &[&str]); 3] =
    [("iptables-save", &[]), ("iptables-legacy-save", &[]), ("nft", &["list", "ruleset"])];

/// What could be looked at, and a note if nothing could.
pub(super) fn check(ports: &Ports) -> Option<Finding> {
    let outputs = PRINTERS.map(|(printer, arguments)| program::output(printer, arguments));
    let why = |(output, (printer, _)): (&io::Result<String>, &(&str, _))| {
        output.as_ref().err().map(|error| format!("{printer}: {error}"))
    };
    let failures: Vec<_> = outputs.iter().zip(&PRINTERS).filter_map(why).collect();
    if failures.len() == PRINTERS.len() {
        return Some(not_looked("DNAT rules", &failures.join("; ")));
    }
    let rules = outputs.into_iter().flatten().collect::<String>();
    finding(&rules, ports)
}

fn finding(rules: &str, ports: &Ports) -> Option<Finding> {
    let led_away = |rule| Some((rule, &redirected(rule)? & ports)).filter(|(_, ports)| !ports.is_empty());
    let found: Vec<_> = rules.lines().map(str::trim).filter_map(led_away).collect();
    let (example, _) = found.first()?;
    let all: Ports = found.iter().flat_map(|(_, ports)| ports.iter().cloned()).collect();
    Some(Finding {
        kind: Kind::Dnat,
        severity: Severity::Warning,
        subject: ports_text(&all),
        reason: format!("a rule of the host leads connections elsewhere before HAProxy sees them: {example}"),
        remedy: "remove the rule, or what made it, such as another container that publishes the port; or move the \
                 pool (BASE_PORT)"
            .to_owned(),
    })
}

/// The TCP ports that a rule redirects: `... --dport 5003 ... -j DNAT ...`, `... tcp dport { 6001, 6005-6010 } dnat to ...`.
fn redirected(rule: &str) -> Option<Ports> {
    // A comment may have any words.
    let rule: String = rule.split('"').step_by(2).collect();
    let after = |words: &str| rule.split_once(words).map(|(_, rest)| rest);
    if rule.starts_with("-A ") {
        let redirects = ["-j DNAT", "-j REDIRECT"].iter().any(|target| rule.contains(target));
        let ports = after(" --dports ").or_else(|| after(" --dport "))?;
        let ports = ports.split(' ').next()?.replace(':', "-");
        return port_ranges::parse(&ports).filter(|_| redirects && rule.contains(" -p tcp"));
    }
    let redirects = ["dnat to ", "dnat ip to ", "redirect"].iter().any(|target| rule.contains(target));
    let ports = after("tcp dport ")?;
    let ports = match ports.strip_prefix('{') {
        Some(set) => set.split('}').next()?.replace(' ', ""),
        None => ports.split(' ').next()?.to_owned(),
    };
    port_ranges::parse(&ports).filter(|_| redirects)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::port_ranges::{parse, text};

    #[test]
    fn rules_of_iptables_and_of_nft_are_read() {
        // As iptables-save 1.8.9 and nft 1.0.6 print them.
        for (rule, ports) in [
            ("-A PREROUTING -p tcp -m tcp --dport 5003 -j DNAT --to-destination 10.42.0.9:80", "5003"),
            (
                "-A PREROUTING -p tcp -m multiport --dports 5005,5010:5012 -j REDIRECT --to-ports 99",
                "5005,5010-5012",
            ),
            (
                "-A DOCKER ! -i docker0 -p tcp -m tcp --dport 5020:5030 -m addrtype --dst-type LOCAL -m comment \
                 --comment \"a --dport 7\" -j DNAT --to-destination 1.2.3.4",
                "5020-5030",
            ),
            ("tcp dport 6000 dnat to 10.1.1.1:80", "6000"),
            ("tcp dport { 6001, 6005-6010 } counter packets 0 bytes 0 redirect to :80", "6001,6005-6010"),
            ("tcp dport 7000-7010 dnat to 10.1.1.1", "7000-7010"),
            (
                "iifname != \"docker0\" tcp dport 5000 fib daddr type local  counter packets 0 bytes 0 dnat to 1.2.3.4",
                "5000",
            ),
        ] {
            assert_eq!(redirected(rule).map(|ports| text(&ports)).as_deref(), Some(ports), "{rule}");
        }
        for other in [
            "",
            "*nat",
            "-A PREROUTING -p udp -m udp --dport 5003 -j DNAT --to-destination 10.42.0.9:80",
            "-A INPUT -p tcp -m tcp --dport 5003 -j ACCEPT",
            "tcp dport 5000 accept comment \"dnat to x\"",
            "udp dport 5000 dnat to 10.1.1.1",
            "tcp dport @pool dnat to 10.1.1.1",
            "dnat to tcp dport map @m",
        ] {
            assert_eq!(redirected(other), None, "{other}");
        }
    }

    #[test]
    fn only_ports_of_the_pool_are_found_and_the_first_rule_is_the_example() {
        let rules = "tcp dport 4999-5001 dnat to 10.1.1.1\n\ttcp dport 5003 redirect to :80\ntcp dport 80 dnat to 1.1.1.1\n";
        let found = finding(rules, &parse("5000-5015").unwrap()).unwrap();
        assert_eq!(found.subject, "ports 5000-5001,5003");
        assert!(found.reason.ends_with("tcp dport 4999-5001 dnat to 10.1.1.1"), "{}", found.reason);
        assert_eq!(finding(rules, &parse("9000").unwrap()), None);
    }
}
