//! NumPy's operations by name, as calls of ours.

use heapline_array::{
    AnyArray, Astype, CopyMode, INFER, Index, NdArray, concatenate, hstack, slice, stack, vstack,
    with_array, with_dtype,
};
use ndarray::{Array, IxDyn};
use serde::Deserialize;
use serde_json::Value;

use super::arrays::Order;
use super::casts::{dtype, rule};
use super::values::Number;

/// One number, or a list.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Numbers {
    One(i64),
    Many(Vec<i64>),
}

impl Numbers {
    fn signed(&self) -> Vec<isize> {
        match self {
            Numbers::One(number) => vec![*number as isize],
            Numbers::Many(numbers) => numbers.iter().map(|number| *number as isize).collect(),
        }
    }

    fn unsigned(&self) -> Result<Vec<usize>, String> {
        let numbers = self.signed().into_iter().map(usize::try_from);
        numbers
            .collect::<Result<_, _>>()
            .map_err(|error| error.to_string())
    }

    /// A shape; -1 is the length to be found.
    fn shape(&self) -> Result<IxDyn, String> {
        let length = |length: isize| match length {
            -1 => Ok(INFER),
            _ => usize::try_from(length).map_err(|error| error.to_string()),
        };
        let lengths: Result<Vec<_>, _> = self.signed().into_iter().map(length).collect();
        Ok(IxDyn(&lengths?))
    }
}

