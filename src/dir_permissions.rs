//! A user who can write to a directory of stalls can replace the files in it.

use std::{
    fs::{self, Permissions},
    io,
    os::unix::fs::PermissionsExt,
    path::Path,
};

const WORLD_WRITE: u32 = 0o002;

/// Leaves the right to write to `directory` to its owner and group. Returns whether that was a change.
///
/// # Errors
/// The directory belongs to another user, or cannot be looked up.
pub(crate) fn remove_world_write(directory: &Path) -> io::Result<bool> {
    let mode = fs::metadata(directory)?.permissions().mode();
    if mode & WORLD_WRITE == 0 {
        return Ok(false);
    }
    fs::set_permissions(directory, Permissions::from_mode(mode & !WORLD_WRITE))?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_right_of_others_to_write_is_removed() {
        let directory = tempfile::tempdir().unwrap();
        for (before, after) in [(0o1777, 0o1775), (0o777, 0o775), (0o2770, 0o2770), (0o700, 0o700)] {
            fs::set_permissions(directory.path(), Permissions::from_mode(before)).unwrap();
            assert_eq!(remove_world_write(directory.path()).unwrap(), before != after);
            assert_eq!(fs::metadata(directory.path()).unwrap().permissions().mode() & 0o7777, after);
        }
    }
}
