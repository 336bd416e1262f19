//! The folders of the generations, and the processes that were started from them.
//!
//! A folder has a name that nobody else would give one, and is removed file by file: what stalls has not made stays.

use std::{
    fs::{self, DirBuilder},
    io,
    os::unix::fs::{DirBuilderExt, MetadataExt},
    path::{Path, PathBuf},
};

use rustix::process::geteuid;

use crate::{atomic_file::remove_unfinished, shortage::is_shortage};

const PREFIX: &str = "haproxy-g";

/// No stalls process gets this far; a higher number is none of ours.
const MAX_DIGITS: usize = 9;

/// The folders of the generations below `RUN_DIR`.
#[derive(Clone, Debug)]
pub(super) struct GenerationDirs {
    run_dir: PathBuf,
}

impl GenerationDirs {
    pub(super) fn new(run_dir: PathBuf) -> Self {
        // A process is known by the path it was started with, whatever way RUN_DIR is spelt next time.
        Self { run_dir: fs::canonicalize(&run_dir).unwrap_or(run_dir) }
    }

    pub(super) fn dir(&self, generation: u64) -> PathBuf {
        self.run_dir.join(format!("{PREFIX}{generation}"))
    }

    pub(super) fn config_file(&self, generation: u64) -> PathBuf {
        self.dir(generation).join("haproxy.cfg")
    }

    /// Where the generation's `Record` is.
    pub(super) fn record(&self, generation: u64) -> PathBuf {
        self.dir(generation).join("record.json")
    }

    /// Where its runtime API listens.
    pub(super) fn socket(&self, generation: u64) -> PathBuf {
        self.dir(generation).join("cli")
    }

    /// Makes the folder of a generation, and `RUN_DIR` if that was removed.
    ///
    /// # Errors
    /// It is there already: it is another user's, or of another run, and what is in it could be replaced.
    pub(super) fn create(&self, generation: u64) -> io::Result<()> {
        let mut private = DirBuilder::new();
        private.mode(0o700).recursive(true).create(&self.run_dir)?;
        private.recursive(false).create(self.dir(generation))
    }

    /// Removes a generation's folder, which is one of ours, with the files that stalls and HAProxy make in it. With
    /// anything else in it, it stays.
    pub(super) fn remove(&self, generation: u64) {
        let dir = self.dir(generation);
        let is_ours = |dir: &fs::Metadata| dir.is_dir() && dir.uid() == geteuid().as_raw();
        if !fs::symlink_metadata(&dir).is_ok_and(|dir| is_ours(&dir)) {
            return;
        }
        for file in [self.config_file(generation), self.record(generation), self.socket(generation)] {
            // Which of them there are depends on how far it got.
            let _ = fs::remove_file(file);
        }
        if fs::remove_dir(&dir).is_err() {
            // What a process did not get to rename or remove, since it was killed.
            remove_unfinished(&dir);
            let files = fs::read_dir(&dir).into_iter().flatten().flatten();
            for file in files.filter(|file| file.file_name().to_str().is_some_and(is_haproxys_own)) {
                let _ = fs::remove_file(file.path());
            }
            let _ = fs::remove_dir(&dir);
        }
    }

    /// The numbers of all folders.
    pub(super) fn numbers(&self) -> impl Iterator<Item = u64> {
        let entries = fs::read_dir(&self.run_dir).into_iter().flatten().flatten();
        entries.filter_map(|entry| number_in(entry.file_name().to_str()?))
    }

    /// The generation that the process `pid` is of. A HAProxy of ours runs as our user, and is known by the arguments
    /// it was started with, never by its name: it may run under another one, and somebody may be looking at its
    /// configuration with a pager.
    ///
    /// # Errors
    /// There is no such process, or `/proc` cannot be read.
    pub(super) fn generation_of(&self, pid: u32) -> io::Result<Option<u64>> {
        let process = format!("/proc/{pid}");
        if fs::metadata(&process)?.uid() != geteuid().as_raw() {
            return Ok(None);
        }
        self.generation_by_arguments(pid)
    }

    /// The generation that the process `pid` of any user has the arguments of.
    fn generation_by_arguments(&self, pid: u32) -> io::Result<Option<u64>> {
        let arguments = fs::read(format!("/proc/{pid}/cmdline"))?;
        let arguments: Vec<_> = arguments.split(|byte| *byte == 0).collect();
        Ok(arguments.windows(3).find_map(|window| match window {
            [b"-db", b"-f", config] => {
                let config = Path::new(std::str::from_utf8(config).ok()?);
                let generation = number_in(config.parent()?.file_name()?.to_str()?)?;
                (config == self.config_file(generation)).then_some(generation)
            }
            _ => None,
        }))
    }

    /// Whether a process is still the HAProxy that it was, as far as can be known.
    pub(super) fn runs(&self, pid: u32, generation: u64) -> bool {
        self.generation_of(pid).map_or_else(|error| is_shortage(&error), |found| found == Some(generation))
    }
}

/// Whether the process `pid` has the arguments of a HAProxy that a stalls process with this `RUN_DIR` has started. It is to be
/// looked at, never to be signalled: any user can give a process these arguments.
pub fn is_started_from(run_dir: &Path, pid: u32) -> bool {
    let dirs = GenerationDirs::new(run_dir.to_owned());
    dirs.generation_by_arguments(pid).is_ok_and(|generation| generation.is_some())
}

/// The number in the name of a folder, spelt as stalls does.
fn number_in(name: &str) -> Option<u64> {
    let digits = name.strip_prefix(PREFIX)?;
    let number = digits.parse::<u64>().ok()?;
    (digits.len() <= MAX_DIGITS && number.to_string() == digits).then_some(number)
}

