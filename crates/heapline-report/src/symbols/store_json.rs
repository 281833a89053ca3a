//! The bytes of a [`SymbolStore`]: JSON, so that other tools can read it.
//!
//! ```json
//! { "heapline_symbols": 1,
//!   "workspace_roots": ["/home/me/app"],
//!   "frames": [["app::main", "src/main.rs", "/home/me/app/src/main.rs", 7, "app", "workspace", false]],
//!   "modules": [{ "build_id": "0123…", "path": "/home/me/app/target/release/app",
//!                 "built": [1700000000, 0], "problems": [["short names", "/…/app"]],
//!                 "places": { "1a2b": [0] } }],
//!   "sources": [{ "path": "/home/me/app/src/main.rs", "modified": [1699999999, 0],
//!                 "bytes": 120, "text": "fn main() {…" },
//!               { "path": "…", "modified": null, "bytes": 9, "lines": { "3": "…" } }] }
//! ```
//! A frame is function, file as shown, path, line, crate, origin, inlined. Times are
//! seconds and nanoseconds since 1970, or null. Addresses are hexadecimal.

use super::fold::is_plumbing;
use super::frame::{Frame, Origin};
use super::problem::Problem;
use super::store::{StoredModule, StoredSource, StoredText, SymbolStore};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Changes whenever the meaning of the file changes.
const SCHEMA: u64 = 1;

const ORIGINS: [(Origin, &str); 6] = [
    (Origin::Workspace, "workspace"),
    (Origin::Dependency, "dependency"),
    (Origin::Standard, "standard"),
    (Origin::Runtime, "runtime"),
    (Origin::Native, "native"),
    (Origin::Unknown, "unknown"),
];

type Decoded<T> = Result<T, String>;

pub(super) fn encode(store: &SymbolStore) -> Vec<u8> {
    let value = json!({
        "heapline_symbols": SCHEMA,
        "workspace_roots": store.workspace_roots.iter().map(|root| path_text(root)).collect::<Vec<_>>(),
        "frames": store.frames.iter().map(encode_frame).collect::<Vec<_>>(),
        "modules": store.modules.iter().map(encode_module).collect::<Vec<_>>(),
        "sources": store.sources.iter().map(encode_source).collect::<Vec<_>>(),
    });
    value.to_string().into_bytes()
}

pub(super) fn decode(bytes: &[u8]) -> Decoded<SymbolStore> {
    let value: Value = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    match value.get("heapline_symbols").and_then(Value::as_u64) {
        Some(SCHEMA) => {}
        Some(other) => return Err(format!("schema {other}, this version reads {SCHEMA}")),
        None => return Err("not a file of heapline symbols".to_owned()),
    }
    let frames = decode_list(&value, "frames", decode_frame)?;
    Ok(SymbolStore {
        modules: decode_list(&value, "modules", |module| {
            decode_module(module, frames.len())
        })?,
        workspace_roots: decode_list(&value, "workspace_roots", |root| {
            Some(root.as_str()?.into())
        })?
        .into_iter()
        .collect(),
        sources: decode_list(&value, "sources", decode_source)?
            .into_iter()
            .collect(),
        frames,
    })
}

fn decode_list<T>(
    value: &Value,
    key: &str,
    mut decode: impl FnMut(&Value) -> Option<T>,
) -> Decoded<Vec<T>> {
    let list = value
        .get(key)
        .and_then(Value::as_array)
        .ok_or(format!("no list of {key}"))?;
    let decoded = list.iter().enumerate().map(|(at, entry)| {
        decode(entry).ok_or_else(|| format!("entry {at} of {key} makes no sense"))
    });
    decoded.collect()
}

fn encode_frame(frame: &Frame) -> Value {
    let origin = ORIGINS.iter().find(|(origin, _)| *origin == frame.origin);
    json!([
        frame.function,
        frame.file,
        frame.path.as_deref().map(path_text),
        frame.line,
        frame.krate,
        origin.map(|(_, name)| *name),
        frame.inlined,
    ])
}

/// Folding is decided anew: the rules may be newer than the store.
fn decode_frame(value: &Value) -> Option<Frame> {
    let [function, file, path, line, krate, origin, inlined] = value.as_array()?.as_slice() else {
        return None;
    };
    let function = function.as_str()?.to_owned();
    let file = optional(file, |file| Some(file.as_str()?.to_owned()))?;
    let origin = origin.as_str()?;
    Some(Frame {
        folded: is_plumbing(&function, file.as_deref()),
        path: optional(path, |path| Some(PathBuf::from(path.as_str()?)))?,
        line: optional(line, |line| u32::try_from(line.as_u64()?).ok())?,
        krate: krate.as_str()?.to_owned(),
        origin: ORIGINS.iter().find(|(_, name)| *name == origin)?.0,
        inlined: inlined.as_bool()?,
        function,
        file,
    })
}

