//! The registers from which a walk starts.
#![allow(unsafe_code)]

/// The registers that a walk needs, as they are in one frame of the current
/// thread right after the call out of it returns.
///
/// All are addresses in the running process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Registers {
    /// A return address: the instruction after the call.
    pub ip: u64,
    /// The stack pointer after the return.
    pub sp: u64,
    /// The frame pointer register, whatever the code uses it for.
    pub bp: u64,
}

impl Registers {
    /// The registers of the function this is inlined into.
    ///
    /// Its `ip` lies behind an instruction of that function, so it may be
    /// looked up like a return address.
    #[cfg(all(target_arch = "x86_64", target_pointer_width = "64"))]
    #[inline(always)]
    #[must_use]
    pub fn current() -> Registers {
        let (ip, sp, bp);
        // SAFETY: three register moves; they neither touch memory nor flags.
        unsafe {
            core::arch::asm!(
                "lea {ip}, [rip]",
                "mov {sp}, rsp",
                "mov {bp}, rbp",
                ip = out(reg) ip,
                sp = out(reg) sp,
                bp = out(reg) bp,
                options(nostack, preserves_flags, nomem),
            );
        }
        Registers { ip, sp, bp }
    }

    /// Nothing: the portable capture asks the system for its own start.
    #[cfg(not(all(target_arch = "x86_64", target_pointer_width = "64")))]
    #[must_use]
    pub fn current() -> Registers {
        Registers {
            ip: 0,
            sp: 0,
            bp: 0,
        }
    }
}
