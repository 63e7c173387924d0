//! YAML read as a value.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

use base64::Engine as _;
use base64::alphabet::STANDARD as ALPHABET;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use saphyr_parser::{Event, Parser, ScalarStyle, Tag};

use super::resolve::{Word, resolve};
use super::tabs::Tabs;
use crate::document::{DEPTH, ELEMENTS, shown, too_deep, too_long, too_many};
use crate::template::{FunctionError, Value};

/// Base64 whose last digit may have bits that mean nothing.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &ALPHABET,
    GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true),
);

/// The first document of a text. Maps have texts as keys: other keys become what `print` makes of them. Of equal keys
/// the last one counts, and what an alias names counts as often as it is named.
///
/// # Errors
/// The text is not YAML of at most `bytes` bytes, or what it stands for is beyond the bounds.
pub fn from_yaml(text: &[u8], bytes: usize) -> Result<Value, FunctionError> {
    if text.len() > bytes {
        return Err(too_long(bytes));
    }
    let text = std::str::from_utf8(text).map_err(|_| "the text is not UTF-8")?;
    let mut reader = Reader {
        blocks: Vec::new(),
        anchors: HashMap::new(),
        spent: Weight::default(),
        bytes,
    };
    let mut parser = Parser::new_from_str(text);
    let mut tabs = Tabs::of(text);
    while let Some(event) = parser.next_event() {
        // The message of the parser could quote the document.
        let (event, span) = event.map_err(|error| mistake(error.marker().line()))?;
        let line = span.start.line();
        if let Some(tabs) = &mut tabs
            && tabs.refuse(&event, span)
        {
            return Err(tab(tabs.line()));
        }
        match reader.event(event) {
            Ok(None) => {}
            Ok(Some(value)) => {
                // What is behind the value belongs to it up to the end of the document.
                if let (Some(mut tabs), Some(Ok((event, span)))) = (tabs, parser.next_event())
                    && tabs.refuse(&event, span)
                {
                    return Err(tab(tabs.line()));
                }
                return Ok(value);
            }
            Err(Fault::Mistake(message)) => return Err(format!("{message} in line {line}").into()),
            Err(Fault::Bound(error)) => return Err(error),
        }
    }
    Ok(Value::Nil)
}

fn mistake(line: usize) -> FunctionError {
    FunctionError::new(format!("the text is not YAML: mistake in line {line}"))
}

fn tab(line: usize) -> FunctionError {
    FunctionError::new(format!(
        "the text is not YAML: a tab where only blanks may stand in line {line}"
    ))
}

/// Why an event does not fit.
enum Fault {
    /// A mistake, whose line is to be said.
    Mistake(&'static str),
    Bound(FunctionError),
}

impl From<FunctionError> for Fault {
    fn from(error: FunctionError) -> Self {
        Self::Bound(error)
    }
}

/// What a value is made of.
#[derive(Clone, Copy, Default)]
struct Weight {
    elements: usize,
    bytes: usize,
}

/// A list or a map that is not complete.
struct Block {
    anchor: usize,
    /// What had been spent before it.
    before: Weight,
    /// Levels below it.
    height: usize,
    content: Content,
}

enum Content {
    List(Vec<Value>),
    Map {
        entries: BTreeMap<String, Value>,
        key: Option<Key>,
    },
}

enum Key {
    Name(String),
    /// `<<`: the entries of another map.
    Merge,
}

/// What an alias can name.
struct Anchored {
    value: Value,
    weight: Weight,
    height: usize,
}

struct Reader {
    blocks: Vec<Block>,
    anchors: HashMap<usize, Anchored>,
    spent: Weight,
    bytes: usize,
}

impl Reader {
    /// Takes the next event; gives the value once it is complete.
    fn event(&mut self, event: Event<'_>) -> Result<Option<Value>, Fault> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let before = self.spent;
                let is_plain = matches!(style, ScalarStyle::Plain);
                if self.takes_key() && is_plain && text == "<<" && tag.is_none() {
                    self.expect_merge();
                    return Ok(None);
                }
                let value = scalar(&text, is_plain, tag.as_deref())?;
                self.spend(1, value.as_bytes().map_or(0, <[u8]>::len))?;
                self.put(value, 0, anchor, before)
            }
            Event::SequenceStart(anchor, _) => self.open(anchor, Content::List(Vec::new())),
            Event::MappingStart(anchor, _) => {
                let (entries, key) = (BTreeMap::new(), None);
                self.open(anchor, Content::Map { entries, key })
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(),
            Event::Alias(anchor) => self.alias(anchor),
            // An empty document.
            Event::DocumentEnd | Event::StreamEnd => Ok(Some(Value::Nil)),
            Event::Nothing | Event::StreamStart | Event::DocumentStart(_) => Ok(None),
        }
    }

    fn spend(&mut self, elements: usize, bytes: usize) -> Result<(), FunctionError> {
        self.spent.elements = self.spent.elements.saturating_add(elements);
        self.spent.bytes = self.spent.bytes.saturating_add(bytes);
        if self.spent.elements > ELEMENTS {
            return Err(too_many());
        }
        if self.spent.bytes > self.bytes {
            return Err(too_long(self.bytes));
        }
        Ok(())
    }

    fn takes_key(&self) -> bool {
        let last = self.blocks.last().map(|block| &block.content);
        matches!(last, Some(Content::Map { key: None, .. }))
    }

