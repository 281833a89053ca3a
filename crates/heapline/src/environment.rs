//! What the kernel says about this process, read without libc's and std's state:
//! the first allocation may come before either is set up.
#![allow(unsafe_code)]

use core::ffi::CStr;

use crate::sys;
use crate::text::Text;

/// Environments beyond this are read as far as this.
const ENVIRONMENT_BYTES: usize = 1 << 20;

/// Calls `work` with the value of `HEAPLINE`. In a process with more rights than
/// its caller (setuid and the like) the variable counts as unset.
pub(crate) fn with_variable<T>(work: impl FnOnce(Option<&[u8]>) -> T) -> T {
    if has_foreign_rights() {
        return work(None);
    }
    with_environment(|environment| work(value_of(environment, b"HEAPLINE")))
}

/// Calls `work` with the value of a variable that only tests set.
#[cfg(feature = "test-switches")]
pub(crate) fn with_test_variable<T>(name: &[u8], work: impl FnOnce(Option<&[u8]>) -> T) -> T {
    with_environment(|environment| work(value_of(environment, name)))
}

/// Whether the environment has a variable of this name; never in a process with more rights
/// than its caller.
pub(crate) fn has_variable(name: &[u8]) -> bool {
    !has_foreign_rights() && with_environment(|environment| value_of(environment, name).is_some())
}

fn with_environment<T>(work: impl FnOnce(&[u8]) -> T) -> T {
    let Some(buffer) = sys::map_bytes(ENVIRONMENT_BYTES) else {
        return work(&[]);
    };
    let result = work(sys::read_file(c"/proc/self/environ", buffer).unwrap_or(&[]));
    sys::release_bytes(buffer);
    result
}

/// The value of `name` in zero-terminated `NAME=VALUE` texts.
fn value_of<'a>(environment: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    environment
        .split(|&byte| byte == 0)
        .find_map(|entry| entry.strip_prefix(name)?.strip_prefix(b"="))
}

fn has_foreign_rights() -> bool {
    // SAFETY: reads the auxiliary vector, which libc has from the process's start.
    unsafe { libc::getauxval(libc::AT_SECURE) != 0 }
}

/// This process's start time in clock ticks since boot; 0 if /proc does not say.
pub(crate) fn process_start_time() -> u64 {
    start_time_in(c"/proc/self/stat").unwrap_or(0)
}

/// When the process of this number started, if there is one that still runs.
pub(crate) fn start_time_of(process: u32) -> Option<u64> {
    let mut buffer = [0; 32];
    let mut path = Text::new(&mut buffer);
    path.push(b"/proc/")
        .push_number(process.into())
        .push(b"/stat");
    start_time_in(path.c_str()?)
}

fn start_time_in(path: &CStr) -> Option<u64> {
    let mut buffer = [0; 512];
    start_time(sys::read_file(path, &mut buffer).ok()?)
}

/// The 22nd field; none of a process that is dead already, which the third one says. The
/// second one, the name, is in brackets and may hold anything.
fn start_time(stat: &[u8]) -> Option<u64> {
    let behind_name = stat.iter().rposition(|&byte| byte == b')')? + 2;
    let mut fields = stat.get(behind_name..)?.split(|&byte| byte == b' ');
    let state = fields.next()?;
    let field = fields.nth(18).filter(|_| state != b"Z" && state != b"X")?;
    // There are more, else it may have been cut.
    fields.next()?;
    core::str::from_utf8(field).ok()?.parse().ok()
}

/// Has `handler` called when the process exits in good order.
pub(crate) fn at_exit(handler: extern "C" fn()) {
    // SAFETY: plain C call with a function of the right type. If it fails the handler
    // is not called, and the report says "killed".
    unsafe { libc::atexit(handler) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_found_by_their_whole_name() {
        let environment = b"A=1\0HEAPLINE_X=2\0HEAPLINE=out=a,quiet\0";
        assert_eq!(
            value_of(environment, b"HEAPLINE"),
            Some(&b"out=a,quiet"[..])
        );
        assert_eq!(value_of(environment, b"HEAP"), None);
    }

    #[test]
    fn start_time_is_behind_any_name() {
        let mut stat = b"12 (a) b c) S".to_vec();
        for field in 4..=23 {
            stat.extend_from_slice(format!(" {field}00").as_bytes());
        }
        assert_eq!(start_time(&stat), Some(2200));
        assert_eq!(start_time(b"12 (a"), None);
        let own = process_start_time();
        assert!(own > 0);
        assert_eq!(start_time_of(std::process::id()), Some(own));
        assert_eq!(start_time_of(u32::MAX), None);
        let dead = String::from_utf8(stat).unwrap().replace(") S", ") Z");
        assert_eq!(start_time(dead.as_bytes()), None);
    }
}