/// An operation, with NumPy's names of functions and parameters.
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "op", rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Operation {
    Index {
        index: Vec<Value>,
    },
    #[serde(alias = "permute_dims")]
    Transpose {
        #[serde(default)]
        axes: Option<Numbers>,
    },
    Swapaxes {
        axis1: isize,
        axis2: isize,
    },
    Moveaxis {
        source: Numbers,
        destination: Numbers,
    },
    Flip {
        #[serde(default)]
        axis: Option<Numbers>,
    },
    ExpandDims {
        axis: Numbers,
    },
    Squeeze {
        #[serde(default)]
        axis: Option<Numbers>,
    },
    Reshape {
        #[serde(alias = "newshape")]
        shape: Numbers,
        #[serde(default)]
        order: OrderName,
        #[serde(default)]
        copy: Option<bool>,
    },
    Ravel {
        #[serde(default)]
        order: OrderName,
    },
    Flatten {
        #[serde(default)]
        order: OrderName,
    },
    BroadcastTo {
        shape: Numbers,
    },
    Diagonal {
        #[serde(default)]
        offset: isize,
        #[serde(default)]
        axis1: Option<isize>,
        #[serde(default)]
        axis2: Option<isize>,
    },
    #[serde(alias = "sliding_window_view")]
    SlidingWindow {
        #[serde(alias = "window_shape")]
        window: Numbers,
        #[serde(default)]
        axis: Option<Numbers>,
    },
    Split {
        #[serde(alias = "indices_or_sections")]
        sections: usize,
        #[serde(default)]
        axis: isize,
        part: isize,
    },
    Real,
    Imag,
    #[serde(alias = "view")]
    ViewDtype {
        dtype: String,
    },
    Copy {
        #[serde(default)]
        order: OrderName,
    },
    Astype {
        dtype: String,
        #[serde(default)]
        order: Option<OrderName>,
        #[serde(default)]
        casting: Option<String>,
        #[serde(default)]
        copy: Option<bool>,
    },
    Ascontiguousarray,
    Asfortranarray,
    Take {
        indices: Numbers,
        #[serde(default)]
        axis: Option<isize>,
    },
    Mask {
        every: usize,
    },
    Compress {
        condition: Vec<bool>,
        #[serde(default)]
        axis: Option<isize>,
    },
    Concatenate {
        n: usize,
        #[serde(default = "first_axis")]
        axis: Option<isize>,
    },
    Stack {
        n: usize,
        #[serde(default)]
        axis: isize,
    },
    Vstack {
        n: usize,
    },
    Hstack {
        n: usize,
    },
    Tile {
        reps: Numbers,
    },
    Repeat {
        repeats: Numbers,
        #[serde(default)]
        axis: Option<isize>,
    },
    Sort {
        #[serde(default = "last_axis")]
        axis: Option<isize>,
    },
    Resize {
        #[serde(alias = "new_shape")]
        shape: Numbers,
    },
    AddSelf,
    IaddSelf,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
pub(super) enum OrderName {
    #[default]
    C,
    F,
    A,
    K,
}

impl From<OrderName> for heapline_array::Order {
    fn from(order: OrderName) -> Self {
        let order = match order {
            OrderName::C => Order::C,
            OrderName::F => Order::F,
            OrderName::A => Order::A,
            OrderName::K => Order::K,
        };
        order.into()
    }
}

fn first_axis() -> Option<isize> {
    Some(0)
}

fn last_axis() -> Option<isize> {
    Some(-1)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SliceParts {
    slice: [Option<isize>; 3],
}

fn index_part(part: &Value) -> Result<Index, String> {
    match part {
        Value::Number(number) => {
            let at = number.as_i64().ok_or("an index that is no integer")?;
            Ok(Index::At(at as isize))
        }
        Value::String(text) if text == "newaxis" => Ok(Index::NewAxis),
        Value::String(text) if text == "..." => Ok(Index::Ellipsis),
        other => {
            let parts: SliceParts = super::parse(other.clone())?;
            let [start, stop, step] = parts.slice;
            Ok(slice(start, stop, step))
        }
    }
}

/// Why an operation gave nothing.
#[derive(Debug)]
pub(super) enum Refused {
    /// Ours refuses it; the case says whether NumPy does, too.
    Error(String),
    /// The case is not understood.
    Unknown(String),
}

impl From<String> for Refused {
    fn from(text: String) -> Self {
        Refused::Unknown(text)
    }
}

fn error(error: impl std::fmt::Display) -> Refused {
    Refused::Error(error.to_string())
}

/// Applies an operation; `None` means that it was done in place.
pub(super) fn apply(
    array: &mut AnyArray,
    operation: &Operation,
) -> Result<Option<AnyArray>, Refused> {
    if let Operation::IaddSelf = operation {
        return with_array!(array, array => add_in_place(array)).map(|()| None);
    }
    if let Operation::Astype {
        dtype: to,
        order,
        casting,
        copy,
    } = operation
    {
        let (casting, same_value) = rule(casting.as_deref().unwrap_or("unsafe"))?;
        let how = Astype {
            casting,
            same_value,
            copy: copy.unwrap_or(true),
            order: order.unwrap_or(OrderName::K).into(),
        };
        let result = array.astype(dtype(to)?, how).map_err(error)?;
        return Ok(Some(result.0));
    }
    with_array!(array, array => applied(array, operation)).map(Some)
}

fn add_in_place<A: Number>(array: &mut NdArray<A>) -> Result<(), Refused> {
    let mut view = array.view_mut().ok_or_else(|| error("not writeable"))?;
    view.mapv_inplace(|element| element.plus(element));
    Ok(())
}

fn applied<A: Number>(array: &NdArray<A>, operation: &Operation) -> Result<AnyArray, Refused>
where
    AnyArray: From<NdArray<A>> + From<NdArray<A::Real>>,
{
    // Operations of arrays without dimensions that NumPy allows on their only element.
    let flat = || array.ravel(heapline_array::Order::C).into_dyn();
    Ok(match operation {
        Operation::Index { index } => {
            let index: Result<Vec<_>, _> = index.iter().map(index_part).collect();
            array.index(&index?).map_err(error)?.into()
        }
        Operation::Transpose { axes: None } => array.t().into(),
        Operation::Transpose { axes: Some(axes) } => {
            array.permuted_axes(&*axes.signed()).map_err(error)?.into()
        }
        Operation::Swapaxes { axis1, axis2 } => {
            array.swapaxes(*axis1, *axis2).map_err(error)?.into()
        }
        Operation::Moveaxis {
            source,
            destination,
        } => {
            let (source, destination) = (source.signed(), destination.signed());
            array
                .moveaxis(&*source, &*destination)
                .map_err(error)?
                .into()
        }
        Operation::Flip { axis } => {
            let axes = axis
                .as_ref()
                .map_or_else(|| all_axes(array), Numbers::signed);
            array.flip(&*axes).map_err(error)?.into()
        }
        Operation::ExpandDims { axis } => array.expand_dims(&*axis.signed()).map_err(error)?.into(),
        Operation::Squeeze { axis: None } => array.squeeze().into(),
        Operation::Squeeze { axis: Some(axes) } => {
            array.squeeze_axes(&*axes.signed()).map_err(error)?.into()
        }
        Operation::Reshape { shape, order, copy } => {
            let copy = match copy {
                None => CopyMode::IfNeeded,
                Some(false) => CopyMode::Never,
                Some(true) => CopyMode::Always,
            };
            array
                .reshape(shape.shape()?, (*order).into(), copy)
                .map_err(error)?
                .into()
        }
        Operation::Ravel { order } => array.ravel((*order).into()).into_dyn().into(),
        Operation::Flatten { order } => array.flatten((*order).into()).into_dyn().into(),
        Operation::BroadcastTo { shape } => array
            .broadcast_to(IxDyn(&shape.unsigned()?))
            .map_err(error)?
            .into(),
        Operation::Diagonal {
            offset,
            axis1,
            axis2,
        } => {
            let (axis1, axis2) = (axis1.unwrap_or(0), axis2.unwrap_or(1));
            array.diagonal(*offset, axis1, axis2).map_err(error)?.into()
        }
        Operation::SlidingWindow { window, axis } => {
            let axes = axis
                .as_ref()
                .map_or_else(|| all_axes(array), Numbers::signed);
            let window = array.sliding_window(&window.unsigned()?, &*axes);
            window.map_err(error)?.into()
        }
        Operation::Split {
            sections,
            axis,
            part,
        } => {
            let mut parts = array.split(*sections, *axis).map_err(error)?;
            let part = match usize::try_from(*part) {
                Ok(part) => part,
                Err(_) => parts.len().wrapping_add_signed(*part),
            };
            if part >= parts.len() {
                return Err(error("no such part"));
            }
            parts.swap_remove(part).into()
        }
        Operation::Real => array.real().into(),
        Operation::Imag => array.imag().into(),
        Operation::ViewDtype { dtype: to } => {
            with_dtype!(dtype(to)?, B => array.view_dtype::<B>().map_err(error)?.into())
        }
        Operation::Copy { order } => array.copy((*order).into()).into(),
        Operation::Ascontiguousarray => array.ascontiguousarray().into(),
        Operation::Asfortranarray => array.asfortranarray().into(),
        Operation::Take { indices, axis } => {
            let indices = indices.signed();
            match axis {
                Some(axis) => array.take(&indices, *axis).map_err(error)?.into(),
                None => flat().take(&indices, 0).map_err(error)?.into(),
            }
        }
        Operation::Mask { every } => {
            let mut mask = Array::from_elem(IxDyn(array.shape()), false);
            for (position, keep) in mask.iter_mut().enumerate() {
                *keep = position % every == 0;
            }
            array.mask(mask.view()).map_err(error)?.into_dyn().into()
        }
        Operation::Compress { condition, axis } => match axis {
            Some(axis) => array.compress(condition, *axis).map_err(error)?.into(),
            None => flat().compress(condition, 0).map_err(error)?.into(),
        },
        Operation::Concatenate { n, axis } => match axis {
            Some(axis) => concatenate(&vec![array; *n], *axis).map_err(error)?.into(),
            None => concatenate(&vec![flat(); *n], 0).map_err(error)?.into(),
        },
        Operation::Stack { n, axis } => stack(&vec![array; *n], *axis).map_err(error)?.into(),
        Operation::Vstack { n } => vstack(&vec![array; *n]).map_err(error)?.into(),
        Operation::Hstack { n } => hstack(&vec![array; *n]).map_err(error)?.into(),
        Operation::Tile { reps } => array.tile(&reps.unsigned()?).map_err(error)?.into(),
        Operation::Repeat { repeats, axis } => {
            let repeats = repeats.unsigned()?;
            match axis {
                Some(axis) => array.repeat(&repeats, *axis).map_err(error)?.into(),
                None => flat().repeat(&repeats, 0).map_err(error)?.into(),
            }
        }
        Operation::Sort { axis } => match axis {
            Some(axis) => array.sort(*axis).map_err(error)?.into(),
            None => flat().sort(0).map_err(error)?.into(),
        },
        Operation::Resize { shape } => array
            .resized(IxDyn(&shape.unsigned()?))
            .map_err(error)?
            .into(),
        Operation::AddSelf => A::doubled(array).into(),
        Operation::Astype { .. } | Operation::IaddSelf => unreachable!("done before"),
    })
}

fn all_axes<A: Number>(array: &NdArray<A>) -> Vec<isize> {
    (0..array.ndim() as isize).collect()
}

/// Applies all; the error says at which one it was.
pub(super) fn apply_all(
    mut array: AnyArray,
    operations: &[Operation],
    mut each: impl FnMut(usize, &mut AnyArray, &Operation) -> Result<Option<AnyArray>, Refused>,
) -> Result<AnyArray, (usize, Refused)> {
    for (step, operation) in operations.iter().enumerate() {
        let next = each(step, &mut array, operation).map_err(|why| (step, why))?;
        if let Some(next) = next {
            array = next;
        }
    }
    Ok(array)
}
