//! In which order the elements of a layout follow each other.

use heapline_trace::ArrayLayout;

/// `C`, `F`, both, or `-` where neither order is without gaps.
pub(super) fn order(layout: &ArrayLayout) -> &'static str {
    if layout.shape.contains(&0) {
        return "C F";
    }
    let axes = || layout.shape.iter().zip(&layout.byte_strides);
    match (
        follow(layout.itemsize, &mut axes().rev()),
        follow(layout.itemsize, &mut axes()),
    ) {
        (true, true) => "C F",
        (true, false) => "C",
        (false, true) => "F",
        (false, false) => "-",
    }
}

fn follow(itemsize: u64, axes: &mut dyn Iterator<Item = (&u64, &i64)>) -> bool {
    let mut expected = itemsize;
    axes.filter(|(length, _)| **length != 1)
        .all(|(&length, &stride)| {
            let follows = u64::try_from(stride) == Ok(expected);
            expected = expected.saturating_mul(length);
            follows
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_are_numpys() {
        for (expected, shape, byte_strides) in [
            ("C F", &[][..], &[][..]),
            ("C F", &[3], &[8]),
            ("C", &[2, 3], &[24, 8]),
            ("F", &[2, 3], &[8, 16]),
            ("C F", &[1, 3], &[999, 8]),
            ("-", &[3], &[16]),
            ("-", &[3], &[-8]),
            ("-", &[2, 3], &[0, 8]),
            ("C F", &[0, 3], &[5, 5]),
        ] {
            let layout = ArrayLayout {
                dtype: "float64".to_owned(),
                itemsize: 8,
                shape: shape.to_vec(),
                byte_strides: byte_strides.to_vec(),
            };
            assert_eq!(order(&layout), expected, "{shape:?} {byte_strides:?}");
        }
    }
}
