//! What people have reported of programs that do this job: each report as a test, with its public source in the first
//! line of its file.

mod half_closed;
mod no_dns;
mod one_port_starves;
mod quota;
mod removed_service;
mod sidekick;
mod udp;
mod upgrade_hides_the_old;
