//! Errors of a machine, or process, that has run out of a resource. They say nothing about the other side.

use std::io;

use rustix::io::Errno;

/// Whether descriptors or memory have run out here.
pub(crate) fn is_shortage(error: &io::Error) -> bool {
    let ours = [Errno::MFILE, Errno::NFILE, Errno::NOBUFS, Errno::NOMEM];
    Errno::from_io_error(error).is_some_and(|errno| ours.contains(&errno))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_local_shortage_is_told_apart_from_a_fault_of_the_other_side() {
        for errno in [Errno::MFILE, Errno::NFILE, Errno::NOBUFS, Errno::NOMEM] {
            assert!(is_shortage(&errno.into()), "{errno}");
        }
        for errno in [Errno::CONNREFUSED, Errno::NOENT, Errno::ADDRINUSE, Errno::NOSPC, Errno::AGAIN] {
            assert!(!is_shortage(&errno.into()), "{errno}");
        }
        assert!(!is_shortage(&io::Error::other("anything else")));
    }
}
