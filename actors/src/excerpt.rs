//! Texts from outside go into log lines, errors and the state file, and may be of any length.

/// The beginning of such a text, in characters.
const LONGEST: usize = 256;

/// As much of `text` as is kept.
pub(crate) fn excerpt(text: &str) -> String {
    beginning(text).to_owned()
}

/// The same, without a copy.
pub(crate) fn beginning(text: &str) -> &str {
    match text.char_indices().nth(LONGEST) {
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
        assert_eq!(excerpt(&"é".repeat(100_000)), "é".repeat(LONGEST));
    }
}