    fn expect_merge(&mut self) {
        if let Some(Content::Map { key, .. }) = self.blocks.last_mut().map(|block| &mut block.content) {
            *key = Some(Key::Merge);
        }
    }

    fn open(&mut self, anchor: usize, content: Content) -> Result<Option<Value>, Fault> {
        let before = self.spent;
        self.spend(1, 0)?;
        if self.blocks.len() >= DEPTH {
            return Err(too_deep().into());
        }
        self.blocks.push(Block {
            anchor,
            before,
            height: 0,
            content,
        });
        Ok(None)
    }

    fn close(&mut self) -> Result<Option<Value>, Fault> {
        let Some(block) = self.blocks.pop() else {
            return Ok(None);
        };
        let value = match block.content {
            Content::List(values) => Value::list(values),
            Content::Map { entries, .. } => Value::map(entries),
        };
        self.put(value, block.height + 1, block.anchor, block.before)
    }

    fn alias(&mut self, anchor: usize) -> Result<Option<Value>, Fault> {
        let Some(Anchored {
            value,
            weight,
            height,
        }) = self.anchors.get(&anchor)
        else {
            return Err(Fault::Mistake("an anchor contains an alias of itself"));
        };
        let (value, weight, height) = (value.clone(), *weight, *height);
        let before = self.spent;
        self.spend(weight.elements, weight.bytes)?;
        if self.blocks.len() + height > DEPTH {
            return Err(too_deep().into());
        }
        self.put(value, height, 0, before)
    }

    /// A value is complete: it becomes part of what is around it, or is the whole document.
    fn put(
        &mut self,
        value: Value,
        height: usize,
        anchor: usize,
        before: Weight,
    ) -> Result<Option<Value>, Fault> {
        if anchor > 0 {
            let weight = Weight {
                elements: self.spent.elements.saturating_sub(before.elements),
                bytes: self.spent.bytes.saturating_sub(before.bytes),
            };
            let value = value.clone();
            self.anchors.insert(
                anchor,
                Anchored {
                    value,
                    weight,
                    height,
                },
            );
        }
        let Some(block) = self.blocks.last_mut() else {
            return Ok(Some(value));
        };
        block.height = block.height.max(height);
        match &mut block.content {
            Content::List(values) => values.push(value),
            Content::Map { entries, key } => match key.take() {
                None => *key = Some(Key::Name(name(&value)?)),
                Some(Key::Merge) => merge(entries, &value)?,
                Some(Key::Name(name)) => {
                    entries.insert(name, value);
                }
            },
        }
        Ok(None)
    }
}

fn name(key: &Value) -> Result<String, Fault> {
    Ok(match key {
        Value::String(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        Value::Nil => "<nil>".to_owned(),
        Value::Bool(truth) => truth.to_string(),
        Value::Int(number) => number.to_string(),
        Value::Uint(number) => number.to_string(),
        Value::Float(number) => shown(*number),
        _ => return Err(Fault::Mistake("a list or a map cannot be a key")),
    })
}

/// The entries of a map, or of several, of which the first one counts.
fn merge(entries: &mut BTreeMap<String, Value>, value: &Value) -> Result<(), Fault> {
    let maps = match value {
        Value::List(maps) => maps,
        one => std::slice::from_ref(one),
    };
    for map in maps.iter().rev() {
        let Value::Map(merged) = map else {
            return Err(Fault::Mistake("<< takes a map or a list of maps"));
        };
        let merged = merged.iter().map(|(name, value)| (name.clone(), value.clone()));
        entries.extend(merged);
    }
    Ok(())
}

fn scalar(text: &str, is_plain: bool, tag: Option<&Tag>) -> Result<Value, Fault> {
    let tag = match tag {
        None if !is_plain => return Ok(Value::from(text)),
        None => None,
        Some(tag) if tag.is_yaml_core_schema() => Some(tag.suffix.as_str()),
        Some(_) => return Ok(Value::from(text)),
    };
    let word = match (tag, resolve(text)) {
        (Some("str" | "timestamp"), _) => return Ok(Value::from(text)),
        (Some("binary"), _) => return binary(text),
        (None, word)
        | (Some("null"), word @ Word::Null)
        | (Some("bool"), word @ Word::Bool(_))
        | (Some("int"), word @ (Word::Int(_) | Word::Uint(_)))
        | (Some("float"), word @ Word::Float(_)) => word,
        #[expect(clippy::cast_precision_loss, reason = "what the tag asks for")]
        (Some("float"), Word::Int(number)) => Word::Float(number as f64),
        (Some("null" | "bool" | "int" | "float"), _) => {
            return Err(Fault::Mistake("a value is not what its tag says"));
        }
        (Some(_), _) => return Ok(Value::from(text)),
    };
    Ok(match word {
        Word::Null => Value::Nil,
        Word::Bool(truth) => Value::Bool(truth),
        Word::Int(number) => Value::Int(number),
        Word::Uint(number) => Value::Uint(number),
        Word::Float(number) => Value::Float(number),
        Word::Time | Word::Text => Value::from(text),
    })
}

fn binary(text: &str) -> Result<Value, Fault> {
    let digits: Cow<'_, str> = text.replace(['\r', '\n'], "").into();
    let bytes = BASE64.decode(digits.as_bytes());
    Ok(Value::string(
        bytes.map_err(|_| Fault::Mistake("a !!binary value is not base64"))?,
    ))
}
