//! The tree of documents that one client sees in one version of the API.

use std::net::IpAddr;

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::{Container, Service, Stack, World, api_version::ApiVersion};

/// Builds the tree; `order` decides how the lists that the real server keeps in Go maps are shuffled.
pub(super) fn answers(world: &World, api: ApiVersion, version: &str, order: u64, client: IpAddr) -> Value {
    let mut builder = Builder { world, api, order: fastrand::Rng::with_seed(order ^ api as u64) };
    let mut tree = Map::new();
    tree.insert("version".to_owned(), Value::from(version));
    tree.insert("stacks".to_owned(), builder.stacks());
    tree.insert("services".to_owned(), builder.services());
    tree.insert("containers".to_owned(), builder.containers());
    tree.insert("hosts".to_owned(), Value::from_iter(world.hosts.iter().map(|host| builder.host(host))));
    tree.insert("networks".to_owned(), json!(world.networks));
    tree.insert("self".to_owned(), builder.this_client(client));
    Value::Object(tree)
}

struct Builder<'world> {
    world: &'world World,
    api: ApiVersion,
    order: fastrand::Rng,
}

impl Builder<'_> {
    fn stacks(&mut self) -> Value {
        let mut stacks: Vec<_> = self.world.stacks.iter().map(|stack| self.stack(stack)).collect();
        self.order.shuffle(&mut stacks);
        Value::from(stacks)
    }

    fn services(&mut self) -> Value {
        let services = self.world.stacks.iter().flat_map(|stack| &stack.services);
        let mut services: Vec<_> = services.map(|service| self.service_for_all(service)).collect();
        self.order.shuffle(&mut services);
        Value::from(services)
    }

    fn containers(&mut self) -> Value {
        let services = self.world.stacks.iter().flat_map(|stack| &stack.services);
        let mut containers: Vec<_> =
            services.flat_map(|service| &service.containers).map(|c| self.container(c)).collect();
        self.order.shuffle(&mut containers);
        Value::from(containers)
    }

    /// What the client sees as `self`: a client that the server does not know sees its host only.
    fn this_client(&mut self, client: IpAddr) -> Value {
        let host = self.host(&self.world.hosts[0]);
        let world = self.world;
        let Some((stack, service, container)) = world.asker(client) else {
            return json!({ "host": host });
        };
        json!({
            "container": self.container(container),
            "service": self.service(service),
            "stack": self.stack(stack),
            "host": host,
        })
    }

    fn stack(&mut self, stack: &Stack) -> Value {
        let mut services: Vec<_> = if self.api.nests() {
            stack.services.iter().map(|service| self.service_for_all(service)).collect()
        } else {
            stack.services.iter().map(|service| Value::from(service.name.clone())).collect()
        };
        self.order.shuffle(&mut services);
        let mut document = fields(stack);
        document.insert("services".to_owned(), Value::from(services));
        self.api.shape_stack(&mut document);
        Value::Object(document)
    }

    /// A service as all clients see it: the token of a service whose containers may ask for it is
    /// blanked out, any other stays (`addClientToAnswers` in `config/generator.go`).
    fn service_for_all(&self, service: &Service) -> Value {
        let mut document = self.service(service);
        if service.containers.iter().any(|container| container.primary_ip.is_some()) {
            document["token"] = Value::Null;
        }
        document
    }

    fn service(&self, service: &Service) -> Value {
        let containers = service.containers.iter();
        let containers: Vec<_> = if self.api.nests() {
            containers.map(|container| self.container(container)).collect()
        } else {
            containers.map(|container| Value::from(container.name.clone())).collect()
        };
        let mut document = fields(service);
        document.insert("containers".to_owned(), Value::from(containers));
        self.api.shape_service(&mut document);
        Value::Object(document)
    }

    fn container(&self, container: &Container) -> Value {
        let mut document = fields(container);
        self.api.shape_container(&mut document, &self.world.hosts[0].agent_ip);
        Value::Object(document)
    }

    fn host(&self, host: &super::Host) -> Value {
        let mut document = fields(host);
        self.api.shape_host(&mut document);
        Value::Object(document)
    }
}

