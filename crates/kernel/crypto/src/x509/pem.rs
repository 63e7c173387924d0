//! PEM text (RFC 7468): blocks of Base64 between labelled lines, other text around them ignored.

use arca_base::Secret;
use x509_cert::der::pem::{LineEnding, decode_vec, encode_string};

use super::X509Error;

const BEGIN: &str = "-----BEGIN ";
const END: &str = "-----END ";
const DASHES: &str = "-----";

/// One block: its label and the bytes it stands for.
pub(crate) struct Block {
    pub(crate) label: String,
    pub(crate) der: Secret<Vec<u8>>,
}

/// Every block of `text` in order; a block that is cut off or damaged is an error, not skipped.
pub(crate) fn blocks(text: &str) -> impl Iterator<Item = Result<Block, X509Error>> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let (_, from_label) = rest.split_once(BEGIN)?;
        let block = rest.get(rest.len() - from_label.len() - BEGIN.len()..)?;
        let length = length(block).unwrap_or(block.len());
        rest = block.get(length..).unwrap_or_default();
        Some(decode(block.get(..length).unwrap_or(block)))
    })
}

/// The text of one block, lines ending in a line feed.
pub(crate) fn encode(label: &'static str, der: &[u8]) -> Result<String, X509Error> {
    encode_string(label, LineEnding::LF, der).map_err(X509Error::encoding)
}

/// How long the block at the start of `text` is, through the dashes of its last line.
fn length(text: &str) -> Option<usize> {
    let (_, from_end_label) = text.split_once(END)?;
    let (_, after) = from_end_label.split_once(DASHES)?;
    Some(text.len() - after.len())
}

fn decode(block: &str) -> Result<Block, X509Error> {
    let (label, der) = decode_vec(block.as_bytes()).map_err(|cause| X509Error::Pem(cause.to_string()))?;
    Ok(Block {
        label: label.to_owned(),
        der: Secret::new(der),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> Result<Vec<(String, Vec<u8>)>, X509Error> {
        blocks(text)
            .map(|block| block.map(|block| (block.label, block.der.expose().clone())))
            .collect()
    }

    #[test]
    fn finds_blocks_among_other_text() {
        let text = format!(
            "# the chain\nsubject=CN = x\n{}\r\n\n  and\n{}trailer",
            encode("CERTIFICATE", b"one").unwrap().replace('\n', "\r\n"),
            encode("PRIVATE KEY", b"two").unwrap(),
        );
        assert_eq!(
            read(&text).unwrap(),
            [
                ("CERTIFICATE".to_owned(), b"one".to_vec()),
                ("PRIVATE KEY".to_owned(), b"two".to_vec()),
            ]
        );
        assert_eq!(read("no blocks at all").unwrap(), []);
    }

    #[test]
    fn files_joined_without_a_line_break_are_read() {
        let one = encode("CERTIFICATE", b"one").unwrap();
        let joined = one.trim_end().repeat(2);
        assert_eq!(read(&joined).unwrap().len(), 2);
    }

    #[test]
    fn damage_is_an_error() {
        let good = encode("CERTIFICATE", &[7; 100]).unwrap();
        for bad in [
            good.replace("-----END CERTIFICATE-----", ""),
            good.replace("END CERTIFICATE", "END PRIVATE KEY"),
            good.replace("BwcH", "B$cH"),
            good.replace("BwcH", "B:cH"),
            format!("{}{good}", good.replace("-----END CERTIFICATE-----", "")),
        ] {
            assert!(matches!(read(&bad), Err(X509Error::Pem(_))), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_survive(first: Vec<u8>, second in prop::collection::vec(any::<u8>(), 1..200)) {
            prop_assume!(!first.is_empty());
            let text = encode("A", &first).unwrap() + &encode("B", &second).unwrap();
            prop_assert_eq!(read(&text).unwrap(), [("A".to_owned(), first), ("B".to_owned(), second)]);
        }

        #[test]
        fn any_text_is_read_or_refused(text in "(-----(BEGIN|END) [A-Z]{0,3}-----|[A-Za-z0-9+/=\r\n -]{0,20}|\\PC){0,12}") {
            let _outcome = read(&text);
        }
    }
}
