//! Names: from the linker's to the programmer's, and the crate that a name begins with.

/// The readable form of a linker name; other names stay as they are.
pub(crate) fn demangle(raw: &str) -> String {
    match rustc_demangle::try_demangle(raw) {
        Ok(name) => format!("{name:#}"),
        Err(_) => raw.to_owned(),
    }
}

/// Whether the compiler made the name from a path: it says crate and module.
pub(crate) fn is_mangled(raw: &str) -> bool {
    rustc_demangle::try_demangle(raw).is_ok()
}

/// The crate that a readable name begins with: that of the type for methods, that
/// of the trait where the type is a primitive or a parameter.
pub(crate) fn crate_of(function: &str) -> Option<&str> {
    let Some(inner) = function.strip_prefix('<') else {
        return first_of_path(function);
    };
    let (subject, after) = split_subject(inner);
    first_of_path(strip_type(subject)).or_else(|| first_of_path(after?))
}

/// `A as B>::f` and `A>::f` into `A` and `B`, at the outermost level.
fn split_subject(inner: &str) -> (&str, Option<&str>) {
    let mut depth = 0_usize;
    let mut before = ' ';
    for (at, letter) in inner.char_indices() {
        match letter {
            '<' | '(' | '[' => depth += 1,
            '>' if before != '-' && depth == 0 => return (inner.get(..at).unwrap_or(inner), None),
            '>' if before != '-' => depth -= 1,
            ')' | ']' => depth = depth.saturating_sub(1),
            ' ' if depth == 0 && inner.get(at..).is_some_and(|rest| rest.starts_with(" as ")) => {
                return (inner.get(..at).unwrap_or(inner), inner.get(at + 4..));
            }
            _ => {}
        }
        before = letter;
    }
    (inner, None)
}

/// A type without references, pointers, slices and `dyn` in front.
fn strip_type(mut subject: &str) -> &str {
    const PREFIXES: [&str; 10] = [
        "&", "mut ", "*const ", "*mut ", "[", "(", "<", "dyn ", "impl ", "'_ ",
    ];
    while let Some(rest) = PREFIXES
        .iter()
        .find_map(|prefix| subject.strip_prefix(prefix))
    {
        subject = rest;
    }
    subject
}

fn first_of_path(path: &str) -> Option<&str> {
    let (first, _) = path.split_once("::")?;
    // A v0 name with its disambiguator: `name[0123]`.
    let first = first.split('[').next().unwrap_or(first);
    let is_name = |letter: char| letter.is_alphanumeric() || letter == '_';
    (!first.is_empty() && first.chars().all(is_name)).then_some(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_manglings_lose_their_hashes() {
        let check = |raw: &str, expected: &str| assert_eq!(demangle(raw), expected);
        check("_ZN3app5inner4grow17h0123456789abcdefE", "app::inner::grow");
        check(
            "_ZN56_$LT$app..Thing$LT$T$GT$$u20$as$u20$app..inner..Grow$GT$4grow17h0123456789abcdefE.llvm.77",
            "<app::Thing<T> as app::inner::Grow>::grow",
        );
        check(
            "_ZN3app4main28_$u7b$$u7b$closure$u7d$$u7d$17h0123456789abcdefE",
            "app::main::{{closure}}",
        );
        check("_RNvNtCsabc_3app5inner4grow", "app::inner::grow");
        check("_RNCNvCsabc_3app4main0", "app::main::{closure#0}");
        check(
            "_RNvCsfLfy6EI15iL_7___rustc12___rust_alloc",
            "__rustc::__rust_alloc",
        );
        check("malloc", "malloc");
        check("_ZN3foo3barEv", "_ZN3foo3barEv");
    }

    #[test]
    fn crates_of_names() {
        let check =
            |name: &str, expected: Option<&str>| assert_eq!(crate_of(name), expected, "{name}");
        check("app::inner::grow", Some("app"));
        check("<app::Thing<T> as core::clone::Clone>::clone", Some("app"));
        check(
            "<alloc::vec::Vec<app::A> as app::Grow>::grow",
            Some("alloc"),
        );
        check(
            "<&mut dyn app::Grow as core::iter::Iterator>::next",
            Some("app"),
        );
        check("<[app::A]>::sort", Some("app"));
        check("<T as app::Grow>::grow", Some("app"));
        check("<u32 as serde::Serialize>::serialize", Some("serde"));
        check(
            "<fn(u8) -> u8 as core::ops::function::Fn<(u8,)>>::call",
            Some("core"),
        );
        check("<(app::A, B) as core::fmt::Debug>::fmt", Some("app"));
        check("app[0123456789abcdef]::main", Some("app"));
        check("malloc", None);
        check("", None);
        check("<", None);
    }
}
