//! What the settings need to know of the host, as a trait so that tests can fake it.

use std::{
    ffi::OsString,
    fs,
    io::{self, IsTerminal},
    path::Path,
};

use rustix::fs::{Access, access};
use stalls_actors::{Children, config::Checker};
use tokio::runtime::Builder;

use crate::directories::{self, DirectoryError};

/// The file system and the environment of the process.
pub(crate) trait Host {
    /// Whether stdout is a terminal.
    fn stdout_is_terminal(&self) -> bool;

    /// The variable `PATH`.
    fn search_path(&self) -> Option<OsString>;

    /// Whether this process is in a pod of Kubernetes.
    #[cfg(feature = "kubernetes")]
    fn is_in_pod(&self) -> bool;

    /// Whether `path` is a file that this process may execute.
    fn is_executable(&self, path: &Path) -> bool;

    /// Checks that the directory is missing, empty or of an earlier start; `expected` paths may be in it.
    ///
    /// # Errors
    /// It is somebody else's, or cannot be looked at.
    fn check_directory(&self, directory: &Path, expected: &[&Path]) -> Result<(), DirectoryError>;

    /// Creates the directory if it is missing, with mode 0700.
    ///
    /// # Errors
    /// The error of the file system.
    fn create_directory(&self, directory: &Path) -> io::Result<()>;

    /// The text of a file.
    ///
    /// # Errors
    /// The error of the file system; or the file is not a regular one, or not UTF-8.
    fn read(&self, file: &Path) -> io::Result<String>;

    /// What this HAProxy has against a configuration, in its own words; `None` if nothing, or if it cannot be asked.
    fn objections(&self, haproxy: &Path, configuration: &str) -> Option<String>;
}

/// The host that stalls runs on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ThisHost;

impl Host for ThisHost {
    fn stdout_is_terminal(&self) -> bool {
        io::stdout().is_terminal()
    }

    fn search_path(&self) -> Option<OsString> {
        std::env::var_os("PATH")
    }

    #[cfg(feature = "kubernetes")]
    fn is_in_pod(&self) -> bool {
        std::env::var_os("KUBERNETES_SERVICE_HOST").is_some()
    }

    fn is_executable(&self, path: &Path) -> bool {
        path.is_file() && access(path, Access::EXEC_OK).is_ok()
    }

    fn check_directory(&self, directory: &Path, expected: &[&Path]) -> Result<(), DirectoryError> {
        directories::check(directory, expected)
    }

    fn create_directory(&self, directory: &Path) -> io::Result<()> {
        directories::create(directory)
    }

    fn read(&self, file: &Path) -> io::Result<String> {
        if !fs::metadata(file)?.is_file() {
            return Err(io::Error::other("not a regular file"));
        }
        fs::read_to_string(file)
    }

    fn objections(&self, haproxy: &Path, configuration: &str) -> Option<String> {
        let checker = Checker::new(haproxy.to_owned(), Children::default());
        let runtime = Builder::new_current_thread().enable_all().build().ok()?;
        runtime.block_on(checker.objections(configuration)).ok()?
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn only_a_file_with_the_bit_is_executable() {
        let file = tempfile::NamedTempFile::new().unwrap();
        assert!(!ThisHost.is_executable(file.path()));
        fs::set_permissions(file.path(), fs::Permissions::from_mode(0o755)).unwrap();
        assert!(ThisHost.is_executable(file.path()));
        assert!(!ThisHost.is_executable(Path::new("/tmp")));
        assert!(!ThisHost.is_executable(Path::new("/no/such/file")));
    }

    #[test]
    fn reads_regular_files_alone() {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), "template").unwrap();
        assert_eq!(ThisHost.read(file.path()).unwrap(), "template");
        assert!(ThisHost.read(Path::new("/dev/zero")).is_err());
        assert!(ThisHost.read(Path::new("/no/such/file")).is_err());
    }
}
