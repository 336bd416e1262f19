//! Findings as people read them: the worst first.

use std::io::{self, Write};

use anstyle::{AnsiColor, Style};

use super::{Finding, Severity};
use crate::printable::Printable;

/// Wider lines are hard to read.
const MAX_WIDTH: usize = 100;
const INDENT: &str = "  ";

/// Writes the findings to stdout; with colours only to a terminal, unless `NO_COLOR` is set.
pub(super) fn print(findings: &[Finding]) -> io::Result<()> {
    let width = terminal_size::terminal_size().map_or(MAX_WIDTH, |(width, _)| usize::from(width.0));
    write!(anstream::stdout().lock(), "{}", text(findings, width.min(MAX_WIDTH)))
}

fn text(findings: &[Finding], width: usize) -> String {
    let mut text = String::new();
    for Finding { kind, severity, subject, reason, remedy } in findings {
        let style = style(*severity);
        let subject = Printable(subject);
        text += &format!("{style}{}{style:#}: {subject} ({})\n", severity.name(), kind.label());
        text += &wrapped(&Printable(reason).to_string(), width);
        text += &wrapped(&format!("What to do: {}", Printable(remedy)), width);
        text.push('\n');
    }
    text += &summary(findings);
    text
}

fn style(severity: Severity) -> Style {
    match severity {
        Severity::Error => AnsiColor::Red.on_default().bold(),
        Severity::Warning => AnsiColor::Yellow.on_default().bold(),
        Severity::Note => Style::new().bold(),
    }
}

fn summary(findings: &[Finding]) -> String {
    let count = |severity| findings.iter().filter(|finding| finding.severity == severity).count();
    let counts = Severity::ALL.map(|severity| match count(severity) {
        0 => None,
        1 => Some(format!("1 {}", severity.name())),
        many => Some(format!("{many} {}s", severity.name())),
    });
    match counts.into_iter().flatten().collect::<Vec<_>>().join(", ") {
        none if none.is_empty() => "Nothing is wrong.\n".to_owned(),
        some => some + "\n",
    }
}

/// Indented lines of at most `width` characters, unless a word is longer.
fn wrapped(text: &str, width: usize) -> String {
    let mut lines = String::new();
    let mut length = 0;
    for word in text.split(' ') {
        let needed = word.chars().count() + 1;
        if length == 0 || length + needed > width {
            lines += if length == 0 { INDENT } else { "\n  " };
            length = INDENT.len() + needed - 1;
        } else {
            lines.push(' ');
            length += needed;
        }
        lines += word;
    }
    lines + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Kind;

    fn finding(severity: Severity) -> Finding {
        Finding {
            kind: Kind::PortTaken,
            severity,
            subject: "port 5003".to_owned(),
            reason: "ng\u{1b}inx (pid 7) listens on 0.0.0.0:5003".to_owned(),
            remedy: "end that program".to_owned(),
        }
    }

    fn plain(findings: &[Finding], width: usize) -> String {
        anstream::adapter::strip_str(&text(findings, width)).to_string()
    }

    #[test]
    fn a_finding_says_what_why_and_what_to_do_and_nothing_reaches_the_terminal_raw() {
        assert_eq!(
            plain(&[finding(Severity::Warning)], 100),
            "warning: port 5003 (port_taken)\n  ng\\u{1b}inx (pid 7) listens on 0.0.0.0:5003\n  What to do: end that \
             program\n\n1 warning\n"
        );
        assert_eq!(plain(&[], 100), "Nothing is wrong.\n");
        let many = [Severity::Error, Severity::Error, Severity::Note].map(finding);
        assert!(plain(&many, 100).ends_with("\n2 errors, 1 note\n"));
    }

    #[test]
    fn lines_end_before_the_width() {
        assert_eq!(wrapped("aaa bbb ccc", 9), "  aaa bbb\n  ccc\n");
        assert_eq!(wrapped("aaa bbbbbbbbbbbb c", 9), "  aaa\n  bbbbbbbbbbbb\n  c\n");
    }
}
