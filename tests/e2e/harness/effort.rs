//! How often something is repeated.

use std::env;

/// `full` repeats as often as `make check` does; without it, the tests repeat as often as before a commit.
const EFFORT: &str = "TEST_EFFORT";

/// One of these numbers, as the environment has it.
pub(crate) fn times<T>(usually: T, at_full_effort: T) -> T {
    match env::var(EFFORT).as_deref() {
        Err(_) | Ok("") => usually,
        Ok("full") => at_full_effort,
        Ok(other) => panic!("{EFFORT}={other}: it may be full, or nothing"),
    }
}