/// What HAProxy calls a socket before it has its name, and one that it replaces: `cli.<pid>.tmp` and `cli.<pid>.bak`
/// (`sock_unix.c`, `sock_unix_bind_receiver`).
fn is_haproxys_own(name: &str) -> bool {
    let pid =
        name.strip_prefix("cli.").and_then(|rest| rest.strip_suffix(".tmp").or(rest.strip_suffix(".bak")));
    pid.is_some_and(|pid| pid.parse::<u32>().is_ok())
}

#[cfg(test)]
mod tests {
    use std::{
        os::unix::{
            fs::{PermissionsExt, symlink},
            net::UnixListener,
        },
        process::{Child, Command},
    };

    use tempfile::TempDir;

    use super::*;

    fn dirs(run_dir: &TempDir) -> GenerationDirs {
        GenerationDirs::new(run_dir.path().into())
    }

    #[test]
    fn a_generations_folder_is_for_this_user_alone() {
        let run_dir = tempfile::tempdir().unwrap();
        dirs(&run_dir).create(1).unwrap();
        let mode = fs::metadata(dirs(&run_dir).dir(1)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
    }

    #[test]
    fn a_run_directory_that_was_removed_is_made_again() {
        let parent = tempfile::tempdir().unwrap();
        let run_dir = TempDir::with_prefix_in("r", parent.path()).unwrap();
        let (dirs, path) = (dirs(&run_dir), run_dir.path().to_owned());
        run_dir.close().unwrap();
        dirs.create(1).unwrap();
        assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o700);
    }

    #[test]
    fn what_is_ours_is_removed_with_the_folder() {
        let run_dir = tempfile::tempdir().unwrap();
        let dirs = dirs(&run_dir);
        dirs.create(1).unwrap();
        fs::write(dirs.config_file(1), "").unwrap();
        fs::write(dirs.record(1), "").unwrap();
        fs::write(dirs.dir(1).join(".new-a1B2c3"), "half").unwrap();
        for socket in ["cli", "cli.4711.tmp", "cli.4711.bak"] {
            let _ = UnixListener::bind(dirs.dir(1).join(socket)).unwrap();
        }
        dirs.remove(1);
        assert!(!dirs.dir(1).exists());
    }

    #[test]
    fn what_is_not_ours_stays() {
        let run_dir = tempfile::tempdir().unwrap();
        let dirs = dirs(&run_dir);
        dirs.create(1).unwrap();
        fs::write(dirs.config_file(1), "").unwrap();
        fs::create_dir(dirs.dir(1).join("kept")).unwrap();
        fs::write(dirs.dir(1).join("kept/data"), "precious").unwrap();
        dirs.remove(1);
        assert_eq!(fs::read_dir(dirs.dir(1)).unwrap().count(), 1);
        assert!(dirs.dir(1).join("kept/data").exists());
    }

    #[test]
    fn a_link_in_place_of_a_folder_is_not_followed() {
        let (run_dir, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let dirs = dirs(&run_dir);
        fs::write(elsewhere.path().join("haproxy.cfg"), "precious").unwrap();
        symlink(elsewhere.path(), dirs.dir(1)).unwrap();
        assert_eq!(dirs.create(1).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        dirs.remove(1);
        assert!(elsewhere.path().join("haproxy.cfg").exists());
    }

    #[test]
    fn only_what_stalls_would_call_it_is_a_generation() {
        let run_dir = tempfile::tempdir().unwrap();
        let dirs = dirs(&run_dir);
        let others = ["g1", "haproxy-g", "haproxy-g01", "haproxy-g+1", "haproxy-g1x", "haproxy-g1000000000"];
        for name in others.into_iter().chain(["haproxy-g999999999", "haproxy-g7"]) {
            fs::create_dir(run_dir.path().join(name)).unwrap();
        }
        let mut numbers: Vec<_> = dirs.numbers().collect();
        numbers.sort_unstable();
        assert_eq!(numbers, [7, 999_999_999]);
    }

    /// A process with the arguments of generation 3.
    fn look_alike(dirs: &GenerationDirs, program: &mut Command) -> Child {
        let arguments = ["-c", "read line", "x", "-db", "-f"];
        program.args(arguments).arg(dirs.config_file(3)).stdin(std::process::Stdio::piped()).spawn().unwrap()
    }

    #[test]
    fn a_process_is_known_by_its_user_and_its_arguments() {
        use std::os::unix::process::CommandExt;

        let run_dir = tempfile::tempdir().unwrap();
        let dirs = dirs(&run_dir);
        // Its arguments are there some moments after it has been started.
        let await_arguments = |process: &Child| {
            while fs::read(format!("/proc/{}/cmdline", process.id())).unwrap().is_empty() {
                std::thread::yield_now();
            }
        };
        let mut ours = look_alike(&dirs, &mut Command::new("sh"));
        await_arguments(&ours);
        assert_eq!(dirs.generation_of(ours.id()).unwrap(), Some(3));
        assert!(dirs.runs(ours.id(), 3) && !dirs.runs(ours.id(), 4));
        ours.kill().unwrap();
        ours.wait().unwrap();
        assert!(!dirs.runs(ours.id(), 3));
        // Only root can start one of another user.
        if geteuid().is_root() {
            let mut theirs = look_alike(&dirs, Command::new("sh").uid(65_534));
            await_arguments(&theirs);
            assert_eq!(dirs.generation_of(theirs.id()).unwrap(), None);
            theirs.kill().unwrap();
            theirs.wait().unwrap();
        }
    }
}
