//! A server's fan-out on tokio with 2 workers: every request is a task that asks
//! several other tasks, each of which asks a store over a channel, waits for the answer
//! on a oneshot channel, and parses it as JSON.

use std::collections::BTreeMap;

use serde_json::Value;
use tokio::runtime::Builder;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

const BATCHES: u64 = 35;
const REQUESTS_PER_BATCH: u64 = 100;
const PARTS_PER_REQUEST: u64 = 5;
const STORES: u64 = 4;
const VERSIONS: u64 = 8;

/// A question to a store, and where the answer goes.
struct Question {
    key: String,
    answer: oneshot::Sender<Vec<u8>>,
}

pub(super) fn run() -> u64 {
    let runtime = Builder::new_multi_thread()
        .worker_threads(2)
        .build()
        .expect("a runtime");
    // On a worker: the main thread would be woken for every answer.
    runtime.block_on(async { tokio::spawn(serve()).await.expect("it does not panic") })
}

async fn serve() -> u64 {
    let stores: Vec<_> = (0..STORES).map(store).collect();
    let mut sum = 0;
    for batch in 0..BATCHES {
        let mut requests = JoinSet::new();
        for number in 0..REQUESTS_PER_BATCH {
            let id = batch * REQUESTS_PER_BATCH + number;
            requests.spawn(request(id, stores.clone()));
        }
        while let Some(answer) = requests.join_next().await {
            sum += answer.expect("no request panics").len() as u64;
        }
    }
    sum
}

/// Starts a store; it ends when nobody can ask it any more.
fn store(number: u64) -> mpsc::Sender<Question> {
    let (sender, mut questions) = mpsc::channel::<Question>(64);
    tokio::spawn(async move {
        while let Some(question) = questions.recv().await {
            // Whoever asked may have gone.
            let _ = question.answer.send(document(&question.key, number));
        }
    });
    sender
}

/// What a store has under this key, with its history, as JSON.
fn document(key: &str, store: u64) -> Vec<u8> {
    let version = |number: u64| {
        format!(
            r#"{{"version":{number},"author":{{"name":"A. N. Other","mail":"other@example.org"}},
                "tags":["new","fan-out"],"size":[210,297]}}"#
        )
    };
    let versions: Vec<String> = (0..VERSIONS).map(version).collect();
    let versions = versions.join(",");
    let text = format!(r#"{{"key":"{key}","store":{store},"versions":[{versions}]}}"#);
    text.into_bytes()
}

/// One request: headers, then all parts at the same time, put together in order.
async fn request(id: u64, stores: Vec<mpsc::Sender<Question>>) -> String {
    let headers = BTreeMap::from([
        ("host".to_owned(), "example.org".to_owned()),
        ("path".to_owned(), format!("/documents/{id}")),
        ("trace".to_owned(), format!("{:032x}", id * 7_919)),
    ]);
    let mut parts = JoinSet::new();
    for part in 0..PARTS_PER_REQUEST {
        let store = stores[((id + part) % STORES) as usize].clone();
        parts.spawn(ask(part, format!("{}/{part}", headers["path"]), store));
    }
    let mut found = BTreeMap::new();
    while let Some(answer) = parts.join_next().await {
        let (part, author) = answer.expect("no part panics");
        found.insert(part, author);
    }
    let body: Vec<String> = found.into_values().collect();
    format!("{} {}", headers["trace"], body.join("\n"))
}

async fn ask(part: u64, key: String, store: mpsc::Sender<Question>) -> (u64, String) {
    let (answer, text) = oneshot::channel();
    let question = Question { key, answer };
    store.send(question).await.expect("the store listens");
    let text = text.await.expect("the store answers");
    let value: Value = serde_json::from_slice(&text).expect("a document");
    (part, value["versions"][1]["author"].to_string())
}
