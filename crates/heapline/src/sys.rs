//! Raw system calls and mapped memory.
//!
//! The hook may not call libc's wrappers: they set `errno`, which the program
//! may be about to read, and some are cancellation points, which would unwind
//! through the allocator.
#![allow(unsafe_code)]

use core::arch::asm;
use core::ffi::CStr;

/// What the kernel answered instead of a result: a positive error number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Errno(pub(crate) i32);

type Result<T> = core::result::Result<T, Errno>;

/// One system call with up to six arguments.
///
/// # Safety
/// The arguments must be what the kernel expects of call `number`: pointers
/// valid for what it reads and writes.
unsafe fn syscall(number: libc::c_long, arguments: [usize; 6]) -> Result<usize> {
    #[cfg(feature = "test-switches")]
    if let Some(errno) = crate::failing_calls::failure() {
        return Err(errno);
    }
    // SAFETY: the caller's promise.
    unsafe { call_kernel(number, arguments) }
}

/// # Safety
/// As [`syscall`].
#[cfg(target_arch = "x86_64")]
unsafe fn call_kernel(number: libc::c_long, arguments: [usize; 6]) -> Result<usize> {
    let [a, b, c, d, e, f] = arguments;
    let answer: isize;
    // SAFETY: the kernel's calling convention; rcx and r11 are what it overwrites.
    // That the arguments suit the call is the caller's promise.
    unsafe {
        asm!(
            "syscall",
            inlateout("rax") number as isize => answer,
            in("rdi") a, in("rsi") b, in("rdx") c, in("r10") d, in("r8") e, in("r9") f,
            lateout("rcx") _, lateout("r11") _,
            options(nostack),
        );
    }
    check(answer)
}

/// # Safety
/// As [`syscall`].
#[cfg(target_arch = "aarch64")]
unsafe fn call_kernel(number: libc::c_long, arguments: [usize; 6]) -> Result<usize> {
    let [a, b, c, d, e, f] = arguments;
    let answer: isize;
    // SAFETY: the kernel's calling convention, which changes x0 alone. That the
    // arguments suit the call is the caller's promise.
    unsafe {
        asm!(
            "svc 0",
            in("x8") number,
            inlateout("x0") a as isize => answer,
            in("x1") b, in("x2") c, in("x3") d, in("x4") e, in("x5") f,
            options(nostack),
        );
    }
    check(answer)
}

fn check(answer: isize) -> Result<usize> {
    if (-4095..0).contains(&answer) {
        Err(Errno(-answer as i32))
    } else {
        Ok(answer as usize)
    }
}

/// Numbers above this are rarely closed by a program that counts up, and rarely given to
/// a file that it opens.
const HIGH_DESCRIPTOR: i32 = 1000;

/// Opens a file relative to the working directory, with a number out of the way of the
/// program's own.
pub(crate) fn open(path: &CStr, flags: i32, mode: u32) -> Result<i32> {
    let low = open_low(path, flags, mode)?;
    for lowest in [HIGH_DESCRIPTOR, HIGH_DESCRIPTOR / 4] {
        if let Ok(high) = duplicate_above(low, lowest) {
            // Another thread may have closed the low number, and it be a file's by now.
            if status(low) == status(high) {
                close(low);
            }
            return Ok(high);
        }
    }
    Ok(low)
}

fn open_low(path: &CStr, flags: i32, mode: u32) -> Result<i32> {
    let arguments = [
        libc::AT_FDCWD as usize,
        path.as_ptr() as usize,
        flags as usize,
        mode as usize,
        0,
        0,
    ];
    // SAFETY: the path is a live, zero-terminated text.
    unsafe { syscall(libc::SYS_openat, arguments) }.map(|fd| fd as i32)
}

pub(crate) fn close(fd: i32) {
    // SAFETY: no pointers. Errors say only that nothing was open.
    let _ = unsafe { syscall(libc::SYS_close, [fd as usize, 0, 0, 0, 0, 0]) };
}

/// Creates a directory; one that is there already is fine.
pub(crate) fn mkdir(path: &CStr, mode: u32) -> Result<()> {
    let arguments = [
        libc::AT_FDCWD as usize,
        path.as_ptr() as usize,
        mode as usize,
        0,
        0,
        0,
    ];
    // SAFETY: the path is a live, zero-terminated text.
    match unsafe { syscall(libc::SYS_mkdirat, arguments) } {
        Ok(_) | Err(Errno(libc::EEXIST)) => Ok(()),
        Err(errno) => Err(errno),
    }
}