fn encode_module(module: &StoredModule) -> Value {
    let places: Map<String, Value> = module
        .places
        .iter()
        .map(|(address, frames)| (format!("{address:x}"), json!(frames)))
        .collect();
    let build_id: String = module
        .build_id
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    json!({
        "build_id": build_id,
        "path": module.path,
        "built": encode_time(module.built),
        "problems": module.problems.iter().filter_map(encode_problem).collect::<Vec<_>>(),
        "places": places,
    })
}

fn decode_module(value: &Value, frames: usize) -> Option<StoredModule> {
    let place = |(address, ids): (&String, &Value)| {
        let id = |id: &Value| {
            let id = u32::try_from(id.as_u64()?).ok()?;
            ((id as usize) < frames).then_some(id)
        };
        let ids: Option<Vec<u32>> = ids.as_array()?.iter().map(id).collect();
        let ids = ids.filter(|ids| !ids.is_empty())?;
        Some((u64::from_str_radix(address, 16).ok()?, ids))
    };
    let problems = value.get("problems")?.as_array()?;
    Some(StoredModule {
        build_id: decode_hex(value.get("build_id")?.as_str()?)?,
        path: value.get("path")?.as_str()?.to_owned(),
        built: decode_time(value.get("built")?)?,
        problems: problems.iter().filter_map(decode_problem).collect(),
        places: value
            .get("places")?
            .as_object()?
            .iter()
            .map(place)
            .collect::<Option<_>>()?,
    })
}

fn decode_hex(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes();
    if !digits.len().is_multiple_of(2) {
        return None;
    }
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let byte = |pair: &[u8]| match *pair {
        [high, low] => u8::try_from(digit(high)? * 16 + digit(low)?).ok(),
        _ => None,
    };
    digits.chunks(2).map(byte).collect()
}

/// Problems of the build itself stay true; those of files do not.
fn encode_problem(problem: &Problem) -> Option<Value> {
    let kind = match problem {
        Problem::NoDebugInfo(_) => "no debug information",
        Problem::Stripped(_) => "stripped",
        Problem::ShortNames(_) => "short names",
        Problem::SplitDebugMissing(_) => "split debug information missing",
        _ => return None,
    };
    Some(json!([kind, path_text(problem.path())]))
}

fn decode_problem(value: &Value) -> Option<Problem> {
    let path = PathBuf::from(value.get(1)?.as_str()?);
    Some(match value.get(0)?.as_str()? {
        "no debug information" => Problem::NoDebugInfo(path),
        "stripped" => Problem::Stripped(path),
        "short names" => Problem::ShortNames(path),
        "split debug information missing" => Problem::SplitDebugMissing(path),
        _ => return None,
    })
}

fn encode_source((path, source): (&PathBuf, &StoredSource)) -> Value {
    let mut value = json!({
        "path": path_text(path),
        "modified": encode_time(source.modified),
        "bytes": source.bytes,
    });
    let (key, text) = match &source.text {
        StoredText::Whole(text) => ("text", json!(text)),
        StoredText::Lines(lines) => {
            let lines = lines
                .iter()
                .map(|(number, line)| (number.to_string(), json!(line)));
            ("lines", Value::Object(lines.collect()))
        }
    };
    value[key] = text;
    value
}

fn decode_source(value: &Value) -> Option<(PathBuf, StoredSource)> {
    let text = match value.get("text") {
        Some(text) => StoredText::Whole(text.as_str()?.to_owned()),
        None => StoredText::Lines(decode_lines(value.get("lines")?)?),
    };
    let source = StoredSource {
        modified: decode_time(value.get("modified")?)?,
        bytes: value.get("bytes")?.as_u64()?,
        text,
    };
    Some((PathBuf::from(value.get("path")?.as_str()?), source))
}

fn decode_lines(value: &Value) -> Option<BTreeMap<u32, String>> {
    let line =
        |(number, line): (&String, &Value)| Some((number.parse().ok()?, line.as_str()?.to_owned()));
    value.as_object()?.iter().map(line).collect()
}

fn encode_time(time: Option<SystemTime>) -> Value {
    match time.and_then(|time| time.duration_since(UNIX_EPOCH).ok()) {
        Some(since) => json!([since.as_secs(), since.subsec_nanos()]),
        None => Value::Null,
    }
}

fn decode_time(value: &Value) -> Option<Option<SystemTime>> {
    optional(value, |value| {
        let seconds = value.get(0)?.as_u64()?;
        let nanoseconds = u32::try_from(value.get(1)?.as_u64()?).ok()?;
        let since = Duration::from_secs(seconds)
            .checked_add(Duration::from_nanos(u64::from(nanoseconds)))?;
        UNIX_EPOCH.checked_add(since)
    })
}

/// Null is nothing; anything else must make sense.
fn optional<T>(value: &Value, decode: impl FnOnce(&Value) -> Option<T>) -> Option<Option<T>> {
    if value.is_null() {
        Some(None)
    } else {
        decode(value).map(Some)
    }
}

fn path_text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}
