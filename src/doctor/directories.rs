//! Whether `RUN_DIR` and `STATE_DIR` can be used, and by whom.

use std::path::Path;

use rustix::{
    fs::{Access, access},
    process::geteuid,
};

use super::{Finding, Kind, Severity};
use crate::{
    directories::{DirectoryError, check as check_directory, is_open_to_others},
    settings::Settings,
};

pub(super) fn check(settings: &Settings) -> Vec<Finding> {
    let directories = [("RUN_DIR", &settings.run_dir), ("STATE_DIR", &settings.state_dir)];
    let template = settings.template_file.as_deref();
    let expected: Vec<_> = directories.iter().map(|(_, path)| path.as_path()).chain(template).collect();
    directories.into_iter().filter_map(|(setting, path)| finding(setting, path, &expected)).collect()
}

fn finding(setting: &str, path: &Path, expected: &[&Path]) -> Option<Finding> {
    let finding = |kind, severity, reason: String, remedy: &str| Finding {
        kind,
        severity,
        subject: format!("{setting} {}", path.display()),
        reason,
        remedy: remedy.to_owned(),
    };
    let unusable = |reason, remedy| Some(finding(Kind::Directory, Severity::Error, reason, remedy));
    match check_directory(path, expected) {
        // root looks on behalf of the user that stalls runs as.
        Err(DirectoryError::OtherUser { .. }) if geteuid().is_root() => {}
        Err(error) => return unusable(format!("it {error}"), "do that, then start stalls again"),
        Ok(()) if path.exists() => {
            if let Err(error) = access(path, Access::WRITE_OK | Access::EXEC_OK) {
                return unusable(
                    format!("stalls cannot write to it: {error}"),
                    "give it to the user of stalls (chown)",
                );
            }
        }
        // stalls makes it.
        Ok(()) => {}
    }
    is_open_to_others(path).then(|| {
        let reason = "other users may write to it, and replace what is in it";
        let remedy =
            "chmod o-w, if other people have accounts on this machine; in a container it does no harm";
        finding(Kind::DirectoryOpen, Severity::Note, reason.to_owned(), remedy)
    })
}

#[cfg(test)]
mod tests {
    use std::{
        fs::{self, Permissions},
        os::unix::fs::PermissionsExt,
    };

    use super::*;

    #[test]
    fn a_directory_with_something_else_is_unusable_and_one_that_is_open_is_noted() {
        let directory = tempfile::tempdir().unwrap();
        let found = || finding("RUN_DIR", directory.path(), &[]).map(|finding| finding.kind);
        assert_eq!(found(), None);
        fs::set_permissions(directory.path(), Permissions::from_mode(0o777)).unwrap();
        assert_eq!(found(), Some(Kind::DirectoryOpen));
        fs::write(directory.path().join("data"), "").unwrap();
        assert_eq!(found(), Some(Kind::Directory));
        assert_eq!(finding("RUN_DIR", &directory.path().join("missing"), &[]), None);
    }
}