fn fields(document: &impl Serialize) -> Map<String, Value> {
    match serde_json::to_value(document) {
        Ok(Value::Object(fields)) => fields,
        other => panic!("the world's types serialise to objects, not to {other:?}"),
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, fs, net::Ipv4Addr};

    use super::*;
    use crate::{addresses::AddressPool, metadata::path};

    fn world(scale: usize) -> World {
        World::new(AddressPool::new([127, 0, 1, 1].into(), 240), scale)
    }

    fn at(world: &World, api: &str, path: &str) -> Value {
        let api = ApiVersion::parse(api).expect("a version");
        let tree = answers(world, api, "v", 7, Ipv4Addr::LOCALHOST.into());
        let segments: Vec<_> = path.split('/').map(str::to_owned).collect();
        path::lookup(&tree, &segments).expect("the path exists").clone()
    }

    fn sample(file: &str) -> Value {
        let path = format!("{}/testdata/rancher-metadata/{file}", env!("CARGO_MANIFEST_DIR"));
        let text = fs::read_to_string(&path).expect("a sample of the real server");
        serde_json::from_str(&text).expect("JSON")
    }

    /// A document with each leaf replaced by its kind and the services in order, so that two
    /// documents are equal when they have the same fields of the same kinds.
    fn shape(value: &Value) -> Value {
        match value {
            Value::Object(fields) => {
                let is_labels = fields.keys().any(|key| key.contains('.'));
                let shapes: BTreeMap<_, _> = fields.iter().map(|(key, value)| (key, shape(value))).collect();
                if is_labels { json!("labels") } else { json!(shapes) }
            }
            Value::Array(items) => {
                let mut shapes: Vec<_> = items.iter().map(shape).collect();
                shapes.sort_by_key(Value::to_string);
                Value::from(shapes)
            }
            Value::Null => json!("null"),
            Value::Bool(_) => json!("bool"),
            Value::Number(_) => json!("number"),
            Value::String(_) => json!("string"),
        }
    }

    #[test]
    fn the_documents_have_the_real_ones_fields() {
        let world = world(3);
        for (api, path) in [
            ("2015-07-25", "self/stack"),
            ("2015-12-19", "self"),
            ("2015-12-19", "self/service"),
            ("2015-12-19", "self/stack"),
            ("2015-12-19", "self/stack/services/web"),
            ("2015-12-19", "services"),
            ("2015-12-19", "version"),
            ("2016-07-29", "self"),
            ("2016-07-29", "self/stack/services/web"),
            ("2016-07-29", "services"),
            ("2016-07-29", "version"),
        ] {
            let real = sample(&format!("{api}--{}.json", path.replace('/', "_")));
            assert_eq!(shape(&at(&world, api, path)), shape(&real), "{api} {path}");
        }
    }

    #[test]
    fn the_odd_states_look_like_the_real_ones() {
        let path = "self/stack/services/web";
        let mut health = world(3);
        for (index, state) in [(1, "healthy"), (2, "initializing"), (3, "unhealthy")] {
            health.web().edit(index, |container| container.health_state = Some(state.to_owned()));
        }
        let mut no_address = world(4);
        no_address.web().edit(4, |container| {
            container.primary_ip = None;
            container.ips.clear();
            container.state = "starting".to_owned();
        });
        let mut upgrade = world(3);
        upgrade.web().set_state(2, "stopped");
        upgrade.web().begin_upgrade(2);
        for (name, world) in [
            ("health-states", health),
            ("null-primary-ip", no_address),
            ("upgrade-dup-index", upgrade),
            ("scale-0", world(0)),
        ] {
            for api in ["2015-12-19", "2016-07-29"] {
                let real = sample(&format!("{api}--web--{name}.json"));
                assert_eq!(shape(&at(&world, api, path)), shape(&real), "{api} {name}");
            }
        }
    }

    #[test]
    fn names_are_lower_cased_in_2016_07_29_only() {
        let mut world = world(0);
        world.add_service("App", "Web").scale_to(1);
        assert_eq!(at(&world, "2015-12-19", "stacks/App/services/Web")["name"], "Web");
        assert_eq!(at(&world, "2016-07-29", "stacks/app/services/web")["stack_name"], "app");
    }

    #[test]
    fn another_order_moves_the_services_and_nothing_within_them() {
        let world = world(5);
        let seen = |order| {
            let tree = answers(&world, ApiVersion::V2015_12_19, "v", order, Ipv4Addr::LOCALHOST.into());
            (tree["services"].clone(), tree["self"]["stack"]["services"].as_array().cloned())
        };
        let orders: std::collections::BTreeSet<_> = (0..20).map(|order| seen(order).0.to_string()).collect();
        assert!(orders.len() > 1);
        let web = |order| {
            let (_, services) = seen(order);
            services.into_iter().flatten().find(|service| service["name"] == "web")
        };
        assert!((0..20).all(|order| web(order) == web(0)));
    }
}