/// Renames a file over another one.
pub(crate) fn rename(from: &CStr, to: &CStr) -> Result<()> {
    let here = libc::AT_FDCWD as usize;
    let arguments = [
        here,
        from.as_ptr() as usize,
        here,
        to.as_ptr() as usize,
        0,
        0,
    ];
    // SAFETY: both paths are live, zero-terminated texts.
    unsafe { syscall(libc::SYS_renameat2, arguments) }.map(drop)
}

/// Moves a descriptor to a number of at least `lowest`, closed on exec.
fn duplicate_above(fd: i32, lowest: i32) -> Result<i32> {
    let arguments = [
        fd as usize,
        libc::F_DUPFD_CLOEXEC as usize,
        lowest as usize,
        0,
        0,
        0,
    ];
    // SAFETY: no pointers.
    unsafe { syscall(libc::SYS_fcntl, arguments) }.map(|fd| fd as i32)
}

/// Reads at the descriptor's position.
pub(crate) fn read(fd: i32, buffer: &mut [u8]) -> Result<usize> {
    let arguments = [
        fd as usize,
        buffer.as_mut_ptr() as usize,
        buffer.len(),
        0,
        0,
        0,
    ];
    // SAFETY: the kernel writes only inside `buffer`.
    unsafe { syscall(libc::SYS_read, arguments) }
}

/// Reads a whole small file, as far as the buffer goes.
pub(crate) fn read_file<'a>(path: &CStr, buffer: &'a mut [u8]) -> Result<&'a [u8]> {
    let fd = open(path, libc::O_RDONLY | libc::O_CLOEXEC, 0)?;
    let mut length = 0;
    while length < buffer.len() {
        match read(fd, &mut buffer[length..]) {
            Ok(0) | Err(_) => break,
            Ok(more) => length += more,
        }
    }
    close(fd);
    Ok(&buffer[..length])
}

/// Reads a symbolic link.
pub(crate) fn read_link<'a>(path: &CStr, buffer: &'a mut [u8]) -> Result<&'a [u8]> {
    let here = libc::AT_FDCWD as usize;
    let arguments = [
        here,
        path.as_ptr() as usize,
        buffer.as_mut_ptr() as usize,
        buffer.len(),
        0,
        0,
    ];
    // SAFETY: the path is a live text, and the kernel writes only inside `buffer`.
    let length = unsafe { syscall(libc::SYS_readlinkat, arguments) }?;
    Ok(&buffer[..length.min(buffer.len())])
}

/// The working directory, without its terminating zero.
pub(crate) fn working_directory(buffer: &mut [u8]) -> Result<&[u8]> {
    let arguments = [buffer.as_mut_ptr() as usize, buffer.len(), 0, 0, 0, 0];
    // SAFETY: the kernel writes only inside `buffer`.
    let length = unsafe { syscall(libc::SYS_getcwd, arguments) }?;
    Ok(&buffer[..length.saturating_sub(1).min(buffer.len())])
}

/// Writes all bytes, as far as it goes.
pub(crate) fn write_all(fd: i32, mut bytes: &[u8]) {
    let write = |bytes: &[u8]| {
        let arguments = [fd as usize, bytes.as_ptr() as usize, bytes.len(), 0, 0, 0];
        // SAFETY: the kernel reads only inside `bytes`.
        without_signals(|| unsafe { syscall(libc::SYS_write, arguments) })
    };
    while !bytes.is_empty() {
        match write(bytes) {
            Ok(0) => return,
            Ok(written) => bytes = &bytes[written.min(bytes.len())..],
            Err(Errno(libc::EINTR)) => {}
            Err(_) => return,
        }
    }
}

/// Bits of the signals that the kernel sends to a thread for what it writes: the program
/// did not ask for our writing and must not die of it.
const WRITE_SIGNALS: u64 = 1 << (libc::SIGPIPE - 1) | 1 << (libc::SIGXFSZ - 1);

/// Does a system call that writes, and takes back the signal that its failure raises.
fn without_signals(call: impl FnOnce() -> Result<usize>) -> Result<usize> {
    let (mut before, mut pending) = (0_u64, 0_u64);
    let bytes = size_of::<u64>();
    let mask = |how: i32, set: *const u64, old: *mut u64| {
        let arguments = [how as usize, set as usize, old as usize, bytes, 0, 0];
        // SAFETY: both sets are live 64-bit words, or null.
        unsafe { syscall(libc::SYS_rt_sigprocmask, arguments) }
    };
    if mask(libc::SIG_BLOCK, &WRITE_SIGNALS, &raw mut before).is_err() {
        return call();
    }
    // SAFETY: the kernel writes one word.
    let known = unsafe {
        let arguments = [&raw mut pending as usize, bytes, 0, 0, 0, 0];
        syscall(libc::SYS_rt_sigpending, arguments)
    };
    let result = call();
    let raised = WRITE_SIGNALS & !pending;
    if matches!(result, Err(Errno(libc::EPIPE | libc::EFBIG))) && known.is_ok() {
        let at_once = libc::timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        let arguments = [
            &raw const raised as usize,
            0,
            &raw const at_once as usize,
            bytes,
            0,
            0,
        ];
        // SAFETY: the kernel reads a set and a time, which are live.
        let _ = unsafe { syscall(libc::SYS_rt_sigtimedwait, arguments) };
    }
    let _ = mask(libc::SIG_SETMASK, &before, core::ptr::null_mut());
    result
}

