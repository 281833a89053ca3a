//! Stamps that order events, and the wall clock they are compared with.
//!
//! A stamp is the processor's time stamp counter, shifted so that one tick is
//! some 10 ns: then most differences fit into a record's tag. Where the counter
//! cannot be trusted it is `CLOCK_MONOTONIC` in nanoseconds.
//!
//! Order matters only between threads: a block freed here and allocated there, or
//! allocated here and freed there. The stamp on the taking side of such a
//! hand-over must not be read before the load that saw the hand-over, and a plain
//! `rdtsc` may be. `rdtscp` waits for earlier loads, but it waits for the
//! program's cache misses too, so it is used only once a second thread records.
#![allow(unsafe_code)]

use heapline_trace::ClockMode;

use crate::sys;

/// How stamps are made; a copy lies in each thread's state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Clock {
    mode: ClockMode,
}

/// The counter is shifted right by this many bits: 6 to 32 ns from 5 to 1 GHz.
const TICK_SHIFT: u8 = 5;

impl Clock {
    /// The clock that every machine has.
    pub(crate) const MONOTONIC: Clock = Clock {
        mode: ClockMode::Monotonic,
    };

    /// The best clock this machine has.
    pub(crate) fn choose() -> Self {
        #[cfg(feature = "test-switches")]
        if crate::test_switches::without_counter() {
            return Clock::MONOTONIC;
        }
        Clock {
            mode: if counter_is_invariant() {
                ClockMode::Tsc
            } else {
                ClockMode::Monotonic
            },
        }
    }

    pub(crate) fn mode(self) -> ClockMode {
        self.mode
    }

    pub(crate) fn tick_shift(self) -> u8 {
        match self.mode {
            ClockMode::Tsc => TICK_SHIFT,
            ClockMode::Monotonic => 0,
        }
    }

    /// The time now; `ordered` behind all earlier loads of this thread.
    #[inline]
    pub(crate) fn stamp(self, ordered: bool) -> u64 {
        match self.mode {
            #[cfg(feature = "test-switches")]
            ClockMode::Tsc if crate::test_switches::stamps_are_plain() => {
                plain_counter() >> TICK_SHIFT
            }
            ClockMode::Tsc if ordered => ordered_counter() >> TICK_SHIFT,
            ClockMode::Tsc => plain_counter() >> TICK_SHIFT,
            // The system call is a barrier of its own.
            ClockMode::Monotonic => monotonic_nanoseconds(),
        }
    }
}

/// `CLOCK_MONOTONIC` in nanoseconds.
pub(crate) fn monotonic_nanoseconds() -> u64 {
    sys::clock_nanoseconds(libc::CLOCK_MONOTONIC)
}

#[cfg(target_arch = "x86_64")]
#[inline]
fn plain_counter() -> u64 {
    // SAFETY: every x86_64 processor has rdtsc, and `counter_is_invariant` has seen that
    // Linux lets the program use it. Should it be forbidden later, it is a signal.
    unsafe { core::arch::x86_64::_rdtsc() }
}

#[cfg(target_arch = "x86_64")]
#[inline]
fn ordered_counter() -> u64 {
    let mut processor = 0;
    // SAFETY: `counter_is_invariant` has seen that rdtscp is there.
    unsafe { core::arch::x86_64::__rdtscp(&raw mut processor) }
}

#[cfg(not(target_arch = "x86_64"))]
fn plain_counter() -> u64 {
    monotonic_nanoseconds()
}

#[cfg(not(target_arch = "x86_64"))]
fn ordered_counter() -> u64 {
    monotonic_nanoseconds()
}

/// Whether the counter may be read and ticks evenly on all processors: the processor says
/// so, or the kernel uses it as its clock, for which it has checked that it does.
#[cfg(target_arch = "x86_64")]
fn counter_is_invariant() -> bool {
    if identify(0x8000_0000).eax < 0x8000_0007 {
        return false;
    }
    let has_rdtscp = identify(0x8000_0001).edx & (1 << 27) != 0;
    let invariant = identify(0x8000_0007).edx & (1 << 8) != 0;
    has_rdtscp && (invariant || kernel_uses_counter()) && !sys::counter_is_forbidden()
}

#[cfg(target_arch = "x86_64")]
fn identify(leaf: u32) -> core::arch::x86_64::CpuidResult {
    // Newer compilers know that this call is safe, older ones do not.
    #[allow(unused_unsafe)]
    // SAFETY: every x86_64 processor has cpuid.
    unsafe {
        core::arch::x86_64::__cpuid(leaf)
    }
}

#[cfg(not(target_arch = "x86_64"))]
fn counter_is_invariant() -> bool {
    false
}

#[cfg(target_arch = "x86_64")]
fn kernel_uses_counter() -> bool {
    let mut buffer = [0; 16];
    let path = c"/sys/devices/system/clocksource/clocksource0/current_clocksource";
    sys::read_file(path, &mut buffer).is_ok_and(|name| name.starts_with(b"tsc\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stamps_ascend_in_every_mode() {
        for mode in [Clock::choose(), Clock::MONOTONIC] {
            for ordered in [false, true] {
                let stamps: Vec<u64> = (0..1_000).map(|_| mode.stamp(ordered)).collect();
                assert!(stamps.is_sorted(), "{mode:?}");
            }
        }
    }
}
