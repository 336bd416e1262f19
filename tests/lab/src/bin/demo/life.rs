//! After the steps: an everyday life, so that there is something to watch.

use std::{convert::Infallible, time::Duration};

use anyhow::bail;
use stalls_lab::metadata::Fault;
use tokio::time::sleep;

use super::{
    screen::Screen,
    stage::Stage,
    steps::{change, kill_haproxy},
};

/// Long enough to look at what has changed, short enough to see that something does.
const PAUSE: Duration = Duration::from_secs(3);
/// How long the metadata server fails.
const FAULT: Duration = Duration::from_secs(8);

/// Changes one thing after the other, again and again, as long as stalls runs.
pub(crate) async fn go_on(stage: &mut Stage, screen: &Screen) -> anyhow::Result<Infallible> {
    for turn in 0_usize.. {
        pause(stage, PAUSE).await?;
        match turn % 8 {
            0 => change(stage, screen, "scaled up to 6", |world| world.web().scale_to(6)).await?,
            1 => {
                change(stage, screen, "container 4 replaced", |world| drop(world.web().replace(4))).await?;
            }
            2 => change(stage, screen, "scaled up to 8", |world| world.web().scale_to(8)).await?,
            3 => {
                let done = "container 2 upgraded: the new one has started beside the old one";
                change(stage, screen, done, |world| drop(world.web().begin_upgrade(2))).await?;
            }
            4 => {
                let done = "container 2 upgraded: the old one is removed";
                change(stage, screen, done, |world| world.web().finish_upgrade(2)).await?;
            }
            5 => kill_haproxy(stage, screen).await?,
            6 => fail_for_a_while(stage, screen).await?,
            _ => change(stage, screen, "scaled down to 4", |world| world.web().scale_to(4)).await?,
        }
    }
    bail!("there is no end of numbers")
}

async fn fail_for_a_while(stage: &mut Stage, screen: &Screen) -> anyhow::Result<()> {
    let mapping = stage.mapping();
    stage.server.fault(Fault::InternalError).await;
    screen.note("the metadata server fails: the last good mapping serves on, and says that it is stale")?;
    pause(stage, FAULT).await?;
    stage.settled(&mapping).await?;
    stage.server.clear_fault().await;
    screen.note("the metadata server answers again")?;
    Ok(())
}

async fn pause(stage: &Stage, time: Duration) -> anyhow::Result<()> {
    tokio::select! {
        () = sleep(time) => Ok(()),
        () = stage.stalls.log_ended() => bail!("stalls has ended by itself"),
    }
}
