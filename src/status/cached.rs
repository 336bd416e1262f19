//! What HAProxy was asked a moment ago.

use std::{
    future::Future,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use tokio::{sync::Mutex, time::Instant};

/// However many clients ask, HAProxy is asked once in this time.
const MAX_AGE: Duration = Duration::from_secs(1);

/// The last answer to a question, shared by all clients.
#[derive(Clone, Debug, Default)]
pub(super) struct Cached<T>(Arc<Mutex<Option<Seen<T>>>>);

#[derive(Clone, Debug)]
struct Seen<T> {
    at: Instant,
    socket: PathBuf,
    answer: T,
}

impl<T: Clone> Cached<T> {
    /// The answer of the HAProxy behind `socket`, a second old at most.
    pub(super) async fn get(&self, socket: &Path, ask: impl Future<Output = T>) -> T {
        let mut seen = self.0.lock().await;
        if let Some(seen) = seen.as_ref().filter(|it| it.socket == socket && it.at.elapsed() < MAX_AGE) {
            return seen.answer.clone();
        }
        let answer = ask.await;
        *seen = Some(Seen { at: Instant::now(), socket: socket.to_owned(), answer: answer.clone() });
        answer
    }
}

#[cfg(test)]
mod tests {
    use std::future::ready;

    use tokio::time::advance;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_answer_is_good_for_a_second_and_for_its_process() {
        let (cached, first, second) = (Cached::default(), Path::new("1"), Path::new("2"));
        assert_eq!(cached.get(first, ready(1)).await, 1);
        advance(MAX_AGE / 2).await;
        assert_eq!(cached.get(first, ready(2)).await, 1);
        assert_eq!(cached.get(second, ready(3)).await, 3);
        advance(MAX_AGE).await;
        assert_eq!(cached.get(second, ready(4)).await, 4);
    }
}
