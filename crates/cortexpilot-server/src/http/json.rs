//! JSON as `serde_json` writes it, byte by byte. Most answers are an object or a list of them, and most members are short texts,
//! numbers and switches: these are written here, with a third of the instructions. Whatever else there is `serde_json` writes
//! itself.

use std::fmt;

use serde::ser::{Error, Impossible, SerializeSeq, SerializeStruct};
use serde::{Serialize, Serializer};

/// The view as JSON. Most fit, and so nothing is moved while they grow.
pub(super) fn bytes(view: &impl Serialize) -> Vec<u8> {
    let mut out = Vec::with_capacity(1024);
    write(view, &mut out);
    out
}

fn write<T: Serialize + ?Sized>(value: &T, out: &mut Vec<u8>) {
    let before = out.len();
    if value.serialize(Plain { out: &mut *out }).is_err() {
        out.truncate(before);
        serde_json::to_writer(out, value).expect("invariant: views and read models serialise");
    }
}

/// Writes what is plain, and refuses the rest.
struct Plain<'o> {
    out: &'o mut Vec<u8>,
}

/// A value that is written elsewhere.
#[derive(Debug)]
struct NotPlain;

impl fmt::Display for NotPlain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not plain")
    }
}

impl std::error::Error for NotPlain {}

impl Error for NotPlain {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self
    }
}

type Written = Result<(), NotPlain>;

impl Plain<'_> {
    fn bytes(self, bytes: &[u8]) -> Written {
        self.out.extend_from_slice(bytes);
        Ok(())
    }
}

/// Methods of a serializer for values that are numbers, written as `serde_json` writes them.
macro_rules! numbers {
    ($($method:ident($number:ty)),*) => {
        $(fn $method(self, number: $number) -> Written {
            serde_json::to_writer(self.out, &number).map_err(|_| NotPlain)
        })*
    };
}

/// Methods of a serializer that refuse.
macro_rules! refused {
    ($($method:ident($($argument:ty),*) -> $written:ty;)*) => {
        $(fn $method(self, $(_: $argument),*) -> Result<$written, NotPlain> {
            Err(NotPlain)
        })*
    };
}

impl<'o> Serializer for Plain<'o> {
    type Ok = ();
    type Error = NotPlain;
    type SerializeSeq = Parts<'o>;
    type SerializeTuple = Impossible<(), NotPlain>;
    type SerializeTupleStruct = Impossible<(), NotPlain>;
    type SerializeTupleVariant = Impossible<(), NotPlain>;
    type SerializeMap = Impossible<(), NotPlain>;
    type SerializeStruct = Parts<'o>;
    type SerializeStructVariant = Impossible<(), NotPlain>;

    fn serialize_bool(self, on: bool) -> Written {
        self.bytes(if on { b"true" } else { b"false" })
    }

    numbers! {
        serialize_i8(i8), serialize_i16(i16), serialize_i32(i32), serialize_i64(i64),
        serialize_u8(u8), serialize_u16(u16), serialize_u32(u32), serialize_u64(u64)
    }

    fn serialize_str(self, text: &str) -> Written {
        // Every byte is looked at, whatever the first ones are: that can be done with many at a time.
        let as_it_is = |byte: u8| (byte >= b' ') & (byte != b'"') & (byte != b'\\');
        if !text.bytes().fold(true, |all, byte| all & as_it_is(byte)) {
            return Err(NotPlain);
        }
        self.out.push(b'"');
        self.out.extend_from_slice(text.as_bytes());
        self.bytes(b"\"")
    }

