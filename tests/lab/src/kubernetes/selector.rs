//! Label selectors: equality, and whether there is such a label at all.

use std::collections::BTreeMap;

/// Which pods a client wants.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Selector(Vec<Term>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Term {
    Is(String, String),
    IsNot(String, String),
    Has(String),
    HasNot(String),
}

impl Selector {
    /// What `labelSelector` says; an empty text selects everything. The error is the term that is none.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let terms = text.split(',').map(str::trim).filter(|_| !text.trim().is_empty());
        terms.map(|term| Term::parse(term).ok_or_else(|| term.to_owned())).collect::<Result<_, _>>().map(Self)
    }

    pub(super) fn matches(&self, labels: &BTreeMap<String, String>) -> bool {
        self.0.iter().all(|term| match term {
            Term::Is(name, value) => labels.get(name) == Some(value),
            Term::IsNot(name, value) => labels.get(name) != Some(value),
            Term::Has(name) => labels.contains_key(name),
            Term::HasNot(name) => !labels.contains_key(name),
        })
    }
}

impl Term {
    fn parse(term: &str) -> Option<Self> {
        let name = |text: &str| is_name(text.trim()).then(|| text.trim().to_owned());
        let value =
            |text: &str| (text.trim().is_empty() || is_name(text.trim())).then(|| text.trim().to_owned());
        if let Some((left, right)) = term.split_once("!=") {
            Some(Self::IsNot(name(left)?, value(right)?))
        } else if let Some((left, right)) = term.split_once('=') {
            Some(Self::Is(name(left)?, value(right.strip_prefix('=').unwrap_or(right))?))
        } else if let Some(left) = term.strip_prefix('!') {
            Some(Self::HasNot(name(left)?))
        } else {
            Some(Self::Has(name(term)?))
        }
    }
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|char| char.is_ascii_alphanumeric() || "-_./".contains(char))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn selects(selector: &str, labels: &[(&str, &str)]) -> bool {
        let labels = labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Selector::parse(selector).expect("a selector").matches(&labels)
    }

    #[test]
    fn all_terms_have_to_be_met() {
        let web = [("app", "web"), ("tier", "prod")];
        assert!(selects("app=web,tier!=test", &web));
        assert!(selects("app==web, tier", &web));
        assert!(!selects("app=web,tier!=prod", &web));
        assert!(!selects("app=web,!tier", &web));
        assert!(selects("", &web));
    }

    #[test]
    fn a_label_that_is_not_there_differs_from_every_value() {
        assert!(selects("tier!=test", &[]));
        assert!(!selects("tier=", &[]));
        assert!(selects("tier=", &[("tier", "")]));
    }

    #[test]
    fn sets_are_not_known_and_half_a_term_is_none() {
        for (text, term) in [("app in (a)", "app in (a)"), ("app=web,", ""), ("=web", "=web"), ("!", "!")] {
            assert_eq!(Selector::parse(text), Err(term.to_owned()));
        }
    }
}
