//! Texts from outside go into log lines, errors and the state file, and may be of any length.

use std::error::Error;

/// How much of such a text is kept, in characters.
const MAX_LENGTH: usize = 256;

/// As much of `text` as is kept.
pub(crate) fn excerpt(text: &str) -> String {
    beginning(text).to_owned()
}

/// The same, without a copy.
pub(crate) fn beginning(text: &str) -> &str {
    match text.char_indices().nth(MAX_LENGTH) {
        Some((end, _)) => &text[..end],
        None => text,
    }
}

/// An error with its causes, each of which may be in the text before it already.
pub(crate) fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.ends_with(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    excerpt(&text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_is_cut_between_characters() {
        assert_eq!(excerpt("short\n"), "short\n");
        assert_eq!(excerpt(&"é".repeat(100_000)), "é".repeat(MAX_LENGTH));
    }
}
