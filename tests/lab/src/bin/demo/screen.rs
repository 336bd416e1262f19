//! What the demo says.

#![allow(clippy::print_stderr, reason = "what went wrong goes to stderr")]

use std::{
    env,
    io::{self, IsTerminal, Write},
    net::SocketAddr,
    time::Duration,
};

use stalls_lab::stalls::Stalls;

use super::mapping::{MappedContainer, Mapping};

/// How many of the log's last lines are shown when something went wrong.
const LAST_LINES: usize = 15;

/// Where the demo writes.
pub(crate) struct Screen {
    colours: bool,
}

#[derive(Clone, Copy)]
enum Colour {
    Green,
    Yellow,
    Red,
    Bold,
    Faint,
}

impl Screen {
    /// Standard output, with colours if it is a terminal (and <https://no-color.org> agrees).
    pub(crate) fn of_this_terminal() -> Self {
        let wanted = env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        Self { colours: wanted && io::stdout().is_terminal() }
    }

    pub(crate) fn line(&self, text: &str) -> io::Result<()> {
        writeln!(io::stdout(), "{text}")
    }

    pub(crate) fn title(&self, text: &str) -> io::Result<()> {
        self.line(&self.paint(Colour::Bold, text))
    }

    /// The whole mapping as a table.
    pub(crate) fn table(&self, mapping: &Mapping) -> io::Result<()> {
        self.line(&self.paint(Colour::Faint, &row("port", "container", "address", "uuid")))?;
        for (port, container) in mapping.used() {
            self.line(&row(
                &port.to_string(),
                &container.name,
                &container.address.to_string(),
                &container.uuid,
            ))?;
        }
        for port in mapping.free() {
            self.line(&self.paint(Colour::Faint, &row(&port.to_string(), "-", "refuses", "")))?;
        }
        Ok(())
    }

    /// One step that went well: what was done, how long it took, and what changed.
    pub(crate) fn step(
        &self,
        done: &str,
        took: Duration,
        before: &Mapping,
        after: &Mapping,
    ) -> io::Result<()> {
        let took = format!("{:.1} ms", took.as_secs_f64() * 1000.0);
        self.line(&format!("{} {done:<62} {took:>10}", self.paint(Colour::Green, "✓")))?;
        for (port, was, now) in after.changes_since(before) {
            self.line(&format!("    {}", self.change(port, was, now)))?;
        }
        Ok(())
    }

    /// Something that a step has shown beside the mapping.
    pub(crate) fn note(&self, text: &str) -> io::Result<()> {
        self.line(&format!("    {}", self.paint(Colour::Faint, text)))
    }

    /// How to look around.
    pub(crate) fn invitation(&self, base_port: u16, admin: SocketAddr) -> io::Result<()> {
        self.line("")?;
        self.title(&format!("The page: http://{admin}/"))?;
        self.line(&format!(
            "Look around: `nc 127.0.0.1 {base_port}` says which container it has reached, then echoes."
        ))?;
        self.line("Things go on changing every few seconds. Ctrl-C ends the demo.")
    }

    fn change(&self, port: u16, was: Option<&MappedContainer>, now: Option<&MappedContainer>) -> String {
        match (was, now) {
            (None, Some(now)) => {
                self.paint(Colour::Green, &format!("+ {port} -> {} {}", now.name, now.address))
            }
            (Some(was), None) => self.paint(Colour::Red, &format!("- {port} refuses, {} is gone", was.name)),
            (Some(was), Some(now)) => self.paint(
                Colour::Yellow,
                &format!("~ {port} -> {} {}, was {}", now.name, now.address, was.address),
            ),
            (None, None) => format!("  {port} refuses"),
        }
    }

    fn paint(&self, colour: Colour, text: &str) -> String {
        if !self.colours {
            return text.to_owned();
        }
        let code = match colour {
            Colour::Green => 32,
            Colour::Yellow => 33,
            Colour::Red => 31,
            Colour::Bold => 1,
            Colour::Faint => 2,
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }
}

/// What went wrong.
pub(crate) fn failed(error: &anyhow::Error) {
    eprintln!("✗ {error:#}");
}

/// The last log lines of stalls, which may show why something went wrong.
pub(crate) fn stalls_log(stalls: &Stalls) {
    let log = stalls.log_lines();
    eprintln!("the last of {} log lines of stalls:", log.len());
    for line in &log[log.len().saturating_sub(LAST_LINES)..] {
        eprintln!("    {line}");
    }
    for line in stalls.stderr_lines() {
        eprintln!("    {line}");
    }
}

fn row(port: &str, container: &str, address: &str, uuid: &str) -> String {
    format!("    {port:<6} {container:<12} {address:<22} {uuid}").trim_end().to_owned()
}
