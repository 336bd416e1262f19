//! What people have reported of programs that do this job: each report as a test, with its public source in the first
//! line of its file.

mod connects_to_itself;
mod dies_under_traffic;
mod ephemeral_ports;
mod half_closed;
mod no_dns;
mod nothing_to_map;
mod one_port_starves;
mod quota;
mod removed_service;
mod selector;
mod sidekick;
mod two_on_a_host;
mod udp;
mod upgrade_hides_the_old;