/// Writes two pieces at an offset in one call; fewer bytes than given are an error.
pub(crate) fn write_at(fd: i32, offset: u64, first: &[u8], second: &[u8]) -> Result<()> {
    let pieces = [
        libc::iovec {
            iov_base: first.as_ptr() as *mut _,
            iov_len: first.len(),
        },
        libc::iovec {
            iov_base: second.as_ptr() as *mut _,
            iov_len: second.len(),
        },
    ];
    let arguments = [
        fd as usize,
        pieces.as_ptr() as usize,
        pieces.len(),
        offset as usize,
        0,
        0,
    ];
    loop {
        // SAFETY: the kernel only reads the pieces, which both are live slices.
        match without_signals(|| unsafe { syscall(libc::SYS_pwritev, arguments) }) {
            Ok(written) if written == first.len() + second.len() => return Ok(()),
            // The disk had room for a part only.
            Ok(_) => return Err(Errno(libc::ENOSPC)),
            Err(Errno(libc::EINTR)) => {}
            Err(errno) => return Err(errno),
        }
    }
}

/// Reserves disk space, growing the file if needed.
pub(crate) fn allocate_disk(fd: i32, offset: u64, bytes: usize) -> Result<()> {
    let arguments = [fd as usize, 0, offset as usize, bytes, 0, 0];
    loop {
        // SAFETY: no pointers.
        match without_signals(|| unsafe { syscall(libc::SYS_fallocate, arguments) }) {
            Ok(_) => return Ok(()),
            Err(Errno(libc::EINTR)) => {}
            Err(errno) => return Err(errno),
        }
    }
}

/// Device and inode, file type bits, and owner of an open file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FileStatus {
    pub(crate) device: u64,
    pub(crate) inode: u64,
    pub(crate) kind: u32,
    pub(crate) owner: u32,
}

pub(crate) fn status(fd: i32) -> Result<FileStatus> {
    let mut status = core::mem::MaybeUninit::<libc::stat>::zeroed();
    // SAFETY: the kernel writes one `stat`, which on 64-bit Linux is libc's.
    unsafe {
        syscall(
            libc::SYS_fstat,
            [fd as usize, status.as_mut_ptr() as usize, 0, 0, 0, 0],
        )
    }?;
    // SAFETY: all-zero bytes are a valid `stat`, and the kernel has filled it in.
    let status = unsafe { status.assume_init() };
    Ok(FileStatus {
        device: status.st_dev,
        inode: status.st_ino,
        kind: status.st_mode & libc::S_IFMT,
        owner: status.st_uid,
    })
}

/// What the file system is that an open file is on.
pub(crate) struct FileSystem {
    /// Bytes that the user may still take.
    pub(crate) free: u64,
    /// Bytes in all.
    pub(crate) total: u64,
    /// Whether a rewritten page of a file takes new space on the disk.
    pub(crate) copies_on_write: bool,
}

pub(crate) fn file_system(fd: i32) -> Result<FileSystem> {
    let mut status = core::mem::MaybeUninit::<libc::statfs>::zeroed();
    // SAFETY: the kernel writes one `statfs`, which on 64-bit Linux is libc's.
    unsafe {
        syscall(
            libc::SYS_fstatfs,
            [fd as usize, status.as_mut_ptr() as usize, 0, 0, 0, 0],
        )
    }?;
    // SAFETY: all-zero bytes are a valid `statfs`, and the kernel has filled it in.
    let status = unsafe { status.assume_init() };
    let block = status.f_bsize as u64;
    Ok(FileSystem {
        free: status.f_bavail.saturating_mul(block),
        total: status.f_blocks.saturating_mul(block),
        copies_on_write: status.f_type == libc::BTRFS_SUPER_MAGIC,
    })
}

