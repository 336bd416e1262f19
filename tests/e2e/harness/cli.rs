//! Another program on HAProxy's runtime API.

use std::{fs, path::PathBuf};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::UnixStream,
};

use super::Stage;

impl Stage {
    /// Sends a command to the HAProxy that serves, and returns its reply.
    pub(crate) async fn cli(&self, command: &str) -> String {
        let mut stream = self.cli_connection().await;
        stream.write_all(format!("{command}\n").as_bytes()).await.expect("HAProxy listens");
        let mut reply = String::new();
        stream.read_to_string(&mut reply).await.expect("HAProxy replies");
        reply.trim_end().to_owned()
    }

    /// Opens a connection to the runtime API of the HAProxy that serves.
    pub(crate) async fn cli_connection(&self) -> UnixStream {
        UnixStream::connect(self.cli_socket()).await.expect("HAProxy listens for commands")
    }

    /// The newest generation's.
    fn cli_socket(&self) -> PathBuf {
        let entries = fs::read_dir(self.launch.run_dir()).expect("RUN_DIR can be read");
        let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        let newest = names.filter_map(|name| name.strip_prefix("haproxy-g")?.parse::<u64>().ok()).max();
        self.launch.run_dir().join(format!("haproxy-g{}", newest.expect("there is a generation"))).join("cli")
    }
}
