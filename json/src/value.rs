//! Values: what a text means, and what is to be written. Objects are values, and have values.

use crate::escape::push_string;
use crate::number::Number;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use core::fmt::{self, Display};

/// A value (RFC 8259 section 3). Displaying it writes it without white space.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number, as it is written.
    Number(Number),
    /// A string, without its escapes.
    String(String),
    /// Values in a row.
    Array(Vec<Value>),
    /// Values with names.
    Object(Object),
}

impl Value {
    /// An object of these members. Of two of one name the last counts.
    pub fn object<N: Into<String>>(members: impl IntoIterator<Item = (N, Value)>) -> Value {
        Value::Object(members.into_iter().collect())
    }

    /// The member of this name, if it is an object that has one.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.as_object().and_then(|object| object.get(name))
    }

    /// The element at a place from 0, if it is an array that has one.
    pub fn at(&self, place: usize) -> Option<&Value> {
        self.as_array().and_then(|array| array.get(place))
    }

    /// Whether it is `null`.
    pub fn is_null(&self) -> bool {
        matches!(self, Value::Null)
    }

    /// Its truth, if it is `true` or `false`.
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Value::Bool(truth) => Some(*truth),
            _ => None,
        }
    }

    /// The number, if it is one.
    pub fn as_number(&self) -> Option<&Number> {
        match self {
            Value::Number(number) => Some(number),
            _ => None,
        }
    }

    /// As [`Number::as_u64`].
    pub fn as_u64(&self) -> Option<u64> {
        self.as_number().and_then(Number::as_u64)
    }

    /// As [`Number::as_i64`].
    pub fn as_i64(&self) -> Option<i64> {
        self.as_number().and_then(Number::as_i64)
    }

    /// As [`Number::as_f64`].
    pub fn as_f64(&self) -> Option<f64> {
        self.as_number().and_then(Number::as_f64)
    }

    /// The text, if it is a string.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Value::String(text) => Some(text),
            _ => None,
        }
    }

    /// Its elements, if it is an array.
    pub fn as_array(&self) -> Option<&[Value]> {
        match self {
            Value::Array(elements) => Some(elements),
            _ => None,
        }
    }

    /// Its members, if it is an object.
    pub fn as_object(&self) -> Option<&Object> {
        match self {
            Value::Object(object) => Some(object),
            _ => None,
        }
    }

    fn write_array(elements: &[Value], f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[")?;
        for (place, element) in elements.iter().enumerate() {
            f.write_str(if place == 0 { "" } else { "," })?;
            element.fmt(f)?;
        }
        f.write_str("]")
    }

    fn write_object(object: &Object, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("{")?;
        for (place, (name, value)) in object.iter().enumerate() {
            f.write_str(if place == 0 { "" } else { "," })?;
            push_string(f, name)?;
            f.write_str(":")?;
            value.fmt(f)?;
        }
        f.write_str("}")
    }
}

impl Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Null => f.write_str("null"),
            Value::Bool(truth) => truth.fmt(f),
            Value::Number(number) => number.fmt(f),
            Value::String(text) => push_string(f, text),
            Value::Array(elements) => Value::write_array(elements, f),
            Value::Object(object) => Value::write_object(object, f),
        }
    }
}

impl From<bool> for Value {
    fn from(truth: bool) -> Value {
        Value::Bool(truth)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Value {
        Value::String(text.into())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Value {
        Value::String(text)
    }
}

impl From<Number> for Value {
    fn from(number: Number) -> Value {
        Value::Number(number)
    }
}

impl From<Object> for Value {
    fn from(object: Object) -> Value {
        Value::Object(object)
    }
}

impl<T: Into<Value>> From<Vec<T>> for Value {
    fn from(elements: Vec<T>) -> Value {
        Value::Array(elements.into_iter().map(Into::into).collect())
    }
}

/// `null` for nothing.
impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Value {
        value.map_or(Value::Null, Into::into)
    }
}

macro_rules! from_integers {
    ($($kind:ty),*) => {$(
        impl From<$kind> for Value {
            fn from(number: $kind) -> Value {
                Value::Number(number.into())
            }
        }
    )*};
}
from_integers!(u8, u16, u32, u64, usize, i8, i16, i32, i64, isize);

/// An object (RFC 8259 section 4). No two members have one name. Two objects are equal if they have equal members in the same
/// order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Object {
    members: Vec<(String, Value)>,
}

impl Object {
    /// One without members.
    pub fn new() -> Object {
        Object::default()
    }

    /// The value of a member. Looks at one name after the other.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.members.iter().find(|(own, _)| own == name).map(|(_, value)| value)
    }

    /// Adds a member, or replaces the value of the one of this name and gives what it was.
    pub fn insert(&mut self, name: impl Into<String>, value: impl Into<Value>) -> Option<Value> {
        let (name, value) = (name.into(), value.into());
        match self.members.iter_mut().find(|(own, _)| *own == name) {
            Some((_, place)) => Some(core::mem::replace(place, value)),
            None => {
                self.members.push((name, value));
                None
            }
        }
    }

    /// Its members in their order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.members.iter().map(|(name, value)| (name.as_str(), value))
    }

    /// How many members there are.
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// Of members of whom no two have one name.
    pub(crate) fn of_distinct(members: Vec<(String, Value)>) -> Object {
        debug_assert!(first_repeated(&members).is_none());
        Object { members }
    }

    /// Of members, of whom the last of each name counts.
    pub(crate) fn of_last(mut members: Vec<(String, Value)>) -> Object {
        if first_repeated(&members).is_some() {
            let order = by_name(&members);
            let mut is_kept = vec![true; members.len()];
            for pair in order.windows(2).filter(|pair| members[pair[0]].0 == members[pair[1]].0) {
                is_kept[pair[0]] = false;
            }
            let mut kept = is_kept.iter();
            members.retain(|_| kept.next() == Some(&true));
        }
        Object { members }
    }
}

/// The first member whose name stands before it already. Takes no longer than sorting, however many there are.
pub(crate) fn first_repeated(members: &[(String, Value)]) -> Option<usize> {
    let order = by_name(members);
    order.windows(2).filter(|pair| members[pair[0]].0 == members[pair[1]].0).map(|pair| pair[1]).min()
}

/// The places of all members, sorted by name; those of one name in their order.
fn by_name(members: &[(String, Value)]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..members.len()).collect();
    order.sort_by(|one, other| members[*one].0.cmp(&members[*other].0));
    order
}

/// The last member of each name counts.
impl<N: Into<String>> FromIterator<(N, Value)> for Object {
    fn from_iter<I: IntoIterator<Item = (N, Value)>>(members: I) -> Object {
        Object::of_last(members.into_iter().map(|(name, value)| (name.into(), value)).collect())
    }
}