/// Has the pages of an empty file rewritten where they are.
pub(crate) fn rewrite_in_place(fd: i32) -> Result<()> {
    const NO_COPY_ON_WRITE: libc::c_int = 0x0080_0000;
    let call = |request: libc::Ioctl, flags: &mut libc::c_int| {
        let flags = core::ptr::from_mut(flags) as usize;
        // SAFETY: both requests read or write one int, which is live.
        unsafe {
            syscall(
                libc::SYS_ioctl,
                [fd as usize, request as usize, flags, 0, 0, 0],
            )
        }
    };
    let mut flags = 0;
    call(libc::FS_IOC_GETFLAGS, &mut flags)?;
    flags |= NO_COPY_ON_WRITE;
    call(libc::FS_IOC_SETFLAGS, &mut flags).map(drop)
}

/// The process's limit on file sizes: beyond it the kernel kills, so nobody may go there.
pub(crate) fn file_size_limit() -> u64 {
    let mut limit = libc::rlimit64 {
        rlim_cur: u64::MAX,
        rlim_max: u64::MAX,
    };
    let arguments = [
        0,
        libc::RLIMIT_FSIZE as usize,
        0,
        &raw mut limit as usize,
        0,
        0,
    ];
    // SAFETY: the kernel writes one `rlimit64`.
    match unsafe { syscall(libc::SYS_prlimit64, arguments) } {
        Ok(_) => limit.rlim_cur,
        Err(_) => u64::MAX,
    }
}

pub(crate) fn thread_id() -> u32 {
    // SAFETY: no arguments.
    unsafe { syscall(libc::SYS_gettid, [0; 6]) }.unwrap_or(0) as u32
}

/// Whether this process has a thread of that number; if in doubt, yes.
pub(crate) fn thread_lives(thread: u32) -> bool {
    let arguments = [process_id() as usize, thread as usize, 0, 0, 0, 0];
    // SAFETY: no pointers, and no signal.
    let answer = unsafe { syscall(libc::SYS_tgkill, arguments) };
    answer != Err(Errno(libc::ESRCH))
}

pub(crate) fn process_id() -> u32 {
    // SAFETY: no arguments.
    unsafe { syscall(libc::SYS_getpid, [0; 6]) }.unwrap_or(0) as u32
}

pub(crate) fn parent_process_id() -> u32 {
    // SAFETY: no arguments.
    unsafe { syscall(libc::SYS_getppid, [0; 6]) }.unwrap_or(0) as u32
}

pub(crate) fn user_id() -> u32 {
    // SAFETY: no arguments.
    unsafe { syscall(libc::SYS_geteuid, [0; 6]) }.unwrap_or(0) as u32
}

/// The calling thread's name, zero-terminated.
pub(crate) fn thread_name() -> [u8; 16] {
    let mut name = [0; 16];
    let arguments = [
        libc::PR_GET_NAME as usize,
        name.as_mut_ptr() as usize,
        0,
        0,
        0,
        0,
    ];
    // SAFETY: the kernel writes at most 16 bytes.
    let _ = unsafe { syscall(libc::SYS_prctl, arguments) };
    name
}

