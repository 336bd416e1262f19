//! Which metrics a text names.

use std::collections::BTreeSet;

/// The names that begin with `stalls_`.
pub(crate) fn metrics_in(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    words.filter(|word| word.starts_with("stalls_")).map(str::to_owned).collect()
}

/// The names of the series in what stalls exports: a histogram has three.
pub(crate) fn series_of(exported: &str) -> BTreeSet<String> {
    let samples = exported.lines().filter(|line| !line.starts_with('#'));
    samples.filter_map(|line| line.split(['{', ' ']).next()).map(str::to_owned).collect()
}

/// The names of the metrics in what stalls exports.
pub(crate) fn metrics_of(exported: &str) -> BTreeSet<String> {
    let types = exported.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    types.filter_map(|line| line.split(' ').next()).map(str::to_owned).collect()
}
