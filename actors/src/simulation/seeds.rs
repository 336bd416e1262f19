//! Many runs, spread over as many tests as a machine may have processors.

use std::{env, ops::Range, panic::catch_unwind};

use super::run::{Outcome, run};

/// The runs of each `make test`; `make check` asks for more.
const SEEDS: Range<u64> = 0..100;
const SHARES: u64 = 8;
/// How many of the last lines are shown of a run that failed.
const LAST_LINES: usize = 80;

/// The runs that are asked for.
fn seeds() -> Range<u64> {
    let number = |text: &str| text.trim().parse::<u64>().expect("a seed is a whole number");
    if let Ok(one) = env::var("SIM_SEED") {
        return number(&one)..number(&one) + 1;
    }
    match env::var("SIM_SEEDS") {
        Ok(range) => match range.split_once("..") {
            Some((from, to)) => number(from)..number(to),
            None => 0..number(&range),
        },
        Err(_) => SEEDS,
    }
}

/// Makes one share of the runs.
fn make_runs(share: u64) {
    let shows_all = env::var("SIM_SEED").is_ok();
    let (mut failed, mut led_astray) = (Vec::new(), 0);
    for seed in seeds().filter(|seed| seed % SHARES == share) {
        let Outcome { violation, trace, strangers } =
            catch_unwind(|| run(seed)).unwrap_or_else(|_| panic!("seed {seed} panics"));
        led_astray += strangers;
        let lines: Vec<_> = trace.lines().collect();
        let first = if shows_all { 0 } else { lines.len().saturating_sub(LAST_LINES) };
        if shows_all || violation.is_some() && failed.is_empty() {
            println!("{}", lines[first..].join("\n"));
        }
        if let Some(violation) = violation {
            println!("=== seed {seed}: {violation}");
            failed.push(seed);
        }
    }
    println!("ports that led to a stranger for a while, within the bounds of rule 6: {led_astray}");
    assert!(failed.is_empty(), "{failed:?} failed; SIM_SEED={} shows all of the first one", failed[0]);
}

#[test]
fn share_1_of_8() {
    make_runs(0);
}

#[test]
fn share_2_of_8() {
    make_runs(1);
}

#[test]
fn share_3_of_8() {
    make_runs(2);
}

#[test]
fn share_4_of_8() {
    make_runs(3);
}

#[test]
fn share_5_of_8() {
    make_runs(4);
}

#[test]
fn share_6_of_8() {
    make_runs(5);
}

#[test]
fn share_7_of_8() {
    make_runs(6);
}

#[test]
fn share_8_of_8() {
    make_runs(7);
}

#[test]
fn a_run_can_be_repeated_to_the_last_byte() {
    let [one, other] = [run(3), run(3)];
    assert!(one.trace.lines().count() > 1_000);
    assert_eq!(one.trace, other.trace);
}
