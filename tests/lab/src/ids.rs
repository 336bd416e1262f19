//! Identifiers that look real, drawn from a seed so that a run can be repeated.

/// A source of identifiers.
#[derive(Clone, Debug)]
pub(crate) struct Ids(fastrand::Rng);

impl Ids {
    pub(crate) fn new(seed: u64) -> Self {
        Self(fastrand::Rng::with_seed(seed))
    }

    /// A random UUID (RFC 9562, version 4).
    pub(crate) fn uuid(&mut self) -> String {
        let random = self.0.u128(..);
        let versioned = (random & !(0xf << 76)) | (0x4 << 76);
        let hex = format!("{:032x}", (versioned & !(0x3 << 62)) | (0x2 << 62));
        format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
    }

    /// A Docker container id: 64 hexadecimal digits.
    pub(crate) fn external_id(&mut self) -> String {
        format!("{:032x}{:032x}", self.0.u128(..), self.0.u128(..))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_the_same_identifiers_again() {
        assert_eq!(Ids::new(7).uuid(), Ids::new(7).uuid());
        assert_ne!(Ids::new(7).uuid(), Ids::new(8).uuid());
    }

    #[test]
    fn a_uuid_says_its_version_and_variant() {
        let uuid = Ids::new(1).uuid();
        assert_eq!(uuid.len(), 36);
        assert_eq!(&uuid[14..15], "4");
        assert!("89ab".contains(&uuid[19..20]), "{uuid}");
    }
}
