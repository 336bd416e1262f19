//! From changes to commands. Pure.

use super::{
    action::{Change, Leaving},
    port_state::{PortState, Ports},
    runtime_api::Command,
};

/// The commands for some changes.
///
/// A new address takes effect some time after HAProxy has replied. Until then a port must not be opened that was
/// closed, and connections are not to be cut yet: their clients come back at once, to the old address.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Commands {
    /// To be carried out first.
    pub(super) first: Vec<Command>,
    /// To be carried out once all addresses are in force.
    pub(super) then: Vec<Command>,
}

/// The commands that carry out `changes`, in their order.
pub(super) fn commands(changes: &[Change]) -> Commands {
    let mut commands = Commands::default();
    for change in changes {
        let (first, then) = (&mut commands.first, &mut commands.then);
        match *change {
            Change::Free { port, leaving } => {
                first.extend([Command::DisableFrontend(port), Command::SetMaintenance(port)]);
                if leaving == Leaving::Cut {
                    first.push(Command::ShutdownSessions(port));
                }
            }
            Change::Replace { port, by, leaving } => {
                first.push(Command::SetAddress(port, by));
                if leaving == Leaving::Cut {
                    // With them go the few that have found the new server already. To close the port meanwhile would
                    // refuse more: that takes longer.
                    then.push(Command::ShutdownSessions(port));
                }
            }
            Change::Assign { port, to } => {
                first.push(Command::SetAddress(port, to));
                then.extend([
                    Command::SetReady(port),
                    Command::SetFullWeight(port),
                    Command::EnableFrontend(port),
                ]);
            }
        }
    }
    commands
}

/// The commands that make HAProxy open or close all its sockets once more, after a process that shared them has ended.
/// HAProxy looks at a socket that it takes for closed already only when it is enabled; so that no client of that moment
/// is led to the last container there, the server is put into maintenance first.
pub(super) fn reassert_listeners(slots: &Ports) -> Vec<Command> {
    let toggle = |(port, slot): (&u16, &PortState)| {
        let is_closed = !slot.is_open;
        let keep_away = (is_closed && slot.is_ready).then_some(Command::SetMaintenance(*port));
        let close = is_closed.then_some(Command::DisableFrontend(*port));
        keep_away.into_iter().chain([Command::EnableFrontend(*port)]).chain(close)
    };
    slots.iter().flat_map(toggle).collect()
}
