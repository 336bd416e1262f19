//! The fields of a record: those of the call, of its logger, and of the logger's ancestors.

use std::fmt;

use slog::{BorrowedKV, KV, Key, OwnedKV, OwnedKVList, Record, RecordStatic, Serializer};

/// A value of one of the types that the two formats distinguish.
#[derive(Clone, Debug, PartialEq)]
enum Scalar {
    None,
    Bool(bool),
    Unsigned(u64),
    Signed(i64),
    Float(f64),
    Text(String),
}

/// Each key once, in the order of writing, those of the outermost logger first. If a key occurs twice, the innermost
/// value counts: the record's, then its logger's, then the ancestors'.
#[derive(Debug, Default)]
pub(super) struct Fields(Vec<(Key, Scalar)>);

impl Fields {
    /// Collects the fields of `record`.
    pub(super) fn of(record: &Record<'_>, logger: &OwnedKVList) -> slog::Result<Self> {
        // slog emits the innermost group first, and each group in reverse.
        let mut fields = Self::default();
        record.kv().serialize(record, &mut fields)?;
        logger.serialize(record, &mut fields)?;
        fields.0.reverse();
        Ok(fields)
    }

    /// The value of a text field.
    pub(super) fn text(&self, key: Key) -> Option<&str> {
        self.0.iter().find_map(|(known, value)| match value {
            Scalar::Text(text) if *known == key => Some(text.as_str()),
            _ => None,
        })
    }

    /// Adds the fields of `others` whose keys are new.
    pub(super) fn append(&mut self, others: Self) {
        for (key, value) in others.0 {
            self.add(key, value);
        }
    }

    /// Removes one field.
    pub(super) fn without(mut self, key: Key) -> Self {
        self.0.retain(|(known, _)| *known != key);
        self
    }

    /// Escapes control characters, which would move the cursor of a terminal or begin a line.
    pub(super) fn without_controls(mut self) -> Self {
        for (_, value) in &mut self.0 {
            if let Scalar::Text(text) = value
                && text.contains(char::is_control)
            {
                *text = text.escape_debug().to_string();
            }
        }
        self
    }

    /// Passes `record` to `write`, with these fields instead of its own.
    pub(super) fn instead<T>(
        self,
        record: &Record<'_>,
        write: impl FnOnce(&Record<'_>, &OwnedKVList) -> T,
    ) -> T {
        let origin = RecordStatic { location: record.location(), level: record.level(), tag: record.tag() };
        write(&Record::new(&origin, record.msg(), BorrowedKV(&())), &OwnedKV(self).into())
    }

    fn add(&mut self, key: Key, value: Scalar) {
        if !self.0.iter().any(|(known, _)| *known == key) {
            self.0.push((key, value));
        }
    }
}

impl KV for Fields {
    fn serialize(&self, _: &Record<'_>, serializer: &mut dyn Serializer) -> slog::Result {
        self.0.iter().try_for_each(|(key, value)| match value {
            Scalar::None => serializer.emit_none(key),
            Scalar::Bool(value) => serializer.emit_bool(key, *value),
            Scalar::Unsigned(value) => serializer.emit_u64(key, *value),
            Scalar::Signed(value) => serializer.emit_i64(key, *value),
            Scalar::Float(value) => serializer.emit_f64(key, *value),
            Scalar::Text(value) => serializer.emit_str(key, value),
        })
    }
}

/// slog emits all other types as text.
impl Serializer for Fields {
    fn emit_arguments(&mut self, key: Key, value: &fmt::Arguments<'_>) -> slog::Result {
        self.add(key, Scalar::Text(value.to_string()));
        Ok(())
    }

    fn emit_str(&mut self, key: Key, value: &str) -> slog::Result {
        self.add(key, Scalar::Text(value.to_owned()));
        Ok(())
    }

    fn emit_none(&mut self, key: Key) -> slog::Result {
        self.add(key, Scalar::None);
        Ok(())
    }

    fn emit_unit(&mut self, key: Key) -> slog::Result {
        self.add(key, Scalar::None);
        Ok(())
    }

    fn emit_bool(&mut self, key: Key, value: bool) -> slog::Result {
        self.add(key, Scalar::Bool(value));
        Ok(())
    }

    fn emit_u8(&mut self, key: Key, value: u8) -> slog::Result {
        self.add(key, Scalar::Unsigned(value.into()));
        Ok(())
    }

    fn emit_u16(&mut self, key: Key, value: u16) -> slog::Result {
        self.add(key, Scalar::Unsigned(value.into()));
        Ok(())
    }

    fn emit_u32(&mut self, key: Key, value: u32) -> slog::Result {
        self.add(key, Scalar::Unsigned(value.into()));
        Ok(())
    }

    fn emit_u64(&mut self, key: Key, value: u64) -> slog::Result {
        self.add(key, Scalar::Unsigned(value));
        Ok(())
    }

    fn emit_usize(&mut self, key: Key, value: usize) -> slog::Result {
        self.add(key, Scalar::Unsigned(value as u64));
        Ok(())
    }

    fn emit_i8(&mut self, key: Key, value: i8) -> slog::Result {
        self.add(key, Scalar::Signed(value.into()));
        Ok(())
    }

    fn emit_i16(&mut self, key: Key, value: i16) -> slog::Result {
        self.add(key, Scalar::Signed(value.into()));
        Ok(())
    }

    fn emit_i32(&mut self, key: Key, value: i32) -> slog::Result {
        self.add(key, Scalar::Signed(value.into()));
        Ok(())
    }

    fn emit_i64(&mut self, key: Key, value: i64) -> slog::Result {
        self.add(key, Scalar::Signed(value));
        Ok(())
    }

    fn emit_isize(&mut self, key: Key, value: isize) -> slog::Result {
        self.add(key, Scalar::Signed(value as i64));
        Ok(())
    }

    fn emit_f32(&mut self, key: Key, value: f32) -> slog::Result {
        self.add(key, Scalar::Float(value.into()));
        Ok(())
    }

    fn emit_f64(&mut self, key: Key, value: f64) -> slog::Result {
        self.add(key, Scalar::Float(value));
        Ok(())
    }
}
