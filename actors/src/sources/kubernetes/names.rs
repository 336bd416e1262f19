//! What Kubernetes takes for the name of something. Pure.

/// The most characters of a name in one part, such as that of a namespace.
const MAX_LABEL: usize = 63;
/// The most characters of a name in parts.
const MAX_SUBDOMAIN: usize = 253;

/// Whether this can be the name of a namespace: a label of a domain name, as RFC 1123 has it, in lower case.
pub fn is_dns_label(text: &str) -> bool {
    text.len() <= MAX_LABEL && is_part(text)
}

/// Whether this can be the name of a StatefulSet, or the prefix of a label's key: a domain name in lower case.
pub fn is_dns_subdomain(text: &str) -> bool {
    text.len() <= MAX_SUBDOMAIN && text.split('.').all(is_part)
}

/// Whether this can be a label's value, or its key without the prefix; an empty text can be a value alone.
pub(super) fn is_qualified(text: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    text.len() <= MAX_LABEL && text.bytes().all(is_allowed) && has_ends(text, u8::is_ascii_alphanumeric)
}

fn is_part(text: &str) -> bool {
    let is_letter_or_digit = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let is_allowed = |byte: &u8| is_letter_or_digit(byte) || *byte == b'-';
    text.as_bytes().iter().all(is_allowed) && has_ends(text, is_letter_or_digit)
}

/// Whether it begins and ends with such a byte.
fn has_ends(text: &str, is_end: impl Fn(&u8) -> bool) -> bool {
    let bytes = text.as_bytes();
    bytes.first().is_some_and(&is_end) && bytes.last().is_some_and(is_end)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many of these is one.
    fn counted(is_one: impl Fn(&str) -> bool, texts: &[&str]) -> usize {
        texts.iter().filter(|text| is_one(text)).count()
    }

    #[test]
    fn a_namespace_is_one_label_in_lower_case() {
        let (longest, longer) = ("a".repeat(63), "a".repeat(64));
        let right = ["games", "g", "7", "2048-game", "a--b", &longest];
        assert_eq!(counted(is_dns_label, &right), right.len());
        assert_eq!(
            counted(is_dns_label, &["", "Games", "-a", "a-", "a.b", "a_b", "a b", "é", "a/b", &longer]),
            0
        );
    }

    #[test]
    fn a_stateful_sets_name_is_labels_with_dots_between_them() {
        let (longest, longer) = (["a"; 127].join("."), ["a"; 128].join("."));
        assert_eq!((longest.len(), longer.len()), (253, 255));
        let right = ["web", "web.v2", "0", "a-b.c-d", &"a".repeat(64), &longest];
        assert_eq!(counted(is_dns_subdomain, &right), right.len());
        assert_eq!(counted(is_dns_subdomain, &["", ".", "a.", ".a", "a..b", "a.-b", "A", "a=b", &longer]), 0);
    }

    #[test]
    fn a_part_of_a_label_begins_and_ends_with_a_letter_or_a_digit() {
        let (longest, longer) = ("A".repeat(63), "A".repeat(64));
        let right = ["web", "Web_1.2-x", "0", &longest];
        assert_eq!(counted(is_qualified, &right), right.len());
        assert_eq!(counted(is_qualified, &["", "-a", "a_", ".", "a b", "é", "a/b", &longer]), 0);
    }
}
