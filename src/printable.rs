//! Text from outside, made safe for a terminal.

use std::fmt::{self, Write};

/// Displays a text with its control characters escaped, so that none can move the cursor or forge a line.
pub(crate) struct Printable<'a>(pub(crate) &'a str);

impl fmt::Display for Printable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|char| match char {
            control if control.is_control() => write!(f, "{}", control.escape_default()),
            char => f.write_char(char),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_escaped_and_no_others() {
        let text = Printable("é \"a\\b\"\r\n\u{1b}[2J\u{9b}").to_string();
        assert_eq!(text, r#"é "a\b"\r\n\u{1b}[2J\u{9b}"#);
    }
}
