//! The settings as fields of a log record.

use std::time::Duration;

use slog::{KV, Record, Serializer, kv};
use stalls_actors::domain::ProxyProtocol;

use super::{Settings, mappings::written, source::SourceFields};

/// All values in effect, defaults included, except for the template, which is a file of its own, and the log options,
/// which the log shows.
impl KV for Settings {
    fn serialize(&self, record: &Record<'_>, serializer: &mut dyn Serializer) -> slog::Result {
        let mappings: Vec<_> = self.mappings.iter().map(written).collect();
        let SourceFields {
            metadata_url,
            docker_host,
            docker_cert_path,
            docker_network,
            kubeconfig,
            ip_family,
        } = self.source.fields();
        kv!(
            "mappings" => mappings.join(" "),
            "bind_address" => self.bind_address.map(|address| address.to_string()),
            "source" => self.source.to_string(),
            "metadata_url" => metadata_url,
            "docker_host" => docker_host,
            "docker_cert_path" => docker_cert_path,
            "docker_network" => docker_network,
            "kubeconfig" => kubeconfig,
            "ip_family" => ip_family,
            "allow_loopback" => self.allow_loopback,
            "haproxy_bin" => self.haproxy_bin.display(),
            "state_dir" => self.state_dir.display(),
            "run_dir" => self.run_dir.display(),
            "record_dir" => self.record_dir.as_ref().map(|path| path.display().to_string()),
            "poll_sleep_ms" => millis(self.poll_sleep),
            "reconcile_interval_ms" => millis(self.reconcile_interval),
            "on_leave" => self.on_leave.name(),
            "max_connections_per_port" => self.max_connections_per_port,
            "idle_timeout_ms" => self.idle_timeout.map_or(0, millis),
            "send_proxy" => self.send_proxy.map(ProxyProtocol::name),
            "health_check" => self.health_check,
            "health_check_interval_ms" => millis(self.health_check_interval),
            "max_draining" => self.max_draining,
            "drain_ms" => millis(self.drain),
            "port_reuse_delay_ms" => millis(self.port_reuse_delay),
            "linger_ms" => millis(self.linger),
            "admin_listen" => self.admin_listen.map(|address| address.to_string()),
            "admin_hosts" => self.admin_hosts.join(","),
        )
        .serialize(record, serializer)
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
