//! A host as the tests need it.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    io,
    path::{Path, PathBuf},
    sync::Mutex,
};

use super::super::Host;
use crate::directories::DirectoryError;

/// A host without HAProxy, on which every directory may be used that is neither in `read_only` nor in `foreign`.
#[derive(Debug, Default)]
pub(in crate::settings) struct FakeHost {
    pub(in crate::settings) terminal: bool,
    pub(in crate::settings) search_path: &'static str,
    #[cfg(feature = "kubernetes")]
    pub(in crate::settings) is_in_pod: bool,
    pub(in crate::settings) executables: Vec<&'static str>,
    pub(in crate::settings) files: BTreeMap<&'static str, &'static str>,
    pub(in crate::settings) read_only: Vec<&'static str>,
    pub(in crate::settings) foreign: Vec<&'static str>,
    pub(in crate::settings) objections: Option<&'static str>,
    pub(in crate::settings) made: Mutex<Vec<PathBuf>>,
}

impl FakeHost {
    pub(in crate::settings) fn with_haproxy() -> Self {
        Self { executables: vec!["/usr/sbin/haproxy"], ..Self::default() }
    }
}

impl Host for FakeHost {
    fn stdout_is_terminal(&self) -> bool {
        self.terminal
    }

    fn search_path(&self) -> Option<OsString> {
        Some(self.search_path.into())
    }

    #[cfg(feature = "kubernetes")]
    fn is_in_pod(&self) -> bool {
        self.is_in_pod
    }

    fn is_executable(&self, path: &Path) -> bool {
        self.executables.iter().any(|executable| path == Path::new(executable))
    }

    fn check_directory(&self, directory: &Path, _: &[&Path]) -> Result<(), DirectoryError> {
        match self.foreign.iter().any(|foreign| directory == Path::new(foreign)) {
            true => Err(DirectoryError::NotEmpty),
            false => Ok(()),
        }
    }

    fn create_directory(&self, directory: &Path) -> io::Result<()> {
        if self.read_only.iter().any(|read_only| directory == Path::new(read_only)) {
            return Err(io::ErrorKind::ReadOnlyFilesystem.into());
        }
        self.made.lock().unwrap().push(directory.to_owned());
        Ok(())
    }

    fn read(&self, file: &Path) -> io::Result<String> {
        let found = self.files.iter().find(|(path, _)| file == Path::new(path));
        found.map(|(_, text)| (*text).to_owned()).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn objections(&self, haproxy: &Path, _: &str) -> Option<String> {
        self.objections.filter(|_| self.is_executable(haproxy)).map(str::to_owned)
    }
}
