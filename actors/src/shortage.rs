//! What the machine, or this process, has no more of. Such an error says nothing of the other side.

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
    fn what_has_run_out_here_is_told_from_what_is_wrong_there() {
        for errno in [Errno::MFILE, Errno::NFILE, Errno::NOBUFS, Errno::NOMEM] {
            assert!(is_shortage(&errno.into()), "{errno}");
        }
        for errno in [Errno::CONNREFUSED, Errno::NOENT, Errno::ADDRINUSE, Errno::NOSPC, Errno::AGAIN] {
            assert!(!is_shortage(&errno.into()), "{errno}");
        }
        assert!(!is_shortage(&io::Error::other("anything else")));
    }
}
