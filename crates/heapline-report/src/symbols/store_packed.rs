//! A [`SymbolStore`] as it is carried inside a packed trace: its JSON, deflated.

use std::io::{Read, Write};

use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;

use super::store::SymbolStore;
use super::store_json;

/// In front of JSON as it is.
const PLAIN: u8 = 0;
/// In front of deflated JSON.
const DEFLATED: u8 = 1;

/// What inflates to more than this many times its bytes is refused: a small file must
/// not take much memory. Source text does to five to ten times.
const MOST_INFLATED: usize = 64;

pub(super) fn encode(store: &SymbolStore) -> Vec<u8> {
    let json = store_json::encode(store);
    match deflated(&json) {
        Some(bytes) if (bytes.len() - 1) * MOST_INFLATED >= json.len() => bytes,
        _ => [&[PLAIN], json.as_slice()].concat(),
    }
}

fn deflated(json: &[u8]) -> Option<Vec<u8>> {
    let mut encoder = DeflateEncoder::new(vec![DEFLATED], Compression::default());
    encoder.write_all(json).ok()?;
    encoder.finish().ok()
}

pub(super) fn decode(bytes: &[u8]) -> Result<SymbolStore, String> {
    match bytes.split_first() {
        Some((&PLAIN, json)) => store_json::decode(json),
        Some((&DEFLATED, deflated)) => store_json::decode(&inflated(deflated)?),
        _ => Err("damaged".to_owned()),
    }
}

fn inflated(bytes: &[u8]) -> Result<Vec<u8>, String> {
    let most = bytes.len() * MOST_INFLATED;
    let mut json = Vec::new();
    DeflateDecoder::new(bytes)
        .take(most as u64 + 1)
        .read_to_end(&mut json)
        .map_err(|error| error.to_string())?;
    if json.len() > most {
        return Err("symbols that inflate too much".to_owned());
    }
    Ok(json)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;
    use std::path::PathBuf;

    use super::super::store::{StoredSource, StoredText};

    fn store(text: String) -> SymbolStore {
        let source = StoredSource {
            modified: None,
            bytes: text.len() as u64,
            text: StoredText::Whole(text),
        };
        SymbolStore {
            sources: BTreeMap::from([(PathBuf::from("/a.rs"), source)]),
            ..SymbolStore::default()
        }
    }

    #[test]
    fn a_store_comes_back() {
        let code: String = (0..500).map(|n| format!("let a{n} = {n};\n")).collect();
        for (text, form) in [(code, DEFLATED), ("x".repeat(1 << 20), PLAIN)] {
            let bytes = encode(&store(text.clone()));
            assert_eq!(bytes[0], form);
            assert_eq!(decode(&bytes), Ok(store(text)));
        }
    }

    #[test]
    fn what_inflates_too_much_is_refused() {
        let json = store_json::encode(&store("x".repeat(1 << 20)));
        let bomb = deflated(&json).expect("in memory");
        assert!(bomb.len() * MOST_INFLATED < json.len());
        assert_eq!(
            decode(&bomb),
            Err("symbols that inflate too much".to_owned())
        );
        assert!(decode(&[]).is_err() && decode(&[7, 1]).is_err());
        assert!(decode(&[DEFLATED, 0xff, 0xff]).is_err());
    }
}
