//! A source that hears nothing for a while, and so does not know whether what it says is still so.

use futures_util::{FutureExt, future::LocalBoxFuture};

use super::*;
use crate::testing::{container, shared, web};

/// A source by script: after how many milliseconds it says which container there is, and how old that is.
struct Silent(VecDeque<(u64, &'static str, u64)>);

impl Source for Silent {
    fn fault_kinds(&self) -> &'static [&'static str] {
        &[]
    }

    fn next(&mut self, _: Duration) -> LocalBoxFuture<'_, Result<State, Fault>> {
        let step = self.0.pop_front();
        let said = async move {
            let Some((after, uuid, age)) = step else { return std::future::pending().await };
            pass(ms(after)).await;
            let containers = shared(&[container(uuid, 1, None)]);
            let listing = Listing { containers, age: ms(age), ..Listing::default() };
            Ok(State { services: [(web(), Answer::Listed(listing))].into(), ..State::default() })
        };
        said.boxed_local()
    }
}

#[actix_rt::test]
async fn what_was_said_is_as_old_as_the_source_says_it_is() {
    let script = [(0, "a", 0), (20_000, "a", 15_000), (40_000, "b", 0), (10_000, "c", 0)];
    let silent = Running::asking(&["web"], |_, _| Box::new(Silent(script.into())));
    pass(ms(100_000)).await;
    let ages: Vec<_> = silent.changes.all().iter().map(|change| change.proof_age).collect();
    assert_about(&ages, &[0, 55_000, 10_000]);
}
