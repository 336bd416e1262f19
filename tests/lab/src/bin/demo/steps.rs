//! The steps of the demo, in their order.

use std::time::Duration;

use anyhow::{Context, ensure};
use stalls_lab::{client::Held, metadata::World, stalls::Signal};
use tokio::time::Instant;

use super::{mapping::POOL, screen::Screen, stage::Stage};

/// How long stalls may take to notice a change.
const NOTICE_PATIENCE: Duration = Duration::from_secs(10);

/// The container that none of the changes is about.
const BYSTANDER: u16 = 3;

/// Plays all steps.
pub(crate) async fn play(stage: &mut Stage, screen: &Screen) -> anyhow::Result<()> {
    start(stage, screen).await?;
    let mut bystander = hold(stage).await?;
    change(stage, screen, "scaled up to 7", |world| world.web().scale_to(7)).await?;
    change(stage, screen, "scaled down to 4", |world| world.web().scale_to(4)).await?;
    change(stage, screen, "container 2 replaced", |world| drop(world.web().replace(2))).await?;
    change(stage, screen, "container 1 upgraded: the new one has started beside the old one", |world| {
        world.web().begin_upgrade(1);
    })
    .await?;
    change(stage, screen, "container 1 upgraded: the old one is removed", |world| {
        world.web().finish_upgrade(1);
    })
    .await?;
    foreign_change(stage, screen).await?;
    bystander.check().await.context("a connection that has nothing to do with all this is broken")?;
    screen.note("a connection to container 3, open since the first step, has noticed nothing")?;
    drop(bystander);
    kill_haproxy(stage, screen).await
}

async fn start(stage: &Stage, screen: &Screen) -> anyhow::Result<()> {
    let begun = Instant::now();
    let last_port = stage.base_port + POOL - 1;
    screen.title(&format!("stalls maps app/web to 127.0.0.1:{}-{last_port}", stage.base_port))?;
    let mapping = stage.mapping();
    stage.settled(&mapping).await.context("start")?;
    screen.table(&mapping)?;
    screen.step("stalls and HAProxy started", begun.elapsed(), &mapping, &mapping)?;
    Ok(())
}

async fn hold(stage: &Stage) -> anyhow::Result<Held> {
    let port = stage.port(stage.base_port + BYSTANDER - 1);
    Held::connect(port).await.with_context(|| format!("a connection to {port}"))
}

/// Changes the service, and waits until every port is as it should be.
pub(super) async fn change(
    stage: &mut Stage,
    screen: &Screen,
    done: &str,
    change: impl FnOnce(&mut World),
) -> anyhow::Result<()> {
    let (before, begun) = (stage.mapping(), Instant::now());
    stage.change(change).await;
    let after = stage.mapping();
    stage.settled(&after).await.with_context(|| done.to_owned())?;
    screen.step(done, begun.elapsed(), &before, &after)?;
    if before == after {
        screen.note("nothing changes")?;
    }
    Ok(())
}

/// Changes another service, and checks that stalls leaves HAProxy alone.
async fn foreign_change(stage: &Stage, screen: &Screen) -> anyhow::Result<()> {
    let (mapping, pids, begun) = (stage.mapping(), stage.stalls.haproxy_pids(), Instant::now());
    stage.server.change_foreign();
    stage.server.await_caught_up(NOTICE_PATIENCE).await;
    stage.settled(&mapping).await.context("a change of another service")?;
    let now = stage.stalls.haproxy_pids();
    ensure!(now == pids, "a change of another service has replaced HAProxy {pids:?} by {now:?}");
    screen.step("another service changed", begun.elapsed(), &mapping, &mapping)?;
    screen.note(&format!("nothing changes, HAProxy keeps its pid {}", list(&pids)))?;
    Ok(())
}

/// Kills HAProxy, and waits until it serves again.
pub(super) async fn kill_haproxy(stage: &Stage, screen: &Screen) -> anyhow::Result<()> {
    let (mapping, pids, begun) = (stage.mapping(), stage.stalls.haproxy_pids(), Instant::now());
    stage.stalls.signal_haproxy(Signal::KILL);
    stage.settled(&mapping).await.context("HAProxy killed")?;
    let took = begun.elapsed();
    let now = stage.stalls.haproxy_pids();
    ensure!(now.iter().all(|pid| !pids.contains(pid)), "HAProxy {pids:?} was not killed");
    screen.step("HAProxy killed", took, &mapping, &mapping)?;
    screen.note(&format!("serving again: pid {} instead of {}", list(&now), list(&pids)))?;
    Ok(())
}

fn list(pids: &[u32]) -> String {
    pids.iter().map(u32::to_string).collect::<Vec<_>>().join(", ")
}
