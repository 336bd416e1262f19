//! Spans of time in recordings: whole nanoseconds, so that a replay decides at exactly the recorded moments. Their range,
//! 584 years, leaves room for sums of them.

use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Serializes a span; a longer one than 584 years is cut.
pub(crate) fn serialize<S: Serializer>(span: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX).serialize(serializer)
}

/// Deserializes a span.
pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    u64::deserialize(deserializer).map(Duration::from_nanos)
}

/// The same for a span that there may be none of.
pub(crate) mod option {
    use super::{Deserialize, Deserializer, Duration, Serialize, Serializer};

    #[derive(Serialize, Deserialize)]
    struct InNs(#[serde(with = "super")] Duration);

    pub(crate) fn serialize<S: Serializer>(
        span: &Option<Duration>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        span.map(InNs).serialize(serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Duration>, D::Error> {
        Ok(Option::<InNs>::deserialize(deserializer)?.map(|InNs(span)| span))
    }
}
