//! Containers that the source does not have although they are there.

use super::{START, Step, change, end, start, take_step};
use crate::simulation::scene::Scene;

/// Something happens to this container, or at its address, that the source does not say.
pub(super) fn happen(scene: &Scene, one: u64, index: Option<u64>, pause_ms: u64, may_grow: bool) {
    let while_ms = scene.choose(&[200, 5_000, 40_000, 400_000]).unwrap_or_default();
    let later = scene.draw_ms(1..while_ms);
    match scene.draw(0..4) {
        // It is missing for a while.
        0 => {
            take_step(scene, one, Step::Listed(false));
            scene.after(later, move |scene| take_step(scene, one, Step::Listed(true)));
        }
        // It goes without a word.
        1 => {
            take_step(scene, one, Step::Listed(false));
            scene.after(later, move |scene| take_step(scene, one, Step::Removed));
        }
        // An upgrade that hides the old container.
        2 if may_grow => {
            take_step(scene, one, Step::Listed(false));
            scene.after(scene.draw_ms(1..2 * pause_ms.max(2)), move |scene| {
                start(scene, index, pause_ms);
            });
            scene.after(later, move |scene| take_step(scene, one, Step::Removed));
        }
        // A container of another service, which may get an address that has just become free.
        3 if may_grow => {
            let other = another_service(scene, pause_ms);
            scene.after(later, move |scene| end(scene, other, pause_ms));
        }
        _ => take_step(scene, one, Step::Removed),
    }
}

/// Starts a container that the source never has.
fn another_service(scene: &Scene, pause_ms: u64) -> u64 {
    let mut created = 0;
    change(scene, |world| {
        created = world.create(scene, None);
        world.find(created).into_iter().for_each(|container| container.is_listed = false);
    });
    scene.trace.say(format!("world: u{created} created by another service"));
    super::live_through(scene, created, pause_ms, &START);
    created
}
