//! `stalls health`: asks the instance whose `RUN_DIR` it is whether it is healthy.

use std::{
    io::{self, Write},
    path::Path,
    time::Duration,
};

use crate::{exit::Exit, printable::Printable, socket_client::request};

/// Below the 5 s after which the image's health check gives up.
const LIMIT: Duration = Duration::from_secs(3);

/// Prints the response of the instance.
pub(crate) fn run(run_dir: &Path) -> Exit {
    match actix_rt::System::new().block_on(request(run_dir, "GET /healthz", LIMIT)) {
        Ok(response) => {
            let _ = writeln!(io::stdout(), "{}", Printable(&response.body));
            if response.status == 200 { Exit::Ok } else { Exit::No }
        }
        Err(error) => {
            let _ = writeln!(io::stderr(), "stalls health: {}", Printable(&format!("{error:#}")));
            Exit::No
        }
    }
}
