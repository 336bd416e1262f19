//! Reading what may be of another type than documented, and keeping only what is asked for.

use std::{fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer,
    de::{
        Error, IgnoredAny, MapAccess, SeqAccess, Visitor,
        value::{MapAccessDeserializer, SeqAccessDeserializer},
    },
};

/// A list or an object, if it is one.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) enum Lenient<T> {
    /// Missing or null.
    #[default]
    Null,
    /// What it should be.
    Wanted(T),
    /// Anything else; it has been passed over.
    Other,
}

/// What a type is in JSON.
pub(super) trait Shape {
    /// A list; else an object.
    const IS_LIST: bool;
}

impl<T> Shape for Vec<T> {
    const IS_LIST: bool = true;
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
    fn what_is_asked_for_is_read_and_whatever_else_is_passed_over() {
        let read = |json: &str| serde_json::from_str::<Vec<Lenient<Point>>>(json).unwrap();
        let others = r#"[{"y": [{}], "x": 7}, {}, null, [{"x": 1}, [2]], true, -1, 1, 0.5, "x"]"#;
        let mut expected =
            vec![Lenient::Wanted(Point { x: 7 }), Lenient::Wanted(Point { x: 0 }), Lenient::Null];
        expected.extend([Lenient::Other, Lenient::Other, Lenient::Other, Lenient::Other, Lenient::Other]);
        expected.push(Lenient::Other);
        assert_eq!(read(others), expected);
        let list = |json: &str| serde_json::from_str::<Lenient<Vec<u8>>>(json).unwrap();
        assert_eq!(list("[1, 2]"), Lenient::Wanted(vec![1, 2]));
        assert_eq!(list(r#"{"a": {"b": 1}}"#), Lenient::Other);
        assert_eq!(list("null"), Lenient::Null);
    }
}
