//! A store of orders on 2 threads: the main thread makes orders and passes them over a
//! channel, the other keeps the newest in a `BTreeMap` and a `HashMap` and passes the
//! ones it evicts back, so that most blocks are freed by another thread.

use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeMap, HashMap};
use std::hash::BuildHasherDefault;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use crate::random::Random;

const BATCHES: u64 = 1_000;
const ORDERS_PER_BATCH: u64 = 250;
/// Orders that the store keeps.
const KEPT: usize = 20_000;
/// Batches under way in each direction.
const UNDER_WAY: usize = 8;

/// The standard hasher with fixed keys.
type Hasher = BuildHasherDefault<DefaultHasher>;

struct Order {
    number: u64,
    customer: String,
    items: Vec<(u32, String)>,
    notes: BTreeMap<u8, String>,
}

pub(super) fn run() -> u64 {
    let (orders, incoming) = sync_channel(UNDER_WAY);
    let (evicted, outgoing) = sync_channel(BATCHES as usize);
    let store = thread::spawn(move || keep(&incoming, &evicted));
    let mut random = Random::new(1);
    let mut sum = 0;
    for batch in 0..BATCHES {
        let first = batch * ORDERS_PER_BATCH;
        let made: Vec<Order> = (first..first + ORDERS_PER_BATCH)
            .map(|number| order(number, &mut random))
            .collect();
        orders.send(made).expect("the store listens");
        // What comes back lags behind by what is under way.
        if batch >= UNDER_WAY as u64 {
            sum += worth(&outgoing.recv().expect("the store answers"));
        }
    }
    drop(orders);
    sum += outgoing.iter().map(|batch| worth(&batch)).sum::<u64>();
    sum + store.join().expect("the store does not panic")
}

fn order(number: u64, random: &mut Random) -> Order {
    let item = |random: &mut Random| {
        let article = random.below(5_000) as u32;
        (
            article,
            format!("article {article} from shelf {}", article % 97),
        )
    };
    let items = (0..=random.below(5)).map(|_| item(random)).collect();
    let note = |kind: u64| (kind as u8, format!("note {kind} of order {number}"));
    Order {
        number,
        customer: format!("customer {:06}", random.below(4_000)),
        items,
        notes: (0..random.below(3)).map(note).collect(),
    }
}

/// The second thread: the newest orders by number, and by customer.
fn keep(incoming: &Receiver<Vec<Order>>, evicted: &SyncSender<Vec<Order>>) -> u64 {
    let mut by_number: BTreeMap<u64, Order> = BTreeMap::new();
    let mut by_customer: HashMap<String, Vec<u64>, Hasher> = HashMap::default();
    for batch in incoming {
        let mut old = Vec::new();
        for order in batch {
            let numbers = by_customer.entry(order.customer.clone()).or_default();
            numbers.push(order.number);
            by_number.insert(order.number, order);
            if by_number.len() > KEPT {
                old.extend(by_number.pop_first().map(|(_, order)| order));
            }
        }
        for order in &old {
            forget(&mut by_customer, order);
        }
        evicted.send(old).expect("the main thread listens");
    }
    by_customer.len() as u64
}

fn forget(by_customer: &mut HashMap<String, Vec<u64>, Hasher>, order: &Order) {
    if let Some(numbers) = by_customer.get_mut(&order.customer) {
        numbers.retain(|number| *number != order.number);
        if numbers.is_empty() {
            by_customer.remove(&order.customer);
        }
    }
}

fn worth(orders: &[Order]) -> u64 {
    let worth = |order: &Order| {
        let items: u64 = order.items.iter().map(|item| u64::from(item.0)).sum();
        let names: usize = order.items.iter().map(|item| item.1.len()).sum();
        items + names as u64 + order.notes.len() as u64
    };
    orders.iter().map(worth).sum()
}
