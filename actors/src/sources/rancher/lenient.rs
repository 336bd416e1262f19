//! Reading JSON that may be of another type than documented, and keeping only what is asked for.

use std::{borrow::Cow, fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer,
    de::{
        Error, IgnoredAny, MapAccess, SeqAccess, Visitor,
        value::{MapAccessDeserializer, SeqAccessDeserializer},
    },
};

use crate::excerpt::{beginning, excerpt};

/// There are fewer ports than half of this. A list of `{}` would take a hundred times the memory that its text does.
const MAX_LIST_LENGTH: usize = 1 << 17;

/// A text or a count, if it is one; of a text as much as is kept. Whatever has no escapes is borrowed.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) enum Scalar<'a> {
    /// A string.
    Text(Cow<'a, str>),
    /// A whole number from 0 up.
    Count(u64),
    /// Missing, null or anything else, which the parser has skipped.
    #[default]
    Other,
}

impl Scalar<'_> {
    pub(super) fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Count(_) | Self::Other => None,
        }
    }

    pub(super) fn as_count(&self) -> Option<u64> {
        match self {
            Self::Count(count) => Some(*count),
            Self::Text(_) | Self::Other => None,
        }
    }
}

/// A list of at most [`MAX_LIST_LENGTH`] entries; a longer one is not read to its end.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct List<T>(pub(super) Vec<T>);

/// A list or an object, if it is one.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) enum Lenient<T> {
    /// Missing or null.
    #[default]
    Null,
    /// What it should be.
    Wanted(T),
    /// Anything else, which the parser has skipped.
    Other,
}

/// What a type is in JSON.
pub(super) trait Shape {
    /// A list; else an object.
    const IS_LIST: bool;
}

impl<T> Shape for List<T> {
    const IS_LIST: bool = true;
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for List<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(ListVisitor(PhantomData))
    }
}

struct ListVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for ListVisitor<T> {
    type Value = List<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<List<T>, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = list.next_element()? {
            if entries.len() == MAX_LIST_LENGTH {
                return Err(A::Error::custom(format_args!("a list of more than {MAX_LIST_LENGTH} entries")));
            }
            entries.push(entry);
        }
        Ok(List(entries))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Scalar<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ScalarVisitor)
    }
}

struct ScalarVisitor;

impl<'de> Visitor<'de> for ScalarVisitor {
    type Value = Scalar<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Scalar<'de>, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Scalar::Other)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Scalar<'de>, A::Error> {
        while object.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Scalar::Other)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Scalar<'de>, E> {
        Ok(Scalar::Text(excerpt(text).into()))
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Scalar<'de>, E> {
        Ok(Scalar::Text(beginning(text).into()))
    }

    fn visit_u64<E: Error>(self, count: u64) -> Result<Scalar<'de>, E> {
        Ok(Scalar::Count(count))
    }

    fn visit_unit<E: Error>(self) -> Result<Scalar<'de>, E> {
        Ok(Scalar::Other)
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Scalar<'de>, E> {
        Ok(Scalar::Other)
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<Scalar<'de>, E> {
        Ok(Scalar::Other)
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Scalar<'de>, E> {
        Ok(Scalar::Other)
    }
}

impl<'de, T: Shape + Deserialize<'de>> Deserialize<'de> for Lenient<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(LenientVisitor(PhantomData))
    }
}

struct LenientVisitor<T>(PhantomData<T>);

impl<'de, T: Shape + Deserialize<'de>> Visitor<'de> for LenientVisitor<T> {
    type Value = Lenient<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        if T::IS_LIST {
            return T::deserialize(SeqAccessDeserializer::new(list)).map(Lenient::Wanted);
        }
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Lenient::Other)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Self::Value, A::Error> {
        if !T::IS_LIST {
            return T::deserialize(MapAccessDeserializer::new(object)).map(Lenient::Wanted);
        }
        while object.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Lenient::Other)
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(Lenient::Null)
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Self::Value, E> {
        Ok(Lenient::Other)
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<Self::Value, E> {
        Ok(Lenient::Other)
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<Self::Value, E> {
        Ok(Lenient::Other)
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Self::Value, E> {
        Ok(Lenient::Other)
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<Self::Value, E> {
        Ok(Lenient::Other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Eq, Deserialize)]
    struct Point {
        #[serde(default)]
        x: u8,
    }

    impl Shape for Point {
        const IS_LIST: bool = false;
    }

    #[test]
    fn wanted_values_are_read_and_others_are_skipped() {
        let read = |json: &str| serde_json::from_str::<Vec<Lenient<Point>>>(json).unwrap();
        let others = r#"[{"y": [{}], "x": 7}, {}, null, [{"x": 1}, [2]], true, -1, 1, 0.5, "x"]"#;
        let mut expected =
            vec![Lenient::Wanted(Point { x: 7 }), Lenient::Wanted(Point { x: 0 }), Lenient::Null];
        expected.extend([Lenient::Other, Lenient::Other, Lenient::Other, Lenient::Other, Lenient::Other]);
        expected.push(Lenient::Other);
        assert_eq!(read(others), expected);
        let list = |json: &str| serde_json::from_str::<Lenient<List<u8>>>(json).unwrap();
        assert_eq!(list("[1, 2]"), Lenient::Wanted(List(vec![1, 2])));
        assert_eq!(list(r#"{"a": {"b": 1}}"#), Lenient::Other);
        assert_eq!(list("null"), Lenient::Null);
    }

    #[test]
    fn texts_and_counts_are_kept_and_others_are_skipped() {
        fn read(json: &str) -> Vec<Scalar<'_>> {
            serde_json::from_str(json).unwrap()
        }
        let kept = [Scalar::Text("é\n".into()), Scalar::Count(7), Scalar::Text("".into())];
        assert_eq!(read(r#"["é\n", 7, ""]"#), kept);
        for other in read(r#"[null, true, -1, 1.0, 1e300, [{"x": 1}, [2]], {"y": [{}]}]"#) {
            assert_eq!(other, Scalar::Other);
        }
    }

    #[test]
    fn a_list_beyond_the_limit_is_not_read_to_its_end() {
        let list = |entries: usize, end: &str| {
            serde_json::from_str::<List<u8>>(&format!("[{}{end}", vec!["1"; entries].join(",")))
        };
        assert_eq!(list(MAX_LIST_LENGTH, "]").unwrap().0.len(), MAX_LIST_LENGTH);
        // What follows is not even JSON.
        let error = list(MAX_LIST_LENGTH + 1, "?").unwrap_err();
        assert!(
            error.is_data() && error.to_string().starts_with("a list of more than 131072 entries"),
            "{error}"
        );
    }
}
