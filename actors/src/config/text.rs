//! A configuration's text.

use std::{fmt, sync::Arc};

use crate::paged_map::PagedMap;

/// A configuration's text, in parts that are shared with the text that this one was made from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConfigText {
    /// What stands before the sections of the ports; of a text in one piece, all of it.
    pub(super) head: Arc<str>,
    /// The sections of some neighbouring ports, by what the renderer counts them by.
    pub(super) sections: PagedMap<Arc<str>>,
    /// What follows them.
    pub(super) foot: Arc<str>,
}

impl From<String> for ConfigText {
    fn from(text: String) -> Self {
        Self { head: text.into(), ..Self::default() }
    }
}

impl fmt::Display for ConfigText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut ends = true;
        for part in [&self.head].into_iter().chain(self.sections.values()).chain([&self.foot]) {
            f.write_str(part)?;
            ends = if part.is_empty() { ends } else { part.ends_with('\n') };
        }
        // HAProxy insists on a last newline.
        f.write_str(if ends { "" } else { "\n" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_follow_each_other_and_the_last_line_ends() {
        let sections: PagedMap<Arc<str>> = [(8, "c".into()), (7, "b\n".into())].into();
        let text =
            |foot: &str| ConfigText { head: "a\n".into(), sections: sections.clone(), foot: foot.into() };
        assert_eq!(text("").to_string(), "a\nb\nc\n");
        assert_eq!(text("\nd").to_string(), "a\nb\nc\nd\n");
        assert_eq!(text("\nd\n").to_string(), "a\nb\nc\nd\n");
        assert_eq!(ConfigText::from(String::from("a")).to_string(), "a\n");
    }
}
