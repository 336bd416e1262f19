//! What others have said, on a person's terminal.

use std::fmt::{self, Write};

/// A text whose control characters are spelled out, so that none can move the cursor or forge a line.
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
    fn control_characters_are_spelled_out_and_no_others() {
        let text = Printable("é \"a\\b\"\r\n\u{1b}[2J\u{9b}").to_string();
        assert_eq!(text, r#"é "a\b"\r\n\u{1b}[2J\u{9b}"#);
    }
}
