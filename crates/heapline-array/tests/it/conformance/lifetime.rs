//! Names bound to arrays and dropped: which buffers live, and who holds them.

use std::collections::BTreeMap;

use heapline_array::{AnyArray, ArrayMemory, HEADER_NBYTES, deep_nbytes, with_array};
use serde::Deserialize;

use super::arrays::{Base, Order, made};
use super::operations::{Operation, Refused, apply, apply_all};
use super::{Check, same};
use crate::counting::{dims_nbytes, measure};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Case {
    steps: Vec<Step>,
    after: Vec<State>,
}

#[derive(Deserialize)]
#[serde(tag = "do", rename_all = "snake_case", deny_unknown_fields)]
enum Step {
    New {
        name: String,
        dtype: String,
        shape: Vec<usize>,
        #[serde(default)]
        order: Order,
    },
    Alias {
        name: String,
        of: String,
    },
    View {
        name: String,
        of: String,
        ops: Vec<Operation>,
    },
    Copy {
        name: String,
        of: String,
    },
    Drop {
        name: String,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct State {
    pub(super) live_nbytes: usize,
    pub(super) sum_of_nbytes: usize,
    pub(super) buffers: Vec<Buffer>,
}

#[derive(Debug, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
#[serde(deny_unknown_fields)]
pub(super) struct Buffer {
    pub(super) nbytes: usize,
    pub(super) holders: Vec<String>,
}

impl Case {
    /// The arrays that are there after each step, each with its name behind a prefix that
    /// only this step's have; and what NumPy says of them.
    pub(super) fn alive(
        self,
        prefix: impl Fn(usize) -> String,
    ) -> Result<Vec<(Vec<AnyArray>, State)>, String> {
        let states = self.after.into_iter().enumerate();
        let alive = states.map(|(last, state)| {
            let mut names = Names::new();
            for step in &self.steps[..=last] {
                let array = bound(&names, step)?;
                names.remove(step.name());
                if let Some(array) = array {
                    let name = format!("{}{}", prefix(last), step.name());
                    let array = with_array!(array, array => array.named(&name).into());
                    names.insert(step.name().to_owned(), array);
                }
            }
            Ok((names.into_values().collect(), state))
        });
        alive.collect()
    }
}

type Names = BTreeMap<String, AnyArray>;

pub(super) fn check(case: Case) -> Check {
    let mut names = Names::new();
    let mut held = 0;
    same("states", case.after.len(), case.steps.len())?;
    for (index, (step, after)) in case.steps.into_iter().zip(case.after).enumerate() {
        let (array, made) = measure(|| bound(&names, &step));
        let array = array.map_err(|error| format!("step {index}: {error}"))?;
        let before = names.remove(step.name());
        let ((), dropped) = measure(|| drop(before));
        held += made.kept + dropped.kept;
        if let Some(array) = array {
            names.insert(step.name().to_owned(), array);
        }
        let state = compare(&names, after).and_then(|live| same("counted bytes", held, live));
        state.map_err(|error| format!("after step {index}: {error}"))?;
    }
    Ok(())
}

impl Step {
    fn name(&self) -> &str {
        match self {
            Step::New { name, .. }
            | Step::Alias { name, .. }
            | Step::View { name, .. }
            | Step::Copy { name, .. }
            | Step::Drop { name } => name,
        }
    }
}

/// What the name is bound to; `None` if it is dropped.
fn bound(names: &Names, step: &Step) -> Result<Option<AnyArray>, String> {
    let find = |name: &String| names.get(name).ok_or_else(|| format!("no {name}"));
    Ok(match step {
        Step::New {
            dtype,
            shape,
            order,
            ..
        } => Some(made(&Base {
            dtype: dtype.clone(),
            shape: shape.clone(),
            order: *order,
        })?),
        Step::Alias { of, .. } => Some(find(of)?.clone()),
        Step::View { of, ops, .. } => {
            let array = find(of)?.clone();
            let result = apply_all(array, ops, |_, array, operation| apply(array, operation));
            Some(result.map_err(|(step, why)| match why {
                Refused::Error(text) | Refused::Unknown(text) => format!("op {step}: {text}"),
            })?)
        }
        Step::Copy { of, .. } => {
            let order = heapline_array::Order::C;
            Some(with_array!(find(of)?, array => array.copy(order).into()))
        }
        Step::Drop { name } => find(name).map(|_| None)?,
    })
}

/// Compares, and says how many bytes the allocator must have counted.
fn compare(names: &Names, numpy: State) -> Result<isize, String> {
    let mut buffers: BTreeMap<_, Buffer> = BTreeMap::new();
    let mut dims = 0;
    for (name, array) in names {
        let base = array.base();
        let holders = with_array!(array, array => array.holders());
        let others = names.values().filter(|other| other.base().id == base.id);
        same("holders", holders, others.count())?;
        dims += dims_nbytes(array.memory_layout().shape().len());
        let buffer = buffers.entry(base.id).or_insert(Buffer {
            nbytes: base.capacity_nbytes,
            holders: Vec::new(),
        });
        buffer.holders.push(name.clone());
    }
    let deep = deep_nbytes(names.values());
    same("live_nbytes", deep.heap_nbytes, numpy.live_nbytes)?;
    same("buffers counted", deep.buffers, buffers.len())?;
    let sum = names.values().map(ArrayMemory::nbytes).sum();
    same("sum_of_nbytes", sum, numpy.sum_of_nbytes)?;
    let headers = buffers.len() * HEADER_NBYTES;
    let mut ours: Vec<_> = buffers.into_values().collect();
    let mut theirs = numpy.buffers;
    ours.sort();
    theirs.iter_mut().for_each(|buffer| buffer.holders.sort());
    theirs.sort();
    same("buffers", ours, theirs)?;
    Ok((deep.heap_nbytes + headers) as isize + dims)
}
