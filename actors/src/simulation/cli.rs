//! The runtime APIs of the HAProxies.

use std::{
    future::Future,
    io,
    path::{Path, PathBuf},
    rc::Rc,
    time::Duration,
};

use tokio::{sync::oneshot, time::timeout};

use super::{
    faults::Fault,
    host::{Host, die, hang, unless_ended},
    process::Phase,
    scene::Scene,
    watch::Cuts,
};
use crate::{
    haproxy::{CliError, Command, RuntimeApi, Unavailable},
    testing::ms,
};

/// How long the client waits for an answer.
const ANSWER_LIMIT: Duration = Duration::from_secs(5);

/// Commands on their way to a HAProxy. They arrive even if stalls no longer waits for the answer.
pub(super) struct Batch {
    commands: Vec<Command>,
    cuts: Cuts,
    /// The replies to the first of them.
    replies: Vec<String>,
    reply: oneshot::Sender<Vec<String>>,
}

/// The runtime APIs as stalls uses them.
#[derive(Clone)]
pub(super) struct Cli(pub(super) Rc<Scene>);

impl RuntimeApi for Cli {
    fn run(
        &self,
        socket: PathBuf,
        commands: Vec<Command>,
    ) -> impl Future<Output = Result<Vec<String>, CliError>> + 'static {
        let (under_way, cuts) = self.0.commands_sent(&commands);
        let answer = send(&self.0, &socket, commands.clone(), cuts);
        async move {
            let _under_way = under_way;
            let source = match answer {
                None => io::ErrorKind::ConnectionRefused.into(),
                Some(answer) => match timeout(ANSWER_LIMIT, answer).await {
                    Ok(Ok(replies)) => return judged(socket, &commands, replies),
                    Ok(Err(_)) => {
                        let source = io::ErrorKind::UnexpectedEof.into();
                        return Err(Unavailable::Io { socket, source }.into());
                    }
                    Err(_) => return Err(Unavailable::TimedOut { socket, limit: ANSWER_LIMIT }.into()),
                },
            };
            Err(Unavailable::NotListening { socket, source }.into())
        }
    }
}

fn judged(socket: PathBuf, commands: &[Command], replies: Vec<String>) -> Result<Vec<String>, CliError> {
    match commands.iter().zip(&replies).find(|(command, reply)| !command.succeeded(reply)) {
        Some((command, reply)) => Err(CliError::Rejected { socket, command: *command, reply: reply.clone() }),
        None => Ok(replies),
    }
}

/// Sends commands, if the runtime API listens. It answers one batch after the other.
fn send(
    scene: &Rc<Scene>,
    socket: &Path,
    commands: Vec<Command>,
    cuts: Cuts,
) -> Option<oneshot::Receiver<Vec<String>>> {
    let generation: u64 = socket.to_str().unwrap().parse().unwrap();
    let is_late = scene.faults.borrow_mut().strikes(Fault::LateAnswer, scene.now());
    let takes = if is_late { scene.draw_ms(100..9_000) } else { ms(u64::from(scene.chance(0.3))) };
    let mut host = scene.host.borrow_mut();
    let process = host.find(generation)?;
    if process.phase != Phase::Serving || process.is_retired {
        return None;
    }
    process.is_faulty |= is_late;
    process.busy_until = process.busy_until.max(scene.now()) + takes;
    let (reply, answer) = oneshot::channel();
    let batch = Batch { commands, cuts, replies: Vec::new(), reply };
    let carry_out = move |scene: &Rc<Scene>| carry_out(scene, generation, batch);
    scene.agenda.enter(process.busy_until, unless_ended(process.pid, carry_out));
    Some(answer)
}

/// HAProxy carries the commands out: now, or when it no longer hangs.
pub(super) fn carry_out(scene: &Rc<Scene>, generation: u64, mut batch: Batch) {
    while let Some(command) = batch.commands.get(batch.replies.len()).copied() {
        let strikes = |fault| scene.faults.borrow_mut().strikes(fault, scene.now()) && scene.chance(0.2);
        if strikes(Fault::DiesAmidCommands) {
            die(scene, generation, "signal 11");
        }
        if strikes(Fault::HangsAmidCommands) {
            let time = scene.chance(0.5).then(|| scene.draw_ms(100..20_000));
            hang(scene, generation, time);
        }
        match scene.host.borrow_mut().find(generation) {
            None => return,
            // The commands carried out so far stay so; the rest waits, and so does the answer.
            Some(process) if process.hangs => return process.waiting.push(batch),
            Some(_) => {}
        }
        let reply = answer(scene, generation, command, &batch.cuts);
        batch.replies.push(reply);
    }
    let _ = batch.reply.send(batch.replies);
}

