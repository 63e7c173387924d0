//! Between [`Json`] and serde: stored records and typed answers hold JSON members without losing digits.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

use super::{Json, JsonText, Limits};

/// A value that does not have the shape asked for. Says where, never what.
#[derive(Clone, Debug, thiserror::Error)]
#[error("JSON of an unexpected shape: {0}")]
pub struct BadShape(String);

impl BadShape {
    /// Keeps category and position of a serde error; the message may quote the value.
    fn new(error: &serde_json::Error) -> Self {
        Self(format!(
            "{:?} error at line {} column {}",
            error.classify(),
            error.line(),
            error.column()
        ))
    }
}

impl Json {
    /// The tree of any serializable value.
    ///
    /// # Errors
    /// [`BadShape`] when the value has no JSON form, for instance a map with non-string keys.
    pub fn from_serialize<T: Serialize>(value: &T) -> Result<Self, BadShape> {
        let text = serde_json::to_vec(value).map_err(|e| BadShape::new(&e))?;
        Self::parse(&text, &Limits::UNLIMITED).map_err(|e| BadShape(e.to_string()))
    }

    /// Decodes this tree into a typed value.
    ///
    /// # Errors
    /// [`BadShape`] when the tree does not fit the type.
    pub fn to_typed<T: DeserializeOwned>(&self) -> Result<T, BadShape> {
        serde_json::from_str(self.to_text().as_str()).map_err(|e| BadShape::new(&e))
    }
}

impl Serialize for Json {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.to_text().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = <Box<RawValue>>::deserialize(deserializer)?;
        Self::parse(raw.get().as_bytes(), &Limits::UNLIMITED).map_err(serde::de::Error::custom)
    }
}

impl Serialize for JsonText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let raw: &RawValue = serde_json::from_str(self.as_str()).map_err(serde::ser::Error::custom)?;
        raw.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for JsonText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Json::deserialize(deserializer).map(|json| json.to_text())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Record {
        name: String,
        data: Json,
    }

    #[test]
    fn members_survive_serde_digit_by_digit() {
        let text = r#"{"name":"a","data":{"big":123456789012345678901234567890,"f":1.10}}"#;
        let record: Record = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_string(&record).unwrap(), text);
        let tree = Json::from_serialize(&record).unwrap();
        assert_eq!(tree.to_typed::<Record>().unwrap(), record);
    }

    #[test]
    fn shape_errors_do_not_quote_the_value() {
        let error = Json::from("canary").to_typed::<u64>().unwrap_err();
        assert!(!error.to_string().contains("canary"), "{error}");
    }
}
