//! Server-Sent Events: from bytes to frames.

use bytes::Bytes;

/// Most bytes of one frame, and of one line.
pub(crate) const FRAME_LIMIT: usize = 1 << 20;

/// One frame: what was said between two blank lines.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) id: Option<String>,
    pub(crate) kind: String,
    pub(crate) data: Bytes,
}

/// A line or a frame is longer than [`FRAME_LIMIT`].
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TooLong;

/// Takes bytes in pieces of any size and gives the frames that are complete.
///
/// Lines end with LF, CR or both. A comment, a field this protocol does not know and a frame without data say
/// nothing.
#[derive(Default)]
pub(crate) struct Parser {
    line: Vec<u8>,
    after_return: bool,
    begun: bool,
    id: Option<String>,
    kind: String,
    data: Vec<u8>,
    has_data: bool,
    /// The last identifier of a block that is complete, also of one that said nothing else.
    last_id: Option<String>,
}

impl Parser {
    /// Takes the next piece and appends the frames it completes.
    ///
    /// # Errors
    /// [`TooLong`]; what was complete before is in `out`.
    pub(crate) fn push(&mut self, piece: &[u8], out: &mut impl Extend<Frame>) -> Result<(), TooLong> {
        for &byte in piece {
            let ends_return = std::mem::take(&mut self.after_return);
            match byte {
                b'\n' if ends_return => {}
                b'\n' | b'\r' => {
                    self.after_return = byte == b'\r';
                    out.extend(self.end_line()?);
                }
                _ if self.line.len() >= FRAME_LIMIT => return Err(TooLong),
                _ => self.line.push(byte),
            }
        }
        Ok(())
    }

    /// The last identifier seen.
    pub(crate) fn last_id(&self) -> Option<&str> {
        self.last_id.as_deref()
    }

    fn end_line(&mut self) -> Result<Option<Frame>, TooLong> {
        let mut line = std::mem::take(&mut self.line);
        if !std::mem::replace(&mut self.begun, true) && line.starts_with(b"\xef\xbb\xbf") {
            line.drain(..3);
        }
        if line.is_empty() {
            return Ok(self.end_frame());
        }
        self.field(&line)?;
        // The buffer is kept for the next line, unless it has become large.
        if line.capacity() <= 4096 {
            line.clear();
            self.line = line;
        }
        Ok(None)
    }

    fn field(&mut self, line: &[u8]) -> Result<(), TooLong> {
        let mut halves = line.splitn(2, |&byte| byte == b':');
        let name = halves.next().unwrap_or_default();
        let value = halves.next().unwrap_or_default();
        let value = value.strip_prefix(b" ").unwrap_or(value);
        match name {
            b"data" => {
                if self.data.len() + value.len() >= FRAME_LIMIT {
                    return Err(TooLong);
                }
                if std::mem::replace(&mut self.has_data, true) {
                    self.data.push(b'\n');
                }
                self.data.extend_from_slice(value);
            }
            b"event" => self.kind = String::from_utf8_lossy(value).into_owned(),
            b"id" if !value.contains(&0) => self.id = Some(String::from_utf8_lossy(value).into_owned()),
            _ => {}
        }
        Ok(())
    }

    fn end_frame(&mut self) -> Option<Frame> {
        let id = self.id.take();
        if id.is_some() {
            self.last_id.clone_from(&id);
        }
        let kind = std::mem::take(&mut self.kind);
        let data = Bytes::from(std::mem::take(&mut self.data));
        std::mem::take(&mut self.has_data).then(|| Frame {
            id,
            kind: if kind.is_empty() {
                "message".to_owned()
            } else {
                kind
            },
            data,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frames(text: &str) -> Vec<(Option<String>, String, String)> {
        let mut whole = Vec::new();
        Parser::default().push(text.as_bytes(), &mut whole).unwrap();
        // However it is cut, it says the same.
        for size in 1..7 {
            let (mut parser, mut out) = (Parser::default(), Vec::new());
            for piece in text.as_bytes().chunks(size) {
                parser.push(piece, &mut out).unwrap();
            }
            assert_eq!(out, whole, "in pieces of {size}");
        }
        let text = |data: &Bytes| String::from_utf8(data.to_vec()).unwrap();
        whole
            .iter()
            .map(|f| (f.id.clone(), f.kind.clone(), text(&f.data)))
            .collect()
    }

    fn frame(id: Option<&str>, kind: &str, data: &str) -> (Option<String>, String, String) {
        (id.map(str::to_owned), kind.to_owned(), data.to_owned())
    }

    #[test]
    fn reads_frames_with_any_line_ending() {
        let expected = [
            frame(Some("7"), "kv-v2/data-write", "{\"a\": 1}"),
            frame(None, "message", "x"),
        ];
        for end in ["\n", "\r\n", "\r"] {
            let text = [
                "id: 7",
                "event: kv-v2/data-write",
                "data: {\"a\": 1}",
                "",
                "data:x",
                "",
                "",
            ]
            .join(end);
            assert_eq!(frames(&text), expected, "{end:?}");
        }
    }

    #[test]
    fn comments_unknown_fields_and_frames_without_data_say_nothing() {
        assert_eq!(
            frames(":\n\n: x\n\nretry: 5\n\nevent: e\nid: 1\n\ndata\n\n"),
            [frame(None, "message", "")]
        );
    }

    #[test]
    fn joins_lines_of_data_and_drops_a_mark_of_the_byte_order() {
        assert_eq!(
            frames("\u{feff}data: a\ndata:  b\ndata\n\n"),
            [frame(None, "message", "a\n b\n")]
        );
    }

    #[test]
    fn an_identifier_with_a_nul_counts_as_none_and_the_last_one_counts() {
        assert_eq!(
            frames("id: a\u{0}\ndata: 1\n\nid: 1\nid: 2\ndata: 2\n\n"),
            [frame(None, "message", "1"), frame(Some("2"), "message", "2"),]
        );
    }

    #[test]
    fn a_frame_that_is_cut_off_is_none() {
        assert_eq!(frames("data: a\n"), []);
    }

    #[test]
    fn a_line_and_a_frame_have_a_limit() {
        let mut out = Vec::new();
        let long = vec![b'x'; FRAME_LIMIT + 1];
        assert_eq!(Parser::default().push(&long, &mut out), Err(TooLong));
        let mut parser = Parser::default();
        let line = format!("data: {}\n", "x".repeat(1000));
        let outcome = (0..2000).try_for_each(|_| parser.push(line.as_bytes(), &mut out));
        assert_eq!(outcome, Err(TooLong));
        assert!(out.is_empty());
    }
}
