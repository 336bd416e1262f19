//! Texts from outside go into log lines, errors and the state file, and may be of any length.

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_is_cut_between_characters() {
        assert_eq!(excerpt("short\n"), "short\n");
        assert_eq!(excerpt(&"é".repeat(100_000)), "é".repeat(MAX_LENGTH));
    }
}