    fn serialize_none(self) -> Written {
        self.bytes(b"null")
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Written {
        value.serialize(self)
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Parts<'o>, NotPlain> {
        Ok(Parts { out: self.out, before: b'[', end: b']' })
    }

    fn serialize_struct(self, name: &'static str, _: usize) -> Result<Parts<'o>, NotPlain> {
        // So `serde_json` calls what only it can write: JSON that is there already.
        if name.starts_with('$') {
            return Err(NotPlain);
        }
        Ok(Parts { out: self.out, before: b'{', end: b'}' })
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Written {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Written {
        Err(NotPlain)
    }

    refused! {
        serialize_f32(f32) -> ();
        serialize_f64(f64) -> ();
        serialize_char(char) -> ();
        serialize_bytes(&[u8]) -> ();
        serialize_unit() -> ();
        serialize_unit_struct(&'static str) -> ();
        serialize_unit_variant(&'static str, u32, &'static str) -> ();
        serialize_tuple(usize) -> Self::SerializeTuple;
        serialize_tuple_struct(&'static str, usize) -> Self::SerializeTupleStruct;
        serialize_tuple_variant(&'static str, u32, &'static str, usize) -> Self::SerializeTupleVariant;
        serialize_map(Option<usize>) -> Self::SerializeMap;
        serialize_struct_variant(&'static str, u32, &'static str, usize) -> Self::SerializeStructVariant;
    }
}

/// Members of an object, or elements of a list.
struct Parts<'o> {
    out: &'o mut Vec<u8>,
    /// What stands before the next one.
    before: u8,
    /// What stands behind the last one.
    end: u8,
}

impl Parts<'_> {
    fn next(&mut self) {
        self.out.push(self.before);
        self.before = b',';
    }

    fn end(self) -> Written {
        if self.before != b',' {
            self.out.push(self.before);
        }
        self.out.push(self.end);
        Ok(())
    }
}

impl SerializeStruct for Parts<'_> {
    type Ok = ();
    type Error = NotPlain;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Written {
        self.next();
        // Names are ours: words of the code, in which nothing is to be escaped.
        self.out.push(b'"');
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(b"\":");
        write(value, self.out);
        Ok(())
    }

    fn end(self) -> Written {
        self.end()
    }
}

impl SerializeSeq for Parts<'_> {
    type Ok = ();
    type Error = NotPlain;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Written {
        self.next();
        write(value, self.out);
        Ok(())
    }

    fn end(self) -> Written {
        self.end()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use serde_json::value::RawValue;
    use serde_json::{Value, json};

    use super::*;

    #[derive(Serialize)]
    struct Nothing {}

    #[derive(Serialize)]
    struct Wrapped(String);

    #[derive(Serialize)]
    enum Kind {
        Unit,
        Newtype(i32),
        Tuple(u8, u8),
        Struct { text: String },
    }

    #[derive(Serialize)]
    struct Inner<'a> {
        text: &'a str,
        wrapped: Wrapped,
        #[serde(rename = "type")]
        number: i64,
    }

    #[derive(Serialize)]
    struct View<'a> {
        text: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        absent: Option<String>,
        null: Option<u8>,
        some: Option<String>,
        on: bool,
        numbers: (i8, u64, f64, char),
        texts: Vec<String>,
        nothing: Nothing,
        unit: (),
        inner: Inner<'a>,
        kinds: [Kind; 4],
        kind: Kind,
        pairs: BTreeMap<u8, String>,
        value: Value,
        raw: Box<RawValue>,
        #[serde(flatten)]
        more: Option<Inner<'a>>,
    }

    #[derive(Serialize)]
    struct Plainer<'a> {
        text: String,
        raw: Box<RawValue>,
        kind: Kind,
        number: Option<i64>,
        share: f64,
        letter: char,
        inner: Inner<'a>,
        nothing: Nothing,
        list: Vec<Inner<'a>>,
        lists: Vec<Vec<Option<String>>>,
    }

    fn kind(text: &str) -> Kind {
        Kind::Struct { text: text.to_owned() }
    }

    fn inner(text: &str, number: i64) -> Inner<'_> {
        Inner { text, wrapped: Wrapped(text.to_owned()), number }
    }

    fn raw(text: &str) -> Box<RawValue> {
        serde_json::value::to_raw_value(&[text]).unwrap()
    }

    fn same<T: Serialize>(view: &T) {
        let ours = String::from_utf8(bytes(view)).unwrap();
        assert_eq!(ours, serde_json::to_string(view).unwrap());
    }

    proptest! {
        #[test]
        fn every_view_is_written_as_serde_json_writes_it(text in ".*", plain in "[a-z /:.-]{0,40}", number: i64, share: f64) {
            for text in [text, plain] {
                same(&Plainer {
                    text: text.clone(),
                    raw: raw(&text),
                    kind: kind(&text),
                    number: Some(number),
                    share,
                    letter: text.chars().next().unwrap_or(' '),
                    inner: inner(&text, number),
                    nothing: Nothing {},
                    list: vec![inner(&text, 0), inner("", number)],
                    lists: vec![Vec::new(), vec![Some(text.clone()), None]],
                });
                same(&View {
                    text: text.clone(),
                    absent: None,
                    null: None,
                    some: Some(text.clone()),
                    on: number > 0,
                    numbers: (i8::MIN, u64::MAX, share, text.chars().last().unwrap_or(' ')),
                    texts: vec![text.clone()],
                    nothing: Nothing {},
                    unit: (),
                    inner: inner(&text, number),
                    kinds: [Kind::Unit, Kind::Newtype(-1), Kind::Tuple(0, 255), kind(&text)],
                    kind: Kind::Unit,
                    pairs: BTreeMap::from([(7, text.clone())]),
                    value: json!({ text.as_str(): [text.as_str(), null, number] }),
                    raw: raw(&text),
                    more: Some(inner(&text, number)),
                });
                same(&text);
                same(&vec![inner(&text, number)]);
            }
        }
    }

    #[test]
    fn every_single_byte_is_written_as_serde_json_writes_it() {
        for code in 0..=0x2100 {
            let letter = char::from_u32(code).unwrap();
            same(&inner(&format!("{letter}"), 0));
            same(&inner(&format!("some text before it, {letter} and behind it"), 0));
        }
    }
}
