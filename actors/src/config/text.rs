//! A configuration's text.

use std::{
    fmt,
    io::{self, ErrorKind, IoSlice, Write},
    sync::Arc,
};

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

impl ConfigText {
    /// One after the other, with the last newline on which HAProxy insists.
    fn parts(&self) -> impl Iterator<Item = &str> {
        let parts = || [&self.head].into_iter().chain(self.sections.values()).chain([&self.foot]);
        let last = parts().filter(|part| !part.is_empty()).last();
        let newline = last.filter(|last| !last.ends_with('\n')).map(|_| "\n");
        parts().map(AsRef::as_ref).chain(newline)
    }

    /// Writes it without making one piece of it first, which takes as long again.
    pub(super) fn write_to(&self, file: &mut dyn Write) -> io::Result<()> {
        let mut parts: Vec<_> = self.parts().map(|part| IoSlice::new(part.as_bytes())).collect();
        let mut left = parts.as_mut_slice();
        // Nothing is written of what is empty, and that is not an error.
        IoSlice::advance_slices(&mut left, 0);
        while !left.is_empty() {
            match file.write_vectored(left) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(written) => IoSlice::advance_slices(&mut left, written),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

impl fmt::Display for ConfigText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.parts().try_for_each(|part| f.write_str(part))
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

    /// Takes so many bytes at a time.
    struct Slow(Vec<u8>, usize);

    impl Write for Slow {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let taken = bytes.len().min(self.1);
            self.0.extend(&bytes[..taken]);
            Ok(taken)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn what_is_written_is_what_it_says() {
        let sections: PagedMap<Arc<str>> = [(7, "bcd\n".into()), (8, "".into()), (9, "efghi".into())].into();
        let text = ConfigText { head: "a\n".into(), sections, foot: "".into() };
        for at_a_time in [1, 3, 100] {
            let mut slow = Slow(Vec::new(), at_a_time);
            text.write_to(&mut slow).unwrap();
            assert_eq!(String::from_utf8(slow.0).unwrap(), text.to_string());
        }
        ConfigText::default().write_to(&mut Slow(Vec::new(), 0)).unwrap();
        let full = text.write_to(&mut Slow(Vec::new(), 0)).unwrap_err();
        assert_eq!(full.kind(), ErrorKind::WriteZero);
    }
}
