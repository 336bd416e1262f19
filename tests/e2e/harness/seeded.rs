//! Random numbers that can be repeated.

use std::{
    env,
    ops::{Deref, DerefMut},
    thread,
};

/// The variable that repeats a run.
const SEED: &str = "TEST_SEED";

/// A generator of random numbers; a test that fails prints its seed.
pub(crate) struct Seeded {
    seed: u64,
    random: fastrand::Rng,
}

impl Seeded {
    /// A generator with the seed that the environment names, or with a random one.
    pub(crate) fn new() -> Self {
        let given = env::var(SEED).ok().and_then(|seed| seed.parse().ok());
        let seed = given.unwrap_or_else(|| fastrand::u64(..));
        Self { seed, random: fastrand::Rng::with_seed(seed) }
    }
}

impl Deref for Seeded {
    type Target = fastrand::Rng;

    fn deref(&self) -> &Self::Target {
        &self.random
    }
}

impl DerefMut for Seeded {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.random
    }
}

impl Drop for Seeded {
    #[expect(clippy::print_stderr, reason = "the test runner shows a failed test's stderr")]
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("{SEED}={} repeats this run", self.seed);
        }
    }
}
