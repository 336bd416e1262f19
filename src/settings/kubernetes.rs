//! Which Kubernetes cluster is asked, and which of a pod's addresses counts.

use std::path::PathBuf;

use stalls_actors::sources::kubernetes::{IpFamily, KubernetesSettings};

use super::{
    Host, Purpose,
    parser::{Reported, SettingsParser},
    raw_setting::RawSetting,
    table::{IP_FAMILY, KUBECONFIG},
};
use crate::config_error::ConfigError;

/// The cluster that the settings name. Without one, that of the pod which stalls is in.
pub(super) fn settings(
    parser: &mut SettingsParser<'_>,
    purpose: Purpose,
    host: &impl Host,
) -> Result<KubernetesSettings, Reported> {
    let kubeconfig = parser.optional(&KUBECONFIG, file);
    let family = parser.optional(&IP_FAMILY, |raw| raw.choice(family));
    let kubeconfig = kubeconfig?;
    if purpose == Purpose::Run && kubeconfig.is_none() && !host.is_in_pod() {
        let remedy =
            "give the absolute path of a kubeconfig, or run stalls in a pod, which has a ServiceAccount";
        return parser.check(Err(ConfigError::missing(KUBECONFIG.name, remedy)));
    }
    Ok(KubernetesSettings { kubeconfig, family: family? })
}

fn family(name: &str) -> Option<IpFamily> {
    IpFamily::ALL.into_iter().find(|family| family.name() == name)
}

/// Programs that take the variable, too, take several files.
fn file(raw: &RawSetting<'_>) -> Result<PathBuf, ConfigError> {
    if raw.text.contains(':') {
        return Err(raw.wrong("must be one file; `kubectl config view --flatten` makes one of several"));
    }
    raw.absolute_path()
}

#[cfg(test)]
mod tests {
    use super::{super::tests::FakeHost, *};
    use crate::cli::Cli;

    fn parsed(arguments: &[&str], host: &FakeHost) -> Result<KubernetesSettings, String> {
        let cli = Cli::from_arguments(arguments.iter().copied()).unwrap();
        let mut parser = SettingsParser::new(&cli);
        let settings = settings(&mut parser, Purpose::Run, host);
        parser.finish(settings).map_err(|errors| errors.to_string())
    }

    #[test]
    fn a_pod_needs_no_kubeconfig() {
        let in_pod = FakeHost { is_in_pod: true, ..FakeHost::default() };
        assert_eq!(parsed(&[], &in_pod), Ok(KubernetesSettings { kubeconfig: None, family: None }));
        let outside = parsed(&[], &FakeHost::default()).unwrap_err();
        assert!(outside.starts_with("KUBECONFIG is not set: give"), "{outside}");
        let given = parsed(&["--kubeconfig=/etc/kube.yml"], &FakeHost::default()).unwrap();
        assert_eq!(given.kubeconfig, Some("/etc/kube.yml".into()));
    }

    #[test]
    fn a_kubeconfig_is_one_file() {
        for (text, remedy) in [("kube.yml", "absolute path"), ("/a.yml:/b.yml", "--flatten")] {
            let error = parsed(&["--kubeconfig", text], &FakeHost::default()).unwrap_err();
            assert!(error.starts_with("KUBECONFIG=") && error.contains(remedy), "{error}");
        }
    }

    #[test]
    fn a_family_is_one_of_two() {
        let family = |text| parsed(&["--kubeconfig=/f", "--ip-family", text], &FakeHost::default());
        assert_eq!(family("ipv6").unwrap().family, Some(IpFamily::V6));
        assert!(family("inet").unwrap_err().starts_with("IP_FAMILY="));
    }
}
