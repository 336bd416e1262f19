//! `stalls release` and `stalls cut`: what an instance is told, over its socket alone.

use std::{
    io::{self, Write},
    path::Path,
    time::Duration,
};

use serde::Deserialize;

use crate::{exit::Exit, printable::Printable, socket_client::request};

/// The instance answers within 2 s in any case.
const LIMIT: Duration = Duration::from_secs(5);

/// What is done with a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// End what holds it for a while.
    Release,
    /// Cut its connections.
    Cut,
}

impl Order {
    const fn name(self) -> &'static str {
        match self {
            Self::Release => "release",
            Self::Cut => "cut",
        }
    }
}

/// Says so to the instance whose `RUN_DIR` it is, and prints its answer.
pub(crate) fn run(run_dir: &Path, order: Order, port: u16) -> Exit {
    let name = order.name();
    let post = format!("POST /v1/ports/{port}/{name}");
    let error = match actix_rt::System::new().block_on(request(run_dir, &post, LIMIT)) {
        Ok(response) if response.status == 200 => {
            let _ = writeln!(io::stdout(), "{}", Printable(&response.body));
            return Exit::Ok;
        }
        Ok(response) => refusal(response.status, &response.body),
        Err(error) => format!("{error:#}"),
    };
    let _ = writeln!(io::stderr(), "stalls {name}: {}", Printable(&error));
    Exit::No
}

/// Why the instance does not do it.
fn refusal(status: u16, body: &str) -> String {
    #[derive(Deserialize)]
    struct Refusal {
        error: String,
    }
    match serde_json::from_str(body) {
        Ok(Refusal { error }) => error,
        Err(_) => format!("the instance answers with status {status}: {body}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reason_is_the_instances_own() {
        assert_eq!(refusal(409, r#"{"error": "port 5003 serves"}"#), "port 5003 serves");
        assert_eq!(refusal(500, "oh"), "the instance answers with status 500: oh");
    }
}