fn answer(scene: &Rc<Scene>, generation: u64, command: Command, cuts: &Cuts) -> String {
    if is_mutating(&command) {
        scene.trace.say(format!("cli: {generation} <- {command}"));
        if let Some(reply) = disobeys(scene, generation, command) {
            scene.trace.say(format!("cli: {generation} does not do it, {reply:?}"));
            if let Command::DisableFrontend(port) = command {
                // Until another HAProxy serves, the port may be open again whenever the shared socket is.
                scene.watch.borrow_mut().disturb(port);
            }
            return reply.into();
        }
    }
    if let Command::ShutdownSessions(port) = command {
        scene.cut(generation, Some(port), cuts.get(&port).copied());
    }
    tell(scene, generation, command)
}

/// What HAProxy answers instead of carrying out the command; it carries out a repeated command.
fn disobeys(scene: &Scene, generation: u64, command: Command) -> Option<&'static str> {
    let strikes = |fault| scene.faults.borrow_mut().strikes(fault, scene.now()) && scene.chance(0.3);
    let (is_lost, is_refused) = (strikes(Fault::LosesCommand), strikes(Fault::RefusesCommand));
    if !is_lost && !is_refused {
        return None;
    }
    let mut host = scene.host.borrow_mut();
    let Host { processes, sockets, .. } = &mut *host;
    let process = processes.get_mut(&generation)?;
    // A comparison finds a lost command, but not an enable that had nothing to change but a socket which processes
    // share. HAProxy has no reason not to carry out that one.
    if let Command::EnableFrontend(port) = command
        && (process.fake.says_open(port)
            || process.held.get(&port).is_some_and(|held| sockets.listens(*held)))
    {
        return None;
    }
    process.is_faulty = true;
    let is_first = process.disobeyed.insert(command.to_string());
    is_first.then_some(match command {
        _ if is_refused => "No.",
        Command::SetAddress(..) => "no need to change",
        _ => "",
    })
}

/// HAProxy carries out a command, of stalls or of anybody else.
pub(super) fn tell(scene: &Rc<Scene>, generation: u64, command: Command) -> String {
    let is_stuck = scene.faults.borrow_mut().strikes(Fault::AddressStuck, scene.now());
    let lag = scene.draw_ms(0..scene.setup.max_lag_ms + 1)
        + if is_stuck { scene.draw_ms(10..7_000) } else { ms(0) };
    if let Command::SetAddress(port, _) = command
        && is_stuck
    {
        // It is unknown when the port will lead where.
        scene.watch.borrow_mut().disturb(port);
    }
    let reply = {
        let mut host = scene.host.borrow_mut();
        let host = &mut *host;
        let Some(process) = host.processes.get_mut(&generation) else { return String::new() };
        process.is_faulty |= is_stuck;
        let socket = command.port().and_then(|port| process.held.get(&port).copied());
        process.fake.taken.clear();
        process.fake.connecting = process.connecting(scene.now());
        if let (Command::EnableFrontend(port), socket) = (command, socket) {
            // HAProxy listens again, even if it thinks that it does.
            if !socket.is_some_and(|socket| host.sockets.listen(socket)) {
                process.fake.taken.insert(port);
                process.is_contrary = true;
            }
        }
        let reply = process.fake.answer(command);
        match (command, socket) {
            (Command::DisableFrontend(_), Some(socket)) if reply.is_empty() => host.sockets.shut(socket),
            (Command::SetAddress(..), _) if lag.is_zero() => process.fake.catch_up(),
            (Command::SetAddress(..), _) => {
                let catch_up = move |scene: &Rc<Scene>| {
                    if let Some(process) = scene.host.borrow_mut().find(generation) {
                        process.fake.catch_up();
                    }
                    scene.check_all_ports();
                };
                scene.after(lag, unless_ended(process.pid, catch_up));
            }
            _ => {}
        }
        reply
    };
    command.port().filter(|_| is_mutating(&command)).into_iter().for_each(|port| scene.check_port(port));
    reply
}

/// Whether it changes anything.
pub(super) fn is_mutating(command: &Command) -> bool {
    !matches!(
        command,
        Command::ShowInfo
            | Command::ShowSessions
            | Command::ShowServers(_)
            | Command::ShowFrontends(_)
            | Command::ShowBackends(_)
    )
}