/// A clock in nanoseconds.
pub(crate) fn clock_nanoseconds(clock: i32) -> u64 {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: the kernel writes one `timespec`.
    let _ = unsafe {
        syscall(
            libc::SYS_clock_gettime,
            [clock as usize, &raw mut time as usize, 0, 0, 0, 0],
        )
    };
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

/// Zeroed private memory that a forked child sees zeroed again.
pub(crate) fn map_anonymous(bytes: usize) -> Option<core::ptr::NonNull<u8>> {
    let protection = (libc::PROT_READ | libc::PROT_WRITE) as usize;
    let flags = (libc::MAP_PRIVATE | libc::MAP_ANONYMOUS) as usize;
    // SAFETY: a new mapping at an address of the kernel's choice touches nothing that exists.
    let address =
        unsafe { syscall(libc::SYS_mmap, [0, bytes, protection, flags, usize::MAX, 0]) }.ok()?;
    // SAFETY: the range was mapped just now and belongs to nobody else.
    if unsafe { advise(address, bytes, libc::MADV_WIPEONFORK) }.is_err() {
        // SAFETY: as above; nobody has seen the address.
        unsafe { unmap(address, bytes) };
        return None;
    }
    unlock_memory(address, bytes);
    core::ptr::NonNull::new(address as *mut u8)
}

/// A writable window of a file, shared with the kernel's page cache; a forked
/// child does not have it.
pub(crate) fn map_shared(fd: i32, offset: u64, bytes: usize) -> Result<core::ptr::NonNull<u8>> {
    let protection = (libc::PROT_READ | libc::PROT_WRITE) as usize;
    let arguments = [
        0,
        bytes,
        protection,
        libc::MAP_SHARED as usize,
        fd as usize,
        offset as usize,
    ];
    // SAFETY: a new mapping at an address of the kernel's choice touches nothing that exists.
    let address = unsafe { syscall(libc::SYS_mmap, arguments) }?;
    // SAFETY: the range was mapped just now and belongs to nobody else.
    if let Err(errno) = unsafe { advise(address, bytes, libc::MADV_DONTFORK) } {
        // SAFETY: as above; nobody has seen the address.
        unsafe { unmap(address, bytes) };
        return Err(errno);
    }
    unlock_memory(address, bytes);
    core::ptr::NonNull::new(address as *mut u8).ok_or(Errno(libc::ENOMEM))
}

/// Where the program has all its memory locked, ours is not to use up what it may lock.
fn unlock_memory(address: usize, bytes: usize) {
    // SAFETY: that the pages may be swapped out changes nothing that anyone sees.
    let _ = unsafe { syscall(libc::SYS_munlock, [address, bytes, 0, 0, 0, 0]) };
}

/// Moves a mapping to where another one of the same length is, in whose place it comes.
///
/// # Safety
/// Both must be mappings of the caller's own, of so many bytes in whole pages, used by
/// nobody who minds that the contents change; nobody may use the address moved from.
pub(crate) unsafe fn move_mapping(
    from: core::ptr::NonNull<u8>,
    bytes: usize,
    to: core::ptr::NonNull<u8>,
) -> Result<()> {
    let flags = (libc::MREMAP_MAYMOVE | libc::MREMAP_FIXED) as usize;
    let (from, to) = (from.as_ptr() as usize, to.as_ptr() as usize);
    // SAFETY: the caller's promise.
    unsafe { syscall(libc::SYS_mremap, [from, bytes, bytes, flags, to, 0]) }.map(drop)
}

/// Removes a mapping.
///
/// # Safety
/// Nobody may use the range any more.
pub(crate) unsafe fn unmap(address: usize, bytes: usize) {
    // SAFETY: the caller's promise.
    let _ = unsafe { syscall(libc::SYS_munmap, [address, bytes, 0, 0, 0, 0]) };
}

/// # Safety
/// The range must be a mapping of the caller's own.
unsafe fn advise(address: usize, bytes: usize, advice: i32) -> Result<()> {
    // SAFETY: the caller's promise; the advice given here changes what a fork does, not the contents.
    unsafe {
        syscall(
            libc::SYS_madvise,
            [address, bytes, advice as usize, 0, 0, 0],
        )
    }
    .map(drop)
}

/// Tables from this many bytes on are asked for in huge pages: they are read at
/// random, and every read would otherwise wait for a page's address as well.
const HUGE_FROM_BYTES: usize = 4 << 20;

/// Zeroed words that live until they are given to [`release_words`].
pub(crate) fn map_words(words: usize) -> Option<&'static mut [u64]> {
    let bytes = words.checked_mul(8)?;
    let memory = map_anonymous(bytes)?;
    if bytes >= HUGE_FROM_BYTES {
        // SAFETY: the mapping was made just now. The kernel may decline.
        let _ = unsafe { advise(memory.as_ptr() as usize, bytes, libc::MADV_HUGEPAGE) };
    }
    // SAFETY: the mapping is that long, zeroed, page-aligned, and known to nobody else;
    // it stays mapped until `release_words` takes the only reference.
    Some(unsafe { core::slice::from_raw_parts_mut(memory.as_ptr().cast::<u64>(), words) })
}

/// Gives words back.
pub(crate) fn release_words(words: &'static mut [u64]) {
    let (address, bytes) = (words.as_mut_ptr() as usize, size_of_val(words));
    // SAFETY: the reference was exclusive and is gone with this call.
    unsafe { unmap(address, bytes) };
}

/// Zeroed bytes that live until they are given to [`release_bytes`].
pub(crate) fn map_bytes(bytes: usize) -> Option<&'static mut [u8]> {
    let memory = map_anonymous(bytes)?;
    // SAFETY: the mapping is that long, zeroed, and known to nobody else; it stays
    // mapped until `release_bytes` takes the only reference.
    Some(unsafe { core::slice::from_raw_parts_mut(memory.as_ptr(), bytes) })
}

/// Gives bytes back.
pub(crate) fn release_bytes(bytes: &'static mut [u8]) {
    // SAFETY: the reference was exclusive and is gone with this call.
    unsafe { unmap(bytes.as_mut_ptr() as usize, bytes.len()) };
}
