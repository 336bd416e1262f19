//! `MAPPINGS` and `SOURCE` among the other settings.

use super::*;

#[test]
fn several_services_are_a_list_whose_conflicts_name_the_entry() {
    let list = |mappings: &'static str| {
        let cli = cli([("MAPPINGS", mappings)]);
        Settings::from_cli(&cli, Purpose::Run, &FakeHost::with_haproxy()).map_err(|errors| errors.to_string())
    };
    let settings = list("web:8080@5000+20 other-stack/api:9000@6000").unwrap();
    let services: Vec<_> = settings.services().iter().map(ToString::to_string).collect();
    assert_eq!(services, ["web", "other-stack/api"]);
    let pools: Vec<_> = settings.pools().map(|pool| (pool.ports, pool.is_assumed)).collect();
    assert_eq!(pools, [(5000..=5019, false), (6000..=6063, true)]);
    let settings = settings.effective.iter().map(|it| serde_json::to_value(it).unwrap());
    let shown: Vec<_> =
        settings.filter(|it| it["name"] == "MAPPINGS").map(|it| it["value"].clone()).collect();
    assert_eq!(shown, ["web:8080@5000+20 other-stack/api:9000@6000"]);
    assert_eq!(
        list("web:8080@5000+20 api:9000@8400+10").unwrap_err(),
        "ADMIN_LISTEN=\"127.0.0.1:8405\": is in the pool 8400-8409 of api; choose a port outside of it, or off, or \
         move api:9000@8400+10 of MAPPINGS\n"
    );
}
