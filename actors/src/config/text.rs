//! A configuration's text.

use std::{
    fmt,
    io::{self, ErrorKind, IoSlice, Seek, SeekFrom, Write},
    iter, ptr,
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
        write_parts(self.parts(), file)
    }

    /// Has `file`, which says what `other` does, say this, but for what may follow its end.
    pub(super) fn write_over(&self, other: &Self, file: &mut (impl Write + Seek)) -> io::Result<()> {
        let (mut run, mut end) = (Vec::new(), None);
        for (place, part) in self.unlike(other) {
            if end != Some(place) {
                write_parts(run.drain(..), file)?;
                file.seek(SeekFrom::Start(place))?;
            }
            run.push(part);
            end = Some(place + part.len() as u64);
        }
        write_parts(run, file)
    }

    /// Its length in bytes.
    pub(super) fn len(&self) -> u64 {
        self.parts().map(|part| part.len() as u64).sum()
    }

    /// Its parts that `other` does not have at the same place, each with that place in bytes. From the first part of
    /// another length on that is all of them.
    fn unlike<'a>(&'a self, other: &'a Self) -> impl Iterator<Item = (u64, &'a str)> {
        let mut end = 0;
        let mut is_shifted = false;
        let theirs = other.parts().map(Some).chain(iter::repeat(None));
        self.parts().zip(theirs).filter_map(move |(part, their)| {
            let place = end;
            end += part.len() as u64;
            // What both share is the same without a look at it.
            let is_theirs = !is_shifted && their.is_some_and(|their| ptr::eq(part, their) || part == their);
            is_shifted |= their.is_none_or(|their| their.len() != part.len());
            (!is_theirs).then_some((place, part))
        })
    }
}

fn write_parts<'a>(parts: impl IntoIterator<Item = &'a str>, file: &mut dyn Write) -> io::Result<()> {
    let mut parts: Vec<_> = parts.into_iter().map(|part| IoSlice::new(part.as_bytes())).collect();
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

impl fmt::Display for ConfigText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.parts().try_for_each(|part| f.write_str(part))
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use proptest::{collection::btree_map, prelude::*};

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

    fn any_text() -> impl Strategy<Value = ConfigText> {
        let part = || "(|a|b|aa|ab\n)".prop_map(Arc::from);
        let sections = btree_map(0..6_u16, part(), 0..6);
        (part(), sections, part()).prop_map(|(head, sections, foot)| ConfigText {
            head,
            sections: sections.into_iter().collect(),
            foot,
        })
    }

    proptest! {
        #[test]
        fn what_is_written_over_another_text_makes_this_one_of_it(old in any_text(), new in any_text()) {
            let mut file = Cursor::new(old.to_string().into_bytes());
            file.set_position(file.get_ref().len() as u64);
            new.write_over(&old, &mut file).unwrap();
            let mut file = file.into_inner();
            prop_assert!(file.len() as u64 <= new.len().max(old.len()));
            file.truncate(new.len() as usize);
            prop_assert_eq!(String::from_utf8(file).unwrap(), new.to_string());
        }
    }

    #[test]
    fn a_part_of_the_same_length_is_all_that_is_unlike() {
        let text = |fifth: &str| {
            let sections = (0..9).map(|key| (key, if key == 5 { fifth } else { "x\n" }.into())).collect();
            ConfigText { head: "head\n".into(), sections, foot: "".into() }
        };
        let unlike = |new, old| text(new).unlike(&text(old)).map(|(place, _)| place).collect::<Vec<_>>();
        assert_eq!(unlike("x\n", "x\n"), [] as [u64; 0]);
        assert_eq!(unlike("y\n", "x\n"), [15]);
        // All that follows has moved, to the empty foot.
        assert_eq!(unlike("yy\n", "x\n"), [15, 18, 20, 22, 24]);
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
