//! Whoever can write to a directory of stalls can replace what is in it.

use std::{
    fs::{self, Permissions},
    io,
    os::unix::fs::PermissionsExt,
    path::Path,
};

const OTHERS_WRITE: u32 = 0o002;

/// Keeps everybody but the owner and the group from writing to `directory`; tells whether they could.
///
/// # Errors
/// What the file system refused: it belongs to another user.
pub(crate) fn close_to_others(directory: &Path) -> io::Result<bool> {
    let mode = fs::metadata(directory)?.permissions().mode();
    if mode & OTHERS_WRITE == 0 {
        return Ok(false);
    }
    fs::set_permissions(directory, Permissions::from_mode(mode & !OTHERS_WRITE))?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_right_of_others_to_write_is_taken() {
        let directory = tempfile::tempdir().unwrap();
        for (before, after) in [(0o1777, 0o1775), (0o777, 0o775), (0o2770, 0o2770), (0o700, 0o700)] {
            fs::set_permissions(directory.path(), Permissions::from_mode(before)).unwrap();
            assert_eq!(close_to_others(directory.path()).unwrap(), before != after);
            assert_eq!(fs::metadata(directory.path()).unwrap().permissions().mode() & 0o7777, after);
        }
    }
}
