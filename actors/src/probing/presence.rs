//! Whether a container that is gone without a word is still there: the container itself shows it, by a connection that
//! is begun when the container was listed a moment ago and is kept from then on.

use std::{net::SocketAddr, rc::Rc, time::Duration};

use serde::{Deserialize, Serialize};
use tokio::time::{Instant, sleep, sleep_until, timeout, timeout_at};

use super::{Connect, Connection, End};
use crate::shortage::is_shortage;

/// A container that takes longer to accept a connection is not there.
const CONNECT_LIMIT: Duration = Duration::from_secs(1);
/// How soon a connection that this machine could not make is tried again.
const SHORTAGE_PAUSE: Duration = Duration::from_millis(100);
/// How often a container that closes connections is connected to again, but for the first time.
const RENEWAL_PAUSE: Duration = Duration::from_secs(10);

/// Why a container no longer shows that it is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Verdict {
    /// It is not.
    Gone,
    /// It cannot be asked: this machine has run out of descriptors or memory.
    Unknown,
}

/// Waits until the container no longer shows that it is there.
pub(super) async fn until_gone<C: Connect>(connect: Rc<C>, backend: SocketAddr) -> Verdict {
    let mut renewed_at: Option<Instant> = None;
    loop {
        let connection = match connected(connect.as_ref(), backend).await {
            Ok(connection) => connection,
            Err(verdict) => return verdict,
        };
        if connection.end().await == End::Broken {
            return Verdict::Gone;
        }
        if let Some(at) = renewed_at {
            sleep_until(at + RENEWAL_PAUSE).await;
        }
        renewed_at = Some(Instant::now());
    }
}

async fn connected<C: Connect>(connect: &C, backend: SocketAddr) -> Result<C::Connection, Verdict> {
    let deadline = Instant::now() + CONNECT_LIMIT;
    loop {
        match timeout_at(deadline, connect.connect(backend)).await {
            Ok(Ok(connection)) => return Ok(connection),
            Ok(Err(error)) if is_shortage(&error) => {
                if timeout(deadline - Instant::now(), sleep(SHORTAGE_PAUSE)).await.is_err() {
                    return Err(Verdict::Unknown);
                }
            }
            Ok(Err(_)) | Err(_) => return Err(Verdict::Gone),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        cell::RefCell,
        future::Future,
        io::{self, ErrorKind},
        net::IpAddr,
    };

    use rustix::io::Errno;

    use super::*;
    use crate::testing::ms;

    /// What becomes of each attempt, one after the other: an error, or a connection that ends like this after a while.
    type Attempt = Result<(u64, End), io::Error>;

    struct Scripted {
        attempts: RefCell<std::vec::IntoIter<Attempt>>,
        begun: RefCell<Vec<Duration>>,
        start: Instant,
    }

    struct Lasts(u64, End);

    impl Connect for Scripted {
        type Connection = Lasts;

        fn connect(&self, _: SocketAddr) -> impl Future<Output = io::Result<Lasts>> + 'static {
            self.begun.borrow_mut().push(self.start.elapsed());
            let attempt = self.attempts.borrow_mut().next();
            async move {
                match attempt {
                    Some(attempt) => attempt.map(|(lasts, end)| Lasts(lasts, end)),
                    None => std::future::pending().await,
                }
            }
        }

        fn is_local(&self, _: IpAddr) -> bool {
            false
        }
    }

    impl Connection for Lasts {
        async fn end(self) -> End {
            sleep(ms(self.0)).await;
            self.1
        }
    }

    /// The verdict, when it came, and when each attempt began.
    async fn verdict(attempts: Vec<Attempt>) -> (Verdict, u64, Vec<u64>) {
        let start = Instant::now();
        let begun = RefCell::default();
        let connect = Rc::new(Scripted { attempts: RefCell::new(attempts.into_iter()), begun, start });
        let verdict = until_gone(Rc::clone(&connect), "10.42.0.1:8080".parse().unwrap()).await;
        // Virtual time is rounded up at each step.
        let in_ms = |time: &Duration| time.as_millis() as u64 / 100 * 100;
        (verdict, in_ms(&start.elapsed()), connect.begun.borrow().iter().map(in_ms).collect())
    }

    fn refused() -> Attempt {
        Err(ErrorKind::ConnectionRefused.into())
    }

    fn no_descriptors() -> Attempt {
        Err(Errno::MFILE.into())
    }

    #[tokio::test(start_paused = true)]
    async fn a_container_that_refuses_is_gone_and_so_is_one_that_does_not_answer_for_a_second() {
        assert_eq!(verdict(vec![refused()]).await, (Verdict::Gone, 0, vec![0]));
        assert_eq!(verdict(vec![]).await, (Verdict::Gone, 1_000, vec![0]));
    }

    #[tokio::test(start_paused = true)]
    async fn a_container_is_there_for_as_long_as_its_connection_is() {
        let lasts = vec![Ok((250_000, End::Broken))];
        assert_eq!(verdict(lasts).await, (Verdict::Gone, 250_000, vec![0]));
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_that_is_closed_is_renewed_at_once_and_then_each_10_s() {
        let closes = |after| Ok((after, End::Closed));
        let idle = vec![closes(500), closes(500), closes(500), closes(25_000), refused()];
        // At once for the first time; a connection that has lasted for longer than 10 s is renewed at once, too.
        assert_eq!(verdict(idle).await, (Verdict::Gone, 45_500, vec![0, 500, 10_500, 20_500, 45_500]));
        assert_eq!(verdict(vec![closes(500), refused()]).await, (Verdict::Gone, 500, vec![0, 500]));
    }

    #[tokio::test(start_paused = true)]
    async fn a_machine_without_descriptors_says_nothing_about_the_container() {
        let shortage = (0..20).map(|_| no_descriptors()).collect();
        let (verdict_then, at, begun) = verdict(shortage).await;
        assert_eq!((verdict_then, at), (Verdict::Unknown, 1_000));
        assert!((10..=11).contains(&begun.len()), "{begun:?}");
        let passes = vec![no_descriptors(), no_descriptors(), Ok((5_000, End::Broken))];
        assert_eq!(verdict(passes).await, (Verdict::Gone, 5_200, vec![0, 100, 200]));
    }
}
